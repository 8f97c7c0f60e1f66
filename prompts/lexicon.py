"""The lexicon: what a rule cannot know, in a CSV file that an operator edits. Reads and writes that file; no other I/O.

Columns: `written`, `spoken`, `kind`. Kind `word` says what is meant (an abbreviation written out) and comes before all
rules; kind `sound` says how a voice must be given a name or a loan word, and is never shown.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from twisted.logger import Logger

Kind = Literal["word", "sound"]
_KINDS = ("word", "sound")
_HEADER = ["written", "spoken", "kind"]
_MAXIMUM_ENTRIES = 20_000


class BadLexicon(ValueError):
    """A lexicon file with a fault; the message names the line and says what to write instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    written: str
    spoken: str
    kind: Kind = "sound"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Later entries win over earlier ones of the same spelling."""

    entries: tuple[Entry, ...] = ()
    _words: _Table = field(init=False, repr=False, compare=False)
    _sounds: _Table = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_words", _Table.of(entry for entry in self.entries if entry.kind == "word"))
        object.__setattr__(self, "_sounds", _Table.of(entry for entry in self.entries if entry.kind == "sound"))

    def words(self) -> tuple[re.Pattern[str], dict[str, str]]:
        """The pattern of all `word` entries, and what each stands for."""
        return self._words.pattern, self._words.spoken

    def sounded(self, words: str) -> str:
        """Words as a voice must be given them."""
        return self._sounds.pattern.sub(lambda match: self._sounds.find(match.group()) or match.group(), words)

    def with_entries(self, more: Iterable[Entry]) -> Lexicon:
        return Lexicon((*self.entries, *more))


@dataclass(frozen=True, slots=True)
class _Table:
    pattern: re.Pattern[str]
    spoken: dict[str, str]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> _Table:
        spoken = {entry.written: entry.spoken for entry in entries}
        longest_first = sorted(spoken, key=len, reverse=True)
        alternatives = "|".join(re.escape(written) for written in longest_first) or r"(?!)"
        return cls(re.compile(rf"(?<![\w\-'])(?:{alternatives})(?![\w'])", re.IGNORECASE), spoken)

    def find(self, written: str) -> str | None:
        """Exactly as written; else in small letters, so that a capital at a sentence's beginning does no harm."""
        return self.spoken.get(written) or self.spoken.get(written.lower())


def parse(text: str, name: str = "lexicon") -> tuple[Entry, ...]:
    """Raises BadLexicon."""
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or rows[0] != _HEADER:
        raise BadLexicon(f"{name}, line 1: the first line must be {','.join(_HEADER)}")
    if len(rows) > _MAXIMUM_ENTRIES:
        raise BadLexicon(f"{name}: at most {_MAXIMUM_ENTRIES} entries")
    entries: list[Entry] = []
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(_HEADER) or not row[0].strip() or not row[1].strip():
            raise BadLexicon(f"{name}, line {number}: write it as word,how it is spoken,sound")
        if row[2] not in _KINDS:
            raise BadLexicon(f"{name}, line {number}: the kind is word or sound, not {row[2]!r}")
        entries.append(Entry(row[0].strip(), row[1].strip(), cast(Kind, row[2])))
    return tuple(entries)


def shipped() -> Lexicon:
    """The lexicon that comes with the program."""
    return Lexicon(parse(Path(__file__).with_name("lexicon.csv").read_text("utf-8")))


class LexiconFile:
    """The shipped lexicon with an operator's file on top, read again when the file has changed. A file with a fault leaves
    what was there before; the fault is logged, and `read` tells it in words."""

    _log = Logger()

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._shipped = shipped()
        self._current = self._shipped
        self._seen: tuple[int, int] | None = None

    def current(self) -> Lexicon:
        if self._path is None:
            return self._shipped
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size)
        except OSError:
            seen = (0, 0)
        if seen != self._seen:
            self._seen = seen
            try:
                self._current = self._shipped.with_entries(read(self._path))
            except BadLexicon as error:
                self._log.error("lexicon not read {reason}", reason=str(error))
        return self._current


def read(path: Path) -> tuple[Entry, ...]:
    """An operator's file; a missing one has no entries. Raises BadLexicon."""
    try:
        return parse(path.read_text("utf-8-sig"), path.name)
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError as error:
        raise BadLexicon(f"{path.name}: save it as UTF-8") from error


def write(path: Path, entries: Iterable[Entry]) -> None:
    """The whole file anew, in place of the old one."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows([entry.written, entry.spoken, entry.kind] for entry in entries)
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(out.getvalue())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
