"""Our INVITEs: how one is written, by which transport it goes, whether a refusal is met with another one. Pure; no I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, cast

from sipmessage import URI

from foundation.endpoints import Address
from ivr.call import LegId, SavedDialog
from ivr.sip.callee import addresses
from ivr.sip.core import ALLOWED, Core, branch_of
from ivr.sip.dialog import literal
from ivr.sip.events import InviteRequest, Peer
from ivr.sip.message import Fields, Request, Response
from ivr.sip.outcome import WANT_ANOTHER_OFFER
from ivr.sip.refreshing import asking, wanted_longer
from ivr.sip.session import Session
from ivr.sip.values import NameAddress, quote, uri

LARGEST_OVER_UDP = 1300
MOST_REDIRECTS = 5
# As long as a Via or Contact of ours gets.
_LONGEST_OWN = "x" * 110


def calling_dialog(leg: LegId, request: InviteRequest, sequence: int = 1) -> SavedDialog:
    """What must be saved before this INVITE leaves: all that its CANCEL needs."""
    destination, transport = route_of(request)
    return SavedDialog(
        leg=leg,
        direction="out",
        state="calling",
        peer=request.peer.name,
        call_id=request.call_id,
        local_uri=request.from_uri,
        local_tag=request.local_tag,
        remote_uri=request.to_uri,
        remote_tag=None,
        remote_target=request.request_uri,
        route_set=(),
        cseq=sequence,
        branch=branch_of(request.call_id, request.local_tag, sequence),
        transport=transport,
        destination=str(destination),
    )


def route_of(request: InviteRequest) -> tuple[Address, str]:
    """Where the INVITE goes: one of more than 1,300 bytes over TCP where the peer has it (RFC 3261 §18.1.1)."""
    peer = request.peer
    if peer.transport == "udp" and peer.tcp is not None:
        whole = invite_of(request, 1, _LONGEST_OWN, _LONGEST_OWN, ())
        if len(bytes(whole)) > LARGEST_OVER_UDP:
            return peer.tcp, "tcp"
    return peer.destination, peer.transport


def invite_of(request: InviteRequest, sequence: int, via: str, contact: str, credentials: Fields) -> Request:
    display = f"{quote(request.from_display)} " if request.from_display else ""
    fields = [
        ("Via", via),
        ("Max-Forwards", "70"),
        ("From", f"{display}<{request.from_uri}>;tag={request.local_tag}"),
        ("To", f"<{request.to_uri}>"),
        ("Call-ID", request.call_id),
        ("CSeq", f"{sequence} INVITE"),
        ("Contact", contact),
        ("Allow", ", ".join(ALLOWED)),
        ("Supported", "100rel, timer"),
        *asking(request.session_seconds),
        *request.extra_headers,
        *credentials,
    ]
    if request.offer:
        fields.append(("Content-Type", "application/sdp"))
    return Request("INVITE", request.request_uri, fields, request.offer)


def again(core: Core, session: Session, response: Response) -> InviteRequest | None:
    """The INVITE to send after this refusal, None where the refusal stands. It is the same call still: no new channel,
    no other number."""
    request = session.request
    if request is None:
        return None
    if response.status in WANT_ANOTHER_OFFER and request.other_offers:
        following, *left = request.other_offers
        return replace(request, offer=following(), other_offers=tuple(left))
    if response.status == 422:
        longer = wanted_longer(response, request.session_seconds)
        return None if longer is None else replace(request, session_seconds=longer)
    if 300 <= response.status < 400 and session.redirects < MOST_REDIRECTS:
        return _redirected(core, session, request, response)
    return None


def _redirected(core: Core, session: Session, request: InviteRequest, response: Response) -> InviteRequest | None:
    """The first Contact, best q first, that is an address of the trunk's own network, or a name of it, and means the same
    user: a trunk can send a call elsewhere within itself, never to another number or to somebody else (RFC 3261
    §8.1.3.4)."""
    asked = uri(request.request_uri)
    for target in _contacts(response):
        parts = uri(target)
        if asked is None or parts is None or parts.user != asked.user:
            continue
        found = literal(target) or _named(request.peer, parts)
        if found is None:
            continue
        address, transport = found
        owner = core.sources.of(address.host)
        if owner is None or owner.peer != request.peer.name or target == request.request_uri:
            continue
        if transport in core.contacts:
            session.redirects += 1
            kind = cast(Literal["udp", "tcp", "tls"], transport)
            peer = replace(request.peer, destination=address, transport=kind, tcp=None)
            return replace(request, peer=peer, request_uri=target)
    return None


def _named(peer: Peer, target: URI) -> tuple[Address, str] | None:
    """Where a host name leads that means this peer: nothing is looked up for a redirect."""
    name = (target.host or "").rstrip(".").lower()
    where = next((address for known, address in peer.names if known == name), None)
    if where is None:
        return None
    transport = (target.parameters.get("transport") or ("tls" if target.scheme == "sips" else peer.transport)).lower()
    usual = where.port if transport == peer.transport else (5061 if transport == "tls" else 5060)
    port = usual if target.port is None else target.port
    return (Address(where.host, port), transport) if 0 < port < 65536 else None


def _contacts(response: Response) -> list[str]:
    return [contact.uri for contact in sorted(addresses(response, "Contact"), key=_preference)]


def _preference(contact: NameAddress) -> float:
    try:
        return -float(contact.parameters.get("q", "1"))
    except ValueError:
        return 0.0
