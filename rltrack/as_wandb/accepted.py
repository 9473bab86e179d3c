"""Functions of W&B's that other libraries call, and that are little here."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Sequence
from typing import Any

from rltrack import _active
from rltrack._config import as_mapping
from rltrack._run import Run
from rltrack.errors import UsageError


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
