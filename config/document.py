"""The tables of a configuration file: which rooms' settings each is read into. No I/O."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Union, get_args, get_origin

from pydantic import SecretStr

from foundation.settings import Settings
from gateway.settings import (
    CallbackSettings,
    GatewaySettings,
    HttpSettings,
    OperatorSettings,
    QuietSettings,
    RetentionSettings,
    VoiceSettings,
)
from ivr.settings import RtpSettings, SipSettings, TrunkSettings
from prompts.settings import SpeechSettings
from sms.settings import SmscSettings

TABLES: Mapping[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "http": HttpSettings,
    "sip": SipSettings,
    "rtp": RtpSettings,
    "callback": CallbackSettings,
    "voice": VoiceSettings,
    "speech": SpeechSettings,
    "quiet": QuietSettings,
    "retention": RetentionSettings,
}
"""`[name]`, at most once."""

ARRAYS: Mapping[str, type[Settings]] = {"trunk": TrunkSettings, "operator": OperatorSettings, "smsc": SmscSettings}
"""`[[name]]`, any number of times."""

REQUIRED = ("gateway", "http", "sip", "callback")
"""What names a peer of ours or a number, so that no default can stand for it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One immutable snapshot of a whole, checked configuration. `file` is where it was read from; every path and the
    SQLite database in it are absolute. `quiet` None: no quiet hours."""

    file: Path
    gateway: GatewaySettings
    http: HttpSettings
    sip: SipSettings
    rtp: RtpSettings
    trunks: tuple[TrunkSettings, ...]
    operators: tuple[OperatorSettings, ...]
    callback: CallbackSettings
    voice: VoiceSettings
    smscs: tuple[SmscSettings, ...]
    speech: SpeechSettings
    quiet: QuietSettings | None
    retention: RetentionSettings


def keys_of(model: type[Settings]) -> tuple[str, ...]:
    """The keys of a table as they are written in the file, `*_file` beside each secret included."""
    keys = []
    for name, field in model.model_fields.items():
        keys.append(field.alias or name)
        if SecretStr in _parts(field.annotation):
            keys.append(f"{field.alias or name}_file")
    return tuple(keys)


def secrets_of(model: type[Settings]) -> tuple[str, ...]:
    return tuple(
        field.alias or name for name, field in model.model_fields.items() if SecretStr in _parts(field.annotation)
    )


def path_defaults(model: type[Settings]) -> list[tuple[str, Path]]:
    return [
        (field.alias or name, field.default)
        for name, field in model.model_fields.items()
        if isinstance(field.default, Path)
    ]


def model_of(model: type[Settings], key: str) -> type[Settings] | None:
    """The settings that a key of a table holds, itself or as the elements of a list."""
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            return next(
                (part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, Settings)),
                None,
            )
    return None


def _parts(annotation: object) -> Iterator[object]:
    if get_origin(annotation) in (Union, types.UnionType, tuple):
        for part in get_args(annotation):
            yield from _parts(part)
    else:
        yield annotation
