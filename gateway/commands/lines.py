"""`burgernet status`, `trunk`, `smsc` and `calls`: how the lines stand, and the records to check a bill with."""

from __future__ import annotations

import csv
import re
import sys
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click
from rich.table import Table

from gateway.commands.client import Api, api
from gateway.commands.invocation import CommandFailed, Invocation, SharedCommand, SharedGroup, output, pass_invocation
from gateway.commands.smsc_trial import test_smsc
from gateway.commands.tables import named, smsc_table, trunk_table
from gateway.commands.trunks import TestOptions, test_from_configuration, test_options

_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")
_CALL_FIELDS = (
    "id",
    "direction",
    "action",
    "phone",
    "peer",
    "call_id",
    "desk",
    "started_at",
    "answered_at",
    "ended_at",
    "seconds",
    "ended_by",
    "cause",
    "sip_code",
    "q850_cause",
)


@click.command("status", cls=SharedCommand)
@pass_invocation
def status(invocation: Invocation) -> None:
    """Trunks, binds, running actions and calls."""
    with api(invocation) as daemon:
        trunks, smscs = list(daemon.every("/trunks")), list(daemon.every("/smscs"))
        running = [item for state in ("active", "closing") for item in daemon.every("/actions", state=state)]
        newest = daemon.ask("GET", "/calls")["items"]
    output.print(trunk_table(trunks))
    output.print(smsc_table(smscs))
    table = Table("id", "state", "title", "outcomes", title="running actions")
    for item in running:
        counts = [f"{channel} {word} {n}" for channel, found in item["counts"].items() for word, n in found.items()]
        table.add_row(item["id"], item["state"], item["title"], ", ".join(counts))
    output.print(table if running else "no action is running")
    up = [call for call in newest if call["ended_at"] is None]
    table = Table("direction", "number", "peer", "since", title="calls up, of the newest")
    for call in up:
        table.add_row(call["direction"], call["phone"] or "withheld", call["peer"], call["started_at"])
    output.print(table if up else "no call is up")


@click.group("trunk", cls=SharedGroup)
def trunk() -> None:
    """Trunks."""


@trunk.command("test")
@click.argument("name")
@test_options
@pass_invocation
def test_trunk(invocation: Invocation, /, name: str, **options: Any) -> None:
    """What works on a trunk and what does not: DNS, registration, OPTIONS, codecs, sound and keys both ways.

    Tried from the configuration, beside a daemon that may run. With a daemon's --url and no configuration at hand:
    how that daemon sees it.
    """
    if invocation.config_path is not None:
        test_from_configuration(invocation.configuration(), name, TestOptions(**options))
        return
    with api(invocation) as daemon:
        found = named(daemon, "/trunks", name)
    output.print(trunk_table([found]))
    if found["state"] != "up":
        raise CommandFailed(f"trunk {name} is {found['state']}: {found['last_error'] or 'no answer yet'}")


@click.group("smsc", cls=SharedGroup)
def smsc() -> None:
    """SMSCs."""


smsc.add_command(test_smsc)


@click.group("calls", cls=SharedGroup)
def calls() -> None:
    """Call records."""


@calls.command("export")
@click.option(
    "--from", "begin", metavar="TIME", help="Calls that began at or after, as in 2026-11-01 or 2026-11-01T08:00."
)
@click.option("--to", "end", metavar="TIME", help="Calls that began before; a date alone includes that day.")
@click.option("-o", "--output", "file", metavar="FILE", help="Else standard output.")
@pass_invocation
def export(invocation: Invocation, begin: str | None, end: str | None, file: str | None) -> None:
    """Call records as CSV; times without a zone are this machine's."""
    times = {name: _moment(text, name) for name, text in (("begin", begin), ("end", end)) if text}
    limits = {name: moment.isoformat() for name, moment in times.items()}
    if "begin" in times and "end" in times and times["end"] < times["begin"]:
        raise click.UsageError("--to lies before --from; give the earlier time first")
    with api(invocation) as daemon:
        if file is None:
            _write(daemon, limits, sys.stdout)
            return
        try:
            with Path(file).open("w", encoding="utf-8", newline="") as stream:
                count = _write(daemon, limits, stream)
        except OSError as error:
            raise CommandFailed(f"{file} can't be written: {error.strerror}") from error
    output.print(f"{count} calls written to {file}", markup=False)


def _write(daemon: Api, limits: dict[str, str], stream: TextIO) -> int:
    calls = daemon.every("/calls", **limits)
    # Asked before anything is written: a refusal leaves no half a file.
    first = next(calls, None)
    rows = csv.DictWriter(stream, _CALL_FIELDS, extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    count = 0
    for call in chain([first] if first else [], calls):
        rows.writerow(call)
        count += 1
    return count


def _moment(text: str, name: str) -> datetime:
    option = "--from" if name == "begin" else "--to"
    try:
        moment = datetime.fromisoformat(text)
        if name == "end" and _DATE.fullmatch(text):
            moment += timedelta(days=1)
        return moment.astimezone()
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"{option} is {text!r}; write it as 2026-11-01 or 2026-11-01T08:00+01:00") from error
