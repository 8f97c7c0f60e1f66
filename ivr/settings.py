"""The settings of the telephone: `[sip]`, `[rtp]` and each `[[trunk]]`. No I/O."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foundation.settings import PositiveSeconds, Secret, Settings, TimeOfDay
from foundation.sound import Codec
from foundation.telephone_numbers import DialFormat


class SipSettings(Settings):
    listen: Annotated[tuple[str, ...], Field(min_length=1)]
    advertise: str | None = None
    desks_from: tuple[str, ...] = ()


class RtpSettings(Settings):
    address: str = "127.0.0.1"
    advertise: str | None = None
    ports: Annotated[str, Field(pattern=r"^\d{4,5}-\d{4,5}$")] = "20000-29999"
    workers: Annotated[int, Field(ge=1, le=64)] = 1


class TrunkSettings(Settings):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    proxy: str
    caller_id: str
    caller_ids: tuple[str, ...] = ()
    username: str | None = None
    password: Secret | None = None
    register_: Annotated[bool, Field(alias="register")] = False
    registrar: str | None = None
    from_user: str | None = None
    from_domain: str | None = None
    identity: Literal["pai", "ppi", "none"] = "pai"
    privacy: Literal["off", "id", "none"] = "off"
    channels: Annotated[int, Field(ge=1)] = 200
    reserved_for_callbacks: Annotated[int, Field(ge=0)] | None = None
    calls_per_second: Annotated[float, Field(gt=0)] = 20
    priority: int = 1
    weight: Annotated[int, Field(ge=1)] = 1
    silence_seconds: PositiveSeconds = 6
    codecs: Annotated[tuple[Codec, ...], Field(min_length=1)] = ("PCMA", "G722", "PCMU")
    options_interval: PositiveSeconds = 30
    allow_from: tuple[str, ...] = ()
    srtp: Literal["off", "optional", "required"] = "off"
    dial_format: DialFormat = "e164"
    test_number: str | None = None
    test_at: TimeOfDay = "07:30"

    @property
    def reserve(self) -> int:
        """Channels that alerts never use: as configured, else 5 % of all, rounded up, of a single one none."""
        if self.reserved_for_callbacks is not None:
            return self.reserved_for_callbacks
        return min(-(-self.channels // 20), self.channels - 1)
