"""`burgernet say`: how a text sounds on the phone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from rich.table import Table

from gateway.commands.blocking import run_to_end
from gateway.commands.invocation import CommandFailed, Invocation, SharedCommand, output, pass_invocation
from prompts.settings import SpeechSettings


@click.command("say", cls=SharedCommand)
@click.argument("text")
@click.option(
    "-o", "--output", "file", metavar="FILE.wav", type=click.Path(path_type=Path), help="Where the sound goes."
)
@click.option("--show", is_flag=True, help="Print the words that are spoken, and which rule made them.")
@click.option("--language", default="nl", show_default=True)
@pass_invocation
def say(invocation: Invocation, text: str, file: Path | None, show: bool, language: str) -> None:
    """Speak TEXT as a telephone will; with the configuration's voice where one is named."""
    if file is None and not show:
        raise click.UsageError("name a file with -o FILE.wav, or see the words with --show")
    # Only here: the voices take half a second to import.
    from prompts.say import say as speak
    from prompts.speech import SpeechFailed

    with tempfile.TemporaryDirectory(prefix="burgernet-say-") as folder:
        settings = SpeechSettings(cache=Path(folder))
        if invocation.config_path is not None:
            settings = invocation.configuration().speech
        try:
            said = run_to_end(lambda reactor: speak(text, file, settings, reactor, language))
        except SpeechFailed as failure:
            raise CommandFailed(f"no voice could say it: {failure}") from failure
        except OSError as error:
            raise CommandFailed(f"{error.filename or file} can't be written: {error.strerror}") from error
    if show:
        click.echo(said.words)
        table = Table("rule", "written", "spoken")
        for note in said.notes:
            table.add_row(note.rule, note.written, note.spoken)
        if said.notes:
            output.print(table)
    if file is not None:
        output.print(f"{file}: {said.milliseconds / 1000:.1f} s, voice {said.engine}", markup=False)
