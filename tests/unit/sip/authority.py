"""A certificate authority for tests: it signs for whatever name or address is asked."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ivr.listen import Listen

_BEGAN = datetime.now(UTC) - timedelta(days=2)


class Authority:
    """Its own certificate lies in `folder/NAME.pem`."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self._name, self._key, 30).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        return builder.not_valid_before(_BEGAN).not_valid_after(_BEGAN + timedelta(days=2 + days))

    def sign(self, name: str, days: int = 30) -> tuple[Path, Path]:
        """Certificate and key for this name or address; with days below 0 it is out of date."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, days)
        made = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        stem = f"{self.path.stem}-{name.replace(':', '-')}-{days}"
        certificate, secret = self._folder / f"{stem}.crt", self._folder / f"{stem}.key"
        certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, secret

    def listen(self, name: str, *, days: int = 30, authority: Path | None = None) -> Listen:
        certificate, key = self.sign(name, days)
        return Listen("tls", 0, "127.0.0.1", str(certificate), str(key), str(authority) if authority else None)
