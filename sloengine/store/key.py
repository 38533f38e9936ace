"""The key of the hashes that stand for customers, sessions and intents."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from sloengine.errors import StoreError

KEY_NAME = "customer.key"
_KEY_BYTES = 32


def load_or_create_key(directory: Path) -> bytes:
    """Return the folder's key; make one, readable by its owner only, where there is none.

    The key stands beside the database and not in it: whoever gets a copy of the database alone
    cannot try values against the hashes. Raises StoreError where it cannot be read or written.
    """
    path = directory / KEY_NAME
    try:
        if not path.exists():
            _write_key(directory, path)
        key = path.read_bytes()
    except OSError as exc:
        raise StoreError(
            f"customer key {path}: {exc.strerror}; make the file readable for this user"
        ) from exc
    if len(key) != _KEY_BYTES:
        raise StoreError(
            f"customer key {path}: {len(key)} bytes instead of {_KEY_BYTES}; "
            "put back the file that belongs to this store"
        )
    return key


def read_hash_key(directory: Path) -> bytes | None:
    """Return the folder's key, for those who only look; `None` where it cannot be read."""
    try:
        key = (directory / KEY_NAME).read_bytes()
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None


def new_key() -> bytes:
    """Return a random key."""
    return secrets.token_bytes(_KEY_BYTES)


def fingerprint(key: bytes) -> str:
    """Return what tells one key from another without giving it away."""
    return hashlib.sha256(b"sloengine customer key\0" + key).hexdigest()[:16]


def _write_key(directory: Path, path: Path) -> None:
    """Write a new key so that a crash leaves either a whole key or none."""
    new = directory / f"{KEY_NAME}.new"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, new_key())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.rename(path)
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
