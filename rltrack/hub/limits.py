"""How often something may be asked: requests of this process, and attempts over all replicas."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from rltrack.hub.models import Attempts
from rltrack.server.answers import Refusal

_MOST_BUCKETS: Final = 50_000


class TooMany(Refusal):
    """Somebody asks too often; `retry_s` says when they may ask again."""

    def __init__(self, error: str, retry_s: float) -> None:
        self.retry_s = max(1, int(retry_s + 0.999))
        headers = {"retry-after": str(self.retry_s)}
        super().__init__(429, error, f"wait {self.retry_s} s, then try again", headers)


class Buckets:
    """So many a second for each one who asks, and a burst of ten seconds' worth at once."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._most = max(1.0, 10 * per_s)
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, of: str) -> float:
        """Take one; the seconds to wait if there is none, else 0."""
        at = self._clock()
        with self._lock:
            left, since = self._left.pop(of, (self._most, at))
            left = min(self._most, left + (at - since) * self._per_s)
            wait = 0.0 if left >= 1 else (1 - left) / self._per_s
            # The least lately used go first: their buckets are full, or soon would be.
            if len(self._left) >= _MOST_BUCKETS:
                del self._left[next(iter(self._left))]
            self._left[of] = (left - (1 if wait == 0 else 0), at)
        return wait


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts in a span of time."""

    most: int
    span_s: float


_COUNT: Final = text("""
    INSERT INTO attempts (what, count, since) VALUES (:what, 1, :now)
    ON CONFLICT (what) DO UPDATE SET
        count = CASE WHEN :now - attempts.since >= :span THEN 1 ELSE attempts.count + 1 END,
        since = CASE WHEN :now - attempts.since >= :span THEN :now ELSE attempts.since END
    RETURNING count, since
""")


def attempt(session: Session, what: str, limit: Limit, now: float) -> None:
    """Count an attempt, in one statement: replicas may count at the same time.

    Raises:
        TooMany: there were as many as may be.
    """
    asked = {"what": what[:200], "now": now, "span": limit.span_s}
    count, since = session.execute(_COUNT, asked).one()
    if count > limit.most:
        raise TooMany("too many attempts", since + limit.span_s - now)


def forget_attempts(session: Session, what: str) -> None:
    """It went well at last."""
    row = session.get(Attempts, what[:200])
    if row is not None:
        session.delete(row)
