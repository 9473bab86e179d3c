"""Passwords: argon2id, with the parameters that RFC 9106 recommends for little memory."""

from __future__ import annotations

import functools
import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rltrack.server.answers import Refusal

SHORTEST: Final = 10
_LONGEST: Final = 1000
_hasher: Final = PasswordHasher()
#: Each takes 64 MiB while it is made.
_at_once: Final = threading.Semaphore(4)


def hashed(password: str) -> str:
    """What is kept of a password.

    Raises:
        Refusal: it is too short or too long.
    """
    if not SHORTEST <= len(password) <= _LONGEST:
        raise Refusal(
            400, f"a password of {len(password)} characters", f"take {SHORTEST} or more characters"
        )
    with _at_once:
        return _hasher.hash(password)


def is_right(kept: str | None, password: str) -> bool:
    """Whether this is the password; as long for a user who has none, or is none."""
    with _at_once:
        try:
            return _hasher.verify(kept or _nobodys(), password[:_LONGEST]) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


@functools.cache
def _nobodys() -> str:
    return _hasher.hash("nobody's password")
