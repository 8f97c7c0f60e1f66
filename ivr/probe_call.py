"""The test call of a trunk: a tone, a row of keys, and what comes back of either."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from foundation.telephone_numbers import PhoneNumber
from ivr.call import LegId, ToTrunk
from ivr.dialling import Identity, invite_to_trunk
from ivr.exchange import Random
from ivr.media.messages import Digit, LegClosed, Recorded, Remote
from ivr.media.port import Media, MediaEvent, MediaLeg
from ivr.offering import other_offers
from ivr.probe_facts import Agreement, Reply, Sounded
from ivr.probe_line import OwnSide, ProbeLine
from ivr.probe_sound import measure
from ivr.settings import TrunkSettings
from ivr.sip import sdp
from ivr.sip.encryption import encryption
from ivr.sip.events import Answered, DigitByInfo, Ended, Failed, InviteRequest, Reoffered

KEYS = "1590"
_RING_SECONDS = 30.0
_TONE_SECONDS = 2.0
_KEY_SECONDS = 0.3
_CLOSING_SECONDS = 1.5
_MOST_RECORDED_SECONDS = 60


class ProbeCall:
    """One call. `dial`, then `agree`, then `sound`; `end` whatever happened."""

    def __init__(self, line: ProbeLine, trunk: TrunkSettings, own: OwnSide, reactor: Any, random: Random) -> None:
        self._line = line
        self._trunk = trunk
        self._own = own
        self._reactor = reactor
        self._random = random
        self._leg = LegId(f"{random.getrandbits(128):032x}")
        self._media: MediaLeg | None = None
        self._local: sdp.Local | None = None
        self._body: bytes | None = None
        self._up = False
        self._digits: list[str] = []
        self._closed: Deferred[LegClosed] = Deferred()
        self._recorded: Deferred[None] = Deferred()

    async def dial(self, media: Media, number: PhoneNumber) -> Reply:
        """Ring for at most 30 s. Raises `ivr.media.port.MediaLost`."""
        self._media = await media.open()
        self._media.listen(self._media_event, lambda: None)
        keys = encryption(self._trunk.srtp, self._random.getrandbits)
        self._local = sdp.Local(self._media.address, self._random.getrandbits(31), encryption=keys)
        began = self._line.now()
        request = self._request(number, sdp.offer(self._local, self._trunk.codecs))
        others = other_offers(self._local, self._trunk.codecs, ())
        self._local = replace(self._local, version=self._local.version + len(others))
        self._line.invite(self._leg, replace(request, other_offers=others))
        event = await self._line.next(
            (Answered, Failed), _RING_SECONDS + self._trunk.silence_seconds + _CLOSING_SECONDS
        )
        if isinstance(event, Answered):
            self._up, self._body = True, event.body
            return await self._line.reply("INVITE", 200, self._line.now() - began)
        status = event.status if isinstance(event, Failed) else None
        return await self._line.reply("INVITE", status, self._line.now() - began)

    def _request(self, number: PhoneNumber, offer: bytes) -> InviteRequest:
        identity = Identity(f"{self._leg}@{self._own.host}", f"{self._random.getrandbits(64):016x}")
        route = ToTrunk(self._trunk.name, number, _RING_SECONDS)
        return invite_to_trunk(self._trunk, self._line.peer, route, self._own.host, identity, offer)

    def agree(self) -> Agreement:
        """Read the answer and let sound flow."""
        assert self._local is not None
        try:
            if self._body is None:
                raise sdp.SdpFault("the answer has no description of sound")
            remote = sdp.agreed(self._body, self._trunk.codecs, encryption=self._local.encryption)
        except sdp.SdpFault as fault:
            return Agreement(fault=str(fault))
        self._connect(remote)
        ours = ipaddress.ip_address(self._line.peer.destination.host)
        theirs = ipaddress.ip_address(remote.address.host)
        return Agreement(
            codec=remote.codec,
            telephone_event=remote.telephone_event,
            packet_milliseconds=remote.packet_milliseconds,
            direction=remote.direction,
            host=str(remote.address),
            private_host=theirs.is_private and not ours.is_private,
            suite=None if remote.srtp is None else remote.srtp.suite,
        )

    async def sound(self, seconds: float, path: Path) -> Sounded:
        """A tone and keys, then listening, `seconds` in all; what came is recorded to `path` meanwhile."""
        assert self._media is not None
        media, began = self._media, self._line.now()
        media.record(path, _MOST_RECORDED_SECONDS * 1000)
        dropped = not (await self._play(media) and await self._listen(began + seconds - self._line.now()))
        media.stop_recording()
        await self._within(self._recorded)
        self.end()
        closed = await self._within(self._closed)
        level, tone_back = measure(path)
        return Sounded(
            sent=closed.packets_sent if closed else 0,
            received=closed.packets_received if closed else 0,
            lost=closed.packets_lost if closed else 0,
            jitter=closed.jitter if closed else 0.0,
            level=level,
            tone_back=tone_back,
            reported_lost=closed.remote_lost if closed else None,
            digits_sent=KEYS,
            digits_heard="".join(self._digits),
            dropped=dropped,
        )

    async def _play(self, media: MediaLeg) -> bool:
        tone = media.play_tone("test")
        still_up = await self._listen(_TONE_SECONDS)
        media.stop_playing(tone)
        for key in KEYS:
            still_up = still_up and await self._listen(_KEY_SECONDS)
            media.send_digit(key)
        return still_up

    async def _listen(self, seconds: float) -> bool:
        """False when the other side hangs up in this time."""
        until = self._line.now() + seconds
        while (left := until - self._line.now()) > 0:
            match await self._line.next((Ended, DigitByInfo, Reoffered), left):
                case Ended():
                    self._up = False
                    return False
                case DigitByInfo(digit=digit):
                    self._digits.append(digit)
                case Reoffered() as event:
                    self._reoffered(event)
                case _:
                    return self._up
        return self._up

    def _reoffered(self, event: Reoffered) -> None:
        """Another address or codec, as PBXes send it right after the answer."""
        assert self._local is not None
        self._local = replace(self._local, version=self._local.version + 1)
        description: bytes | None
        if event.body is None:
            description = sdp.offer(self._local, self._trunk.codecs)
        else:
            try:
                description, remote = sdp.answer(event.body, self._local, self._trunk.codecs)
            except sdp.SdpFault:
                description = None
            else:
                self._connect(remote)
        self._line.agent.answer_reoffer(self._leg, description, self._line.now())
        self._line.flush()

    def _connect(self, remote: Remote) -> None:
        assert self._media is not None
        self._media.connect(remote)

    def end(self) -> None:
        """Hang up and give the port back; again does nothing."""
        self._line.hang_up(self._leg)
        if self._media is not None:
            self._media.close()
        self._up = False

    def _media_event(self, event: MediaEvent) -> None:
        match event:
            case Digit():
                self._digits.append(event.digit)
            case Recorded() if not self._recorded.called:
                self._recorded.callback(None)
            case LegClosed() if not self._closed.called:
                self._closed.callback(event)
            case _:
                pass

    async def _within(self, awaited: Deferred[Any]) -> Any:
        """What comes in a moment, else None."""
        done: Deferred[Any] = Deferred()
        give: Callable[[Any], None] = lambda result: None if done.called else done.callback(result)
        awaited.addCallback(give)
        late = self._reactor.callLater(_CLOSING_SECONDS, give, None)
        result = await done
        if late.active():
            late.cancel()
        return result

    async def goodbye(self) -> None:
        """Let the BYE or CANCEL be answered before the line is closed."""
        await self._line.next((Ended, Failed), _CLOSING_SECONDS)
        await deferLater(self._reactor, 0, lambda: None)
