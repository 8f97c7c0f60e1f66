"""sipvicious against our port: it finds a SIP server where it may speak, and nothing at all where it may not."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor, utils

from foundation.endpoints import Address
from ivr.listen import Listen
from ivr.media.sockets import dropped
from ivr.sip.endpoint import UserAgent
from ivr.sip.sources import Sources, source
from ivr.sip.transport import SipTransport

HOST = "127.0.0.1"


class Gateway:
    def __init__(self, allowed: str) -> None:
        self.contacts = {"udp": Address(HOST, 1)}
        self.agent = UserAgent(
            self.contacts, Sources([source("trunk", [allowed])]), lambda uri: True, random.SystemRandom()
        )
        self.shell = SipTransport(reactor, reactor, self.agent, [Listen("udp", 0, HOST)], lambda event: None)
        self.shell.startService()
        self.contacts["udp"] = self.shell.addresses[0]

    @property
    def unheard(self) -> int:
        """Datagrams of strangers: nearly all end at the kernel's gate."""
        return self.agent.strangers + sum(dropped(port.socket) for _, _, port in self.shell._sockets)


async def _scan(tool: str, gateway: Gateway, *options: str) -> str:
    program = Path(sys.executable).with_name(f"sipvicious_{tool}")
    assert program.exists(), "sipvicious is missing; it is in the dev extra"
    port = gateway.shell.addresses[0].port
    out, err, _ = await utils.getProcessOutputAndValue(
        str(program), [f"-p{port}", *options, HOST], env={"TERM": "dumb"}
    )
    return (out + err).decode("utf-8", "replace")


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "INVITE"])
async def test_svmap_finds_us_only_where_it_may_speak(method: str) -> None:
    for allowed, found in (("192.0.2.0/24", False), (HOST, True)):
        gateway = Gateway(allowed)
        said = await _scan("svmap", gateway, "-m", method)
        assert (f"{HOST}:{gateway.shell.addresses[0].port}" in said) == found, said
        assert (gateway.unheard > 0) != found
        await gateway.shell.stopService()


@pytest_twisted.ensureDeferred
async def test_svwar_finds_no_extension() -> None:
    gateway = Gateway("192.0.2.0/24")
    said = await _scan("svwar", gateway, "-e", "100-110", "--force", "-m", "INVITE")
    assert "reqauth" not in said
    assert "noauth" not in said
    assert gateway.unheard > 0
    await gateway.shell.stopService()
