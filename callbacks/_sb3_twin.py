"""An env like the training's, beside it, and a training that notices nothing of it."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any, Final

import gymnasium
import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import (
    VecCheckNan,
    VecEnv,
    VecExtractDictObs,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)

from rltrack.callbacks._sb3_env import EnvFacts, layers

#: Wrappers that change nothing of what a policy sees and does, and that a film needs not have.
_NEUTRAL: Final = (
    *("Monitor", "RecordEpisodeStatistics", "RecordVideo", "HumanRendering"),
    *("TimeLimit", "OrderEnforcing", "PassiveEnvChecker", "EpisodeMonitor"),
)


class NoTwinError(Exception):
    """There can be no such env; the message says why."""


def made_again(facts: EnvFacts, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
    """Make the env of a training once more.

    Raises:
        NoTwinError: it is not known how, or it cannot be.
    """
    if facts.env_id is None:
        raise NoTwinError("the env was not made by gymnasium.make")
    how: str | EnvSpec = facts.env_id
    if facts.spec is not None:
        how = copy.copy(facts.spec)
        how.additional_wrappers = tuple(
            wrapper for wrapper in how.additional_wrappers if wrapper.name not in _NEUTRAL
        )
        unknown = [wrapper.name for wrapper in how.additional_wrappers if wrapper.kwargs is None]
    else:
        unknown = [name for name in facts.wrappers if name not in _NEUTRAL]
    if unknown:
        raise NoTwinError(f"it is not known how {unknown[0]} was put around the env")
    try:
        return gymnasium.make(how, render_mode=render_mode)
    except Exception as refusal:  # whatever an env's constructor raises
        raise NoTwinError(
            f"{facts.env_id} cannot be made with render_mode={render_mode!r} ({refusal})"
        ) from refusal


def dressed_like(training: VecEnv, env: VecEnv) -> VecEnv:
    """Put the wrappers of the training's VecEnv around `env`, with their present state.

    Raises:
        NoTwinError: one of them is not SB3's.
    """
    for layer in reversed(layers(training)[:-1]):
        if isinstance(layer, VecNormalize):
            normalize = copy.deepcopy(layer)  # as pickled: without the env
            normalize.set_venv(env)
            normalize.training = False
            env = normalize
        elif isinstance(layer, VecFrameStack):
            env = VecFrameStack(env, layer.stacked_obs.n_stack, _channels_order(layer))
        elif isinstance(layer, VecTransposeImage):
            env = VecTransposeImage(env, layer.skip)
        elif isinstance(layer, VecExtractDictObs):
            env = VecExtractDictObs(env, layer.key)
        elif not isinstance(layer, (VecMonitor, VecCheckNan, VecVideoRecorder)):
            raise NoTwinError(
                f"{type(layer).__name__} around the training's env cannot be put around another"
            )
    return env


def _channels_order(layer: VecFrameStack) -> str | None:
    first = getattr(layer.stacked_obs, "channels_first", None)
    return None if first is None else "first" if first else "last"


@contextmanager
def undisturbed(model: BaseAlgorithm) -> Iterator[None]:
    """Put back random states and the policy's mode."""
    python = random.getstate()
    legacy = np.random.get_state()
    cpu = torch.get_rng_state()
    # Asking an idle CUDA for its state would start it, and take a gigabyte.
    uses_gpu = torch.cuda.is_initialized()
    gpus = torch.cuda.get_rng_state_all() if uses_gpu else None
    was_training = model.policy.training
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        torch.set_rng_state(cpu)
        if gpus is not None:
            torch.cuda.set_rng_state_all(gpus)
        model.policy.set_training_mode(was_training)


def masks(model: BaseAlgorithm, env: VecEnv) -> dict[str, Any]:
    """For `predict`: which actions the env allows now, if the policy (as MaskablePPO's) asks."""
    if "action_masks" not in signature(model.predict).parameters:
        return {}
    return {"action_masks": np.stack(env.env_method("action_masks"))}
