"""The log of who did what, when and from where; rows are added with what they tell of."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy.orm import Session

from rltrack.hub.models import AuditEntry
from rltrack.hub.who import Who


def note(
    session: Session, who: Who, address: str, action: str, target: str = "", **detail: Any
) -> None:
    """Add one entry, in the transaction of what is told.

    Args:
        session: the transaction.
        who: who did it.
        address: from where.
        action: in words with a point between: ``key.make``.
        target: what it was done to.
        detail: JSON; nothing secret.
    """
    session.add(
        AuditEntry(
            at=time.time(),
            who=who.name or "",
            by=who.by[:32],
            address=address[:64],
            action=action,
            target=target[:300],
            detail=detail,
        )
    )
