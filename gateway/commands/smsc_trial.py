"""`burgernet smsc test`: a bind of its own where a configuration is given, else what the daemon says of its bind."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click
from rich.table import Table

from foundation.clock import Clocks
from foundation.telephone_numbers import NumberFault, PhoneNumber, read
from gateway.commands.blocking import run_to_end
from gateway.commands.client import api
from gateway.commands.invocation import CommandFailed, Invocation, SharedCommand, output, pass_invocation
from gateway.commands.tables import named, smsc_table
from sms.settings import SmscSettings
from sms.trace import described
from sms.trial import Manner, Trial, TrialFailed
from sms.wire import Frame


@click.command("test", cls=SharedCommand)
@click.argument("name")
@click.option("--to", "number", metavar="NUMBER", help="Who gets the test message; else the SMSC's test_number.")
@click.option("--trace", is_flag=True, help="Show every PDU.")
@click.option("--seconds", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Wait for the receipt.")
@pass_invocation
def test_smsc(invocation: Invocation, name: str, number: str | None, trace: bool, seconds: float) -> None:
    """Bind, enquire, one message, its receipt, told step by step; may run beside the daemon. Without -c FILE: how the
    daemon's bind stands."""
    if invocation.config_path is None:
        _ask_the_daemon(invocation, name)
        return
    settings = _settings(invocation, name)
    manner = Manner(_number(number or settings.test_number), seconds, _tell, _show if trace else _pass)

    async def work(reactor: object) -> None:
        clocks = Clocks(time.monotonic, lambda: datetime.now(UTC))
        await Trial(settings, manner, clocks, reactor).run()  # type: ignore[arg-type]  # react gives it as object

    try:
        run_to_end(work)
    except TrialFailed as failed:
        raise CommandFailed(f"SMSC {name}: {failed}") from failed


def _ask_the_daemon(invocation: Invocation, name: str) -> None:
    with api(invocation) as daemon:
        found = named(daemon, "/smscs", name)
    output.print(_table(found))
    if found["state"] not in ("bound", "throttled"):
        raise CommandFailed(f"SMSC {name} is {found['state']}: {found['last_error'] or 'no answer yet'}")


def _table(found: dict[str, object]) -> Table:
    return smsc_table([found])


def _settings(invocation: Invocation, name: str) -> SmscSettings:
    smscs = invocation.configuration().smscs
    for settings in smscs:
        if settings.name == name:
            return settings
    names = ", ".join(settings.name for settings in smscs) or "none"
    raise CommandFailed(f"there is no {name!r} in the configuration; it has {names}")


def _number(text: str | None) -> PhoneNumber | None:
    if text is None:
        return None
    try:
        return read(text)
    except NumberFault as fault:
        raise click.UsageError(f"--to is {text!r}: {fault}") from fault


def _tell(words: str) -> None:
    output.print(words, markup=False)


def _show(leaves: bool, frame: Frame) -> None:
    output.print(f"{'→' if leaves else '←'} {described(frame)}", markup=False)


def _pass(leaves: bool, frame: Frame) -> None:
    """Nothing is traced."""
