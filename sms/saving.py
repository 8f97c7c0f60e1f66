"""An awaitable of a listener as a Deferred, whatever kind it is. No I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ParamSpec

from twisted.internet.defer import Deferred, fail

Arguments = ParamSpec("Arguments")


def saving(
    ask: Callable[Arguments, Awaitable[None]], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Deferred[None]:
    """Ask, and give what fires when it is saved; a listener that raises at once is a failure like any other."""
    try:
        awaitable = ask(*args, **kwargs)
    except Exception:  # noqa: BLE001 - a shell boundary: whoever asked gets it as the Deferred's failure
        return fail()
    # Once a message and once a receipt: a Deferred needs no coroutine around it.
    if isinstance(awaitable, Deferred):
        return awaitable
    return Deferred.fromCoroutine(_wait(awaitable))


async def _wait(awaitable: Awaitable[None]) -> None:
    await awaitable
