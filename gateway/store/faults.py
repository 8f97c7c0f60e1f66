"""What can go wrong in the store, in words. No I/O.

StoreFault
├── StoreUnavailable    the disk is full, the server gone: the same write may succeed later
├── DatabaseInUse       another daemon holds this file
└── LeaseLost           the row's lease or version is another's: what was decided here no longer holds
"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, OperationalError

_PASSING = ("full", "disk i/o", "unable to open", "locked", "readonly", "read-only", "busy")


class StoreFault(Exception):
    """The root; raised as one of its kinds."""


class StoreUnavailable(StoreFault):
    """Nothing can be saved at the moment; the message says why and what helps."""


class DatabaseInUse(StoreFault):
    """One daemon at a time on a SQLite file; the message names the one that holds it."""


class LeaseLost(StoreFault):
    """The row was changed by somebody else meanwhile, or is held under another epoch."""


def unavailable(error: BaseException) -> StoreUnavailable | None:
    """The error as a passing one, where it is one: the disk's or the server's trouble and not the row's.

    A full SQLite rolls back by itself, so that leaving a savepoint fails on top of it: what came first counts too.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DBAPIError):
            trouble = _in_words(cause)
            if trouble is not None:
                return trouble
        cause = cause.__context__
    return None


def _in_words(error: DBAPIError) -> StoreUnavailable | None:
    text = str(error.orig).lower()
    passing = isinstance(error, OperationalError)
    if passing and ("full" in text or "no space" in text):
        return StoreUnavailable("the disk or the database is full: nothing new is saved until there is room again")
    if error.connection_invalidated or (passing and any(word in text for word in _PASSING)):
        return StoreUnavailable(f"the database can't be written at the moment: {error.orig}")
    if passing and "sqlite" not in type(error.orig).__module__:
        return StoreUnavailable(f"the database does not answer: {error.orig}")
    return None
