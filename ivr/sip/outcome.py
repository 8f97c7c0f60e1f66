"""What a call came to, from what the far side said: contract rule 5 as tables. Pure.

A Q.850 cause that is in its table decides before the SIP code. What stands in neither is the trunk's fault when it is a
failure of signalling, and the person's answer only where the RFC says that a person or their phone gave it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ivr.call import EndCause, Ending
from ivr.sip.events import Ended, Failed, Reason

RANG_OR_NOT = None
"""In the tables: `no_answer` where the phone rang, `unreachable` where it did not."""

Q850: Mapping[int, EndCause | None] = {
    1: EndCause.INVALID_NUMBER,
    17: EndCause.BUSY,
    18: RANG_OR_NOT,
    19: EndCause.NO_ANSWER,
    20: EndCause.UNREACHABLE,
    21: EndCause.DECLINED,
    28: EndCause.INVALID_NUMBER,
    34: EndCause.TRUNK_FAULT,
    38: EndCause.TRUNK_FAULT,
    41: EndCause.TRUNK_FAULT,
    42: EndCause.TRUNK_FAULT,
    47: EndCause.TRUNK_FAULT,
}

SIP: Mapping[int, EndCause | None] = {
    401: EndCause.TRUNK_FAULT,
    403: EndCause.TRUNK_FAULT,
    404: EndCause.INVALID_NUMBER,
    407: EndCause.TRUNK_FAULT,
    410: EndCause.INVALID_NUMBER,
    480: RANG_OR_NOT,
    484: EndCause.INVALID_NUMBER,
    486: EndCause.BUSY,
    488: EndCause.TRUNK_FAULT,
    500: EndCause.TRUNK_FAULT,
    502: EndCause.TRUNK_FAULT,
    503: EndCause.TRUNK_FAULT,
    504: EndCause.TRUNK_FAULT,
    513: EndCause.TRUNK_FAULT,
    600: EndCause.BUSY,
    603: EndCause.DECLINED,
    604: EndCause.INVALID_NUMBER,
    606: EndCause.TRUNK_FAULT,
    607: EndCause.DECLINED,
    608: EndCause.DECLINED,
}

WANT_ANOTHER_OFFER = frozenset({488, 606})
"""Refusals that another offer may mend: the trunk's fault only when it has refused each that we can make."""


def ending_of_failure(failed: Failed) -> Ending:
    """Of a call that we placed and that nobody answered."""
    q850 = q850_of(failed.reasons)
    return Ending(
        cause=_cause(failed, q850),
        by="us"
        if failed.cancelled_by_us or failed.timed_out_ringing
        else "nobody"
        if failed.status is None
        else "them",
        sip_code=failed.status,
        q850_cause=q850,
        retry_after=failed.retry_after,
        phrase=failed.phrase,
    )


def ending_of_end(ended: Ended) -> Ending:
    """Of a call that was up, or of an incoming one that was withdrawn."""
    return Ending(cause=EndCause.HUNG_UP, by=ended.by, q850_cause=q850_of(ended.reasons))


def q850_of(reasons: Sequence[Reason]) -> int | None:
    return next((reason.cause for reason in reasons if reason.protocol == "Q.850"), None)


def _cause(failed: Failed, q850: int | None) -> EndCause:
    stopped = failed.status is None or failed.status == 487 or failed.status < 300
    if stopped and failed.timed_out_ringing:
        return EndCause.NO_ANSWER
    if stopped and failed.cancelled_by_us:
        return EndCause.CANCELLED
    not_rung = EndCause.NO_ANSWER if failed.rang else EndCause.UNREACHABLE
    if q850 is not None and q850 in Q850:
        return Q850[q850] or not_rung
    if failed.status is not None and failed.status in SIP:
        return SIP[failed.status] or not_rung
    if failed.status in (408, 487) and failed.rang:
        return EndCause.NO_ANSWER
    return EndCause.DECLINED if failed.status is not None and failed.status >= 600 else EndCause.TRUNK_FAULT
