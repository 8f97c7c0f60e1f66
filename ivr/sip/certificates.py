"""Certificates for SIP over TLS: our own, whom we trust, and what goes wrong in words. Reads files; opens no socket.

Both sides are verified where that can be: a server that we call by its name or address (RFC 5922), a client by the
`authority` of the listener where one is configured. Our own certificate is shown in both directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from OpenSSL import SSL, crypto
from service_identity import VerificationError
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import TCPTimedOutError, VerifyError
from twisted.internet.error import TimeoutError as TimedOut
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    KeyPair,
    PrivateCertificate,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.python.failure import Failure

from foundation.endpoints import Address
from ivr.listen import Listen


class CertificateFault(ValueError):
    """A PEM file that can't be used; the text says which and why."""


class Certificates:
    """What every TLS connection of a user agent stands on, read from the first `tls` listener (others have their own
    certificate towards clients). `name_of(address)` is the name that a server at this address must prove to be; where
    it gives none, the certificate must be for the address itself."""

    def __init__(self, listens: Sequence[Listen], name_of: Callable[[Address], str | None] = lambda address: None):
        """Raises CertificateFault."""
        ours = [listen for listen in listens if listen.transport == "tls"]
        self._name_of = name_of
        self._servers = {listen: _server(listen) for listen in ours}
        self._own = _own(ours[0]) if ours else None
        authorities = _authorities(ours[0]) if ours else []
        self._trusted: Any = trustRootFromCertificates(authorities) if authorities else platformTrust()
        self._clients: dict[str, IOpenSSLClientConnectionCreator] = {}

    def server(self, listen: Listen) -> CertificateOptions:
        return self._servers[listen]

    def client(self, destination: Address) -> IOpenSSLClientConnectionCreator:
        """For one server: its certificate must be for the name that its trunk has, ours is shown where it asks."""
        name = self._name_of(destination) or destination.host
        if name not in self._clients:
            self._clients[name] = optionsForClientTLS(
                name,
                trustRoot=self._trusted,
                clientCertificate=self._own,
                extraCertificateOptions={"lowerMaximumSecurityTo": TLSVersion.TLSv1_3},
            )
        return self._clients[name]


def words_of(reason: Failure, destination: Address) -> str:
    """Why a connection could not be made or was lost, for an engineer."""
    error = reason.value
    if isinstance(error, VerificationError):
        return f"{destination} showed a certificate for another name"
    if isinstance(error, SSL.Error):
        said = "; ".join(str(part[-1]) for part in (error.args[0] if error.args else ()) if part)
        if "verify failed" in said:
            return f"the certificate of {destination} comes from nobody whom we trust, or is out of date"
        if "alert" in said and ("certificate" in said or "unknown ca" in said):
            return f"{destination} does not accept our certificate: {said}"
        return f"TLS with {destination} failed: {said or 'no reason given'}"
    if isinstance(error, Refused):
        return f"{destination} refused the connection"
    if isinstance(error, (TCPTimedOutError, TimedOut)):
        return f"{destination} did not answer the connection"
    return f"the connection to {destination} ended: {reason.getErrorMessage()}"


def _server(listen: Listen) -> CertificateOptions:
    own, authorities = _own(listen), _authorities(listen)
    trusted = trustRootFromCertificates(authorities) if authorities else None
    return CertificateOptions(privateKey=own.privateKey.original, certificate=own.original, trustRoot=trusted)


def _own(listen: Listen) -> PrivateCertificate:
    certificate, key = _read(listen.certificate, "certificate"), _read(listen.key, "key")
    try:
        own: PrivateCertificate = PrivateCertificate.fromCertificateAndKeyPair(
            Certificate.loadPEM(certificate), KeyPair.load(key, crypto.FILETYPE_PEM)
        )
    except VerifyError as error:
        raise CertificateFault(f"{listen.key} is not the key of {listen.certificate}") from error
    except (crypto.Error, ValueError, TypeError) as error:
        raise CertificateFault(
            f"{listen.certificate} and {listen.key} are not a PEM certificate and its key"
        ) from error
    return own


def _authorities(listen: Listen) -> list[Certificate]:
    if listen.authority is None:
        return []
    whole = _read(listen.authority, "authority")
    end = b"-----END CERTIFICATE-----"
    blocks = [block + end for block in whole.split(end)[:-1]]
    try:
        found = [Certificate.loadPEM(block) for block in blocks]
    except (crypto.Error, ValueError) as error:
        raise CertificateFault(f"authority={listen.authority} holds a certificate that can't be read") from error
    if not found:
        raise CertificateFault(f"authority={listen.authority} holds no PEM certificate")
    return found


def _read(path: str | None, what: str) -> bytes:
    try:
        return Path(path or "").read_bytes()
    except OSError as error:
        raise CertificateFault(f"{what}={path} can't be read: {error.strerror}") from error
