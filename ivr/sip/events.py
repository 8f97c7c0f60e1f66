"""What the SIP user agent tells its owner, and what it is asked to do. Frozen values; no I/O.

The user agent (`ivr.sip.endpoint.UserAgent`) is a datagram endpoint: its methods take these requests and `now`, its
`events()` yield these events, in the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from foundation.clock import Monotonic
from foundation.endpoints import Address
from ivr.call import LegId, SavedDialog


@dataclass(frozen=True, slots=True)
class Credentials:
    """Given only to the peer that they belong to (its realm is learned from its own challenge)."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Peer:
    """A trunk or a desk on the wire: where its requests go and what it may know. `tcp`: where a peer that is spoken to by
    UDP takes TCP as well; an INVITE of more than 1,300 bytes goes there. `names`: host names that mean it, in lower case,
    and where each leads: a redirect to one of them stays within it."""

    name: str
    destination: Address
    transport: Literal["udp", "tcp", "tls"] = "udp"
    credentials: Credentials | None = None
    silence_seconds: float = 6.0
    tcp: Address | None = None
    names: tuple[tuple[str, Address], ...] = ()


@dataclass(frozen=True, slots=True)
class InviteRequest:
    """An INVITE to send. URIs are whole (`sip:+31612345678@127.0.0.1:5070;user=phone`), display name in `from_display`.
    `extra_headers` in order (P-Asserted-Identity, Privacy, …); `offer` is our SDP, `other_offers` write what is tried after
    it, one by one, where that is refused with 488 or 606. `session_seconds` is the session timer that we wish for
    (RFC 4028), 0 none.
    `also` are further phones (peer, Request-URI) that ring at the same time; the first that answers has the call.
    `turn` is asked before another INVITE meets a refusal: seconds until that may leave, 0.0 counts it as leaving now. A
    digest retry does not ask. None: no limit."""

    peer: Peer
    request_uri: str
    to_uri: str
    from_uri: str
    from_display: str
    call_id: str
    local_tag: str
    offer: bytes
    extra_headers: tuple[tuple[str, str], ...] = ()
    ring_seconds: float = 25.0
    other_offers: tuple[Callable[[], bytes], ...] = ()
    session_seconds: int = 1800
    also: tuple[tuple[Peer, str], ...] = ()
    turn: Callable[[Monotonic], float] | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration to keep at a trunk. `registrar` is the Request-URI (`sip:kpn.example`), `address` what is
    registered (`sip:account@kpn.example`); both go to the peer's destination. `expires` in seconds, as wished."""

    peer: Peer
    registrar: str
    address: str
    expires: int = 3600


@dataclass(frozen=True, slots=True)
class Reason:
    """RFC 3326. `protocol` is `Q.850` or `SIP`."""

    protocol: str
    cause: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class InviteReceived:
    """An INVITE for us from a source that may call. 100 was sent; nothing else yet. `peer` names trunk or desk.

    `called` are every spelling of what was dialled: Request-URI, To, then Diversion and History-Info entries.
    `identity` is P-Asserted-Identity where the peer is trusted, else From; `privacy` as asked (RFC 3323). `reliable`: it
    requires provisional responses that it acknowledges, which may hold our description (RFC 3262).
    """

    leg: LegId
    peer: str
    source: Address
    call_id: str
    called: tuple[str, ...]
    identity: str
    privacy: bool
    offer: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class Progressed:
    """A provisional response above 100 to our INVITE; `body` is early media's SDP where there is one."""

    leg: LegId
    status: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Answered:
    """200 to our INVITE: ACK is sent. `body` is the other side's SDP; `renewed`: what was agreed with the last `Reoffered`
    before holds instead."""

    leg: LegId
    body: bytes | None
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Our INVITE came to nothing. `status` None: silence (Timer B or `silence_seconds`). `rang`: an 18x came before.
    `cancelled_by_us` and `timed_out_ringing` say why a 487 came. Credentials were tried where asked for."""

    leg: LegId
    status: int | None
    phrase: str
    reasons: tuple[Reason, ...]
    retry_after: float | None
    rang: bool
    cancelled_by_us: bool
    timed_out_ringing: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The ACK to our 200 came: the incoming call is up. `body` where the answer came in it (delayed offer)."""

    leg: LegId
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class EarlyAnswered:
    """The PRACK of a provisional response that carried our offer: `body` is their answer."""

    leg: LegId
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Reoffered:
    """re-INVITE, UPDATE or PRACK with an offer, the latter two also before the call is answered; answer with
    `UserAgent.answer_reoffer`. `body` None asks us for an offer."""

    leg: LegId
    body: bytes | None


@dataclass(frozen=True, slots=True)
class ReofferAnswered:
    """How our `UserAgent.reoffer` ended. `status` below 300: agreed, `body` is their answer; None: no answer came."""

    leg: LegId
    status: int | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class DigitByInfo:
    leg: LegId
    digit: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The dialog is over after it was up, or an incoming INVITE was cancelled. `by`: `them` (BYE, CANCEL), `us`,
    `nobody` (no ACK came, session timer)."""

    leg: LegId
    by: Literal["us", "them", "nobody"]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class DialogChanged:
    """To be journalled: saved before the INVITE leaves, when it is answered, when it is over."""

    dialog: SavedDialog


@dataclass(frozen=True, slots=True)
class Pinged:
    """The answer to our OPTIONS, asked at `destination`; `status` None: none came in time, or nothing can be sent there."""

    peer: str
    destination: Address
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class RegistrationChanged:
    """Of our REGISTER at a trunk. `expires` in seconds from now; None: not registered, `status` and `phrase` say why."""

    peer: str
    expires: float | None
    status: int | None
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class OrphanEnded:
    """A dialog of an earlier process got its CANCEL or BYE answered, or there was no answer in 2 s."""

    call_id: str
    answered: bool


SipEvent = (
    InviteReceived
    | Progressed
    | Answered
    | Failed
    | Confirmed
    | EarlyAnswered
    | Reoffered
    | ReofferAnswered
    | DigitByInfo
    | Ended
    | DialogChanged
    | Pinged
    | RegistrationChanged
    | OrphanEnded
)
