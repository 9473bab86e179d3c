"""The colours of a project's runs and groups that somebody chose or froze, for all who look at it.

They are one document, of the kind `colours`:

    {"runs": {id: slot}, "groups": {key: slot}, "frozen": {"runs": {…}, "groups": {…}}}

A slot is a colour and a dash of the dashboard's palette. What was chosen comes before what was
frozen, and that before the slot that a run has by its number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rltrack.errors import NotFoundError, StorageError
from rltrack.store.documents import Documents

DOCUMENT: Final = "project"
_MOST_SLOTS: Final = 1000


def colours_of_runs(root: Path, project: str) -> dict[str, int]:
    """Slots by run id. A document that is damaged, or is none of colours, says nothing."""
    try:
        body = Documents(root, project, "colours").get(DOCUMENT).body
    except (NotFoundError, StorageError):
        return {}
    return _slots(_part(_part(body, "frozen"), "runs")) | _slots(_part(body, "runs"))


def _part(body: Any, name: str) -> Any:
    return body.get(name) if isinstance(body, dict) else None


def _slots(found: Any) -> dict[str, int]:
    if not isinstance(found, dict):
        return {}
    return {
        run_id: slot
        for run_id, slot in found.items()
        if type(slot) is int and 0 <= slot < _MOST_SLOTS
    }
