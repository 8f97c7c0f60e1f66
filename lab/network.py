"""The whole network in one place: a trunk, desks, a message centre, and the gateway configuration that fits them."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

from lab.delays import Delays
from lab.desk import Desk
from lab.events import Event, Told
from lab.handset import Handset
from lab.people import CALLER_TONE, People
from lab.smsc import MessageCentre
from lab.town import Town

ADDRESS = "127.0.0.1"
SYSTEM_ID, PASSWORD = "burgernet", "laptop"
CALLER_ID = "+31343529850"
ACCEPT_KEY = "1"
_RTP_BLOCK = 1000


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everybody listens. The defaults are those of `config/gateway.toml`."""

    trunk: int = 5070
    smsc: int = 2775
    gateway_sip: int = 5060
    gateway_http: int = 8080
    gateway_rtp: tuple[int, int] = (20000, 29999)
    desks: dict[str, int] = field(default_factory=lambda: {"desk-7": 5080, "desk-8": 5081})

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody uses now; the sound of the gateway gets a block below those that the system gives away."""
        udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
        begin = next(block for block in range(16000, 32000, _RTP_BLOCK) if _is_free(block) and _is_free(block + 2))
        return cls(
            trunk=free_port(udp),
            smsc=free_port(tcp),
            gateway_sip=free_port(udp),
            gateway_http=free_port(tcp),
            gateway_rtp=(begin, begin + _RTP_BLOCK - 1),
            desks={"desk-7": free_port(udp), "desk-8": free_port(udp)},
        )


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


class Network:
    """Telephones and texts of one town. `told` hears of everything, one event at a time, from several threads."""

    def __init__(self, town: Town, ports: Ports, told: Told) -> None:
        self.ports = ports
        self.town = town
        self._told = told
        self._telling = threading.Lock()
        self._delays = Delays()
        self.people = People(town, self._tell)
        self.desks = {name: Desk(name, CALLER_TONE, ACCEPT_KEY, self._tell) for name in ports.desks}
        gateway = (ADDRESS, ports.gateway_sip)
        self.trunk = Handset(self.people.talk, gateway, ADDRESS, ports.trunk, self._delays, "trunk")
        self.people.phone = self.trunk
        self._phones = [self.trunk] + [
            Handset(self.desks[name].talk, gateway, ADDRESS, port, self._delays, name)
            for name, port in ports.desks.items()
        ]
        self.smsc: MessageCentre | None = None

    def start(self) -> None:
        """Raises OSError, with the port, where one is in use; then nothing is left running."""
        try:
            self._start()
        except OSError:
            self.stop()
            raise

    def _start(self) -> None:
        for phone in self._phones:
            phone.start()
        self.smsc = MessageCentre(
            self.people.fate,
            self._delays,
            system_id=SYSTEM_ID,
            password=PASSWORD,
            address=ADDRESS,
            port=self.ports.smsc,
            told=self.people.text_came,
        )

    def stop(self) -> None:
        for phone in self._phones:
            phone.stop()
        if self.smsc is not None:
            self.smsc.stop()
        self._delays.stop()

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._told(event)

    def configuration(self, directory: Path, operator_secret: str) -> str:
        """A gateway.toml for this network, its files in `directory`. Waiting times are short: a demo is watched."""
        ports = self.ports
        desks = "\n".join(
            f"""[[operator]]
id = "{name}"
name = "Meldkamer Oost {name.removeprefix("desk-")}"
room = "oost"
uri = "sip:{name}@{ADDRESS}:{port}"
"""
            for name, port in ports.desks.items()
        )
        return f"""# A gateway for the network of the lab.
[gateway]
node = "demo"
drain_seconds = 2
database = "sqlite:///{directory / "burgernet.db"}"
[http]
listen = "tcp:{ports.gateway_http}:interface={ADDRESS}"
[[http.token]]
name = "demo.operator"
role = "operator"
secret = "{operator_secret}"
[sip]
listen = ["udp:{ports.gateway_sip}:interface={ADDRESS}"]
[rtp]
address = "{ADDRESS}"
ports = "{ports.gateway_rtp[0]}-{ports.gateway_rtp[1]}"
[[trunk]]
name = "lab"
proxy = "sip:{ADDRESS}:{ports.trunk};transport=udp"
caller_id = "{CALLER_ID}"
channels = 20
reserved_for_callbacks = 2
calls_per_second = 10
allow_from = ["{ADDRESS}/32"]
{desks}
[callback]
default_room = "oost"
numbers = ["+318000011", "08000011", "{CALLER_ID}"]
accept_key = "{ACCEPT_KEY}"
[voice]
ring_seconds = 6
times = 1
key_seconds = 1.5
attempts = 2
retry_minutes = {{ busy = 0.03, no_answer = 0.02, failed = 0.02, voicemail = 0.02, unreachable = 0.02 }}
[[smsc]]
name = "lab"
host = "{ADDRESS}"
port = {ports.smsc}
system_id = "{SYSTEM_ID}"
password = "{PASSWORD}"
reply_number = "+3197012345678"
[speech]
words_per_minute = 175
cache = "{directory / "prompts"}"
[retention]
"""
