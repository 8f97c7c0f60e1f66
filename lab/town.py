"""The people of a made-up town and what they do, read from a TOML file (`town.toml` shows every key)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Does(StrEnum):
    """How somebody behaves when the telephone rings."""

    LISTENS = "listens"
    PRESSES = "presses"
    HANGS_UP = "hangs_up"
    BUSY = "busy"
    BUSY_ONCE = "busy_once"
    NO_ANSWER = "no_answer"
    DECLINES = "declines"
    PHONE_OFF = "phone_off"
    UNKNOWN_NUMBER = "unknown_number"


class TextFate(StrEnum):
    """What becomes of a text to somebody."""

    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Person:
    """`voice` and `sms` are the outcomes that the gateway has to find out, None where it must not try."""

    name: str
    phone: str
    at: tuple[float, float]
    postcode: str
    does: Does | None = None
    press: tuple[str, ...] = ()
    rings: int = 1
    text: TextFate | None = None
    reply: str | None = None
    calls_back: str | None = None
    voice: str | None = None
    sms: str | None = None

    @property
    def channel(self) -> str:
        """As the participants file names it."""
        if self.does is not None and self.text is not None:
            return "both"
        return "voice" if self.does is not None else "sms"


@dataclass(frozen=True, slots=True)
class Town:
    name: str
    municipality: str
    lat: float
    lon: float
    radius_m: float
    ring_seconds: float
    people: tuple[Person, ...]

    def person(self, number: str) -> Person | None:
        return next((person for person in self.people if person.phone == number), None)

    def participants_csv(self) -> str:
        """Everybody, as `burgernet participants import` takes them."""
        lines = ["phone,channel,postcode,municipality,lat,lon,night"]
        lines += [
            f"{person.phone},{person.channel},{person.postcode.replace(' ', '')},{self.municipality},"
            f"{person.at[0]},{person.at[1]},yes"
            for person in self.people
        ]
        return "\n".join(lines) + "\n"


USUAL_TOWN = Path(__file__).with_name("town.toml")


def read_town(path: Path = USUAL_TOWN) -> Town:
    """Raises ValueError, with the person's name, at a key or word that is not known."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    people = tuple(_person(row) for row in document.get("person", ()))
    try:
        return Town(**document["town"], people=people)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name}: [town]: {error}") from error


def _person(row: dict[str, Any]) -> Person:
    name = row.get("name", "a person without name")
    try:
        known = dict(row)
        known["at"] = (float(row["at"][0]), float(row["at"][1]))
        known["press"] = tuple(row.get("press", ()))
        if "does" in row:
            known["does"] = Does(row["does"])
        if "text" in row:
            known["text"] = TextFate(row["text"])
        return Person(**known)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{name}: {error}") from error
