"""How trunks and SMSCs look in a terminal, and how one is found by its name."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from gateway.commands.client import Api
from gateway.commands.invocation import CommandFailed


def named(daemon: Api, path: str, name: str) -> dict[str, Any]:
    found = list(daemon.every(path))
    for item in found:
        if item["name"] == name:
            return item
    names = ", ".join(item["name"] for item in found) or "none"
    raise CommandFailed(f"there is no {name!r} in the daemon's configuration; it has {names}")


def trunk_table(trunks: list[dict[str, Any]]) -> Table:
    columns = ("trunk", "state", "in use", "alerts", "reserve", "calls/s", "OPTIONS", "test call", "last error")
    table = Table(*columns, title="trunks")
    for item in trunks:
        table.add_row(
            item["name"],
            item["state"],
            f"{item['channels_in_use']}/{item['channels']}",
            str(item["alert_channels_in_use"]),
            str(item["reserved_for_callbacks"]),
            _plain(item["calls_per_second"]),
            _milliseconds(item["round_trip_milliseconds"]),
            _tested(item),
            item["last_error"] or "",
        )
    return table


def smsc_table(smscs: list[dict[str, Any]]) -> Table:
    table = Table("smsc", "state", "in flight", "segments/s", "enquire_link", "last error", title="SMSCs")
    for item in smscs:
        bound = item["state"] in ("bound", "throttled")
        table.add_row(
            item["name"],
            item["state"],
            f"{item['in_flight']}/{item['window']}" if bound else "–",
            _plain(item["segments_per_second"]) if bound else "–",
            _milliseconds(item["round_trip_milliseconds"]) if bound else "–",
            item["last_error"] or "",
        )
    return table


def _tested(item: dict[str, Any]) -> str:
    if item["tested_at"] is None:
        return ""
    return "ok" if item["test_fault"] is None else f"fault: {item['test_fault']}"


def _plain(value: float | None) -> str:
    return "no limit" if value is None else f"{value:g}"


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"
