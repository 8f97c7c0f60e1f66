"""`burgernet trunk test` against SIPp's scripted trunks, baresip and broken networks: each fault is told in words."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon import free_port
from tests.interop.baresip_phone import Baresip, Manner

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

    def run(self, *options: str, proxy: str | None = None, trunk: str = "") -> subprocess.CompletedProcess[str]:
        proxy = proxy or f"sip:127.0.0.1:{self.port};transport=udp"
        file = self.folder / "gateway.toml"
        file.write_text(
            f"""
[gateway]
node = "gw1"
database = "sqlite:///{self.folder / "burgernet.db"}"
[http]
listen = "tcp:{free_port()}:interface=127.0.0.1"
[sip]
listen = ["udp:{free_port(socket.SOCK_DGRAM)}:interface=127.0.0.1"]
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


def test_a_certificate_that_nobody_vouches_for(bench: Bench) -> None:
    with _tls_server(bench.folder) as port:
        said = _fault(bench.run(proxy=f"sip:127.0.0.1:{port};transport=tls"), "OPTIONS")
    assert said.startswith("TLS: ")
    assert "certificate" in said


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


class _tls_server:
    """A server on TLS whose certificate is its own authority."""

    def __init__(self, folder: Path) -> None:
        certificate, key = folder / "own.pem", folder / "own.key"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
        subprocess.run(
            [*command, *subject, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._socket = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        try:
            while True:
                self._accept(self._socket.accept)
        except OSError:
            return

    @staticmethod
    def _accept(accept: Callable[[], object]) -> None:
        try:
            accept()
        except ssl.SSLError:
            return

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._socket.getsockname()[1])

    def __exit__(self, *reason: object) -> None:
        self._socket.close()
