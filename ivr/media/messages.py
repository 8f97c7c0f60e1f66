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

SrtpSuite = Literal["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]
SRTP_KEY_OCTETS = 30
"""A master key of 16 and a salt of 14, for both suites (RFC 4568 §6.2)."""


@dataclass(frozen=True, slots=True, repr=False)
class SrtpKeys:
    """What SDES agreed (RFC 4568): the suite, and for each direction 30 bytes, master key then salt. Its text shows no
    key, so that no log can. Raises ValueError for keys of another length."""

    suite: SrtpSuite
    sending: bytes
    receiving: bytes

    def __post_init__(self) -> None:
        if len(self.sending) != SRTP_KEY_OCTETS or len(self.receiving) != SRTP_KEY_OCTETS:
            raise ValueError(f"an SRTP master key with its salt has {SRTP_KEY_OCTETS} bytes")

    def __repr__(self) -> str:
        return f"SrtpKeys({self.suite})"


@dataclass(frozen=True, slots=True)
class Remote:
    """What was agreed with the other side. Sound goes to `address` and is accepted from its host only, until the first
    valid packet from there fixes the port (symmetric RTP); signed-in signalling may change it, a packet never.

    `telephone_event` is the payload type of RFC 4733 events, None where the other side has none; `packet_milliseconds`
    the ptime. `sources` are further hosts that may send (a trunk's media gateways). `srtp` None is sound in the clear;
    `comfort_noise` the payload type of RFC 3389 where both sides know it (13); `rtcp_port` what `a=rtcp` says
    (RFC 3605), None for the port above; `rtcp_mux` that both sides agreed to RTCP on the RTP port (RFC 5761).
    """

    address: Address
    codec: Codec
    payload_type: int
    telephone_event: int | None = 101
    packet_milliseconds: int = 20
    direction: Direction = "sendrecv"
    sources: tuple[str, ...] = ()
    srtp: SrtpKeys | None = None
    comfort_noise: int | None = None
    rtcp_port: int | None = None
    rtcp_mux: bool = False


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
class Listen:
    """Tell of a voice (`Talking`) or of a machine's tone (`Beep`) from now on, or no longer. Costs processor time, so
    that nobody listens who need not."""

    leg: MediaLegId
    generation: int
    talking: bool
    beep: bool


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
    | Listen
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
class Talking:
    """A voice began (after `milliseconds` of it), or is over after so many, 800 ms of stillness not counted."""

    leg: MediaLegId
    generation: int
    began: bool
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Beep:
    """One steady tone of 140 ms to 3 s is over: an answering machine records from now on."""

    leg: MediaLegId
    generation: int
    hertz: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class NoMedia:
    """For so long nothing came on a line that should be heard. Told once a silence; the next packet ends it."""

    leg: MediaLegId
    generation: int
    milliseconds: int


@dataclass(frozen=True, slots=True)
class LegClosed:
    """What the leg did, for its call record. Jitter in milliseconds (RFC 3550 §6.4.1).

    `remote_lost` and `remote_jitter` are what the other side reported of our sound, `round_trip_milliseconds` from its
    reports too: all None where it sent none. `mean_opinion_score` is an estimate (ITU-T G.107), 1 to 4.5, of the worse
    direction that is known; None where neither is.
    """

    leg: MediaLegId
    generation: int
    packets_sent: int
    packets_received: int
    packets_lost: int
    jitter: float
    remote_lost: int | None = None
    remote_jitter: float | None = None
    round_trip_milliseconds: float | None = None
    mean_opinion_score: float | None = None


FromWorker = (
    LegOpened | LegFailed | MediaFlowing | Digit | Played | PlayEnded | Recorded | Talking | Beep | NoMedia | LegClosed
)
