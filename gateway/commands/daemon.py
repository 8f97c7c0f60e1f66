"""`burgernet run`, `check-config` and `demo`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

import click

from config.advice import advice
from gateway.commands.invocation import CommandFailed, Invocation, SharedCommand, output, pass_invocation


@click.command("run", cls=SharedCommand)
@pass_invocation
def run(invocation: Invocation) -> None:
    """The daemon in the foreground: JSON lines on standard error, SIGTERM drains, SIGHUP reloads."""
    configuration = invocation.configuration()
    # Only here: the other commands need none of the daemon, and start faster without it.
    from gateway.app import run as run_daemon

    run_daemon(configuration)


@click.command("check-config", cls=SharedCommand)
@pass_invocation
def check_config(invocation: Invocation) -> None:
    """Every fault of the configuration at once; nothing is started."""
    found = invocation.configuration()
    for words in advice(found):
        click.echo(f"{found.file}: warning: {words}", err=True)
    counts = ((len(found.trunks), "trunk"), (len(found.smscs), "SMSC"), (len(found.operators), "operator"))
    words = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts)
    output.print(f"{found.file} is right: {words}, {len(found.http.token)} tokens", markup=False)


@click.command("demo", cls=SharedCommand, context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """A telephone network, the daemon, and one action told in the terminal (--headless --once)."""
    try:
        module = importlib.import_module("lab.demo")
    except ModuleNotFoundError as error:
        missing = error.name or "lab"
        raise CommandFailed(
            f"the demo needs {missing}, which is not installed; pip install 'burgernet-gateway[lab]'"
        ) from error
    main = cast(Callable[[list[str]], int | None], module.main)
    click.get_current_context().exit(main(list(arguments)) or 0)
