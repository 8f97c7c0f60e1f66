"""Addresses that a configuration names: SIP URIs, SIP listen strings, Twisted endpoint strings. Says in words what is
wrong with one; opens nothing. Looks whether certificate files exist.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from config.paths import arguments_of, endpoint_beside, files_of, split
from ivr.listen import ListenFault, parse

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?")
_URI = re.compile(
    r"(?P<scheme>sips?):((?P<user>[^@\s;]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:;?\s@]+)(:(?P<port>\d+))?(?P<rest>[;?].*)?"
)
_TRANSPORT = re.compile(r";transport=([^;?]+)", re.IGNORECASE)


def host_fault(host: str) -> str | None:
    """What is wrong with a host name or address; None when it can be one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host) or re.fullmatch(r"[\d.]+", host):
            return f"is {host!r}, which is no host; write a name or an address, as in 127.0.0.1"
    return None


def uri_fault(uri: str, *, user: bool = False) -> str | None:
    """What is wrong with a SIP URI (RFC 3261 §19.1); with `user`, it must name one."""
    sample = '"sip:desk-7@127.0.0.1:5080"' if user else '"sip:127.0.0.1:5070;transport=udp"'
    match = _URI.fullmatch(uri)
    if match is None or host_fault(match["host"].strip("[]")):
        return f"is {uri!r}, which is no SIP URI; write it as {sample}"
    if match["port"] and not 1 <= int(match["port"]) <= 65535:
        return f"has port {match['port']}; write one from 1 to 65535"
    if user and not match["user"]:
        return f"names nobody at {match['host']}; write it as {sample}"
    transport = _TRANSPORT.search(match["rest"] or "")
    if transport and transport[1].lower() not in ("udp", "tcp", "tls"):
        return f"has transport={transport[1]}; write udp, tcp or tls"
    return None


def listen_fault(listen: str, folder: Path) -> str | None:
    """What is wrong with a string of `[sip] listen`."""
    try:
        parse(listen)
    except ListenFault as fault:
        return str(fault)
    return _missing_file(listen, folder)


def sip_listeners(listens: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Transport and port of each well-formed listen string."""
    for listen in listens:
        with suppress(ListenFault):
            parsed = parse(listen)
            yield parsed.transport, parsed.port


def http_fault(endpoint: str, folder: Path) -> str | None:
    """What is wrong with a Twisted server endpoint string."""
    # Imported here: checking a configuration is the only part of this package that needs Twisted.
    from twisted.internet.endpoints import serverFromString

    missing = _missing_file(endpoint, folder)
    if missing:
        return missing
    kind, *parts = split(endpoint)
    if kind in ("tcp", "ssl"):
        port = dict(arguments_of(parts)).get("port", parts[0] if parts else "")
        if not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:
            return f'has port {port!r}; write one from 0 to 65535, as in "tcp:8080:interface=127.0.0.1"'
    try:
        # Building an endpoint only stores the reactor; it is used when it listens, which this one never does.
        read = cast(Callable[[object, str], object], serverFromString)
        read(object(), endpoint_beside(endpoint, folder))
    except Exception as error:  # noqa: BLE001 - the parsers of Twisted's endpoint plugins raise whatever they like
        reason = str(error) or type(error).__name__
        return f'is {endpoint!r}, which is no endpoint ({reason}); write "tcp:8080:interface=127.0.0.1"'
    return None


def _missing_file(text: str, folder: Path) -> str | None:
    for name, file in files_of(text):
        if not (folder / file).is_file():
            return f"has {name}={file}, but {folder / file} is no file; write the path of the PEM file"
    return None
