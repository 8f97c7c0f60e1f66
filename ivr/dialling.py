"""Numbers and desks as SIP spells them: where a call goes, what it shows, which of our numbers was called. Pure; no I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast
from urllib.parse import unquote

from foundation.endpoints import Address
from foundation.sound import Codec
from foundation.telephone_numbers import NumberFault, PhoneNumber, read
from ivr.call import Refused, ToDesk, ToTrunk
from ivr.settings import TrunkSettings
from ivr.sip.events import Credentials, InviteRequest, Peer
from ivr.sip.locating import Transport, literal_hop, target_of

_SIP = re.compile(
    r"sip:(?:(?P<user>[^@;?<>\s]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:;?@<>\s]+)(?::(?P<port>\d{1,5}))?(?P<rest>[;?].*)?",
    re.IGNORECASE,
)
_TRANSPORT = re.compile(r";transport=(udp|tcp|tls)(?:;|$)", re.IGNORECASE)
_ANONYMOUS = "sip:anonymous@anonymous.invalid"
_OWN_DOMAIN = "gateway"
_EVERYBODY_S: tuple[Codec, ...] = ("PCMA", "PCMU")


@dataclass(frozen=True, slots=True)
class Identity:
    """How one leg is named on the wire: both unguessable."""

    call_id: str
    local_tag: str


def destination(uri: str) -> tuple[Address, Transport]:
    """Where a SIP URI leads. Raises ValueError unless its host is a literal address."""
    matched = _SIP.fullmatch(uri.strip())
    if matched is None:
        raise ValueError(f"{uri!r} is no SIP URI; write sip:192.0.2.10:5060")
    host = matched["host"].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise ValueError(f"{host!r} is no address; write it as 192.0.2.10") from error
    named = _TRANSPORT.search(matched["rest"] or "")
    transport = cast(Transport, named[1].lower() if named else "udp")
    return Address(host, int(matched["port"] or (5061 if transport == "tls" else 5060))), transport


def trunk_peer(trunk: TrunkSettings, address: Address | None = None, transport: Transport | None = None) -> Peer:
    """The trunk on the wire, at the address that its proxy's name led to. Raises ValueError for a proxy that is no
    address where none is given."""
    if address is None:
        address, transport = destination(trunk.proxy)
    return Peer(trunk.name, address, transport or "udp", trunk_credentials(trunk), trunk.silence_seconds)


def trunk_credentials(trunk: TrunkSettings) -> Credentials | None:
    password = None if trunk.password is None else trunk.password.get_secret_value()
    return Credentials(trunk.username, password) if trunk.username and password is not None else None


def registered_desk(uri: str) -> str | None:
    """The desk in `sip:desk-7@gateway`: one whose phones register with us."""
    matched = _SIP.fullmatch(uri.strip())
    return matched["user"] if matched is not None and matched["host"].lower() == _OWN_DOMAIN else None


def desk_peer(route: ToDesk) -> Peer:
    """A desk's phone. Raises Refused where its URI leads nowhere."""
    try:
        address, transport = destination(route.uri)
    except ValueError as reason:
        raise Refused(f"desk {route.desk} can't be rung: {reason}") from reason
    return Peer(route.desk, address, transport)


def shown_number(trunk: TrunkSettings, wanted: PhoneNumber | None) -> PhoneNumber:
    """The caller id for a call on this trunk. Raises Refused for one that is not on the trunk's list (rule 7)."""
    listed = _listed((trunk.caller_id, *trunk.caller_ids))
    if wanted is None:
        return listed[0]
    if wanted not in listed:
        raise Refused(f"trunk {trunk.name} may not show {wanted.masked}; add it to caller_ids")
    return wanted


@cache
def _listed(spelled: tuple[str, ...]) -> tuple[PhoneNumber, ...]:
    """Read once a configuration and not for every call: 0.1 ms a number."""
    return tuple(read(number) for number in spelled)


def invite_to_trunk(
    trunk: TrunkSettings, peer: Peer, route: ToTrunk, own_host: str, identity: Identity, offer: bytes
) -> InviteRequest:
    """RFC 3261 §8.1.1; identity beside From, and whether it may be shown, as the trunk wants it (RFC 3325). Raises
    Refused."""
    shown = shown_number(trunk, route.caller_id)
    domain = trunk.from_domain or own_host
    asserted = f"<sip:{shown.dialled(trunk.dial_format)}@{domain};user=phone>"
    header = {"pai": "P-Asserted-Identity", "ppi": "P-Preferred-Identity", "none": None}[trunk.identity]
    target = f"sip:{route.number.dialled(trunk.dial_format)}@{called_domain(trunk, peer)};user=phone"
    from_user = trunk.from_user or shown.dialled(trunk.dial_format)
    beside = [] if header is None else [(header, asserted)]
    if trunk.privacy != "off":
        beside.append(("Privacy", trunk.privacy))
    return InviteRequest(
        peer=peer,
        request_uri=target,
        to_uri=target,
        from_uri=f"sip:{from_user}@{domain}",
        from_display="",
        call_id=identity.call_id,
        local_tag=identity.local_tag,
        offer=offer,
        extra_headers=tuple(beside),
        ring_seconds=route.ring_seconds,
    )


def called_domain(trunk: TrunkSettings, peer: Peer) -> str:
    """What stands behind the @ of the called number: the proxy's name where it has one, else its address."""
    target = target_of(trunk.proxy)
    if literal_hop(target) is not None:
        return str(peer.destination)
    return target.host if target.port is None else f"{target.host}:{target.port}"


def invite_to_desk(peer: Peer, route: ToDesk, own_host: str, identity: Identity, offer: bytes) -> InviteRequest:
    """The desk sees the caller's number where that is allowed, else that there is none."""
    shown = route.caller
    return InviteRequest(
        peer=peer,
        request_uri=route.uri,
        to_uri=route.uri.split(";")[0],
        from_uri=_ANONYMOUS if shown is None else f"sip:{shown.e164}@{own_host}",
        from_display="Burgernet" if shown is None else f"Burgernet {shown.national}",
        call_id=identity.call_id,
        local_tag=identity.local_tag,
        offer=offer,
        ring_seconds=route.ring_seconds,
    )


def other_codecs(offered: Sequence[Codec]) -> tuple[Codec, ...]:
    """What is offered after a 488 or 606: G.711 alone, or the half of it that was not offered; () where nothing is left."""
    left: tuple[Codec, ...] = tuple(codec for codec in _EVERYBODY_S if codec not in offered)
    if left:
        return left
    return () if set(offered) == set(_EVERYBODY_S) else _EVERYBODY_S


def number_in(uri: str) -> PhoneNumber | None:
    """The telephone number that a called or calling URI names, in any spelling; None where it names none."""
    spelled = unquote(uri.strip().strip("<>"))
    if not re.match(r"(tel|sips?):", spelled, re.IGNORECASE):
        return None
    if "@" not in spelled and not spelled.lower().startswith("tel:"):
        return None
    try:
        return read(spelled)
    except NumberFault:
        return None


def our_number(called: Iterable[str], ours: Collection[PhoneNumber]) -> PhoneNumber | None:
    """Which of our numbers was dialled, from every spelling that the INVITE gives; the first that is ours."""
    for uri in called:
        number = number_in(uri)
        if number is not None and number in ours:
            return number
    return None
