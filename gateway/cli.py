"""`burgernet`: every command of the gateway. Exit codes: 0 done, 1 what was asked for failed or is faulty, 2 wrong usage."""

from __future__ import annotations

import os
import sys

import click

from gateway.commands.actions import action
from gateway.commands.daemon import check_config, demo, run
from gateway.commands.invocation import SharedGroup
from gateway.commands.lines import calls, smsc, status, trunk
from gateway.commands.participants import participants
from gateway.commands.speech import say


@click.group(cls=SharedGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="burgernet-gateway", prog_name="burgernet")
def burgernet() -> None:
    """Telephone and SMS gateway of a neighbourhood-alert service."""


for command in (run, check_config, demo, participants, action, trunk, say, calls, status, smsc):
    burgernet.add_command(command)


def main() -> None:
    """The entry point: whatever goes wrong is one sentence, never a traceback."""
    try:
        burgernet(prog_name="burgernet")
    except Exception as error:
        if os.environ.get("BURGERNET_TRACEBACK"):
            raise
        words = f"{type(error).__name__}: {error}".rstrip(": ")
        click.echo(f"burgernet: a mistake of ours ({words}); BURGERNET_TRACEBACK=1 shows where", err=True)
        sys.exit(1)
