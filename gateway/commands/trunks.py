"""`burgernet trunk test`: one trunk tried from the configuration, beside a running daemon, and what is wrong in words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from config.document import Configuration
from foundation.telephone_numbers import NumberFault, PhoneNumber, recipient
from gateway.commands.blocking import run_to_end
from gateway.commands.invocation import CommandFailed, output
from ivr.settings import TrunkSettings

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class TestOptions:
    """As given on the command line; `number` is dialled once, `seconds` is how long that call lasts."""

    number: str | None
    seconds: float
    trace: bool
    no_register: bool


def test_options(command: Command) -> Command:
    """The options of `trunk test`."""
    for option in (
        click.option("--no-register", is_flag=True, help="Leave the registration to the daemon that runs."),
        click.option("--trace", is_flag=True, help="Show the SIP ladder."),
        click.option(
            "--seconds", default=12.0, show_default=True, type=click.FloatRange(4, 50), help="How long that call lasts."
        ),
        click.option(
            "--call", "number", metavar="NUMBER", help="Place one test call there: a tone and keys, both ways."
        ),
    ):
        command = option(command)
    return command


def test_from_configuration(configuration: Configuration, name: str, options: TestOptions) -> None:
    """Prints each finding as it comes. Raises CommandFailed where one is a fault."""
    settings = _named(configuration.trunks, name)
    called = None if options.number is None else _callable(options.number)
    # Only here: the other commands need neither SIP nor sound, and start faster without them.
    from twisted.names.client import createResolver

    from foundation.clock import Clocks
    from ivr.probe import Probe, ProbeSettings
    from ivr.probe_facts import Finding
    from ivr.sip.resolving import DnsRecords

    def tell(found: Finding) -> None:
        output.print(f"{found.verdict.value:>5}  {found.step:<9} {found.words}", markup=False)

    wanted = ProbeSettings(
        settings, configuration.sip, configuration.rtp, called, not options.no_register, options.seconds
    )

    async def test(reactor: Any) -> tuple[bool, list[str]]:
        reactor.seconds = time.monotonic
        clocks = Clocks(reactor.seconds, lambda: datetime.now(UTC))
        records = DnsRecords(createResolver())
        probe = Probe(wanted, tell, records, reactor, clocks, random.SystemRandom())
        return await probe.run(), probe.ladder

    good, ladder = run_to_end(test)
    if options.trace:
        for step in ladder:
            output.print(step, markup=False)
    if not good:
        raise CommandFailed(f"trunk {name} is not right; see the lines marked fault")


def _named(trunks: tuple[TrunkSettings, ...], name: str) -> TrunkSettings:
    for settings in trunks:
        if settings.name == name:
            return settings
    names = ", ".join(settings.name for settings in trunks) or "none"
    raise CommandFailed(f"there is no trunk {name!r} in the configuration; it has {names}")


def _callable(number: str) -> PhoneNumber:
    try:
        return recipient(number)
    except NumberFault as fault:
        raise click.UsageError(f"--call: {fault}") from fault
