"""How every room writes its settings: frozen pydantic models, unknown keys refused, secrets that do not print. No I/O.

Rooms own their models (`ivr.settings`, `sms.settings`, …); `config` composes them, reads `*_file` beside secrets and
reports every fault with its line.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Settings(BaseModel):
    """One table of the configuration. An unknown key is an error; a loaded snapshot never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Seconds = Annotated[float, Field(ge=0)]
PositiveSeconds = Annotated[float, Field(gt=0)]
Minutes = Annotated[float, Field(ge=0)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""HH:MM on this machine's clock."""

Port = Annotated[int, Field(ge=1, le=65535)]
Secret = SecretStr
