"""Reading a CSV of participants: row by row, each checked, each refusal with its line, field and what to write instead.

Reading is pure over lines; `import_file` is the shell that reads on the reader's threads and saves through the writer.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from sqlalchemy import Connection

from foundation.telephone_numbers import NumberFault, recipient
from gateway.domain.areas import AreaFault
from gateway.domain.outcomes import ChannelName
from gateway.engine.interface import Invalid
from gateway.engine.views import ImportReport, RefusedRow
from gateway.store.participants import ParticipantRow, next_run, save_rows
from gateway.store.reader import Reader
from gateway.store.recipients import read_postcode
from gateway.store.writer import Writer

COLUMNS = (
    "phone",
    "channel",
    "language",
    "postcode",
    "house_number",
    "municipality",
    "lat",
    "lon",
    "night",
    "email",
)
MOST_REFUSALS_TOLD = 1_000
_ROWS_A_PART = 1_000
_MOST_HEADER_BYTES = 65_536

_CHANNELS = {
    "voice": frozenset({ChannelName.VOICE}),
    "sms": frozenset({ChannelName.SMS}),
    "both": frozenset({ChannelName.VOICE, ChannelName.SMS}),
    "": frozenset({ChannelName.VOICE, ChannelName.SMS}),
}
_LANGUAGES = ("nl", "en", "de", "fr", "pl", "tr", "ar")
_NIGHT = {"yes": True, "no": False, "": False}

Progress = Callable[[int, int], None]
Value = TypeVar("Value")


class RowFault(Exception):
    """What is wrong with one row."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def read_row(row: Mapping[str, str | None]) -> ParticipantRow:
    """One row as a participant. Raises RowFault."""
    text = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        number = recipient(text["phone"])
    except NumberFault as fault:
        raise RowFault("phone", str(fault)) from fault
    latitude, longitude = _coordinate(text, "lat", 90.0), _coordinate(text, "lon", 180.0)
    if (latitude is None) != (longitude is None):
        raise RowFault("lat" if latitude is None else "lon", "lat and lon come together; fill in both or neither")
    postcode = _postcode(text["postcode"])
    if postcode is None and latitude is None:
        raise RowFault("postcode", "a place is missing; fill in postcode, or lat and lon")
    return ParticipantRow(
        number=number,
        channels=_one_of("channel", text["channel"].lower(), _CHANNELS, "voice, sms or both"),
        language=_language(text["language"]),
        night=_one_of("night", text["night"].lower(), _NIGHT, "yes or no"),
        email=_email(text["email"]),
        postcode=postcode,
        house_number=_limited("house_number", text["house_number"], 16),
        municipality=_limited("municipality", text["municipality"], 80),
        latitude=latitude,
        longitude=longitude,
    )


def _one_of(name: str, text: str, allowed: Mapping[str, Value], words: str) -> Value:
    if text not in allowed:
        raise RowFault(name, f"{text!r} is not known; write {words}")
    return allowed[text]


def _limited(name: str, text: str, most: int) -> str | None:
    if len(text) > most:
        raise RowFault(name, f"this is longer than {most} characters; shorten it")
    return text or None


def _email(text: str) -> str | None:
    name, at, host = text.rpartition("@")
    if text and (not (at and name and host) or " " in text):
        raise RowFault("email", f"{text!r} is no address; write it as name@example.nl, or leave it empty")
    return _limited("email", text, 254)


def _language(text: str) -> str:
    language = text.lower() or "nl"
    if language not in _LANGUAGES:
        raise RowFault("language", f"{text!r} is not known; write {', '.join(_LANGUAGES[:-1])} or {_LANGUAGES[-1]}")
    return language


def _postcode(text: str) -> str | None:
    if not text:
        return None
    try:
        return read_postcode(text)
    except AreaFault as fault:
        raise RowFault("postcode", str(fault)) from fault


def _coordinate(text: Mapping[str, str], name: str, most: float) -> float | None:
    if not text[name]:
        return None
    try:
        degrees = float(text[name].replace(",", "."))
    except ValueError as error:
        raise RowFault(name, f"{text[name]!r} is no number of degrees; write it as 52.0907") from error
    if not -most <= degrees <= most:
        raise RowFault(name, f"{text[name]} lies outside -{most:.0f} to {most:.0f} degrees")
    return degrees


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    imported: int = 0
    refused_total: int = 0
    refused: list[RefusedRow] = field(default_factory=list)

    def refuse(self, line: int, name: str, reason: str) -> None:
        self.refused_total += 1
        if len(self.refused) < MOST_REFUSALS_TOLD:
            self.refused.append(RefusedRow(line, name, reason))


class ParticipantFile:
    """An open CSV. `part` reads and checks the next rows; blocking, for a thread. Raises Invalid for a file that is no
    CSV of participants at all."""

    def __init__(self, path: Path) -> None:
        self.tally = _Tally()
        self.size = path.stat().st_size
        self.done = 0
        self._file: IO[bytes] = path.open("rb")
        try:
            self._rows = csv.DictReader(self._lines(), delimiter=self._delimiter(), strict=True)
            header = [name.strip().lower() for name in self._rows.fieldnames or ()]
            _check_header(header)
        except csv.Error as error:
            self.close()
            raise Invalid("csv", f"this is no CSV: {error}") from error
        except Invalid:
            self.close()
            raise
        self._rows.fieldnames = header
        self.ignored_columns = tuple(_ignored(name) for name in header if name not in COLUMNS)

    def _delimiter(self) -> str:
        """A semicolon where the header row is parted by it, as a spreadsheet in Dutch saves it."""
        first = self._file.readline(_MOST_HEADER_BYTES)
        self._file.seek(0)
        if first.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Invalid("csv", "the file is UTF-16, as Unicode text from a spreadsheet is; save it as CSV UTF-8")
        return ";" if first.count(b";") > first.count(b",") else ","

    def _lines(self) -> Iterator[str]:
        for number, line in enumerate(self._file):
            self.done += len(line)
            yield line.decode("utf-8-sig" if number == 0 else "utf-8", errors="replace")

    def part(self) -> list[ParticipantRow]:
        """The next rows that can be taken; an empty list is the end. Refused ones are in `tally`."""
        accepted: list[ParticipantRow] = []
        while len(accepted) < _ROWS_A_PART:
            try:
                row = next(self._rows)
            except StopIteration:
                break
            except csv.Error as error:
                self.tally.rows += 1
                self.tally.refuse(self._rows.line_num, "row", f"this line is no CSV: {error}")
                continue
            self.tally.rows += 1
            try:
                accepted.append(self._check(row))
            except RowFault as fault:
                self.tally.refuse(self._rows.line_num, fault.field, fault.reason)
        self.tally.imported += len(accepted)
        return accepted

    def _check(self, row: Mapping[str | Any, Any]) -> ParticipantRow:
        # DictReader keeps what stands beyond the last column under None.
        if any(cell.strip() for cell in row.get(None) or ()):
            raise RowFault("row", 'this line has more cells than the header row; put a cell with a comma in "quotes"')
        for name, text in row.items():
            if isinstance(text, str) and "\ufffd" in text:
                raise RowFault(name or "row", "this line is not UTF-8; save the file as UTF-8")
        return read_row(row)

    def close(self) -> None:
        self._file.close()


def _check_header(header: list[str]) -> None:
    """Raises Invalid for columns that nobody could read a participant from."""
    if "phone" not in header:
        raise Invalid("csv", f"the header row has no column phone; the columns are {', '.join(COLUMNS)}")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise Invalid("csv", f"the header row names {' and '.join(twice)} twice; keep one column of each")


def _ignored(name: str) -> RefusedRow:
    near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.6)
    words = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(COLUMNS)}"
    return RefusedRow(1, name[:80] or "column without a name", f"is no known column and was not read; {words}")


async def import_file(
    path: Path, *, dry_run: bool, reader: Reader, writer: Writer, progress: Progress | None = None
) -> ImportReport:
    """Import a file, a part a transaction; what was saved stays when a later part fails. Raises Invalid."""
    try:
        file = await reader.read(lambda _: ParticipantFile(path))
    except OSError as error:
        raise Invalid("csv", f"the file can't be read: {error.strerror}") from error
    try:
        run = await reader.read(next_run)
        while rows := await reader.read(lambda _: file.part()):
            if not dry_run:
                await writer.run(_saving(rows, run))
            if progress is not None:
                progress(file.done, file.size)
    finally:
        file.close()
    tally = file.tally
    return ImportReport(
        tally.rows, tally.imported, tuple(tally.refused), tally.refused_total, dry_run, file.ignored_columns
    )


def _saving(rows: list[ParticipantRow], run: int) -> Callable[[Connection], None]:
    return lambda connection: save_rows(connection, rows, run)
