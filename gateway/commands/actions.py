"""`burgernet action`: an action from a terminal, through the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from gateway.commands.client import api
from gateway.commands.invocation import CommandFailed, Invocation, SharedGroup, output, pass_invocation
from gateway.domain.action import ActionState, Kind

_OUTCOMES = ("solved_by_tip", "solved_otherwise", "unsolved", "exercise")
_STATES = tuple(state.value for state in ActionState)


@click.group("action", cls=SharedGroup)
def action() -> None:
    """Write, start, follow and close actions."""


@action.command("new")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), required=True)
@click.option("--title", required=True)
@click.option("--message", required=True, help="What people hear and read.")
@click.option("--closing", help="What they hear and read at its end.")
@click.option("--circle", metavar="LAT,LON,METRES", help="As in 52.0907,5.1214,1000.")
@click.option("--polygon", metavar="FILE", help="A GeoJSON Polygon.")
@click.option("--postcodes", metavar="LIST", help="As in 3511,3512AB.")
@click.option("--municipality", metavar="NAME")
@click.option("--channels", default="voice,sms", show_default=True)
@click.option("--owner", required=True, help="The desk that callers reach.")
@click.option("--expires-at", metavar="TIME", help="With time zone, as in 2026-11-24T22:00:00+01:00.")
@click.option("--exercise", is_flag=True)
@click.option("--start", is_flag=True, help="Start it at once.")
@click.option("--json", "as_json", is_flag=True, help="The API's answer as it is.")
@pass_invocation
def new(invocation: Invocation, /, start: bool, as_json: bool, **given: Any) -> None:
    """Write an action; a draft, unless --start."""
    body = {
        "kind": given["kind"],
        "title": given["title"],
        "message": given["message"],
        "area": _area(given),
        "channels": [name.strip() for name in given["channels"].split(",")],
        "owner": given["owner"],
        "exercise": given["exercise"],
    }
    body |= {key: given[key] for key in ("closing", "expires_at") if given[key]}
    with api(invocation) as daemon:
        written = daemon.ask("POST", "/actions", json=body)
        if start:
            written = daemon.ask("POST", f"/actions/{written['id']}/start")
    _show(written, as_json)


@action.command("start")
@click.argument("identifier", metavar="ID")
@click.option("--json", "as_json", is_flag=True)
@pass_invocation
def start_action(invocation: Invocation, identifier: str, as_json: bool) -> None:
    """Begin: telephones ring, texts leave."""
    with api(invocation) as daemon:
        _show(daemon.ask("POST", f"/actions/{identifier}/start"), as_json)


@action.command("show")
@click.argument("identifier", metavar="ID")
@click.option("--json", "as_json", is_flag=True)
@pass_invocation
def show(invocation: Invocation, identifier: str, as_json: bool) -> None:
    """How it stands."""
    with api(invocation) as daemon:
        _show(daemon.ask("GET", f"/actions/{identifier}"), as_json)


@action.command("close")
@click.argument("identifier", metavar="ID")
@click.option("--outcome", type=click.Choice(_OUTCOMES), required=True)
@click.option("--message", help="What those who were reached hear and read.")
@click.option("--json", "as_json", is_flag=True)
@pass_invocation
def close(invocation: Invocation, identifier: str, outcome: str, message: str | None, as_json: bool) -> None:
    """End it, and tell those who were reached."""
    body = {"outcome": outcome, **({"message": message} if message else {})}
    with api(invocation) as daemon:
        _show(daemon.ask("POST", f"/actions/{identifier}/close", json=body), as_json)


@action.command("list")
@click.option("--state", type=click.Choice(_STATES))
@click.option("--json", "as_json", is_flag=True)
@pass_invocation
def list_actions(invocation: Invocation, state: str | None, as_json: bool) -> None:
    """All actions, newest first."""
    with api(invocation) as daemon:
        found = list(daemon.every("/actions", **({"state": state} if state else {})))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    table = Table("id", "state", "kind", "title", "owner", "written")
    for item in found:
        table.add_row(*(str(item[key]) for key in ("id", "state", "kind", "title", "owner", "created_at")))
    output.print(table if found else "There is no action.")


def _area(given: dict[str, Any]) -> dict[str, Any]:
    chosen = [name for name in ("circle", "polygon", "postcodes", "municipality") if given[name]]
    if len(chosen) != 1:
        raise click.UsageError("give exactly one of --circle, --polygon, --postcodes, --municipality")
    name, value = chosen[0], given[chosen[0]]
    if name == "circle":
        try:
            latitude, longitude, metres = (float(part) for part in value.split(","))
        except ValueError as error:
            raise click.UsageError(f"--circle is {value!r}; write LAT,LON,METRES, as in 52.0907,5.1214,1000") from error
        return {"circle": {"lat": latitude, "lon": longitude, "radius_m": metres}}
    if name == "polygon":
        try:
            return {"polygon": json.loads(Path(value).read_text("utf-8"))}
        except (OSError, ValueError) as error:
            raise CommandFailed(f"{value} is no readable GeoJSON file: {error}") from error
    return {name: [code for code in value.replace(",", " ").split(" ") if code] if name == "postcodes" else value}


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    output.print(f"{found['id']}  {found['state']}  {found['title']}", style="bold", markup=False)
    output.print(f"{found['kind']}, owner {found['owner']}, written by {found['created_by']}", markup=False)
    if found["state"] == "draft":
        reach = ", ".join(f"{count} by {channel}" for channel, count in found["recipients"].items()) or "nobody"
        minutes = found["eta_seconds"] / 60
        output.print(f"would reach {reach}; {found['sms_segments']} SMS segments; about {minutes:.1f} min")
    for name, counts in (("alert", found["counts"]), ("closing", found["closing_counts"])):
        if counts:
            table = Table("channel", "outcome", "number", title=name)
            for channel, outcomes in counts.items():
                for outcome, count in outcomes.items():
                    table.add_row(channel, outcome, str(count))
            output.print(table)
    for share, seconds in found["reached_seconds"].items():
        output.print(f"{share} % reached after {seconds:.0f} s")
    if found["callbacks"]:
        output.print(f"{found['callbacks']} called back")
    if found["possible_duplicates"]:
        output.print(f"{found['possible_duplicates']} texts may have come twice")
