"""What is kept beside the deliveries: tips, replies, calls, opt-outs, the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, update

from foundation.clock import Saved
from foundation.telephone_numbers import PhoneNumber
from gateway.domain.calls import CallView
from gateway.domain.delivery import Delivery
from gateway.domain.identifiers import ActionId
from gateway.domain.outcomes import ChannelName, Outcome
from gateway.engine.actions import Parts
from gateway.engine.interface import NotFound
from gateway.engine.views import ReplyView, TipView
from gateway.store.actions import note
from gateway.store.answering import answer_once, language_of
from gateway.store.counting import Changes, change_counters
from gateway.store.deliveries import ReachedRow, opt_out_waiting, reached_by
from gateway.store.reader import Reader
from gateway.store.records import SavedReply, Tip, one_tip, opted_out, save_opt_out, save_reply, save_tip
from gateway.store.schema import actions

_REPLY_GRACE_SECONDS = 7 * 86_400.0


class Keeping:
    def __init__(self, parts: Parts, reader: Reader, token: Callable[[int], str]) -> None:
        self._parts = parts
        self._reader = reader
        self._token = token

    async def note(self, actor: str, what: str, detail: str) -> None:
        now = self._parts.clocks.saved_now()
        await self._parts.writer.run(lambda connection: note(connection, now, actor, what, "", detail))

    async def opt_out(self, number: PhoneNumber, channel: ChannelName) -> tuple[bool, list[Delivery]]:
        """Saved for all actions: whether it is new, and what waited for this number and is final now."""
        now = self._parts.clocks.saved_now()

        def work(connection: Connection) -> tuple[bool, list[Delivery]]:
            new = save_opt_out(connection, number, channel, now)
            gone = opt_out_waiting(connection, number, channel, now)
            changes: Changes = {}
            for delivery in gone:
                becomes = Outcome.UNKNOWN if delivery.possible_duplicate else Outcome.OPTED_OUT
                for outcome, change in ((delivery.outcome, -1), (becomes, 1)):
                    key = (delivery.key.action, channel.value, delivery.key.message.value, outcome.value)
                    changes[key] = changes.get(key, 0) + change
            change_counters(connection, changes)
            note(connection, now, "recipient", "opted out", number.masked, channel.value)
            return new, gone

        return await self._parts.writer.run(work, patient=True)

    async def is_out(self, number: PhoneNumber, channel: ChannelName) -> bool:
        return await self._reader.read(lambda connection: opted_out(connection, number, channel))

    async def reached_by(self, caller: PhoneNumber, grace_seconds: float) -> list[ReachedRow]:
        since = Saved(self._parts.clocks.saved_now() - timedelta(seconds=grace_seconds))
        words = self._parts.runner.rules.reached
        return await self._reader.read(lambda connection: reached_by(connection, caller, words, since))

    async def save_tip(
        self, path: Path, milliseconds: int, caller: PhoneNumber | None, action: ActionId | None
    ) -> TipView:
        tip = Tip(self._token(9), action, self._parts.clocks.saved_now(), milliseconds, caller, path)
        await self._parts.writer.run(lambda connection: save_tip(connection, tip), patient=True)
        self._parts.hub.publish("tip", {"id": tip.id, "action": action})
        return TipView(tip.id, tip.action, tip.recorded_at, tip.milliseconds, tip.number, tip.path)

    async def tip(self, wanted: str) -> TipView:
        tip = await self._reader.read(lambda connection: one_tip(connection, wanted))
        if tip is None:
            raise NotFound(f"there is no tip {wanted}")
        return TipView(tip.id, tip.action, tip.recorded_at, tip.milliseconds, tip.number, tip.path)

    async def save_reply(self, number: PhoneNumber | None, text: str, received_at: Saved) -> ReplyView:
        action: ActionId | None = None
        if number is not None:
            found = await self.reached_by(number, _REPLY_GRACE_SECONDS)
            action = found[0].action if found else None
        reply = SavedReply(self._token(9), action, number, text, received_at)
        await self._parts.writer.run(lambda connection: save_reply(connection, reply), patient=True)
        self._parts.hub.publish("reply", {"id": reply.id, "action": action})
        return ReplyView(reply.id, reply.action, reply.number, reply.text, reply.received_at)

    async def answer_due(self, number: PhoneNumber) -> str | None:
        """See `gateway.store.answering.answer_once`; remembered when it returns."""
        now = self._parts.clocks.saved_now()
        words, grace = self._parts.runner.rules.reached, timedelta(seconds=_REPLY_GRACE_SECONDS)
        return await self._parts.writer.run(
            lambda connection: answer_once(connection, number, words, grace, now), patient=True
        )

    async def language_of(self, number: PhoneNumber) -> str:
        return await self._reader.read(lambda connection: language_of(connection, number))

    async def save_call(self, call: CallView) -> None:
        await self._parts.writer.write(call)
        self._parts.hub.publish("call", {"id": call.id, "direction": call.direction, "action": call.action})

    async def count_callback(self, action: ActionId) -> None:
        counted = update(actions).where(actions.c.id == action).values(callbacks=actions.c.callbacks + 1)

        def work(connection: Connection) -> None:
            connection.execute(counted)

        await self._parts.writer.run(work, patient=True)
