"""What can be wrong in a configuration, each as one line that an engineer can act on. No I/O."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

from config.lines import Path as KeyPath


@dataclass(frozen=True, slots=True)
class Fault:
    """`field` is a path as in the file (`trunk[0].name`); `line` counts from 1, None where the file has no such line."""

    file: Path
    line: int | None
    field: str
    words: str

    def __str__(self) -> str:
        where = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.field}: {self.words}" if self.field else f"{where}: {self.words}"


class ConfigurationFaults(Exception):
    """Everything that is wrong in one configuration, in the order of its lines."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def spelled(path: KeyPath) -> str:
    """`("trunk", 0, "name")` as `trunk[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


_EXAMPLES: Mapping[str, str] = {
    "gateway": '[gateway] with node = "gw1" and database = "sqlite:///var/burgernet.db"',
    "gateway.node": 'node = "gw1"',
    "gateway.database": 'database = "sqlite:///var/burgernet.db"',
    "http": '[http] with listen = "tcp:8080:interface=127.0.0.1"',
    "http.listen": 'listen = "tcp:8080:interface=127.0.0.1"',
    "http.token.name": 'name = "j.operator"',
    "http.token.role": 'role = "operator"',
    "http.token.secret": 'secret_file = "operator.token"',
    "sip": '[sip] with listen = ["udp:5060:interface=127.0.0.1"]',
    "sip.listen": 'listen = ["udp:5060:interface=127.0.0.1"]',
    "rtp.ports": 'ports = "20000-29999"',
    "trunk.name": 'name = "kpn"',
    "trunk.proxy": 'proxy = "sip:127.0.0.1:5070;transport=udp"',
    "trunk.caller_id": 'caller_id = "+31343529850"',
    "operator.id": 'id = "desk-7"',
    "operator.name": 'name = "Meldkamer Oost 7"',
    "operator.room": 'room = "oost"',
    "callback": '[callback] with default_room = "oost" and numbers = ["08000011"]',
    "callback.default_room": 'default_room = "oost"',
    "callback.numbers": 'numbers = ["+318000011", "08000011"]',
    "smsc.name": 'name = "main"',
    "smsc.host": 'host = "127.0.0.1"',
    "smsc.port": "port = 2775",
    "smsc.system_id": 'system_id = "burgernet"',
    "smsc.password": 'password_file = "smsc.password"',
    "quiet.from": 'from = "22:00"',
    "quiet.to": 'to = "07:00"',
}

_WANTED: Mapping[str, str] = {
    "int_type": "a whole number without quotes, as in 20",
    "int_from_float": "a whole number without a fraction, as in 20",
    "float_type": "a number without quotes, as in 2.5",
    "bool_type": "true or false, without quotes",
    "string_type": 'a text in quotes, as in "kpn"',
    "tuple_type": 'a list, as in ["one", "two"]',
    "dict_type": "a table",
    "model_type": "a table of keys",
    "model_attributes_type": "a table of keys",
    "time_parsing": 'a time of day, as in "22:00"',
    "time_type": 'a time of day, as in "22:00"',
    "path_type": 'a path in quotes, as in "var/prompts"',
}

_SMPP_FIELDS = frozenset({"system_id", "password", "system_type"})

_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}

_PATTERNS: Mapping[str, str] = {
    r"^[A-Za-z0-9_-]{1,32}$": 'up to 32 letters, digits, "-" or "_"',
    r"^[A-Za-z0-9_.-]{1,64}$": 'up to 64 letters, digits, ".", "-" or "_"',
    r"^[0-9*#]$": "one key of a telephone: 0 to 9, * or #",
    r"^\+\d{1,14}$": 'a prefix as in "+3120"',
    r"^\d{4,5}-\d{4,5}$": 'a range of ports, as in "20000-29999"',
}


def example(path: KeyPath) -> str | None:
    """How the key at this path may be written."""
    return _EXAMPLES.get(".".join(part for part in path if isinstance(part, str)))


def in_words(error: ErrorDetails, path: KeyPath, known: tuple[str, ...]) -> str:
    """One validation error as an instruction. `known` are the keys that the table at the path's parent may hold."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    sample = example(path)
    if kind == "missing":
        return f"is missing; write {sample}" if sample else "is missing"
    if kind == "extra_forbidden":
        return unknown_key(str(path[-1]), known)
    if kind == "literal_error":
        return f"may be {context['expected']}, not {value!r}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"is {value}; write a number {words} {context[name]:g}"
    if kind == "string_pattern_mismatch":
        wanted = _PATTERNS.get(context["pattern"], f"something of the form {context['pattern']}")
        return f"is {value!r}; write {wanted}"
    if kind in ("string_too_long", "too_long") and path[0] == "smsc" and path[-1] in _SMPP_FIELDS:
        return f"is longer than {context['max_length']} characters, which SMPP 3.4 does not take; shorten it"
    if kind == "string_too_long":
        return f"is longer than {context['max_length']} characters; shorten it"
    if kind == "too_short":
        return f"holds too little; write at least {context['min_length']}" + (f", as in {sample}" if sample else "")
    if kind in _WANTED:
        return f"is {_shown(value)}; write {sample or _WANTED[kind]}"
    return re.sub(r"^(Value error, |Input )", "", error["msg"])


def mend(table: Any, location: KeyPath, path: KeyPath) -> None:
    """Put the example in the place of a faulty or missing key, or take the key out where there is no example."""
    keys = [number for number, part in enumerate(location) if isinstance(part, str)]
    if not keys or not isinstance(table, dict):
        return
    *way, last = location[: keys[-1] + 1]
    for part in way:
        table = table[part]
    value = _example_value(path[: len(path) - len(location) + keys[-1] + 1])
    if value is None:
        table.pop(last, None)
    else:
        table[last] = value


def _example_value(path: KeyPath) -> object:
    sample = example(path)
    if sample is None or sample.startswith("["):
        return None
    key, value = tomllib.loads(sample).popitem()
    return f"missing {spelled(path)}" if key.endswith("_file") else value


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if near:
        return f"is an unknown key; did you mean {near[0]!r}?"
    return f"is an unknown key; known here: {', '.join(known)}" if known else "is an unknown key; remove it"


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return repr(value)
