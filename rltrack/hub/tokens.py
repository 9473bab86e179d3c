"""What lets somebody in: random texts, of which the server keeps hashes only.

An API key is ``rlt_<id>_<secret>``: its id may be shown and logged, its secret is told once.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_PREFIX: Final = "rlt"


def new_id() -> str:
    """Ten random letters, to speak of something that has a secret."""
    return "".join(secrets.choice(_LETTERS) for _ in range(10))


def new_secret() -> str:
    """256 random bits, that may stand in an address."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What is kept of a secret. With 256 random bits there is nothing to guess, so no salt."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def api_key(key_id: str, secret: str) -> str:
    """The key, as its user gets it."""
    return f"{_PREFIX}_{key_id}_{secret}"


def id_of_key(key: str) -> str | None:
    """The part of a key that may be seen; None if it is no key."""
    parts = key.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX else None
