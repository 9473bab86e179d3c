"""Callbacks that record what a framework's own training loop does.

Each file holds one framework's, imports rltrack and that framework, and nothing of the
others. What is not a callback of a host's loop lives in `rltrack.hooks`. Installed as
`rltrack.callbacks`; `SB3Callback` loads Stable-Baselines3 when it is first asked for.

Read `sb3.py` first: it follows SB3's events, and its ``_sb3_*`` neighbours do one thing each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltrack.callbacks.sb3 import SB3Callback

__all__ = ["SB3Callback"]


def __getattr__(name: str) -> Any:
    if name == "SB3Callback":
        from rltrack.extras import require

        require("stable_baselines3", extra="sb3")
        from rltrack.callbacks.sb3 import SB3Callback

        return SB3Callback
    raise AttributeError(f"module 'rltrack.callbacks' has no attribute {name!r}")
