"""A dialog (RFC 3261 §12): its identifiers, route set and sequence numbers, and the requests sent in it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from foundation.endpoints import Address
from ivr.sip.message import Request, Response
from ivr.sip.values import NameAddress, ValueFault, uri


@dataclass(slots=True)
class Dialog:
    """`local` and `remote` are From and To as we write them, tags included; `remote_target` their Contact's URI,
    `route_set` the Route values in order. `remote_sequence` is their last CSeq, None before their first request."""

    call_id: str
    local: str
    remote: str
    remote_tag: str
    remote_target: str
    route_set: tuple[str, ...]
    local_sequence: int
    remote_sequence: int | None = None

    def request(
        self,
        method: str,
        via: str,
        fields: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        sequence: int | None = None,
    ) -> Request:
        """A request in this dialog. A `sequence` is given for the ACK and a CANCEL only; else it is the next one."""
        if sequence is None:
            self.local_sequence += 1
            sequence = self.local_sequence
        target, routes = self.remote_target, list(self.route_set)
        if routes and not _is_loose(routes[0]):  # a strict router: RFC 3261 §12.2.1.1
            target, routes = _uri_of(routes[0]), [*routes[1:], f"<{target}>"]
        head = [("Via", via), *(("Route", route) for route in routes), ("Max-Forwards", "70")]
        head += [("From", self.local), ("To", self.remote), ("Call-ID", self.call_id)]
        return Request(method, target, [*head, ("CSeq", f"{sequence} {method}"), *fields], body)

    @property
    def next_hop(self) -> str:
        """The URI that requests go to first."""
        return _uri_of(self.route_set[0]) if self.route_set else self.remote_target

    def accepts(self, sequence: int) -> bool:
        """Whether a request of theirs is in order (RFC 3261 §12.2.2); counts it when it is."""
        if self.remote_sequence is not None and sequence <= self.remote_sequence:
            return False
        self.remote_sequence = sequence
        return True

    def refresh(self, message: Request | Response) -> None:
        """Take the new Contact of a target refresh (INVITE, UPDATE and their 2xx)."""
        target = contact_of(message)
        if target is not None:
            self.remote_target = target


def answered(invite: Request, response: Response) -> Dialog:
    """The caller's dialog, from a response with a To tag (RFC 3261 §12.1.2)."""
    essentials = response.essentials
    return Dialog(
        call_id=essentials.call_id,
        local=invite.all("From")[0],
        remote=response.all("To")[0],
        remote_tag=essentials.recipient.tag or "",
        remote_target=contact_of(response) or invite.uri,
        route_set=tuple(reversed(_routes(response))),
        local_sequence=essentials.cseq.number,
    )


def accepted(invite: Request, local_tag: str) -> Dialog:
    """The callee's dialog, from an INVITE that is being answered (RFC 3261 §12.1.1)."""
    essentials = invite.essentials
    return Dialog(
        call_id=essentials.call_id,
        local=f"{invite.all('To')[0]};tag={local_tag}",
        remote=invite.all("From")[0],
        remote_tag=essentials.sender.tag or "",
        remote_target=contact_of(invite) or essentials.sender.uri,
        route_set=tuple(_routes(invite)),
        local_sequence=0,
        remote_sequence=essentials.cseq.number,
    )


def contact_of(message: Request | Response) -> str | None:
    try:
        contacts = message.values("Contact")
        return NameAddress.parse(contacts[0]).uri if contacts else None
    except ValueFault:
        return None


@lru_cache(maxsize=1024)  # a trunk's Contact is nearly always the same: 20 us saved for each request in a dialog
def literal(text: str) -> tuple[Address, str] | None:
    """Address and transport of a URI whose host is an address; None where it is a name or can't be read."""
    parts = uri(text)
    if parts is None or not parts.host:
        return None
    host = parts.host.strip("[]")
    if ":" not in host and not host.replace(".", "").isdigit():
        return None
    transport = (parts.parameters.get("transport") or ("tls" if parts.scheme == "sips" else "udp")).lower()
    port = parts.port if parts.port is not None else (5061 if transport == "tls" else 5060)
    return (Address(host, port), transport) if 0 < port < 65536 else None


def _routes(message: Request | Response) -> list[str]:
    try:
        return [str(NameAddress.parse(value)) for value in message.values("Record-Route")]
    except ValueFault:
        return []


def _uri_of(route: str) -> str:
    return NameAddress.parse(route).uri


def _is_loose(route: str) -> bool:
    return ";lr" in _uri_of(route).lower()
