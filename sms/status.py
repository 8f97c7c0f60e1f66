"""command_status (SMPP 3.4 §5.1.3): whose fault it is, whether trying again helps, and the words. No I/O.

Numbers and words are those of smpplib's table.
"""

from __future__ import annotations

from dataclasses import dataclass

from smpplib import consts

from sms.events import Failure

OK = int(consts.SMPP_ESME_ROK)
INVALID_MESSAGE_LENGTH = int(consts.SMPP_ESME_RINVMSGLEN)
INVALID_COMMAND_LENGTH = int(consts.SMPP_ESME_RINVCMDLEN)
INVALID_COMMAND = int(consts.SMPP_ESME_RINVCMDID)
WRONG_STATE = int(consts.SMPP_ESME_RINVBNDSTS)
SYSTEM_ERROR = int(consts.SMPP_ESME_RSYSERR)
INVALID_MESSAGE_ID = int(consts.SMPP_ESME_RINVMSGID)
QUERY_FAILED = int(consts.SMPP_ESME_RQUERYFAIL)
CANCEL_FAILED = int(consts.SMPP_ESME_RCANCELFAIL)
QUEUE_FULL = int(consts.SMPP_ESME_RMSGQFUL)
THROTTLED = int(consts.SMPP_ESME_RTHROTTLED)
TRY_AGAIN = int(consts.SMPP_ESME_RX_T_APPN)
REJECTED_FOR_GOOD = int(consts.SMPP_ESME_RX_P_APPN)
INVALID_OPTIONAL_PART = int(consts.SMPP_ESME_RINVOPTPARSTREAM)
INVALID_PARAMETER_LENGTH = int(consts.SMPP_ESME_RINVPARLEN)
INVALID_PARAMETER_VALUE = int(consts.SMPP_ESME_RINVOPTPARAMVAL)

SLOW_DOWN = frozenset({THROTTLED, QUEUE_FULL})
"""The SMSC takes no more just now: the whole bind waits, and the message goes again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`permanent`: trying again brings the same answer. `smsc_fault`: not the number's or text's doing, another SMSC may
    take it at once."""

    failure: Failure
    smsc_fault: bool


_THEIRS_FOR_NOW = Verdict("temporary", True)
_THEIRS_FOR_GOOD = Verdict("permanent", True)
_NUMBER_OR_TEXT = Verdict("permanent", False)
_LATER = Verdict("temporary", False)

_VERDICTS: dict[int, Verdict] = {
    **dict.fromkeys(
        (
            consts.SMPP_ESME_RTHROTTLED,
            consts.SMPP_ESME_RMSGQFUL,
            consts.SMPP_ESME_RSYSERR,
            consts.SMPP_ESME_RINVBNDSTS,
            consts.SMPP_ESME_RALYBND,
            consts.SMPP_ESME_RBINDFAIL,
            consts.SMPP_ESME_RSUBMITFAIL,
        ),
        _THEIRS_FOR_NOW,
    ),
    # What it does not like here is how this gateway is set up with it, the same for every message.
    **dict.fromkeys(
        (
            consts.SMPP_ESME_RINVCMDLEN,
            consts.SMPP_ESME_RINVCMDID,
            consts.SMPP_ESME_RINVPRTFLG,
            consts.SMPP_ESME_RINVREGDLVFLG,
            consts.SMPP_ESME_RINVSRCADR,
            consts.SMPP_ESME_RINVSRCTON,
            consts.SMPP_ESME_RINVSRCNPI,
            consts.SMPP_ESME_RINVPASWD,
            consts.SMPP_ESME_RINVSYSID,
            consts.SMPP_ESME_RINVSYSTYP,
            consts.SMPP_ESME_RINVSERTYP,
            consts.SMPP_ESME_RINVESMCLASS,
            consts.SMPP_ESME_RINVREPFLAG,
            consts.SMPP_ESME_RINVSCHED,
            consts.SMPP_ESME_RINVEXPIRY,
            consts.SMPP_ESME_RINVDFTMSGID,
            consts.SMPP_ESME_RINVOPTPARSTREAM,
            consts.SMPP_ESME_ROPTPARNOTALLWD,
            consts.SMPP_ESME_RINVPARLEN,
            consts.SMPP_ESME_RMISSINGOPTPARAM,
            consts.SMPP_ESME_RINVOPTPARAMVAL,
        ),
        _THEIRS_FOR_GOOD,
    ),
    **dict.fromkeys(
        (
            consts.SMPP_ESME_RINVMSGLEN,
            consts.SMPP_ESME_RINVDSTADR,
            consts.SMPP_ESME_RINVDSTTON,
            consts.SMPP_ESME_RINVDSTNPI,
            consts.SMPP_ESME_RINVNUMDESTS,
            consts.SMPP_ESME_RINVDLNAME,
            consts.SMPP_ESME_RINVDESTFLAG,
            consts.SMPP_ESME_RINVSUBREP,
            consts.SMPP_ESME_RCNTSUBDL,
            consts.SMPP_ESME_RX_P_APPN,
            consts.SMPP_ESME_RX_R_APPN,
        ),
        _NUMBER_OR_TEXT,
    ),
}


def verdict(command_status: int) -> Verdict:
    """Anything that the table does not name, an SMSC vendor's own codes (0x400 to 0x4FF) included, may pass later."""
    return _VERDICTS.get(command_status, _LATER)


def words(command_status: int) -> str:
    """The status in words, with its number: `Invalid Destination Address (0x0000000b)`."""
    known = str(consts.DESCRIPTIONS.get(command_status, "<Desc Not Set>"))
    if known == "<Desc Not Set>":
        known = "a status of the SMSC's own" if 0x400 <= command_status <= 0x4FF else "an unknown status"
    return f"{known} (0x{command_status:08x})"
