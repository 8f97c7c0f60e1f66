"""Where SIP listens, from the configuration's strings. No I/O, and no reactor: `config` validates with it.

Twisted's endpoint strings know neither `udp:` nor a `tls:` for servers; ours look alike:
`udp:5060:interface=127.0.0.1`, `tcp:5060`, `tls:5061:certificate=FILE:key=FILE`. A colon in a value is written `\\:`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

Transport = Literal["udp", "tcp", "tls"]
_EXAMPLES = "write udp:5060:interface=127.0.0.1, tcp:5060 or tls:5061:certificate=FILE:key=FILE"
_PART = re.compile(r"(?<!\\):")


class ListenFault(ValueError):
    """What is wrong with a listen string, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Listen:
    """`interface` empty: every IPv4 address. `certificate` and `key` are PEM files, for `tls` only; `authority` the
    PEM file that client certificates must come from, where they are wanted."""

    transport: Transport
    port: int
    interface: str = ""
    certificate: str | None = None
    key: str | None = None
    authority: str | None = None


def parse(text: str) -> Listen:
    """Raises ListenFault in words."""
    name, *rest = [part.replace("\\:", ":") for part in _PART.split(text.strip())]
    if name not in ("udp", "tcp", "tls"):
        raise ListenFault(f"{name!r} is no transport; {_EXAMPLES}")
    transport: Transport = "udp" if name == "udp" else "tcp" if name == "tcp" else "tls"
    if not rest or not re.fullmatch(r"[0-9]{1,5}", rest[0]) or int(rest[0]) > 65535:
        raise ListenFault(f"{text!r} has no port from 0 to 65535; {_EXAMPLES}")
    options: dict[str, str] = {}
    for part in rest[1:]:
        key, equals, value = part.partition("=")
        allowed = ("interface", "certificate", "key", "authority") if transport == "tls" else ("interface",)
        if not equals or key not in allowed or key in options:
            raise ListenFault(f"{part!r} is not one of {', '.join(f'{one}=…' for one in allowed)}, once each")
        options[key] = value
    _check(transport, options)
    return Listen(transport, int(rest[0]), **options)


def _check(transport: Transport, options: dict[str, str]) -> None:
    if options.get("interface"):
        try:
            ipaddress.ip_address(options["interface"])
        except ValueError as error:
            raise ListenFault(f"interface={options['interface']} is no address; write 127.0.0.1 or \\:\\:1") from error
    if transport == "tls" and not (options.get("certificate") and options.get("key")):
        raise ListenFault("tls needs certificate=FILE and key=FILE")
