"""Callbacks that record what a framework's own training loop does.

Each file holds one framework's, imports rltrack and that framework, and nothing of the
others. What is not a callback of a host's loop lives in `rltrack.hooks`. Installed as
`rltrack.callbacks`; each class loads its framework when it is first asked for.

Read `sb3.py` first: it follows SB3's events, and its ``_sb3_*`` neighbours do one thing each.
`lightning.py`, `huggingface.py` and `keras.py` are a file each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rltrack.callbacks.huggingface import HuggingFaceCallback
    from rltrack.callbacks.keras import KerasCallback
    from rltrack.callbacks.lightning import RltrackLogger
    from rltrack.callbacks.sb3 import SB3Callback

__all__ = ["HuggingFaceCallback", "KerasCallback", "RltrackLogger", "SB3Callback"]

#: Where each is, what it needs, and the extra that brings it.
_LATER = {
    "HuggingFaceCallback": ("huggingface", "transformers", "huggingface"),
    "KerasCallback": ("keras", "keras", "keras"),
    "RltrackLogger": ("lightning", "lightning", "lightning"),
    "SB3Callback": ("sb3", "stable_baselines3", "sb3"),
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        import importlib

        from rltrack.extras import require

        module, framework, extra = _LATER[name]
        require(framework, extra=extra)
        return getattr(importlib.import_module(f"rltrack.callbacks.{module}"), name)
    raise AttributeError(f"module 'rltrack.callbacks' has no attribute {name!r}")
