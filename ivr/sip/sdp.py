"""Session descriptions: offer and answer (RFC 8866, RFC 3264) for PCMA, PCMU, G722, comfort noise and telephone-event, in
the clear or by SDES (RFC 4568), reports with the sound or beside it (RFC 5761). No I/O.

Theirs is read for what we need of it and for nothing else; whatever it holds, only `SdpFault` is raised.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from foundation.endpoints import Address
from foundation.sound import Codec
from ivr.media import sdes
from ivr.media.messages import Direction, Remote
from ivr.sip.encryption import CLEAR, Encryption, Mode, is_secure_profile, may_carry

LARGEST = 16_384
OUR_TELEPHONE_EVENT = 101
COMFORT_NOISE = 13
"""Always by this number (RFC 3389 §4)."""
_MUX = "a=rtcp-mux"
"""Reports on the port of the sound (RFC 5761): offered always, and agreed where the other side says it too."""
_NOISE_LINE = f"a=rtpmap:{COMFORT_NOISE} CN/8000"

_STATIC: dict[int, str] = {0: "PCMU", 8: "PCMA", 9: "G722", COMFORT_NOISE: "CN"}
_PAYLOAD: dict[Codec, int] = {"PCMU": 0, "PCMA": 8, "G722": 9}
_MIRROR: dict[str, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_MEDIA = re.compile(r"([a-z]+) ([0-9]{1,5})(?:/[0-9]+)? (\S+) (.+)", re.IGNORECASE)
_RTPMAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9\-]+)/([0-9]{1,6})(?:/([0-9]+))?\s*")
_RTCP = re.compile(r"([0-9]{1,5})(?: IN IP[46] (\S+))?\s*")
_PTIME = re.compile(r"([0-9]{1,3})(?:\.[0-9]+)?")


_NO_STREAM: dict[Mode, str] = {
    "off": "there is no audio over plain RTP in it",
    "optional": "there is no audio in it that is plain or has a usable key (RTP/AVP, or RTP/SAVP with a=crypto)",
    "required": "there is no encrypted audio in it (a=crypto), and srtp = required",
}


class SdpFault(ValueError):
    """No agreement can come of this description; the call or the offer is refused with 488."""


@dataclass(frozen=True, slots=True)
class Local:
    """Our side. `session` names the description for its whole life, `version` grows with each change (RFC 8866 §5.2)."""

    address: Address
    session: int
    version: int = 1
    direction: Direction = "sendrecv"
    encryption: Encryption = CLEAR


@dataclass(frozen=True, slots=True)
class Format:
    payload_type: int
    codec: Codec


@dataclass(frozen=True, slots=True)
class Audio:
    """The first audio stream of a description that we could use. `line` is its place among the `m=` lines, `medias`
    are all of them. `direction` as they see it; `telephone_event` their payload type, `comfort_noise` 13 or None. `crypto`
    is their first usable line; `encrypted` that there are such lines, usable or not."""

    address: Address
    formats: tuple[Format, ...]
    telephone_event: int | None
    packet_milliseconds: int
    direction: Direction
    line: int
    medias: tuple[str, ...]
    comfort_noise: int | None = None
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    crypto: sdes.Crypto | None = None
    encrypted: bool = False


def offer(local: Local, codecs: Sequence[Codec]) -> bytes:
    """Our offer, codecs in the order in which we like them."""
    payloads = [_PAYLOAD[codec] for codec in codecs]
    listed = _listed([*payloads, OUR_TELEPHONE_EVENT, COMFORT_NOISE])
    lines = [*_head(local), f"m=audio {local.address.port} {local.encryption.transport} {listed}"]
    lines += [f"a=rtpmap:{_PAYLOAD[codec]} {codec}/8000" for codec in codecs]
    lines += [*_event_lines(OUR_TELEPHONE_EVENT), _NOISE_LINE, *local.encryption.lines()]
    return _joined([*lines, _MUX, "a=ptime:20", f"a={local.direction}"])


def answer(their_offer: bytes, local: Local, codecs: Sequence[Codec]) -> tuple[bytes, Remote]:
    """Our answer to their offer, and what was agreed. The codec is the first of theirs that we speak."""
    audio = parse(their_offer, local.encryption.mode)
    chosen = _choose(audio, codecs)
    direction = _meet(audio.direction, local.direction)
    crypto_lines, keys = local.encryption.answering(audio.crypto)
    lines = _head(local)
    for line, media in enumerate(audio.medias):
        kind, _, transport, formats = _media_parts(media)
        if line != audio.line:
            lines.append(f"m={kind} 0 {transport} {formats}")
            continue
        others = [payload for payload in (audio.telephone_event, audio.comfort_noise) if payload is not None]
        payloads = [chosen.payload_type, *others]
        lines.append(f"m=audio {local.address.port} {transport} {_listed(payloads)}")
        lines.append(f"a=rtpmap:{chosen.payload_type} {chosen.codec}/8000")
        lines += [] if audio.telephone_event is None else _event_lines(audio.telephone_event)
        lines += [] if audio.comfort_noise is None else [_NOISE_LINE]
        lines += [_MUX] if audio.rtcp_mux else []
        lines += [*crypto_lines, f"a=ptime:{audio.packet_milliseconds}", f"a={direction}"]
    return _joined(lines), replace(_remote(audio, chosen), direction=direction, srtp=keys)


def agreed(
    their_answer: bytes,
    codecs: Sequence[Codec],
    ours: Direction = "sendrecv",
    encryption: Encryption = CLEAR,
) -> Remote:
    """What their answer to our offer of these codecs, with these keys, agrees to. Raises SdpFault."""
    audio = parse(their_answer, encryption.mode)
    keys = encryption.answered(audio.crypto)
    # An answer with a line that we did not offer announces packets that we could not read.
    if keys is None and audio.encrypted and encryption.mode != "off":
        raise SdpFault("its answer encrypts by a key line that we did not offer")
    remote = _remote(audio, _choose(audio, codecs))
    return replace(remote, direction=_meet(audio.direction, ours), srtp=keys)


def speaks(their_offer: bytes, codecs: Sequence[Codec], mode: Mode) -> bool:
    """Whether an answer of ours could agree to their offer."""
    try:
        _choose(parse(their_offer, mode), codecs)
    except SdpFault:
        return False
    return True


def is_secure(theirs: bytes, mode: Mode) -> bool:
    """Whether the stream that a call of this mode has of it is of the secure profile. Raises SdpFault."""
    audio = parse(theirs, mode)
    return is_secure_profile(_media_parts(audio.medias[audio.line])[2])


def parse(data: bytes, mode: Mode = "off") -> Audio:
    """The first audio stream that a call of this mode may have. Raises SdpFault."""
    if len(data) > LARGEST:
        raise SdpFault("a session description of more than 16 KiB")
    lines = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if not lines[0].startswith("v=0"):
        raise SdpFault("it does not begin with v=0")
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            blocks.append([])
        blocks[-1].append(line.rstrip())
    medias = tuple(block[0][2:] for block in blocks[1:])
    if len(medias) > 32:
        raise SdpFault("more than 32 streams")
    for number, block in enumerate(blocks[1:]):
        kind, port, transport, formats = _media_parts(block[0][2:])
        values = _attributes(block, "crypto")
        crypto = sdes.first_usable(values)
        if kind.lower() == "audio" and port and may_carry(transport, crypto, mode):
            audio = _audio(blocks[0], block, port, formats, number, medias)
            return audio if mode == "off" else replace(audio, crypto=crypto, encrypted=bool(values))
    raise SdpFault(_NO_STREAM[mode])


def _media_parts(media: str) -> tuple[str, int, str, str]:
    matched = _MEDIA.fullmatch(media.strip())
    if matched is None or int(matched[2]) > 65535:
        raise SdpFault("an m= line is not media port transport formats")
    return matched[1], int(matched[2]), matched[3], matched[4]


def _audio(session: list[str], block: list[str], port: int, formats: str, line: int, medias: tuple[str, ...]) -> Audio:
    names: dict[int, tuple[str, int]] = {}
    for mapped in _attributes(block, "rtpmap"):
        matched = _RTPMAP.fullmatch(mapped)
        if matched is not None:
            one_channel = matched[4] in (None, "1")
            names[int(matched[1])] = (matched[2].upper() if one_channel else "", int(matched[3]))
    known: list[Format] = []
    telephone_event = comfort_noise = None
    for spelled in formats.split():
        if not (spelled.isascii() and spelled.isdigit() and int(spelled) < 128):
            continue
        payload_type = int(spelled)
        name, rate = names.get(payload_type, (_STATIC.get(payload_type, ""), 8000))
        if name == "TELEPHONE-EVENT" and rate == 8000 and telephone_event is None:
            telephone_event = payload_type
        if name == "CN" and rate == 8000 and payload_type == COMFORT_NOISE:
            comfort_noise = payload_type
        for codec in _PAYLOAD:
            if name == codec and rate == 8000:
                known.append(Format(payload_type, codec))
    host, held = _host(session, block)
    direction: Direction = "inactive" if held else _direction(session, block)
    return Audio(
        address=Address(host, port),
        formats=tuple(known),
        telephone_event=telephone_event,
        packet_milliseconds=_ptime(block),
        direction=direction,
        line=line,
        medias=medias,
        comfort_noise=comfort_noise,
        rtcp_port=_rtcp_port(block, host),
        rtcp_mux=_MUX in block,
    )


def _attributes(block: list[str], name: str) -> list[str]:
    start = f"a={name}:"
    return [line[len(start) :] for line in block if line.startswith(start)]


def _host(session: list[str], block: list[str]) -> tuple[str, bool]:
    """Their address and whether it is the old way to hold, 0.0.0.0 (RFC 3264 §8.4)."""
    for lines in (block, session):
        for line in lines:
            parts = line[2:].split() if line.startswith("c=") else []
            if len(parts) == 3 and parts[:2] in (["IN", "IP4"], ["IN", "IP6"]):
                try:
                    address = ipaddress.ip_address(parts[2].split("/")[0])
                except ValueError as error:
                    raise SdpFault("c= is no literal address") from error
                if address.is_multicast:
                    raise SdpFault("c= is a group, not one address")
                mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
                return str(mapped or address), address.is_unspecified
    raise SdpFault("there is no c= line")


def _direction(session: list[str], block: list[str]) -> Direction:
    for lines in (block, session):
        for line in lines:
            if line.startswith("a=") and line[2:] in _MIRROR:
                return _MIRROR[_MIRROR[line[2:]]]
    return "sendrecv"


def _ptime(block: list[str]) -> int:
    """Their ptime, brought to whole tens from 10 to 60 ms and under their maxptime; 20 where none is named."""
    wanted = 20
    for name in ("ptime", "maxptime"):
        for spelled in _attributes(block, name)[:1]:
            matched = _PTIME.fullmatch(spelled.strip())
            if matched is not None and int(matched[1]) > 0:
                wanted = int(matched[1]) if name == "ptime" else min(wanted, int(matched[1]))
    return min(max(wanted // 10 * 10, 10), 60)


def _rtcp_port(block: list[str], host: str) -> int | None:
    """Where their reports are (RFC 3605), unless on another host than their sound."""
    for spelled in _attributes(block, "rtcp")[:1]:
        matched = _RTCP.fullmatch(spelled)
        if matched is not None and 0 < int(matched[1]) < 65536 and matched[2] in (None, host):
            return int(matched[1])
    return None


def _choose(audio: Audio, codecs: Sequence[Codec]) -> Format:
    for known in audio.formats:
        if known.codec in codecs:
            return known
    raise SdpFault("no codec in common")


def _remote(audio: Audio, chosen: Format) -> Remote:
    return Remote(
        address=audio.address,
        codec=chosen.codec,
        payload_type=chosen.payload_type,
        telephone_event=audio.telephone_event,
        packet_milliseconds=audio.packet_milliseconds,
        comfort_noise=audio.comfort_noise,
        rtcp_port=audio.rtcp_port,
        rtcp_mux=audio.rtcp_mux,
    )


def _meet(theirs: Direction, ours: Direction) -> Direction:
    """The direction as we see it: what they allow of what we want (RFC 3264 §6.1)."""
    allowed = _MIRROR[theirs]
    send = allowed in ("sendrecv", "sendonly") and ours in ("sendrecv", "sendonly")
    receive = allowed in ("sendrecv", "recvonly") and ours in ("sendrecv", "recvonly")
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def _head(local: Local) -> list[str]:
    family = "IP6" if ":" in local.address.host else "IP4"
    where = f"IN {family} {local.address.host}"
    return ["v=0", f"o=- {local.session} {local.version} {where}", "s=-", f"c={where}", "t=0 0"]


def _event_lines(payload_type: int) -> list[str]:
    return [f"a=rtpmap:{payload_type} telephone-event/8000", f"a=fmtp:{payload_type} 0-15"]


def _listed(payloads: Sequence[int]) -> str:
    return " ".join(str(payload) for payload in payloads)


def _joined(lines: Sequence[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()
