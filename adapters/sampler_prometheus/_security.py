"""TLS and passwords: OpenSSL, by way of the standard library, without waiting."""

from __future__ import annotations

import base64
import ssl
from ipaddress import ip_address

from sampler.agent.config.files import contents


def server_context(certificate: str, key: str | None) -> ssl.SSLContext:
    """Return what wraps connections: TLS 1.2 or later, with a certificate.

    Args:
        certificate: a PEM file with it, and those it is issued by.
        key: a PEM file with its private key; None: in the file of the certificate.

    Raises:
        ValueError: one of the files is no good; the message begins with the key to change.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.options |= ssl.OP_NO_RENEGOTIATION
    for name, file in (("tls_cert", certificate), ("tls_key", key)):
        _readable(name, file)
    try:
        context.load_cert_chain(certificate, key, _no_password)
    except _EncryptedError:
        raise ValueError(
            f"{'tls_key' if key else 'tls_cert'}: the key in {key or certificate!r} is encrypted: "
            "store it without a passphrase, with mode 600"
        ) from None
    except ssl.SSLError as error:
        culprit = "tls_cert" if key is None else "tls_key"
        raise ValueError(
            f"{culprit}: {_meaning(error, certificate, key or certificate)}"
        ) from None
    return context


def client_context(authority: str | None) -> ssl.SSLContext:
    """Return what verifies a server: its certificate, its time, its name.

    Args:
        authority: a PEM file with the certificates to trust; None: those of the system.

    Raises:
        ValueError: the file is no good.
    """
    _readable("tls_ca", authority)
    try:
        return ssl.create_default_context(cafile=authority)
    except ssl.SSLError:
        raise ValueError(f"tls_ca: {authority!r} holds no certificate in PEM") from None


def basic(username: str, password: str) -> str:
    """Return the header ``Authorization`` of basic authentication."""
    # A variable of the environment that is no UTF-8 goes out as the bytes it came in.
    pair = f"{username}:{password}".encode("utf-8", "surrogateescape")
    return f"Basic {base64.b64encode(pair).decode()}"


def on_loopback(host: str) -> bool:
    """Tell whether a host is this machine, so that nobody is on the way to it."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


class _EncryptedError(Exception):
    pass


def _readable(name: str, file: str | None) -> None:
    if file is not None:
        try:
            contents(file)  # OpenSSL would wait for a pipe, and read a device without end
        except ValueError as error:
            raise ValueError(f"{name}: {file[:200]!r} {error}") from None


def _no_password() -> str:
    raise _EncryptedError  # without this OpenSSL would ask at the terminal


def _meaning(error: ssl.SSLError, certificate: str, key: str) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key!r} does not belong to the certificate in {certificate!r}"
    return (
        f"{certificate!r} and {key!r} hold no certificate with its private key, in PEM: "
        f"{error.reason or error}"
    )
