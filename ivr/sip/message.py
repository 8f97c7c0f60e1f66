"""SIP messages: parsing with limits, building, and the faults that a peer can make. No I/O.

`parse` takes one whole message (a datagram, or what the stream framing cut out). What a peer did wrong is raised as
`MessageFault` with a hint for the reply; nothing else is raised on input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ivr.sip.values import TOKEN, CSeq, NameAddress, ValueFault, Via, split

LARGEST_MESSAGE = 65_535
LARGEST_HEAD = 16_384
MOST_FIELDS = 256

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
# Names that nearly all messages spell so: they need no check.
_USUAL = {
    "Accept": "accept",
    "Allow": "allow",
    "Authorization": "authorization",
    "Call-ID": "call-id",
    "Contact": "contact",
    "Content-Length": "content-length",
    "Content-Type": "content-type",
    "CSeq": "cseq",
    "Date": "date",
    "Expires": "expires",
    "From": "from",
    "Max-Forwards": "max-forwards",
    "P-Asserted-Identity": "p-asserted-identity",
    "Proxy-Authorization": "proxy-authorization",
    "Reason": "reason",
    "Record-Route": "record-route",
    "Require": "require",
    "Route": "route",
    "RSeq": "rseq",
    "Server": "server",
    "Session-Expires": "session-expires",
    "Supported": "supported",
    "To": "to",
    "User-Agent": "user-agent",
    "Via": "via",
}
_ONCE = ("call-id", "cseq", "from", "to")
_AT_MOST_ONCE = ("max-forwards", "content-type")
_FOLD = re.compile(r"\r\n[ \t]+")
_REQUEST_LINE = re.compile(rf"({TOKEN}) (\S+) SIP/2\.0", re.IGNORECASE)
_LOOSE_REQUEST_LINE = re.compile(rf"\s*({TOKEN})\s+(.*?)\s+SIP/([0-9]+\.[0-9]+)\s*", re.IGNORECASE | re.DOTALL)
_BARE_SIX = re.compile(r"sip:(?:[^@]*@)?[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?", re.IGNORECASE | re.DOTALL)
_FIELD_NAME = re.compile(TOKEN)

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Essentials:
    """The five that every message carries (RFC 3261 §8.1.1)."""

    via: Via
    sender: NameAddress
    recipient: NameAddress
    call_id: str
    cseq: CSeq


class Message:
    """Start line, fields in order, body. Content-Length is no field: it is checked when read and computed when written."""

    __slots__ = ("_essentials", "_index", "body", "fields")

    def __init__(self, fields: Fields, body: bytes = b"") -> None:
        self.fields = tuple(fields)
        self.body = body
        self._index: dict[str, list[str]] | None = None
        self._essentials: Essentials | None = None

    def replace_fields(self, fields: Fields, essentials: Essentials | None = None) -> None:
        """Other fields; the five of them where they are known already."""
        self.fields = tuple(fields)
        self._index = None
        self._essentials = essentials

    @property
    def index(self) -> dict[str, list[str]]:
        """The lines of each field by its name in lower case."""
        if self._index is None:
            self._index = {}
            for key, value in self.fields:
                self._index.setdefault(key.lower(), []).append(value)
        return self._index

    def all(self, name: str) -> list[str]:
        """Each line of this field, in order."""
        index = self._index
        return (self.index if index is None else index).get(name.lower(), [])

    def first(self, name: str) -> str | None:
        lines = self.all(name)
        return lines[0] if lines else None

    def values(self, name: str) -> list[str]:
        """Each value of a list field, whether on lines of their own or parted by commas. Raises ValueFault."""
        return [value for line in self.all(name) for value in split(line, ",")]

    def tokens(self, name: str) -> frozenset[str]:
        """Option tags and the like, in lower case; an unreadable field has none."""
        try:
            return frozenset(value.lower() for value in self.values(name))
        except ValueFault:
            return frozenset()

    @property
    def essentials(self) -> Essentials:
        """Raises ValueFault, KeyError or IndexError on a message that did not come from `parse`."""
        if self._essentials is None:
            index = self.index
            self._essentials = Essentials(
                via=Via.parse(self.values("Via")[0]),
                sender=NameAddress.parse(index["from"][0]),
                recipient=NameAddress.parse(index["to"][0]),
                call_id=index["call-id"][0],
                cseq=CSeq.parse(index["cseq"][0]),
            )
        return self._essentials

    def _bytes(self, start_line: str) -> bytes:
        lines = [start_line, *(f"{name}: {value}" for name, value in self.fields)]
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """`uri` is the Request-URI as written."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str, fields: Fields, body: bytes = b"") -> None:
        super().__init__(fields, body)
        self.method = method
        self.uri = uri

    def __bytes__(self) -> bytes:
        return self._bytes(f"{self.method} {self.uri} SIP/2.0")


class Response(Message):
    __slots__ = ("phrase", "status")

    def __init__(self, status: int, phrase: str, fields: Fields, body: bytes = b"") -> None:
        super().__init__(fields, body)
        self.status = status
        self.phrase = phrase

    def __bytes__(self) -> bytes:
        return self._bytes(f"SIP/2.0 {self.status} {self.phrase}")


class MessageFault(ValueError):
    """What a peer sent is no SIP message that can be served. `reply` is the status it deserves, None silence;
    `request` is what could be read of it, enough to build that reply."""

    def __init__(self, text: str, reply: int | None = None, request: Request | None = None) -> None:
        super().__init__(text)
        self.reply = reply
        self.request = request


def parse(data: bytes, *, stream: bool = False) -> Request | Response:
    """One message. In a datagram the body may be longer than Content-Length (the rest is dropped, RFC 3261 §18.3) but
    not shorter; on a `stream` the length must be there. Raises MessageFault only."""
    if len(data) > LARGEST_MESSAGE:
        raise MessageFault("longer than 65,535 bytes")
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        raise MessageFault("the header does not end with an empty line")
    if len(head) > LARGEST_HEAD:
        raise MessageFault(f"a header of more than {LARGEST_HEAD} bytes")
    text = head.lstrip(b"\r\n").decode("utf-8", "surrogateescape")
    start_line, *lines = _FOLD.sub(" ", text).split("\r\n")
    fields, index, lengths, fault = _fields(lines)
    status_line = _STATUS_LINE.fullmatch(start_line)
    if status_line is not None:
        response = Response(int(status_line[1]), (status_line[2] or "").strip(), fields, body)
        response._index = index
        fault = fault or _shared_fault(response) or _cut_body(response, lengths, stream)
        if fault is not None:
            raise MessageFault(fault)
        return response
    return _request(start_line, fields, body, lengths, fault, stream)


def _fields(lines: Iterable[str]) -> tuple[list[tuple[str, str]], dict[str, list[str]], list[str], str | None]:
    """The fields that can be read, their index, the values of Content-Length apart from them, and the first fault in
    words."""
    fields: list[tuple[str, str]] = []
    index: dict[str, list[str]] = {}
    lengths: list[str] = []
    fault = None
    for line in lines:
        name, colon, value = line.partition(":")
        key = _USUAL.get(name)
        if key is None:
            name = name.rstrip(" \t")
            if not colon or _FIELD_NAME.fullmatch(name) is None:
                fault = fault or "a header line is not name: value"
                continue
            name = _COMPACT.get(name.lower(), name) if len(name) == 1 else name
            key = name.lower()
        if not colon or "\r" in value or "\n" in value:
            fault = fault or "a header line is not name: value"
            continue
        value = value.strip()
        if key == "content-length":
            lengths.append(value)
            continue
        if len(fields) == MOST_FIELDS:
            return fields, index, lengths, f"more than {MOST_FIELDS} header lines"
        fields.append((name, value))
        if key in index:
            index[key].append(value)
        else:
            index[key] = [value]
    return fields, index, lengths, fault


def _request(
    start_line: str, fields: Fields, body: bytes, lengths: list[str], fault: str | None, stream: bool
) -> Request:
    matched = _REQUEST_LINE.fullmatch(start_line)
    if matched is None:
        loose = _LOOSE_REQUEST_LINE.fullmatch(start_line)
        if loose is None:
            raise MessageFault("neither a request nor a response")
        partial = Request(loose[1], loose[2], fields)
        reply = 400 if loose[3] == "2.0" else 505
        raise _fault("the request line is not METHOD URI SIP/2.0", reply, partial)
    request = Request(matched[1], matched[2], fields, body)
    fault = fault or _shared_fault(request) or _request_fault(request) or _cut_body(request, lengths, stream)
    if fault is not None:
        raise _fault(fault, 400, request)
    return request


def _fault(text: str, reply: int, partial: Request) -> MessageFault:
    """With the reply only where the sender can be told: its Via can be read, and it is no ACK. What else an answer copies
    is copied as it was written (RFC 4475 §3.1.2.4, §3.1.2.6)."""
    if partial.method == "ACK":
        return MessageFault(text)
    try:
        partial.essentials  # noqa: B018 - read for what it raises
    except (ValueFault, LookupError):
        if not _told_loosely(partial):
            return MessageFault(text)
    return MessageFault(text, reply, partial)


def _told_loosely(partial: Request) -> bool:
    """Give it what an answer needs of the five, as far as it is there."""
    index = partial.index
    try:
        via = Via.parse(partial.values("Via")[0])
        call_id, (recipient,) = index["call-id"][0], index["to"]
        index["from"][0], index["cseq"][0]
    except (ValueFault, LookupError, ValueError):
        return False
    tagged = {"tag": "unread"} if ";tag=" in recipient.lower().replace(" ", "") else {}
    unread = NameAddress("")
    loosely = Essentials(via, unread, NameAddress("", parameters=tagged), call_id, CSeq(0, partial.method))
    partial.replace_fields(partial.fields, loosely)
    return True


def _shared_fault(message: Message) -> str | None:
    index = message.index
    for name in _ONCE:
        if len(index.get(name, ())) != 1:
            return f"{name} is not there exactly once"
    for name in _AT_MOST_ONCE:
        if len(index.get(name, ())) > 1:
            return f"{name} is there more than once"
    if "via" not in index:
        return "there is no Via"
    try:
        essentials = message.essentials
        for via in message.values("Via")[1:]:
            Via.parse(via)
    except (ValueFault, IndexError) as error:
        return str(error) or "a Via is empty"
    return None if essentials.call_id else "Call-ID is empty"


def _request_fault(request: Request) -> str | None:
    if request.essentials.cseq.method != request.method:
        return "CSeq names another method than the request line"
    hops = request.first("Max-Forwards")
    if hops is not None and (not re.fullmatch(r"[0-9]{1,10}", hops) or int(hops) > 255):
        return "Max-Forwards is not a number from 0 to 255"
    if request.uri.startswith("<") or "?" in request.uri.rpartition("@")[2]:
        return "the Request-URI has brackets or headers"
    if request.uri[:4].lower() == "sip:" and _BARE_SIX.fullmatch(request.uri) is not None:
        return "the Request-URI has an IPv6 address without brackets"
    return None


def _cut_body(message: Message, lengths: list[str], stream: bool) -> str | None:
    """Bring the body to its stated length; the fault in words."""
    if not lengths:
        return "there is no Content-Length" if stream else None
    if len(lengths) > 1:
        return "Content-Length is there more than once"
    if not (lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 10):
        return "Content-Length is not a number"
    length = int(lengths[0])
    if length > len(message.body):
        return "the body is shorter than Content-Length"
    message.body = message.body[:length]
    return None
