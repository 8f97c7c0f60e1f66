"""The settings of the gateway's own tables: daemon, HTTP, operators, callback, voice rules, quiet hours. No I/O."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal

from pydantic import Field

from foundation.settings import Minutes, PositiveSeconds, Seconds, Secret, Settings


class GatewaySettings(Settings):
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    database: str
    drain_seconds: Seconds = 30


class TokenSettings(Settings):
    name: str
    role: Literal["operator", "engineer", "reader"]
    secret: Secret


class HttpSettings(Settings):
    """`map_tiles`: where the console's map gets its picture, with {z}, {x} and {y}. None: an empty map, and no browser
    asks the internet for anything."""

    listen: str
    token: tuple[TokenSettings, ...] = ()
    map_tiles: Annotated[str, Field(pattern=r"^https?://[^/\s;']+/\S*\{z\}\S*$")] | None = None
    map_credit: str = ""


class OperatorSettings(Settings):
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    name: str
    room: str = "oost"
    uri: str | None = None
    password: Secret | None = None
    deputy: str | None = None


class CallbackSettings(Settings):
    numbers: Annotated[tuple[str, ...], Field(min_length=1)]
    default_room: str = "oost"
    accept_key: Annotated[str, Field(pattern=r"^[0-9*#]$")] = "1"
    ring_seconds: PositiveSeconds = 20
    grace_minutes: Minutes = 60


class RetryMinutes(Settings):
    busy: Minutes = 2
    no_answer: Minutes = 5
    failed: Minutes = 1
    voicemail: Minutes = 10
    unreachable: Minutes = 10


class KeySettings(Settings):
    repeat: Annotated[str, Field(pattern=r"^[0-9*#]$")] = "1"
    seen: Annotated[str, Field(pattern=r"^[0-9*#]$")] = "2"
    operator: Annotated[str, Field(pattern=r"^[0-9*#]$")] = "3"
    stop: Annotated[str, Field(pattern=r"^[0-9*#]$")] = "9"


class VoiceSettings(Settings):
    ring_seconds: PositiveSeconds = 25
    times: Annotated[int, Field(ge=1, le=10)] = 2
    key_seconds: Seconds = 4
    voicemail_is_reached: bool = False
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    retry_minutes: RetryMinutes = RetryMinutes()
    keys: KeySettings = KeySettings()
    prefix_limit: dict[Annotated[str, Field(pattern=r"^\+\d{1,14}$")], Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict
    )


class QuietSettings(Settings):
    """The hours from `from` to `to` on the clock of `timezone`; they may span midnight."""

    from_: Annotated[time, Field(alias="from")]
    to: time
    timezone: str = "Europe/Amsterdam"


class RetentionSettings(Settings):
    recipients_days: Annotated[float, Field(gt=0)] = 7
    tips_hours: Annotated[float, Field(gt=0)] = 24
    caller_hours: Annotated[float, Field(gt=0)] = 24
