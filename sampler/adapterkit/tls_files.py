"""TLS contexts made of PEM files that an operator names.

Errors name the adapter's option that is wrong, so call these options ``tls_cert``, ``tls_key`` and
``tls_ca``. A file that never ends, such as a pipe, is refused. Nobody is asked for a passphrase.
"""

from __future__ import annotations

import ssl

from sampler.agent import read_plain_file

__all__ = ["client_context", "server_context"]


def server_context(certificate: str, key: str | None) -> ssl.SSLContext:
    """Return the context of a server: TLS 1.2 or later, with a certificate.

    Args:
        certificate: option ``tls_cert``: a PEM file with the certificate and its issuers.
        key: option ``tls_key``: a PEM file with the private key; None: it is in the same file.

    Raises:
        ValueError: a file cannot be used; the message begins with the option.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.options |= ssl.OP_NO_RENEGOTIATION
    _load(context, certificate, key)
    return context


def client_context(
    authority: str | None, certificate: str | None = None, key: str | None = None
) -> ssl.SSLContext:
    """Return the context of a client, which verifies a server's certificate and its name.

    Args:
        authority: option ``tls_ca``: a PEM file with the certificates to trust; None: those that
            the system trusts.
        certificate: option ``tls_cert``: a PEM file with what the client shows a server that asks
            for it; None: nothing.
        key: option ``tls_key``: a PEM file with its private key; None: it is in the same file.

    Raises:
        ValueError: a file cannot be used; the message begins with the option.
    """
    _readable("tls_ca", authority)
    try:
        context = ssl.create_default_context(cafile=authority)
    except ssl.SSLError:
        raise ValueError(f"tls_ca: {authority!r} holds no certificate in PEM") from None
    if certificate is not None:
        _load(context, certificate, key)
    elif key is not None:
        raise ValueError("tls_key: set tls_cert, too: the certificate that it belongs to")
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
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


class _EncryptedError(Exception):
    pass


def _readable(name: str, file: str | None) -> None:
    if file is not None:
        try:
            read_plain_file(file)  # OpenSSL would wait for a pipe, and read a device for ever
        except ValueError as error:
            raise ValueError(f"{name}: {file[:200]!r} {error}") from None


def _no_password() -> str:
    raise _EncryptedError  # else OpenSSL would ask at the terminal


def _meaning(error: ssl.SSLError, certificate: str, key: str) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key!r} does not belong to the certificate in {certificate!r}"
    return (
        f"{certificate!r} and {key!r} hold no certificate with its private key, in PEM: "
        f"{error.reason or error}"
    )
