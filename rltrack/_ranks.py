"""Trainings of many processes: which of them records, and under which id."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rltrack.errors import UsageError
from rltrack.settings import Settings


def silent_rank(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Why this process records nothing: it is not the first of a torchrun; None if it does.

    A group means that each process is to have a run of its own, as with W&B.
    """
    if settings.mode in ("shared", "disabled") or settings.all_ranks or settings.group is not None:
        return None
    rank, world = environ.get("RANK", ""), environ.get("WORLD_SIZE", "")
    if not rank.isdecimal() or not world.isdecimal() or int(rank) == 0 or int(world) == 1:
        return None
    return (
        f"rank {rank} of {world} records nothing, since rank 0 does; mode='shared' records all "
        "ranks in one run, group=… or Settings(all_ranks=True) each in its own"
    )


def shared_id(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """The id of a run that many processes record.

    Raises:
        UsageError: it was not given, and the launcher has no name for this start either.
    """
    if settings.run_id is not None:
        return settings.run_id
    launch = environ.get("TORCHELASTIC_RUN_ID", "")
    if launch in ("", "none"):
        raise UsageError(
            "mode='shared' needs an id that all processes know: init(id=…) or RLTRACK_RUN_ID"
        )
    import hashlib

    restart = environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return "ddp-" + hashlib.sha256(f"{launch}/{restart}".encode()).hexdigest()[:8]
