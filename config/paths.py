"""Paths inside a configuration are relative to its file: making those in endpoint, listen and database texts absolute.
No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from prompts.settings import SpeechSettings

_FILE_ARGUMENTS = frozenset(
    {"privateKey", "certKey", "extraCertChain", "dhParameters", "certificate", "key", "authority", "address"}
)
_SQLITE = "sqlite:///"


def database_beside(url: str, folder: Path) -> str:
    """`sqlite:///var/x.db` with the file's folder before it; any other address as it is."""
    if not url.startswith(_SQLITE) or url.startswith(_SQLITE + ":"):
        return url
    path, mark, query = url.removeprefix(_SQLITE).partition("?")
    return f"{_SQLITE}{folder / path}{mark}{query}"


def endpoint_beside(endpoint: str, folder: Path) -> str:
    """A Twisted endpoint string with absolute paths."""
    kind, *arguments = split(endpoint)
    if kind == "unix" and arguments and "=" not in arguments[0]:
        arguments[0] = _escaped(str(folder / arguments[0]))
    return ":".join((kind, *(_beside(argument, folder) for argument in arguments)))


def listen_beside(listen: str, folder: Path) -> str:
    """A SIP listen string with absolute paths."""
    kind, *arguments = split(listen)
    return ":".join((kind, *(_beside(argument, folder) for argument in arguments)))


def speech_beside(speech: SpeechSettings, folder: Path) -> SpeechSettings:
    """Speech settings with absolute paths; a voice is a path for piper only."""
    paths: dict[str, object] = {"cache": folder / speech.cache}
    if speech.lexicon is not None:
        paths["lexicon"] = folder / speech.lexicon
    if speech.engine == "piper":
        paths["voice"] = str(folder / speech.voice)
        paths["voices"] = {language: str(folder / voice) for language, voice in speech.voices.items()}
    return speech.model_copy(update=paths)


def split(text: str) -> list[str]:
    """At each colon that has no backslash before it, as Twisted's endpoint strings do."""
    return re.split(r"(?<!\\):", text)


def arguments_of(parts: list[str]) -> Iterator[tuple[str, str]]:
    """The `name=value` parts, unescaped."""
    for part in parts:
        name, mark, value = part.partition("=")
        if mark:
            yield name, re.sub(r"\\(.)", r"\1", value)


def files_of(text: str) -> list[tuple[str, str]]:
    """Which arguments of an endpoint or listen string name files, with the names."""
    kind, *parts = split(text)
    return [
        (name, value)
        for name, value in arguments_of(parts)
        if name in _FILE_ARGUMENTS and not (kind == "unix" or name == "address")
    ]


def _beside(argument: str, folder: Path) -> str:
    for name, value in arguments_of([argument]):
        if name in _FILE_ARGUMENTS:
            return f"{name}={_escaped(str(folder / value))}"
    return argument


def _escaped(text: str) -> str:
    return re.sub(r"([\\:=])", r"\\\1", text)
