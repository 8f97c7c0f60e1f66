"""`burgernet demo`: a network in a box, the real daemon, and one action told from its start to its end."""

from __future__ import annotations

import argparse
import os
import queue
import secrets
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lab.events import Event
from lab.gateway import Gateway, GatewayFailed
from lab.listening import RATE, Samples, read_wav
from lab.network import ADDRESS, Network, Ports
from lab.story import Teller
from lab.town import USUAL_TOWN, Town, read_town
from lab.verdict import REACHED, Evidence, differences

OWNER = "desk-7"
ACTION: dict[str, Any] = {
    "kind": "missing_person",
    "title": "Vermiste jongen bij station Veenlo",
    "message": "Wilt u uitkijken naar een jongen van 9 jaar, vermist sinds 14:30. Hij draagt een rode jas.",
    "closing": "De jongen is gezond teruggevonden.",
    "channels": ["voice", "sms"],
    "owner": OWNER,
}
_ALERT_SECONDS = 120.0
_CLOSING_SECONDS = 90.0
_SETTLE_SECONDS = 1.0


def main(arguments: list[str]) -> int:
    """Exit code 0 only when everything was as scripted; else what differed was said."""
    parser = argparse.ArgumentParser(prog="burgernet demo", description=__doc__)
    parser.add_argument("--headless", action="store_true", help="no browser")
    parser.add_argument("--once", action="store_true", help="end after the action; else the console stays open")
    parser.add_argument("--town", type=Path, default=USUAL_TOWN, help="another town (TOML)")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    try:
        town = read_town(options.town)
    except (OSError, ValueError) as error:
        console.print(f"[red]The town cannot be read:[/red] {error}")
        return 1
    with tempfile.TemporaryDirectory(prefix="burgernet-demo-") as directory:
        return Demo(console, town, Path(directory)).run(headless=options.headless, once=options.once)


@dataclass(frozen=True, slots=True)
class _Action:
    """One action under way. `alert` is its message as a phone hears it."""

    id: str
    alert: Samples


class Demo:
    """One run. Everything it starts has ended when `run` returns."""

    def __init__(self, console: Console, town: Town, directory: Path) -> None:
        self._console = console
        self._town = town
        self._directory = directory
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._ports = Ports.free()
        self._network = Network(town, self._ports, self._events.put)
        names = {name: f"Meldkamer Oost {name.removeprefix('desk-')}" for name in self._ports.desks}
        self._tell = Teller(console, town, names)
        self._token = secrets.token_urlsafe(24)
        self._gateway = Gateway(directory / "gateway.toml", f"http://{ADDRESS}:{self._ports.gateway_http}", self._token)

    def run(self, *, headless: bool, once: bool) -> int:
        try:
            self._network.start()
            self._start_gateway(headless=headless)
            action = self._alert()
            closed_at = self._close(action)
            code = self._judge(self._evidence(action, closed_at), self._action(action))
            if not once:
                self._stay()
            return code
        except GatewayFailed as failed:
            self._drain()
            self._console.print(f"[bold red]The demo failed:[/bold red] {failed}", highlight=False, markup=True)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            self._gateway.stop()
            self._network.stop()

    def _start_gateway(self, *, headless: bool) -> None:
        town = self._town
        self._tell.chapter(f"Burgernet in {town.name}, a made-up town")
        configuration = self._directory / "gateway.toml"
        configuration.write_text(self._network.configuration(self._directory, self._token), encoding="utf-8")
        self._tell.say(f"a telephone network and a message centre for {len(town.people)} people are up")
        with self._console.status("the gateway starts"):
            self._gateway.start()
        self._tell.say("the gateway is up: its trunk answers, the message centre has taken its bind")
        self._tell.say(f"console: [link]{self._gateway.url}/[/link]  token: [cyan]{self._token}[/cyan]")
        if not headless and _has_display():
            webbrowser.open(f"{self._gateway.url}/")
        report = self._gateway.ask(
            "POST",
            "/participants/import",
            content=town.participants_csv().encode(),
            headers={"Content-Type": "text/csv"},
        )
        self._tell.say(f"{report['imported']} participants were imported, {report['refused_total']} rows refused")

    def _alert(self) -> _Action:
        """Returns when everybody's outcome is known and nobody is talking any more."""
        self._tell.chapter("The alert")
        town = self._town
        circle = {"lat": town.lat, "lon": town.lon, "radius_m": town.radius_m}
        made = self._gateway.ask("POST", "/actions", json={**ACTION, "area": {"circle": circle}})
        action = _Action(made["id"], read_wav(self._gateway.sound(f"/actions/{made['id']}/audio.wav")))
        reaches = made["recipients"]
        self._tell.say(f"[italic]{ACTION['message']}[/italic]")
        self._tell.say(
            f"for {reaches.get('voice', 0)} telephones ({len(action.alert) / RATE:.1f} s of speech) and "
            f"{reaches.get('sms', 0)} by text ({made['sms_segments']} segment{'s' * (made['sms_segments'] != 1)} each)"
        )
        self._gateway.ask("POST", f"/actions/{action.id}/start")
        callers = sum(person.calls_back is not None for person in town.people)
        self._follow(
            lambda: self._settled(action, "counts") and self._called_back() == callers and not self._talking(),
            _ALERT_SECONDS,
            "the alert had not come to its end",
        )
        return action

    def _close(self, action: _Action) -> float:
        self._tell.chapter("The end: everybody who was reached hears so")
        closed_at = time.monotonic()
        self._gateway.ask("POST", f"/actions/{action.id}/close", json={"outcome": "solved_by_tip"})
        self._follow(
            lambda: (
                self._action(action)["state"] == "closed"
                and self._settled(action, "closing_counts")
                and not self._talking()
            ),
            _CLOSING_SECONDS,
            "the closing had not come to its end",
        )
        return closed_at

    def _follow(self, over: Callable[[], bool], seconds: float, otherwise: str) -> None:
        """Tell what happens until it is over, and a moment longer: receipts and replies come after."""
        with self._console.status("people are being called"):
            self._gateway.wait_until(over, seconds, otherwise, self._drain)
        end = time.monotonic() + _SETTLE_SECONDS
        self._gateway.wait_until(lambda: time.monotonic() > end, 2 * _SETTLE_SECONDS, "", self._drain)
        self._drain()

    def _drain(self) -> None:
        while not self._events.empty():
            self._tell(self._events.get())

    def _action(self, action: _Action) -> dict[str, Any]:
        answer: dict[str, Any] = self._gateway.ask("GET", f"/actions/{action.id}")
        return answer

    def _settled(self, action: _Action, counts: str) -> bool:
        """Every delivery has an outcome that lasts; a text that was sent still waits for its receipt."""
        open_words = ("waiting", "in_progress", "sent")
        channels = self._action(action)[counts]
        return bool(channels) and not any(channel.get(word, 0) for channel in channels.values() for word in open_words)

    def _called_back(self) -> int:
        return sum(call.outgoing for call in self._network.people.reports)

    def _talking(self) -> bool:
        return bool(self._network.trunk.calls_up)

    def _evidence(self, action: _Action, closed_at: float) -> Evidence:
        smsc = self._network.smsc
        assert smsc is not None
        return Evidence(
            town=self._town,
            owner=OWNER,
            deliveries=list(self._gateway.every(f"/actions/{action.id}/deliveries")),
            replies=list(self._gateway.every("/replies")),
            calls=list(self._network.people.reports),
            desks={name: list(desk.reports) for name, desk in self._network.desks.items()},
            texts=list(smsc.submitted),
            closed_at=closed_at,
            alert=action.alert,
            closing_words=ACTION["closing"],
        )

    def _judge(self, evidence: Evidence, action: dict[str, Any]) -> int:
        self._tell.chapter("Who was reached")
        self._console.print(_table(evidence))
        self._console.print(_figures(action), highlight=False)
        found = differences(evidence)
        for words in found:
            self._console.print(f"[red]✗[/red] {words}", highlight=False)
        if not found:
            self._console.print(
                "[green]✓[/green] Every handset, text and callback came out as scripted, measured at both ends."
            )
        return 1 if found else 0

    def _stay(self) -> None:
        self._tell.chapter("The console stays open; Ctrl-C ends the demo")
        self._console.print(f"{self._gateway.url}/   token: [cyan]{self._token}[/cyan]")
        while True:
            self._drain()
            time.sleep(0.2)


def _table(evidence: Evidence) -> Table:
    table = Table("who", "does", "voice", "heard (share)", "SMS", "closing")
    for person in evidence.town.people:
        voice, sms = evidence.outcome(person, "voice"), evidence.outcome(person, "sms")
        heard = evidence.heard_ms(person)
        closings = [
            word for channel in ("voice", "sms") if (word := evidence.outcome(person, channel, "closing")) is not None
        ]
        table.add_row(
            person.name,
            (person.does or person.text or "").replace("_", " "),
            _painted(voice, person.voice),
            f"{heard / 1000:4.1f} s ({evidence.share(person):.0%})" if heard else "",
            _painted(sms, person.sms),
            ", ".join(closings),
        )
    return table


def _figures(action: dict[str, Any]) -> str:
    """The action in figures, as the gateway counts it."""
    counts = [
        f"{channel}: " + ", ".join(f"{count} {word}" for word, count in sorted(words.items()))
        for channel, words in action["counts"].items()
    ]
    reached = ", ".join(f"{share} % after {seconds:.1f} s" for share, seconds in action["reached_seconds"].items())
    return "\n".join(
        [
            *counts,
            f"reached: {reached or 'too few'}; callbacks: {action['callbacks']}; "
            f"possible duplicates: {action['possible_duplicates']}",
        ]
    )


def _painted(outcome: str | None, expected: str | None) -> str:
    if outcome != expected:
        return f"[red]{outcome or 'none'}, not {expected or 'none'}[/red]"
    if outcome is None:
        return ""
    return f"[green]{outcome}[/green]" if outcome in REACHED else f"[yellow]{outcome}[/yellow]"


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
