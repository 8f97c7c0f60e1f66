"""Running a coroutine to its end from a command, on the reactor that Twisted starts and stops for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react

Result = TypeVar("Result")


def run_to_end(work: Callable[[Any], Awaitable[Result]]) -> Result:
    """`work(reactor)`; its result is returned and what it raises is raised here. Once in a process."""
    results: list[Result] = []
    failures: list[BaseException] = []

    async def main(reactor: Any) -> None:
        try:
            results.append(await work(reactor))
        except Exception as error:  # noqa: BLE001 - carried out of the reactor and raised below
            failures.append(error)

    try:
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    except SystemExit:
        # How `react` ends; only an interrupted one has neither a result nor a failure.
        if not results and not failures:
            raise
    if failures:
        raise failures[0]
    return results[0]
