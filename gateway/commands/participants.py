"""`burgernet participants`: import and count, through the API where a daemon runs, else straight into the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.commands.blocking import run_to_end
from gateway.commands.client import Api, api
from gateway.commands.invocation import CommandFailed, Invocation, SharedGroup, output, pass_invocation

_PART_BYTES = 1 << 16
ToldProgress = Callable[[int, int], None]


@click.group("participants", cls=SharedGroup)
def participants() -> None:
    """Who takes part."""


@participants.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every row, save nothing.")
@click.option("--json", "as_json", is_flag=True, help="The report as it is.")
@pass_invocation
def import_participants(invocation: Invocation, file: Path, dry_run: bool, as_json: bool) -> None:
    """Import a CSV (UTF-8, header row: phone, and postcode or lat and lon; see the documentation)."""
    if not file.is_file():
        raise CommandFailed(f"{file} is no file; name a CSV of participants")
    daemon = _daemon(invocation)
    with _progress() as bars:
        if daemon is None:
            report = _into_database(invocation, file, dry_run, _bar(bars, "checking and saving"))
        else:
            with daemon:
                report = _through_api(daemon, file, dry_run, bars)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        _tell(report)
    if report["rows"] and not report["imported"]:
        raise CommandFailed("no row could be taken")
    if report["refused_total"]:
        raise CommandFailed("mend the refused rows and import them again; all others were taken")


@participants.command("count")
@pass_invocation
def count(invocation: Invocation) -> None:
    """How many there are."""
    daemon = _daemon(invocation)
    if daemon is not None:
        with daemon:
            click.echo(daemon.ask("GET", "/participants/count")["count"])
        return
    with _Database(invocation) as database:
        click.echo(database.count())


def _daemon(invocation: Invocation) -> Api | None:
    """The daemon where one answers; None where the configuration's database is to be used instead."""
    named = invocation.url_option is not None or invocation.config_path is None
    if named:
        return api(invocation)
    daemon = Api(invocation.url(), invocation.token())
    if daemon.alive():
        return daemon
    daemon.__exit__(None, None, None)
    return None


def _through_api(daemon: Api, file: Path, dry_run: bool, bars: Progress) -> dict[str, Any]:
    sending, saving = _bar(bars, "sending"), _bar(bars, "checking and saving")
    size = file.stat().st_size
    headers = {"Content-Type": "text/csv", "Accept": "application/x-ndjson", "Content-Length": str(size)}
    parameters = {"dry_run": str(dry_run).lower()}
    report: dict[str, Any] | None = None
    lines = daemon.stream(
        "POST", "/participants/import", params=parameters, headers=headers, content=_parts(file, size, sending)
    )
    for line in lines:
        told = json.loads(line)
        if "total" in told:
            saving(told["done"], told["total"])
        elif "status" in told:
            raise CommandFailed(told["detail"])
        else:
            report = told
    if report is None:
        raise CommandFailed("the daemon stopped before the import was done; what it had saved is saved, import again")
    return report


def _parts(file: Path, size: int, sending: ToldProgress) -> Iterator[bytes]:
    done = 0
    with file.open("rb") as stream:
        while part := stream.read(_PART_BYTES):
            done += len(part)
            sending(done, size)
            yield part


def _into_database(invocation: Invocation, file: Path, dry_run: bool, progress: ToldProgress) -> dict[str, Any]:
    with _Database(invocation) as database:
        return database.take(file, dry_run, progress)


class _Database:
    """The configuration's database without a daemon, for as long as a command runs."""

    def __init__(self, invocation: Invocation) -> None:
        # Only here: the store takes a third of a second to import, and most commands need none of it.
        from gateway.store.database import open_database
        from gateway.store.faults import StoreFault

        gateway = invocation.configuration().gateway
        try:
            self._database = open_database(gateway.database, gateway.node)
        except StoreFault as fault:
            raise CommandFailed(str(fault)) from fault

    def __enter__(self) -> _Database:
        return self

    def __exit__(self, *failure: object) -> None:
        self._database.close()

    def count(self) -> int:
        from gateway.store.participants import count_participants

        with self._database.reading.connect() as connection:
            return count_participants(connection)

    def take(self, file: Path, dry_run: bool, progress: ToldProgress) -> dict[str, Any]:
        from gateway.engine.interface import Invalid
        from gateway.engine.participants import import_file
        from gateway.http.answers import ImportAnswer
        from gateway.store.reader import InlineReader
        from gateway.store.writer import InlineWriter

        async def work(reactor: Any) -> ImportAnswer:
            reader, writer = InlineReader(self._database.reading), InlineWriter(self._database.writing, reactor)
            found = await import_file(file, dry_run=dry_run, reader=reader, writer=writer, progress=progress)
            return ImportAnswer.of(found)

        try:
            return run_to_end(work).model_dump()
        except Invalid as fault:
            raise CommandFailed(str(fault)) from fault


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _bar(bars: Progress, words: str) -> ToldProgress:
    task = bars.add_task(words, total=None, start=True)

    def progress(done: int, total: int) -> None:
        bars.update(task, completed=done, total=total)

    return progress


def _tell(report: dict[str, Any]) -> None:
    for row in (*report.get("ignored_columns", ()), *report["refused"]):
        output.print(f"line {row['line']}: {row['field']}: {row['reason']}", markup=False)
    untold = report["refused_total"] - len(report["refused"])
    if untold > 0:
        output.print(f"and {untold} more refused")
    verb = "would be imported" if report["dry_run"] else "imported"
    output.print(f"{report['imported']} of {report['rows']} rows {verb}, {report['refused_total']} refused")
