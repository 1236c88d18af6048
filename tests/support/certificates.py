"""Certificates of the tests' own authority, as files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import trustme

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@cache
def authority() -> trustme.CA:
    """Return the one authority of this run."""
    return trustme.CA()


def trust(folder: Path) -> Path:
    """Return a file with what to trust."""
    file = folder / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    return file


def issue(
    folder: Path, *names: str, expires: datetime | None = None, by: trustme.CA | None = None
) -> tuple[Path, Path]:
    """Write a certificate for these names and its key, which only its owner can read."""
    leaf: Any = (by or authority()).issue_cert(*names, not_after=expires)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.touch(0o600)
    key.write_bytes(leaf.private_key_pem.bytes())
    return certificate, key
