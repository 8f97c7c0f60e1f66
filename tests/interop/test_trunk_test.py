"""`burgernet trunk test` against SIPp's scripted trunks, baresip and broken networks: each fault is told in words."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import free_port
from tests.interop.baresip_phone import Baresip, Manner
from tests.interop.trunk_peers import SoundPeer, TlsTrunk
from tests.unit.sip.authority import Authority

NUMBER = "+31612345678"
SCENARIOS = Path(__file__).with_name("sipp")


class Bench:
    """A configuration with one trunk, the command on it, and what plays the trunk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port(socket.SOCK_DGRAM)
        self._peers: list[subprocess.Popen[bytes]] = []

    def plays(self, scenario: str, **keys: str) -> None:
        """SIPp wants a status in its scenario as a number, so `[key]` is filled in here."""
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        for name, value in keys.items():
            text = text.replace(f"[{name}]", value)
        filled = self.folder / f"{scenario}.xml"
        filled.write_text(text)
        media = str(18900 + self.port % 40 * 2)
        command = ["sipp", "-sf", str(filled), "-i", "127.0.0.1", "-p", str(self.port)]
        self._peers.append(
            subprocess.Popen(
                [*command, "-mp", media, "-nostdin", "-nd"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
            )
        )  # fmt: skip
        time_limit = time.monotonic() + 5
        while not _udp_in_use(self.port):
            assert time.monotonic() < time_limit, "SIPp listens"

    def run(
        self, *options: str, proxy: str | None = None, trunk: str = "", listen: str = ""
    ) -> subprocess.CompletedProcess[str]:
        proxy = proxy or f"sip:127.0.0.1:{self.port};transport=udp"
        listen = listen or f"udp:{free_port(socket.SOCK_DGRAM)}:interface=127.0.0.1"
        file = self.folder / "gateway.toml"
        file.write_text(
            f"""
[gateway]
node = "gw1"
database = "sqlite:///{self.folder / "burgernet.db"}"
[http]
listen = "tcp:{free_port()}:interface=127.0.0.1"
[sip]
listen = ["{listen}"]
[rtp]
ports = "18600-18699"
[callback]
default_room = "oost"
numbers = ["+318000011"]
[[trunk]]
name = "kpn"
proxy = "{proxy}"
caller_id = "+31343529850"
silence_seconds = 1
{trunk}
"""
        )
        command = [sys.executable, "-m", "gateway", "trunk", "test", "kpn", "-c", str(file), "--seconds", "5"]
        return subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=False)

    def stop(self) -> None:
        for peer in self._peers:
            peer.kill()
            peer.wait(5)


def _udp_in_use(port: int) -> bool:
    """Looked up, never tried: a port that is tried is in use for whoever wants it."""
    return f":{port:04X} " in Path("/proc/net/udp").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.stop()


def _fault(done: subprocess.CompletedProcess[str], step: str) -> str:
    """What is said of the step that is at fault."""
    assert done.returncode == 1, done.stdout + done.stderr
    faults = [line.split(None, 2) for line in done.stdout.splitlines() if line.startswith("fault")]
    words = {name: said for _, name, said in faults}
    assert step in words, done.stdout + done.stderr
    return words[step]


def test_a_name_that_leads_nowhere(bench: Bench) -> None:
    said = _fault(bench.run(proxy="sip:no-such-provider.invalid"), "DNS")
    assert said.startswith("DNS: ")
    assert "no-such-provider.invalid" in said


def test_a_host_where_nothing_listens(bench: Bench) -> None:
    assert "by ICMP that nothing listens there" in _fault(bench.run("--call", NUMBER), "OPTIONS")


def test_a_host_that_is_silent(bench: Bench) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", bench.port))
        assert _fault(bench.run(), "OPTIONS").startswith("no answer: ")


def test_a_connection_that_is_refused(bench: Bench) -> None:
    said = _fault(bench.run(proxy=f"sip:127.0.0.1:{free_port()};transport=tcp"), "OPTIONS")
    assert said.startswith("refused: ")


@pytest.mark.parametrize("trusted", ["by the system", "by the listener"])
def test_a_certificate_of_a_private_authority(bench: Bench, trusted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(bench.folder)
    listen = ""
    if trusted == "by the system":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    else:
        own, key = authority.sign("gateway.example")
        listen = f"tls:{free_port()}:interface=127.0.0.1:certificate={own}:key={key}:authority={authority.path}"
    with SoundPeer(speaks=True, reports=0.0) as sound:
        with TlsTrunk(*authority.sign("127.0.0.1"), sound.port) as trunk:
            proxy = f"sip:127.0.0.1:{trunk.port};transport=tls"
            done = bench.run("--call", NUMBER, proxy=proxy, listen=listen)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("ok  OPTIONS   200 OK", "ok  INVITE    200 OK", "ok  codec", "ok  hearing", "their reports say that"):
        assert words in done.stdout
    assert trunk.seen == ["OPTIONS", "INVITE", "ACK", "BYE"]


@pytest.mark.parametrize(
    ("name", "days", "known", "words"),
    [
        ("127.0.0.1", 30, False, "comes from nobody whom we trust, or is out of date"),
        ("127.0.0.1", -1, True, "comes from nobody whom we trust, or is out of date"),
        ("sip.provider.example", 30, True, "showed a certificate for another name"),
        ("127.0.0.2", 30, True, "showed a certificate for another name"),
    ],
    ids=["nobody vouches for it", "out of date", "another name", "another address"],
)
def test_a_certificate_that_is_not_right(
    bench: Bench, name: str, days: int, known: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, stranger = Authority(bench.folder), Authority(bench.folder, "stranger")
    monkeypatch.setenv("SSL_CERT_FILE", str((authority if known else stranger).path))
    with TlsTrunk(*authority.sign(name, days)) as trunk:
        done = bench.run("--call", NUMBER, proxy=f"sip:127.0.0.1:{trunk.port};transport=tls")
    assert _fault(done, "OPTIONS") == f"TLS: {_certificate_of(trunk.port, words)}"
    assert "INVITE" not in done.stdout, "nothing is said to who can't prove who they are"
    assert trunk.seen == []


def _certificate_of(port: int, words: str) -> str:
    place = f"127.0.0.1:{port}"
    return f"{place} {words}." if words.startswith("showed") else f"the certificate of {place} {words}."


@pytest.mark.parametrize(
    ("answer", "words"),
    [("403", "after the digest"), ("401", "username account or its password is not right")],
)
def test_a_password_that_is_not_taken(bench: Bench, answer: str, words: str) -> None:
    bench.plays("trunk_challenges", answer=answer, phrase="No")
    said = _fault(bench.run(trunk='register = true\nusername = "account"\npassword = "wrong"'), "REGISTER")
    assert said.startswith("credentials: ")
    assert words in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("403", "credentials: 403 No after the digest: it knows the account and refuses the password, or bars it."),
        ("407", "credentials: 407 No again after the digest: username account or its password is not right."),
    ],
)
def test_a_password_that_is_not_taken_for_a_call(bench: Bench, answer: str, words: str) -> None:
    bench.plays("trunk_challenges_calls", answer=answer, phrase="No")
    done = bench.run("--call", NUMBER, trunk='username = "account"\npassword = "wrong"')
    assert _fault(done, "INVITE") == words
    assert "ok  OPTIONS" in done.stdout


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("403", "not allowed: 403"),
        ("404", "Is dial_format = e164 right?"),
        ("407", "the configuration has none"),
        ("486", "the trunk works, but who was called is busy"),
        ("488", "codec: 488"),
        ("503", "the provider's own fault"),
    ],
)
def test_a_call_that_is_refused(bench: Bench, answer: str, words: str) -> None:
    bench.plays("trunk", answer=answer, phrase="Said")
    done = bench.run("--call", NUMBER)
    said = _fault(done, "INVITE")
    assert words in said
    assert "see your contract" in said
    assert "ok  OPTIONS" in done.stdout


def test_a_registration_that_is_taken_and_left_to_the_daemon_where_wished(bench: Bench) -> None:
    bench.plays("trunk", answer="486", phrase="Busy Here")
    account = "register = true\nusername = 'account'\npassword = 'secret'"
    done = bench.run("--trace", trunk=account)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok  REGISTER  200 OK" in done.stdout
    assert done.stdout.count("──REGISTER ") >= 2, "it is given back at the end"
    assert "REGISTER" not in bench.run("--no-register", "--trace", trunk=account).stdout


def test_a_call_without_any_sound(bench: Bench) -> None:
    bench.plays("trunk_mute", direction="sendrecv", format="8")
    assert "no audio: " in _fault(bench.run("--call", NUMBER), "hearing")


@pytest.mark.parametrize(
    ("speaks", "reports", "step", "words"),
    [
        (False, None, "hearing", "no audio: we sent"),
        (False, 0.0, "hearing", "one-way audio: its reports say that our sound arrives, and nothing comes back."),
        (False, 1.0, "hearing", "no audio: nothing came, and their reports say that our sound does not arrive either."),
        (True, 1.0, "speaking", "one-way audio: their reports say that our sound does not arrive."),
        (True, 0.4, "speaking", "loss: their reports say that"),
    ],
    ids=["deaf and mute", "only listens", "loses all and is mute", "only speaks", "loses much"],
)
def test_sound_that_passes_one_way_only(
    bench: Bench, speaks: bool, reports: float | None, step: str, words: str
) -> None:
    with SoundPeer(speaks=speaks, reports=reports) as sound:
        bench.plays("trunk_mute", direction="sendrecv", format="8", media_port=str(sound.port))
        done = bench.run("--call", NUMBER)
        assert sound.heard > 50, "our sound did leave"
    said = _fault(done, step)
    assert said.startswith(words)
    # Where nothing comes in it is the network that has to be looked at.
    assert ("Are [rtp] ports open to us in the firewall" in said) == (step == "hearing")
    if step == "speaking":
        assert "ok  hearing" in done.stdout


def test_sound_that_comes_and_nobody_reports_of_ours(bench: Bench) -> None:
    with SoundPeer(speaks=True, reports=None) as sound:
        bench.plays("trunk_mute", direction="sendrecv", format="8", media_port=str(sound.port))
        done = bench.run("--call", NUMBER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note  speaking  the other side sends no RTCP reports and no echo: ask whoever answered" in done.stdout


def test_a_call_that_may_only_be_heard_one_way(bench: Bench) -> None:
    bench.plays("trunk_mute", direction="recvonly", format="8")
    assert "one way: its answer allows sendonly only" in _fault(bench.run("--call", NUMBER), "codec")


def test_an_answer_with_a_codec_that_was_not_offered(bench: Bench) -> None:
    bench.plays("trunk_mute", direction="sendrecv", format="18")
    assert "no codec in common" in _fault(bench.run("--call", NUMBER), "codec")


def test_a_phone_that_echoes_and_presses_a_key_is_all_well(bench: Bench) -> None:
    phone = Baresip(bench.folder / "phone", NUMBER)
    pressing = threading.Timer(5.0, phone.press, ("7",))
    pressing.start()
    try:
        done = bench.run("--call", NUMBER, "--trace", "--seconds", "8", proxy=f"sip:127.0.0.1:{phone.port}")
    finally:
        pressing.cancel()
        phone.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "our test tone came back: they hear us" in done.stdout
    assert "heard 7; sent 1590" in done.stdout
    for key in "1590":
        assert f"received event: '{key}'" in phone.log
    ladder = [line for line in done.stdout.splitlines() if "gateway ──" in line or "gateway ◀─" in line]
    words = " ".join(ladder)
    assert all(step in words for step in ("──OPTIONS", "──INVITE", "180 Ringing", "──ACK", "──BYE", "200 OK (BYE)"))
    assert NUMBER not in words


def test_a_phone_that_only_speaks_leaves_open_whether_it_hears(bench: Bench) -> None:
    phone = Baresip(bench.folder / "phone", NUMBER, Manner(speaks=440))
    try:
        done = bench.run("--call", NUMBER, proxy=f"sip:127.0.0.1:{phone.port}")
    finally:
        phone.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ask whoever answered" in done.stdout or "their reports say that our sound arrives" in done.stdout


def test_a_trunk_that_is_not_there_is_named(bench: Bench) -> None:
    bench.run()
    command = [sys.executable, "-m", "gateway", "trunk", "test", "vodafone", "-c", str(bench.folder / "gateway.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, "it has kpn" in done.stderr) == (1, True)


def test_112_is_never_dialled(bench: Bench) -> None:
    done = bench.run("--call", "112")
    assert done.returncode == 2
    assert "never dialled" in done.stderr
