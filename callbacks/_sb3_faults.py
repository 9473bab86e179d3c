"""A fault of ours must not end somebody's training."""

from __future__ import annotations

from rltrack import Run


def survive(run: Run, doing: str, fault: Exception) -> None:
    """Turn a fault of the callback into one warning on the run; in strict mode, raise it.

    Args:
        run: what was recorded to.
        doing: what failed, for example ``recording a video``: one warning for each.
        fault: what was caught.
    """
    if run.settings.strict:
        raise fault
    run.warn(
        f"SB3Callback {doing}",
        f"SB3Callback: {doing} failed, and training goes on: {type(fault).__name__}: {fault}",
    )
