"""What the daemon and a media worker say to each other, as frozen values. No I/O; the framing is `ivr.media.framing`.

Every message names its leg and the leg's generation: a late word about a leg whose number was used again is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NewType

from foundation.endpoints import Address
from foundation.sound import Codec

MediaLegId = NewType("MediaLegId", int)
PlayId = NewType("PlayId", int)

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
"""As seen by us (RFC 3264 §8.4): `recvonly` and `inactive` mean that the other side holds us."""

Tone = Literal["ringback", "beep", "busy", "attention", "test"]


@dataclass(frozen=True, slots=True)
class Remote:
    """What was agreed with the other side. Sound goes to `address` and is accepted from its host only, until the first
    valid packet from there fixes the port (symmetric RTP); signed-in signalling may change it, a packet never.

    `telephone_event` is the payload type of RFC 4733 events, None where the other side has none; `packet_milliseconds`
    the ptime. `sources` are further hosts that may send (a trunk's media gateways).
    """

    address: Address
    codec: Codec
    payload_type: int
    telephone_event: int | None = 101
    packet_milliseconds: int = 20
    direction: Direction = "sendrecv"
    sources: tuple[str, ...] = ()


# ---- daemon to worker


@dataclass(frozen=True, slots=True)
class OpenLeg:
    """Bind a port pair and answer `LegOpened`. The SSRC and first sequence number are drawn by the daemon, so that the
    worker's core has no randomness in it."""

    leg: MediaLegId
    generation: int
    ssrc: int
    first_sequence: int
    first_timestamp: int


@dataclass(frozen=True, slots=True)
class Connect:
    leg: MediaLegId
    generation: int
    remote: Remote


@dataclass(frozen=True, slots=True)
class Play:
    """Say a sound from its start; replaces what is playing. `Played` comes once when `report_at` milliseconds have been
    sent to an open line, `PlayEnded` when it is over or was stopped. `stop_on_digits` stops it at once (barge-in)."""

    leg: MediaLegId
    generation: int
    play: PlayId
    stem: str
    milliseconds: int
    report_at: int | None = None
    stop_on_digits: str = ""


@dataclass(frozen=True, slots=True)
class PlayTone:
    """A tone until `StopPlaying`, or for `milliseconds` where given."""

    leg: MediaLegId
    generation: int
    play: PlayId
    tone: Tone
    milliseconds: int | None = None


@dataclass(frozen=True, slots=True)
class StopPlaying:
    leg: MediaLegId
    generation: int
    play: PlayId


@dataclass(frozen=True, slots=True)
class Bridge:
    """Pass sound and digits between two legs of this worker, until `Unbridge` or the close of either."""

    leg: MediaLegId
    generation: int
    other: MediaLegId
    other_generation: int


@dataclass(frozen=True, slots=True)
class Unbridge:
    leg: MediaLegId
    generation: int


@dataclass(frozen=True, slots=True)
class Record:
    """Write what is heard to a WAV (mono, 16 bit, 8 kHz) until `StopRecording`, `maximum_milliseconds` or the close.
    Written to `path` + `.part` and renamed when whole, so that a file with the final name is never a torn one."""

    leg: MediaLegId
    generation: int
    path: str
    maximum_milliseconds: int


@dataclass(frozen=True, slots=True)
class StopRecording:
    leg: MediaLegId
    generation: int


@dataclass(frozen=True, slots=True)
class SendDigit:
    leg: MediaLegId
    generation: int
    digit: str
    milliseconds: int = 100


@dataclass(frozen=True, slots=True)
class CloseLeg:
    leg: MediaLegId
    generation: int


ToWorker = (
    OpenLeg
    | Connect
    | Play
    | PlayTone
    | StopPlaying
    | Bridge
    | Unbridge
    | Record
    | StopRecording
    | SendDigit
    | CloseLeg
)

# ---- worker to daemon


@dataclass(frozen=True, slots=True)
class LegOpened:
    leg: MediaLegId
    generation: int
    port: int


@dataclass(frozen=True, slots=True)
class LegFailed:
    """No port, or a file that can't be read; in words for the log."""

    leg: MediaLegId
    generation: int
    reason: str


@dataclass(frozen=True, slots=True)
class MediaFlowing:
    """The first valid packet came: sound goes both ways from now on. Never comes for a phone that sends nothing."""

    leg: MediaLegId
    generation: int


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed and let go, each press once however many packets told of it (RFC 4733 §2.5)."""

    leg: MediaLegId
    generation: int
    digit: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Played:
    leg: MediaLegId
    generation: int
    play: PlayId
    milliseconds: int


@dataclass(frozen=True, slots=True)
class PlayEnded:
    """`milliseconds` were sent to an open line; `complete` when that was all of it; `digit` stopped it."""

    leg: MediaLegId
    generation: int
    play: PlayId
    milliseconds: int
    complete: bool
    digit: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    leg: MediaLegId
    generation: int
    path: str
    milliseconds: int


@dataclass(frozen=True, slots=True)
class LegClosed:
    """What the leg did, for its call record. Jitter in milliseconds (RFC 3550 §6.4.1)."""

    leg: MediaLegId
    generation: int
    packets_sent: int
    packets_received: int
    packets_lost: int
    jitter: float


FromWorker = LegOpened | LegFailed | MediaFlowing | Digit | Played | PlayEnded | Recorded | LegClosed
