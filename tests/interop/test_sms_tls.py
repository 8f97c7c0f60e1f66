"""A bind over TLS, the certificate checked: against an SMSC behind OpenSSL with a certificate made for the test."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor, ssl
from twisted.internet.protocol import Factory, Protocol

from foundation.clock import Clocks
from foundation.telephone_numbers import PhoneNumber
from sms.bind import endpoint_for
from sms.events import Accepted, TextRequest
from sms.pool import SmscPool
from sms.settings import SmscSettings
from tests.loopback.listening_texts import Listening
from tests.unit.sms.pair import Centre

CLOCKS = Clocks(time.monotonic, lambda: datetime.now(UTC))


class Talking(Protocol):
    def connectionMade(self) -> None:
        self.centre = Centre()

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.centre.hear(data))


def _certificate(directory: Path) -> tuple[Path, bytes]:
    """A file with key and certificate for localhost, and the certificate alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = directory / "smsc.pem"
    file.write_bytes(private + pem)
    return file, pem


class Net:
    def __init__(self, directory: Path) -> None:
        file, self.pem = _certificate(directory)
        context = ssl.PrivateCertificate.loadPEM(file.read_bytes()).options()
        self.port = reactor.listenSSL(0, Factory.forProtocol(Talking), context, interface="127.0.0.1")
        self.listening = Listening()
        self.pool: SmscPool | None = None

    def start(self, trust: ssl.Certificate | None) -> SmscPool:
        settings = SmscSettings.model_validate(
            {
                "name": "tls",
                "host": "localhost",
                "port": self.port.getHost().port,
                "system_id": "gateway",
                "password": "secret",
                "tls": True,
            }
        )
        pool = self.pool = SmscPool(
            (settings,), CLOCKS, reactor, random.Random(1), lambda given: endpoint_for(given, reactor, trust)
        )
        pool.listen(self.listening)
        pool.startService()
        return pool


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    yield made
    if made.pool is not None:
        pytest_twisted.blockon(made.pool.stopService())
    pytest_twisted.blockon(made.port.stopListening())


@pytest_twisted.ensureDeferred
async def test_bound_and_a_message_accepted_over_tls(net: Net) -> None:
    pool = net.start(ssl.Certificate.loadPEM(net.pem))
    await net.listening.until(lambda: pool.smscs()[0].state == "bound")
    pool.submit(TextRequest(1, PhoneNumber("+31612345678"), pool.segment("Hallo")))
    await net.listening.until(lambda: bool(net.listening.events))
    assert isinstance(net.listening.events[0], Accepted)


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_nobody_vouches_for_is_refused_in_words(net: Net) -> None:
    pool = net.start(None)
    await net.listening.until(lambda: "certificate" in (pool.smscs()[0].last_error or ""))
    assert pool.smscs()[0].state == "down"
