"""The header values that a user agent reads: addresses, Via, CSeq, parameters, Reason. No I/O.

They are parsed here and not by `sipmessage`, which refuses what real peers send: folded and generous white space, host
names with an underscore, `qop="auth,auth-int"`, URIs of other schemes, a parameter named `self`. URIs whose parts matter
are read by `sipmessage.URI`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sipmessage import URI

from ivr.sip.events import Reason

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
_CSEQ = re.compile(rf"([0-9]{{1,10}})\s+({TOKEN})")
# Any version: who speaks another SIP has to be told so (505; RFC 4475 §3.1.2.16).
_VIA = re.compile(
    rf"SIP\s*/\s*[0-9]+\.[0-9]+\s*/\s*(?P<transport>{TOKEN})\s+(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:;,\[\]<>\"]+)"
    r"\s*(?::\s*(?P<port>[0-9]{1,5}))?\s*(?P<parameters>;.*)?",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SPACE = re.compile(r"\s")
_REASON = re.compile(rf"\s*({TOKEN})\s*(;.*)?", re.DOTALL)


class ValueFault(ValueError):
    """A header value that does not follow the grammar of RFC 3261 §25; the text says which."""


def split(text: str, separator: str) -> list[str]:
    """Parts between separators that stand neither in quotes nor in angle brackets, stripped; empty parts left out."""
    if separator not in text:
        stripped = text.strip()
        return [stripped] if stripped else []
    if '"' not in text and "<" not in text:  # nearly all there is: no need to look at each character
        return [part for part in map(str.strip, text.split(separator)) if part]
    parts: list[str] = []
    start, position, depth = 0, 0, 0
    while position < len(text):
        character = text[position]
        if character == '"':
            quoted = _QUOTED.match(text, position)
            if quoted is None:
                raise ValueFault("a quoted string is not closed")
            position = quoted.end()
            continue
        if character == "<":
            depth = 1
        elif character == ">":
            depth = 0
        elif character == separator and not depth:
            parts.append(text[start:position].strip())
            start = position + 1
        position += 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def unquote(text: str) -> str:
    """A quoted string without its quotes and escapes; anything else as it is."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parameters(text: str) -> dict[str, str]:
    """`;a=b;lr` as a mapping with names in lower case; a parameter without value has an empty one."""
    found: dict[str, str] = {}
    for part in split(text, ";"):
        name, _, value = part.partition("=")
        value = value.strip()
        found.setdefault(name.strip().lower(), unquote(value) if value.startswith('"') else value)
    return found


@dataclass(frozen=True, slots=True)
class NameAddress:
    """From, To, Contact, Route: `uri` is kept as it was written, so that it goes back unchanged."""

    uri: str
    display: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """Raises ValueFault. RFC 3261 §20.10: without angle brackets parameters belong to the header."""
        return _name_address(text)

    @classmethod
    def _parse(cls, text: str) -> NameAddress:
        text = text.strip()
        quoted = _QUOTED.match(text)
        if quoted is None and text.startswith('"'):
            raise ValueFault("a quoted string is not closed")
        opening = text.find("<", quoted.end() if quoted else 0)
        if opening < 0:
            uri, _, rest = text.partition(";")
            uri, display = uri.strip(), ""
            rest = ";" + rest
        else:
            closing = text.find(">", opening)
            if closing < 0:
                raise ValueFault("an address has no closing angle bracket")
            uri, display = text[opening + 1 : closing].strip(), unquote(text[:opening].strip())
            rest = text[closing + 1 :].strip()
            if rest and not rest.startswith(";"):
                raise ValueFault("an address is followed by something that is no parameter")
        if ":" not in uri or _SPACE.search(uri) is not None:
            raise ValueFault("an address holds no URI")
        return cls(uri, display, parameters(rest))

    @property
    def tag(self) -> str | None:
        return self.parameters.get("tag") or None

    def __str__(self) -> str:
        shown = f"{quote(self.display)} " if self.display else ""
        tail = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.parameters.items())
        return f"{shown}<{self.uri}>{tail}"


@dataclass(frozen=True, slots=True)
class Via:
    """One hop (RFC 3261 §20.42)."""

    transport: str
    host: str
    port: int | None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Raises ValueFault."""
        return _via(text)

    @classmethod
    def _parse(cls, text: str) -> Via:
        matched = _VIA.fullmatch(text.strip())
        if matched is None:
            raise ValueFault("a Via is not SIP/2.0/TRANSPORT host[:port];parameters")
        port = int(matched["port"]) if matched["port"] else None
        if port is not None and port > 65535:
            raise ValueFault("a Via names a port above 65535")
        found = parameters(matched["parameters"] or "")
        return cls(matched["transport"].upper(), matched["host"].strip("[]"), port, found)

    @property
    def branch(self) -> str:
        return self.parameters.get("branch", "")

    @property
    def sent_by(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        tail = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.parameters.items())
        return f"SIP/2.0/{self.transport} {self.sent_by}{tail}"


# The messages of a call repeat From, To and Via letter by letter: 60 us of a call's 350 saved.
_name_address = lru_cache(maxsize=1024)(NameAddress._parse)
_via = lru_cache(maxsize=1024)(Via._parse)


@dataclass(frozen=True, slots=True)
class CSeq:
    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises ValueFault; a number of 2^31 or more too (RFC 3261 §8.1.1.5)."""
        matched = _CSEQ.fullmatch(text.strip())
        if matched is None or int(matched[1]) >= 2**31:
            raise ValueFault("CSeq is not a number below 2^31 and a method")
        return cls(int(matched[1]), matched[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def uri(text: str) -> URI | None:
    """The parts of a sip, sips or tel URI; None where it is of another kind or not well formed."""
    try:
        return URI.parse(text)
    except (ValueError, TypeError):  # TypeError: sipmessage passes parameters as keywords, one may be called `self`
        return None


def reason(text: str) -> Reason | None:
    """One Reason value (RFC 3326); None where it has no cause that is a number."""
    matched = _REASON.fullmatch(text)
    if matched is None:
        return None
    try:
        found = parameters(matched[2] or "")
    except ValueFault:
        return None
    cause = found.get("cause", "")
    if not re.fullmatch(r"[0-9]{1,3}", cause):
        return None
    protocol = {"Q.850": "Q.850", "SIP": "SIP"}.get(matched[1].upper(), matched[1])
    return Reason(protocol, int(cause), found.get("text", "")[:128])
