"""Sweeps: many trials of one program, and which parameters each of them gets.

What lives here: the schema of a sweep, its methods of search, the ledger of its trials in a plain
folder, and agents that run them. What never will: anything that a run needs to record itself.
Read `schema.py` first, then `ledger.py`: what agents agree on without a server.

`latest_checkpoint` is for the functions and programs that agents run.
"""

from __future__ import annotations

from typing import Any

__all__ = ["latest_checkpoint"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from rltrack.sweeps import checkpoints

        return getattr(checkpoints, name)
    raise AttributeError(f"module 'rltrack.sweeps' has no attribute {name!r}")
