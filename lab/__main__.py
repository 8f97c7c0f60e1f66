"""`python -m lab`: the network by itself, for engineers. It fits `config/gateway.toml`; or --free-ports and the
configuration that it writes."""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
from pathlib import Path

from rich.console import Console

from lab.network import Network, Ports
from lab.story import Teller
from lab.town import USUAL_TOWN, read_town


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--free-ports", action="store_true", help="ports that nobody uses, instead of the usual ones")
    parser.add_argument("--town", type=Path, default=USUAL_TOWN, help="who lives there (TOML)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a gateway.toml for this network")
    parser.add_argument("--participants", type=Path, metavar="FILE", help="write who lives there, to be imported")
    options = parser.parse_args()
    console = Console()
    try:
        town = read_town(options.town)
        ports = Ports.free() if options.free_ports else Ports()
        teller = Teller(console, town, {})
        network = Network(town, ports, teller)
        network.start()
    except (OSError, ValueError) as error:
        console.print(f"[red]The lab cannot start:[/red] {error}", highlight=False)
        return 1
    if options.participants is not None:
        options.participants.write_text(town.participants_csv(), encoding="utf-8")
    desks = ", ".join(f"{name} {port}" for name, port in ports.desks.items())
    console.print(
        f"trunk {ports.trunk}/udp, SMSC {ports.smsc}/tcp, desks {desks}; the gateway's SIP at {ports.gateway_sip}"
    )
    text = network.configuration(Path.cwd() / "var", secrets.token_urlsafe(24))
    if options.write is not None:
        options.write.write_text(text, encoding="utf-8")
        console.print(f"start the gateway with: burgernet run -c {options.write}")
    elif options.free_ports:
        console.print(text, markup=False, highlight=False)
    else:
        console.print("start the gateway with: burgernet run -c config/gateway.toml")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        network.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
