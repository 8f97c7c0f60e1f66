"""The lexicon: what a rule cannot know, in a CSV file that an operator edits. Reads and writes that file; no other I/O.

Columns: `written`, `spoken`, `kind`, and where wanted `ipa`. Kind `word` says what is meant (an abbreviation written out)
and comes before all rules; kind `sound` says how a voice must be given a name or a loan word, and is never shown. The IPA is
for the voice that takes phonemes; the spoken form is for all others, and may be left out beside it.
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

from prompts.ipa import BadIpa, phonemes

Kind = Literal["word", "sound"]
_KINDS = ("word", "sound")
_HEADER = ["written", "spoken", "kind"]
_HEADER_WITH_IPA = [*_HEADER, "ipa"]
_LONGEST = 200
_MAXIMUM_ENTRIES = 20_000


class BadLexicon(ValueError):
    """A lexicon file with a fault; the message names the line and says what to write instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`ipa` is empty, or how the Dutch voice of espeak-ng says it."""

    written: str
    spoken: str
    kind: Kind = "sound"
    ipa: str = ""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Later entries win over earlier ones of the same spelling."""

    entries: tuple[Entry, ...] = ()
    _words: _Table = field(init=False, repr=False, compare=False)
    _sounds: _Table = field(init=False, repr=False, compare=False)
    _phonemes: _Table = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sounds = [entry for entry in self.entries if entry.kind == "sound"]
        tables = {
            "_words": ((entry.written, entry.spoken) for entry in self.entries if entry.kind == "word"),
            "_sounds": ((entry.written, entry.spoken or entry.written) for entry in sounds),
            "_phonemes": (
                (entry.written, f"[[{phonemes(entry.ipa)}]]" if entry.ipa else entry.spoken) for entry in sounds
            ),
        }
        for name, rows in tables.items():
            object.__setattr__(self, name, _Table.of(rows))

    def words(self) -> tuple[re.Pattern[str], dict[str, str]]:
        """The pattern of all `word` entries, and what each stands for."""
        return self._words.pattern, self._words.spoken

    def sounded(self, words: str, *, takes_phonemes: bool = False) -> str:
        """Words as a voice must be given them; with phonemes in `[[…]]` where it takes them."""
        table = self._phonemes if takes_phonemes else self._sounds
        return table.pattern.sub(lambda match: table.find(match.group()) or match.group(), words)

    def with_entries(self, more: Iterable[Entry]) -> Lexicon:
        return Lexicon((*self.entries, *more))


@dataclass(frozen=True, slots=True)
class _Table:
    pattern: re.Pattern[str]
    spoken: dict[str, str]

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str]]) -> _Table:
        spoken = dict(rows)
        longest_first = sorted(spoken, key=len, reverse=True)
        alternatives = "|".join(re.escape(written) for written in longest_first) or r"(?!)"
        return cls(re.compile(rf"(?<![\w\-'])(?:{alternatives})(?![\w'])", re.IGNORECASE), spoken)

    def find(self, written: str) -> str | None:
        """Exactly as written; else in small letters, so that a capital at a sentence's beginning does no harm."""
        return self.spoken.get(written) or self.spoken.get(written.lower())


def parse(text: str, name: str = "lexicon") -> tuple[Entry, ...]:
    """Raises BadLexicon."""
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or rows[0] not in (_HEADER, _HEADER_WITH_IPA):
        wanted = ",".join(_HEADER)
        raise BadLexicon(f"{name}, line 1: the first line must be {wanted} or {wanted},ipa")
    if len(rows) > _MAXIMUM_ENTRIES:
        raise BadLexicon(f"{name}: at most {_MAXIMUM_ENTRIES} entries")
    entries: list[Entry] = []
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) not in (len(_HEADER), len(rows[0])):
            raise BadLexicon(f"{name}, line {number}: write it as word,how it is spoken,sound")
        try:
            entries.append(entry(*row))
        except BadLexicon as error:
            raise BadLexicon(f"{name}, line {number}: {error}") from error
    return tuple(entries)


def entry(written: str, spoken: str, kind: str, ipa: str = "") -> Entry:
    """One entry, checked. Raises BadLexicon."""
    made = Entry(written.strip(), spoken.strip(), cast(Kind, kind), ipa.strip())
    if kind not in _KINDS:
        raise BadLexicon(f"the kind is word or sound, not {kind!r}")
    if not made.written or not (made.spoken or made.ipa):
        raise BadLexicon("write it as word,how it is spoken,sound; or leave the second empty and write the IPA")
    if max(map(len, (made.written, made.spoken, made.ipa))) > _LONGEST:
        raise BadLexicon(f"at most {_LONGEST} characters go in a field")
    if any(ord(letter) < 32 for letter in made.written + made.spoken):
        raise BadLexicon("an entry is one line without control characters")
    if made.ipa and kind == "word":
        raise BadLexicon("IPA is for the kind sound; a word is written out in letters")
    try:
        if made.ipa:
            phonemes(made.ipa)
    except BadIpa as error:
        raise BadLexicon(str(error)) from error
    return made


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

    @property
    def path(self) -> Path | None:
        """The operator's file, where one is configured."""
        return self._path

    def own(self) -> tuple[Entry, ...]:
        """What the operator's file holds. Reads it: not on the reactor's thread. Raises BadLexicon, OSError."""
        return () if self._path is None else read(self._path)

    def put(self, made: Entry) -> None:
        """Add it, or change the entry of that spelling and kind. Writes: one at a time, not on the reactor's thread.
        Raises BadLexicon, OSError."""
        self._rewrite([*self._others(made.written, made.kind), made])

    def remove(self, written: str, kind: str) -> bool:
        """Whether it was there. As `put`."""
        others = self._others(written, kind)
        there = len(others) < len(self.own())
        if there:
            self._rewrite(others)
        return there

    def _others(self, written: str, kind: str) -> list[Entry]:
        return [each for each in self.own() if (each.written, each.kind) != (written, kind)]

    def _rewrite(self, entries: list[Entry]) -> None:
        if self._path is None:
            raise BadLexicon('no file is configured for it; write lexicon = "lexicon.csv" in [speech]')
        if len(entries) > _MAXIMUM_ENTRIES:
            raise BadLexicon(f"at most {_MAXIMUM_ENTRIES} entries; remove some")
        write(self._path, sorted(entries, key=lambda each: (each.written.lower(), each.written)))


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
    writer.writerow(_HEADER_WITH_IPA)
    writer.writerows([each.written, each.spoken, each.kind, each.ipa] for each in entries)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(out.getvalue())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
