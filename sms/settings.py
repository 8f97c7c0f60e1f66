"""The settings of each `[[smsc]]`. No I/O."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from foundation.settings import Port, PositiveSeconds, Secret, Settings, TimeOfDay


class SmscSettings(Settings):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    host: str
    port: Port = 2775
    system_id: Annotated[str, Field(max_length=15)]
    password: Annotated[Secret, Field(max_length=8)]
    bind: Literal["transceiver", "transmitter", "receiver"] = "transceiver"
    tls: bool = False
    source: Annotated[str, Field(max_length=20)] = "Burgernet"
    reply_number: str | None = None
    window: Annotated[int, Field(ge=1, le=10_000)] = 50
    segments_per_second: Annotated[float, Field(gt=0)] = 300
    priority: int = 1
    weight: Annotated[int, Field(ge=1)] = 1
    enquire_seconds: PositiveSeconds = 30
    response_seconds: PositiveSeconds = 10
    system_type: Annotated[str, Field(max_length=12)] = ""
    alphabet: Literal["gsm7", "latin1"] = "gsm7"
    national_tables: tuple[Literal["tr", "es", "pt"], ...] = ()
    long_messages: Literal["udh", "sar", "payload"] = "udh"
    message_id: Literal["as_is", "decimal", "hex"] = "as_is"
    unknown: Literal["resend", "leave"] = "resend"
    prefixes: tuple[str, ...] = ()
    binds: Annotated[int, Field(ge=1, le=16)] = 1
    test_number: str | None = None
    test_at: TimeOfDay = "07:30"
