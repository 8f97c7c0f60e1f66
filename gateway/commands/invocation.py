"""What every command shares: `-c`, `--url` and `--token` wherever they stand, and failures told in one sentence."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from config.document import Configuration
from config.faults import ConfigurationFaults
from config.loader import load
from config.paths import arguments_of, split

output = Console(highlight=False, soft_wrap=True)
"""Where results go. What went wrong goes to standard error."""


class CommandFailed(Exception):
    """The thing asked for failed: one clear sentence, exit code 1."""


@dataclass(slots=True)
class Invocation:
    """What was given before and after the subcommand, and then by the environment."""

    config_option: str | None = None
    url_option: str | None = None
    token_option: str | None = None

    @property
    def config_path(self) -> Path | None:
        given = self.config_option or os.environ.get("BURGERNET_CONFIG")
        return Path(given) if given else None

    def configuration(self) -> Configuration:
        """Raises ConfigurationFaults, and a usage error where no file is named."""
        path = self.config_path
        if path is None:
            raise click.UsageError("name the configuration with -c FILE or BURGERNET_CONFIG")
        return load(path)

    def url(self) -> str:
        """Of the daemon: as given, else where the configuration says that it listens."""
        given = self.url_option or os.environ.get("BURGERNET_URL")
        if given:
            if not given.startswith(("http://", "https://")):
                raise click.UsageError(f"--url is {given!r}; write it as http://127.0.0.1:8080")
            return given.rstrip("/")
        if self.config_path is None:
            raise click.UsageError("say where the daemon is: --url or BURGERNET_URL, or its configuration with -c FILE")
        return url_of(self.configuration().http.listen)

    def token(self) -> str:
        """As given, else the first token of the configuration that may change things."""
        given = self.token_option or os.environ.get("BURGERNET_TOKEN")
        if given:
            return given
        if self.config_path is None:
            raise click.UsageError("say who asks: --token or BURGERNET_TOKEN")
        for role in ("operator", "engineer", "reader"):
            for token in self.configuration().http.token:
                if token.role == role:
                    return token.secret.get_secret_value()
        raise CommandFailed("the configuration has no [[http.token]]; add one, or give --token")


def url_of(listen: str) -> str:
    """Where an endpoint string's server is reached from this machine."""
    kind, *parts = split(listen)
    arguments = dict(arguments_of(parts))
    port = arguments.get("port", parts[0] if parts and "=" not in parts[0] else "")
    if kind not in ("tcp", "tcp6", "ssl") or not port:
        raise CommandFailed(f"[http] listen = {listen!r} has no address to call; give --url")
    interface = arguments.get("interface", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")
    host = f"[{interface}]" if ":" in interface else interface
    return f"{'https' if kind == 'ssl' else 'http'}://{host}:{port}"


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    invocation = context.ensure_object(Invocation)
    if value is not None:
        setattr(invocation, str(parameter.name), value)


def _shared_options() -> list[click.Parameter]:
    texts = (
        (["-c", "--config", "config_option"], "FILE", "The configuration; else BURGERNET_CONFIG."),
        (["--url", "url_option"], "URL", "The daemon; else BURGERNET_URL, else as configured."),
        (["--token", "token_option"], "SECRET", "Who asks; else BURGERNET_TOKEN, else as configured."),
    )
    return [
        click.Option(names, metavar=metavar, help=words, expose_value=False, callback=_remember)
        for names, metavar, words in texts
    ]


class SharedCommand(click.Command):
    """A command that takes the shared options too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params.extend(_shared_options())


class SharedGroup(click.Group):
    """A group whose commands, and itself, take the shared options; failures become a sentence and an exit code."""

    command_class = SharedCommand
    group_class = type

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params.extend(_shared_options())

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        # What click itself does here differs from version to version.
        if not args and not context.resilient_parsing:
            click.echo(context.get_help(), err=True)
            context.exit(2)
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ConfigurationFaults as faults:
            for fault in faults.faults:
                click.echo(str(fault), err=True)
            context.exit(1)
        except CommandFailed as failure:
            click.echo(f"burgernet: {failure}", err=True)
            context.exit(1)


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)
