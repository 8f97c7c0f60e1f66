"""Reading a CSV of participants: row by row, each checked, each refusal with its line, field and what to write instead.

Reading is pure over lines; `import_file` is the shell that reads on the reader's threads and saves through the writer.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

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

_CHANNELS = {
    "voice": frozenset({ChannelName.VOICE}),
    "sms": frozenset({ChannelName.SMS}),
    "both": frozenset({ChannelName.VOICE, ChannelName.SMS}),
    "": frozenset({ChannelName.VOICE, ChannelName.SMS}),
}
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
        email=_limited("email", text["email"], 254),
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


def _language(text: str) -> str:
    if not text:
        return "nl"
    if not (2 <= len(text) <= 3 and text.isascii() and text.isalpha()):
        raise RowFault("language", f"{text!r} is no language code; write nl, en, de, fr, pl, tr or ar")
    return text.lower()


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
        degrees = float(text[name])
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
        self._rows = csv.DictReader(self._lines(), restkey="", strict=True)
        try:
            header = [name.strip().lower() for name in self._rows.fieldnames or ()]
        except csv.Error as error:
            self.close()
            raise Invalid("csv", f"this is no CSV: {error}") from error
        if "phone" not in header:
            self.close()
            raise Invalid("csv", f"the header row has no column phone; the columns are {', '.join(COLUMNS)}")
        self._rows.fieldnames = header

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

    def _check(self, row: Mapping[str, str | None]) -> ParticipantRow:
        for name, text in row.items():
            if isinstance(text, str) and "\ufffd" in text:
                raise RowFault(name or "row", "this line is not UTF-8; save the file as UTF-8")
        return read_row(row)

    def close(self) -> None:
        self._file.close()


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
    return ImportReport(tally.rows, tally.imported, tuple(tally.refused), tally.refused_total, dry_run)


def _saving(rows: list[ParticipantRow], run: int) -> Callable[[Connection], None]:
    return lambda connection: save_rows(connection, rows, run)
