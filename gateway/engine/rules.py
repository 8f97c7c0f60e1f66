"""What the configuration asks of the engine, gathered from the rooms' settings. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from gateway.domain.delivery import DeliveryRules
from gateway.domain.outcomes import REACHED, ChannelName, Outcome
from gateway.domain.quiet import QuietHours
from gateway.settings import QuietSettings, RetentionSettings, VoiceSettings
from ivr.settings import TrunkSettings
from sms.settings import SmscSettings


@dataclass(frozen=True, slots=True)
class Pace:
    """What an estimate reckons with: calls at once and a second, text segments a second, seconds a call, euro each."""

    call_channels: int = 100
    calls_per_second: float = 20.0
    segments_per_second: float = 300.0
    seconds_a_call: float = 35.0
    euro_a_call: float = 0.05
    euro_a_segment: float = 0.058


@dataclass(frozen=True, slots=True)
class EngineRules:
    """A snapshot; `EngineService.reconfigure` takes another."""

    deliveries: Mapping[ChannelName, DeliveryRules] = field(default_factory=lambda: delivery_rules(VoiceSettings(), ()))
    quiet: QuietHours | None = None
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    pace: Pace = Pace()

    @property
    def reached(self) -> frozenset[Outcome]:
        """The outcomes that are owed the closing message."""
        voicemail = self.deliveries[ChannelName.VOICE].voicemail_is_reached
        return REACHED | {Outcome.VOICEMAIL} if voicemail else REACHED


def delivery_rules(voice: VoiceSettings, smscs: Iterable[SmscSettings]) -> Mapping[ChannelName, DeliveryRules]:
    """One cap for both channels. An `undeliverable` that ends an attempt is the SMSC's temporary refusal and is tried
    again like a failed call; `rejected` is its last word."""
    minutes = voice.retry_minutes
    calls = {
        Outcome.BUSY: minutes.busy * 60,
        Outcome.NO_ANSWER: minutes.no_answer * 60,
        Outcome.TRUNK_FAILURE: minutes.failed * 60,
        Outcome.UNREACHABLE: minutes.unreachable * 60,
    }
    if not voice.voicemail_is_reached:
        calls[Outcome.VOICEMAIL] = minutes.voicemail * 60
    return {
        ChannelName.VOICE: DeliveryRules(voice.attempts, calls, voice.voicemail_is_reached),
        ChannelName.SMS: DeliveryRules(
            voice.attempts,
            {Outcome.UNDELIVERABLE: minutes.failed * 60},
            leave_unknown=frozenset(smsc.name for smsc in smscs if smsc.unknown == "leave"),
        ),
    }


def quiet_hours(settings: QuietSettings | None) -> QuietHours | None:
    if settings is None or settings.from_ == settings.to:
        return None
    return QuietHours(settings.from_, settings.to, ZoneInfo(settings.timezone))


def engine_rules(
    voice: VoiceSettings,
    quiet: QuietSettings | None,
    retention: RetentionSettings,
    trunks: Iterable[TrunkSettings],
    smscs: Iterable[SmscSettings],
) -> EngineRules:
    """The rules that a whole configuration makes."""
    trunks, smscs = tuple(trunks), tuple(smscs)
    pace = Pace(
        call_channels=max(sum(trunk.channels - trunk.reserve for trunk in trunks), 1),
        calls_per_second=sum(trunk.calls_per_second for trunk in trunks) or 1.0,
        segments_per_second=sum(smsc.segments_per_second for smsc in smscs) or 1.0,
    )
    return EngineRules(delivery_rules(voice, smscs), quiet_hours(quiet), retention, pace)
