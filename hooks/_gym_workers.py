"""Recorders in the worker processes of vector envs, which are to reach the run as well.

    parent    the vector env is made: each function that makes an env is put into an `EnvFactory`
    worker    calls it: the run that it carries is attached to, and its recorders are listened to

A forked worker has the wrapped classes already, a spawned one must get them; both write to the
run under a name of their own. Whatever goes wrong on the way, the env is made.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import rltrack
from rltrack.hooks import _gym_place
from rltrack.hooks._gym_place import Place

#: The runs of this process that want to hear of films; set by `rltrack.hooks.gym`.
runs: list[rltrack.Run] = []


def in_this_process(run: rltrack.Run) -> rltrack.Run:
    """A run as this process writes to it: a forked one is attached, and its part ends with it."""
    if run.disabled:
        return run
    here: rltrack.Run = pickle.loads(pickle.dumps(run))
    return here


class EnvFactory:
    """Makes an env, and before that, in a worker, starts listening to its recorders."""

    def __init__(self, make: Callable[[], Any], run: bytes, place: Place) -> None:
        self._make = make
        self._run = run
        """Pickled by itself: one that cannot be read must not keep the worker from starting."""
        self._place = place
        self._pid = os.getpid()

    def __call__(self) -> Any:
        if os.getpid() != self._pid:
            self._listen()
        return self._make()

    def _listen(self) -> None:
        _gym_place.of_worker[:] = [self._place]
        with contextlib.suppress(Exception):  # nobody could be told; the training is not touched
            from rltrack.hooks import _gym_tap as tap
            from rltrack.hooks.gym import monitor_gym

            for parents in tap.listeners():  # a fork has them, too, and their run is not for it
                tap.leave(parents)
            for run in pickle.loads(self._run):
                monitor_gym(run)


def wrap_vector_env(init: Callable[..., Any]) -> Callable[..., Any]:
    """Of a class that starts a worker for each function of ``env_fns``, its ``__init__``."""

    def initializing(self: Any, env_fns: Sequence[Callable[[], Any]], *args: Any, **kwargs: Any):  # type: ignore[no-untyped-def]
        carried: Sequence[Callable[[], Any]] = env_fns
        with contextlib.suppress(Exception):  # a run that cannot be pickled, a strange sequence
            if runs:
                run, count = pickle.dumps(runs), len(env_fns)
                carried = [
                    EnvFactory(make, run, Place(index, count)) for index, make in enumerate(env_fns)
                ]
        try:
            init(self, carried, *args, **kwargs)
        finally:
            if vars(self).get("env_fns") is carried:
                self.env_fns = env_fns

    return initializing
