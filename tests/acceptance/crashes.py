"""Stops a town dead at the n-th boundary of a story: before or after a commit, before or after something leaves.

From that moment nothing reaches the database or the wire; the story sees `Crashed`, restarts the town and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from foundation.telephone_numbers import PhoneNumber
from gateway.store.writer import InlineWriter
from tests.acceptance.scripted_channels import Left, ScriptedChannel
from tests.acceptance.town import Town

Result = TypeVar("Result")


class Crashed(Exception):
    """The process is gone."""


@dataclass
class Fuse:
    """Counts boundaries; burns out at `at`, once."""

    at: int | None
    passed: int = 0
    burnt: bool = False
    names: list[str] = field(default_factory=list)

    def boundary(self, name: str) -> bool:
        """True while the process lives on past this point."""
        if self.burnt:
            return False
        self.names.append(name)
        if self.passed == self.at:
            self.burnt = True
        self.passed += 1
        return not self.burnt


class FragileTown(Town):
    """A town whose process may die at any boundary."""

    fuse: Fuse

    def lights(self, at: int | None) -> None:
        self.fuse = Fuse(at)

    def builds(self) -> None:
        super().builds()
        self._fragile_writer(self.writer)
        for channel in (self.voice, self.sms):
            self._fragile_channel(channel)

    def _fragile_writer(self, writer: InlineWriter) -> None:
        whole = writer.flush

        def flush() -> None:
            if not self.fuse.boundary("before a commit"):
                return
            jobs = list(writer._waiting)
            told = [job.deferred for job in jobs]
            for deferred in told:
                deferred.pause()
            whole()
            lives = self.fuse.boundary("after a commit")
            for deferred in told:
                if lives:
                    deferred.unpause()

        writer.flush = flush  # type: ignore[method-assign]  # the harness stands between the engine and the disk

    def _fragile_channel(self, channel: ScriptedChannel) -> None:
        send, leave, cancel, tell = channel.send, channel._leave, channel.cancel, channel._tell

        def guarded(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
            def act_if_alive(*arguments: Any) -> Any:
                return act(*arguments) if self.fuse.boundary(name) else None

            return act_if_alive

        async def recall(number: PhoneNumber, peer: str, reference: str) -> bool | None:
            if not self.fuse.boundary("before a recall"):
                await Deferred()
            answer = await taken_back(number, peer, reference)
            if not self.fuse.boundary("after a recall"):
                await Deferred()
            return answer

        taken_back, channel.recall = channel.recall, recall  # type: ignore[method-assign]  # as above
        channel.send = guarded("before send", send)  # type: ignore[method-assign]  # as above
        channel.cancel = guarded("before cancel", cancel)  # type: ignore[method-assign]  # as above
        channel._leave = guarded("before the wire", leave)  # type: ignore[method-assign]  # as above
        del tell

        def left(left: Left) -> None:
            self.fuse.boundary("after the wire")

        channel.on_left = left

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        try:
            return super().wait(coroutine)
        except AssertionError:
            if self.fuse.burnt:
                raise Crashed from None
            raise

    def passes(self, seconds: float, step: float = 0.25) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            if self.fuse.burnt and self.fuse.at is not None:
                raise Crashed
            due = min((call.getTime() for call in self.clock.getDelayedCalls()), default=end)
            self.clock.advance(max(min(due, end) - self.clock.seconds(), 0.0))

    def comes_back(self) -> None:
        """A new start after the crash; no second one follows."""
        self.fuse.at = None
        self.fuse.burnt = False
        self.restarts()
