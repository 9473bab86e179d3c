"""Functions of W&B's that other libraries call, and that are little here."""

from __future__ import annotations

import base64
import os
import pickle
from collections.abc import Sequence
from typing import Any

import rltrack
from rltrack import _active
from rltrack._config import as_mapping
from rltrack._run import Run
from rltrack.errors import UsageError
from rltrack.settings import DEFAULTS


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    id: str | None = None,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
    config: object = None,
    **more: Any,
) -> Run:
    """`rltrack.init`, whose arguments have W&B's order here, and `dir` its meaning.

    W&B makes a folder of its own in `dir`, and libraries say ``dir="."`` of their own accord. So
    runs are in ``rltrack-runs`` there, and `rltrack ls` finds them; but where ``RLTRACK_DIR`` is
    set, its user has chosen, who could not edit the code.
    """
    if dir is not None:
        dir = None if os.environ.get("RLTRACK_DIR") else os.path.join(dir, DEFAULTS.dir or ".")
    return rltrack.init(
        project,
        entity=entity,
        dir=dir,
        id=id,
        name=name,
        notes=notes,
        tags=tags,
        config=config,
        **more,
    )


def require(requirement: object = None, experiment: object = None) -> None:
    """W&B's switches of its own ways: there is nothing to switch."""


def ensure_configured() -> None:
    """W&B's look at its settings, which rltrack looks at when a run starts."""


def attach(attach_id: str | None = None, run_id: str | None = None, **_: Any) -> Run:
    """The run that another process has, by its `_attach_id`; without one, the run of this process.

    Raises:
        UsageError: the id is none, or there is no run.
    """
    if attach_id is None:
        return _active.current() or _active.missing("attach()")
    try:
        run = pickle.loads(base64.urlsafe_b64decode(attach_id))
    except Exception as fault:  # unpickling what is no pickle may raise anything
        raise UsageError(f"attach({attach_id!r}): this is not the _attach_id of a run") from fault
    if not isinstance(run, Run):
        raise UsageError(f"attach({attach_id!r}): this is not the _attach_id of a run")
    if run not in _active.live:
        _active.add(run, beside=False)
    return run


def parse_config(
    params: object,
    exclude: Sequence[str] | None = None,
    include: Sequence[str] | None = None,
) -> dict[str, Any]:
    """A config as a dict, without some keys or with some only.

    Raises:
        UsageError: both are given.
    """
    if exclude and include:
        raise UsageError("parse_config: `exclude` and `include` do not go together")
    values = as_mapping(params)
    if include:
        return {key: value for key, value in values.items() if key in include}
    return {key: value for key, value in values.items() if key not in (exclude or ())}
