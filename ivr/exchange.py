"""What placing and taking calls share: the agent, the switchboard, trunks, media, and whether calls are taken at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from foundation.clock import Clocks
from foundation.endpoints import Address
from foundation.sound import Codec
from foundation.telephone_numbers import PhoneNumber
from ivr.call import DialogJournal, Refused
from ivr.known import KnownSources
from ivr.media.port import Media, MediaLeg, MediaLost
from ivr.settings import SipSettings, TrunkSettings
from ivr.sip import sdp
from ivr.sip.encryption import encryption
from ivr.sip.endpoint import UserAgent
from ivr.sip.events import Peer
from ivr.sip.trunk import Trunk, TrunkGroup
from ivr.switchboard import Switchboard
from ivr.turns import Turns
from ivr.waiting import shielded

log = Logger()

DESK_CODECS: tuple[Codec, ...] = ("PCMA", "PCMU")
_NO_MEDIA_SECONDS = 1.0


class Random(Protocol):
    """`random.SystemRandom()` in service, `random.Random(seed)` in tests."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


@dataclass(frozen=True, slots=True)
class TelephoneSettings:
    """`numbers` are ours: those that may be called. `prefix_limit` as in `[voice]`. `desks` are the passwords of those
    whose phones register with us, by desk."""

    sip: SipSettings
    trunks: Sequence[TrunkSettings]
    numbers: frozenset[PhoneNumber]
    prefix_limit: Mapping[str, int] = field(default_factory=dict)
    desks: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True, eq=False)
class Exchange:
    """`peers` are the trunks on the wire; `host` is how we name ourselves; `turns` is the last thing before an INVITE.
    `no_media_until`: no worker had room just now, so that nothing is dialled before then."""

    settings: TelephoneSettings
    peers: Mapping[str, Peer]
    host: str
    group: TrunkGroup
    sources: KnownSources
    agent: UserAgent
    board: Switchboard
    media: Media
    journal: DialogJournal
    clocks: Clocks
    timer: IReactorTime
    random: Random
    turns: Turns
    draining: bool = False
    no_media_until: float = float("-inf")
    on_room: list[Callable[[], None]] = field(default_factory=list)
    silent: Callable[[str, Address], None] = field(default=lambda trunk, address: None)

    def room(self) -> None:
        """A channel came free or a trunk came up."""
        for callback in self.on_room:
            callback()

    def codecs(self, trunk: Trunk | None) -> Sequence[Codec]:
        return DESK_CODECS if trunk is None else trunk.settings.codecs

    def local(self, media: MediaLeg, trunk: Trunk | None) -> sdp.Local:
        """Our side of a new call. Desks are on a network of their own: their sound is in the clear."""
        keys = encryption("off" if trunk is None else trunk.settings.srtp, self.random.getrandbits)
        if trunk is not None and trunk.secure_first and keys.mode == "optional":
            keys = keys.insist()
        return sdp.Local(media.address, self.random.getrandbits(31), encryption=keys)

    async def open_media(self, near: MediaLeg | None) -> MediaLeg:
        """Raises Refused where no worker has room. A leg that comes after its call was cancelled is closed."""
        opening = Deferred.fromCoroutine(self._open(near))
        try:
            return await shielded(opening)
        except MediaLost as lost:
            self.no_media_until = self.clocks.now() + _NO_MEDIA_SECONDS
            raise Refused(f"no sound: {lost}") from lost
        except CancelledError:
            opening.addCallbacks(_close, _nobody_waits)
            raise

    async def _open(self, near: MediaLeg | None) -> MediaLeg:
        return await self.media.open(near)


def _close(leg: MediaLeg) -> None:
    leg.close()


def _nobody_waits(failure: object) -> None:
    """The call was cancelled before its sound failed as well."""
