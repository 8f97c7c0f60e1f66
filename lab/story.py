"""The demo as a story in the terminal: each event of the lab as a line, as it happens."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from lab.events import Did, Event
from lab.town import Town

_CODES = {"486": "is engaged", "603": "declines", "480": "has the phone switched off", "404": "is a number nobody has"}
_STATES = {"DELIVRD": "is delivered", "UNDELIV": "cannot be delivered"}


class Teller:
    """Call it with events. Times are seconds since it was made."""

    def __init__(self, console: Console, town: Town, desks: dict[str, str]) -> None:
        self._console = console
        self._names = {person.phone: person.name for person in town.people} | desks
        self._began = time.monotonic()

    def chapter(self, title: str) -> None:
        self._console.print(Rule(title, style="bold blue", align="left"))

    def say(self, text: str) -> None:
        self._line("", text)

    def __call__(self, event: Event) -> None:
        sign, text = _line_of(event)
        if text:
            self._line(sign, f"[bold]{escape(self._names.get(event.number, event.number))}[/bold]{text}")

    def _line(self, sign: str, text: str) -> None:
        seconds = time.monotonic() - self._began
        line = f"[dim]{seconds:6.1f} s[/dim]  {sign or ' '} {text}"
        self._console.print(line, highlight=False, no_wrap=True, overflow="ellipsis")


def _line_of(event: Event) -> tuple[str, str]:
    """A sign and the sentence after the name; empty where there is nothing to tell."""
    seconds = f"[cyan]{event.milliseconds / 1000:.1f} s[/cyan]"
    detail = escape(event.detail)
    match event.did:
        case Did.RANG:
            return "☎", "'s phone rings"
        case Did.REFUSED:
            return (
                "[yellow]✗[/yellow]",
                f" [yellow]{_CODES.get(event.detail, 'refuses')}[/yellow] [dim]({detail})[/dim]",
            )
        case Did.GIVEN_UP:
            return "[yellow]✗[/yellow]", " [yellow]does not answer[/yellow]; the gateway stops ringing"
        case Did.PICKED_UP:
            return "[green]↑[/green]", " picks up"
        case Did.PRESSED:
            return "[magenta]#[/magenta]", f" presses {detail}"
        case Did.HEARD:
            who = "hung up" if event.detail == "us" else "was said goodbye to"
            return "[green]✓[/green]", f" heard {seconds} of speech and {who}"
        case Did.CALLS_BACK:
            return "[blue]←[/blue]", f" calls back: {detail}"
        case Did.WHISPERED:
            return "[blue]☎[/blue]", f" hears who is calling ({seconds} of whisper)"
        case Did.CONNECTED:
            return "[green]⇄[/green]", f" hears the other end: {seconds} of its tone"
        case Did.NOT_CONNECTED:
            return "[red]✗[/red]", " [red]never heard the other end[/red]"
        case Did.TEXT:
            return "✉", f" gets a text: [italic]{detail}[/italic]"
        case Did.TEXT_REFUSED:
            return "[yellow]✉[/yellow]", f" [yellow]the message centre refuses the text[/yellow] [dim]({detail})[/dim]"
        case Did.RECEIPT:
            return "✉", f" [dim]the text {_STATES.get(event.detail, detail)}[/dim]"
        case Did.REPLIED:
            return "✉", f" answers: [italic]{detail}[/italic]"
