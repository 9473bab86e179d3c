"""The state of a training of SB3, in a folder: saved, and given back to a model in a new process.

It knows of no tracker. What it takes for PPO, A2C, DQN, SAC and their like to go on as if
nothing had been in between, bit for bit:

    model.zip           parameters and optimizers; `PPO.load` reads it as well
    vecnormalize.pkl    statistics of `VecNormalize`; `VecNormalize.load` reads it as well
    replay_buffer.…npy  parts of the arrays of off-policy algorithms' transitions
    state.pkl           counters and the last observation, the envs in the midst of their
                        episodes, random states, what the logger has not yet written

`SB3` calls a callback's `on_rollout_start` between two updates, and there a state is whole: a
rollout that is half collected lies in local variables of SB3's. So `save` is called there or
after the training; and `load` where the training starts, with `Loaded.settle` at its first
`on_rollout_start`, since SB3 draws random numbers in between.

What is pickled is read by `pickle`, which runs what it reads: load only what you trust.
"""

from __future__ import annotations

import platform
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from stable_baselines3.common.save_util import load_from_zip_file, recursive_setattr
from stable_baselines3.common.vec_env import VecEnv

from rltrack.callbacks._sb3_buffer import buffer_bytes, check_buffer, load_buffer, save_buffer
from rltrack.callbacks._sb3_hyperparameters import constructor_arguments
from rltrack.callbacks._sb3_layers import all_layers, copied, give_back, spaces_of
from rltrack.callbacks._sb3_references import References
from rltrack.callbacks._sb3_sealed import sealing, unsealed

FORMAT: Final = 1
Moment = Literal["rollout_start", "training_end", "midway"]
#: Replay buffers up to this size are saved without being asked for.
MODEST_BYTES: Final = 2**30

#: Attributes of a model that this process sets, and that say nothing of the training so far.
_OF_THE_PROCESS: Final = frozenset(
    {
        *("start_time", "_total_timesteps", "_num_timesteps_at_start", "tensorboard_log"),
        *("verbose", "device", "env", "_vec_normalize_env", "_logger", "_custom_logger"),
        *("policy", "rollout_buffer", "replay_buffer", "n_envs", "_stats_window_size"),
        *("lr_schedule", "exploration_schedule", "observation_space", "action_space"),
    }
)
#: Arguments of a constructor that change as the training goes.
_CHANGING: Final = frozenset({"action_noise"})
_NOISE: Final = ("exploration_mat", "exploration_matrices")


class MismatchError(Exception):
    """A checkpoint is of another training than the one that is to go on; the message says how."""


@dataclass(frozen=True)
class Saved:
    """What was saved."""

    folder: Path
    about: Mapping[str, Any]
    """What `checkpoint.json` says, without the digests."""

    @property
    def exact(self) -> bool:
        """Whether a training goes on from here bit for bit."""
        return not self.about["inexact"]


@dataclass
class Loaded:
    """A state that was given back."""

    model: BaseAlgorithm
    about: Mapping[str, Any]
    extra: Any
    """What `save` was given to keep."""
    inexact: list[str]
    """Why the training does not go on bit for bit; empty if it does."""
    goes_on: bool
    """Whether the episodes go on; otherwise new ones have begun."""
    _moment: Any = field(repr=False)

    def settle(self) -> None:
        """Give back, at the first `on_rollout_start`, what SB3 drew since the training started."""
        if self.about["at"] == "rollout_start":
            _give_back_moment(self.model, self._moment)


def save(
    folder: Path,
    model: BaseAlgorithm,
    *,
    at: Moment,
    replay_buffer: bool | None = None,
    other_envs: Mapping[str, VecEnv] | None = None,
    known: Mapping[str, object] | None = None,
    extra: object = None,
    about: Mapping[str, Any] | None = None,
) -> Saved:
    """Save the state of a training, all of it or nothing.

    Args:
        folder: which does not exist yet.
        model: what is trained.
        at: ``rollout_start``; ``training_end`` if all rollouts were learned from; ``midway`` if
            the training was stopped within one: then new episodes begin when it goes on.
        replay_buffer: whether it is saved; by default if it takes 1 GiB or less.
        other_envs: name to env that goes on with the training, for example for evaluation.
        known: name to object that an env may mention, and that `load` is given again.
        extra: whatever else is to be kept; it is pickled.
        about: facts for people, as JSON.

    Raises:
        OSError: the disk refuses.
    """
    assert model.env is not None
    envs = {"train": model.env, **(other_envs or {})}
    references = _references(model, envs, known)
    states = {name: copied(env, references) for name, env in envs.items()}
    inexact = [f"{what} cannot be copied" for what in states["train"].opaque]
    if at == "midway":
        inexact.append("the training was stopped in the midst of a rollout, which is lost")
    buffer = getattr(model, "replay_buffer", None)
    keep_buffer = isinstance(buffer, ReplayBuffer) and _is_wanted(buffer, replay_buffer)
    if buffer is not None and not keep_buffer:
        size = (
            f" of {buffer_bytes(buffer) / 2**30:.1f} GiB"
            if isinstance(buffer, ReplayBuffer)
            else ""
        )
        inexact.append(f"the replay buffer{size} is not saved")
    state: dict[str, Any] = {
        # Each by itself: a further process need not have those of evaluations.
        "envs": {name: references.pickled(copies) for name, copies in states.items()},
        "model": _attributes(model, references),
        "spaces": {name: _generators(env) for name, env in envs.items()},
        "moment": _moment(model),
        "logger": _pending(model, references),
        "elapsed_s": time.time() - model.start_time / 1e9,
        "extra": extra,
    }
    facts = {
        **(about or {}),
        "format": FORMAT,
        "algorithm": type(model).__name__,
        "num_timesteps": model.num_timesteps,
        "num_envs": model.n_envs,
        "at": at,
        "inexact": inexact,
        "versions": _versions(),
    }
    with sealing(folder, facts) as half:
        if keep_buffer:
            assert isinstance(buffer, ReplayBuffer)
            state["replay_buffer"] = save_buffer(half, buffer, references)
        (half / "state.pkl").write_bytes(references.pickled(state))
        model.save(half / "model.zip")
        if (normalize := model.get_vec_normalize_env()) is not None:
            normalize.save(str(half / "vecnormalize.pkl"))
    return Saved(folder, facts)


def load(
    folder: Path,
    model: BaseAlgorithm,
    *,
    other_envs: Mapping[str, VecEnv] | None = None,
    known: Mapping[str, object] | None = None,
) -> Loaded:
    """Give a model and its envs, in place, the state that a training had.

    Args:
        folder: that `save` made.
        model: made by the same code as the one that was saved, with its envs.
        other_envs: those that `save` was given.
        known: what is here under the names that `save` was given.

    Raises:
        DamagedError: the folder is not whole.
        MismatchError: it is of another training. Then `model` is as it was.
    """
    about = unsealed(folder)
    _check(about, model)
    assert model.env is not None
    envs = {"train": model.env, **(other_envs or {})}
    references = _references(model, envs, known)
    try:
        state = references.unpickled((folder / "state.pkl").read_bytes())
        copies = {
            name: references.unpickled(state["envs"][name])
            for name in envs
            if name in state["envs"]
        }
    except Exception as fault:  # a class has moved, an env has fewer layers: anything
        raise MismatchError(f"{folder} does not fit what is trained here: {fault}") from fault
    _, params, variables = load_from_zip_file(
        folder / "model.zip", load_data=False, device=model.device
    )
    policy: Any = params["policy"]  # typed as a tensor, and is a dict of them
    _check_shapes(policy, model)
    buffer, saved_buffer = getattr(model, "replay_buffer", None), state.get("replay_buffer")
    if saved_buffer is not None and (why := check_buffer(buffer, saved_buffer)) is not None:
        raise MismatchError(why)
    inexact = list(about["inexact"])
    goes_on = _give_back_envs(envs, copies, inexact) and about["at"] != "midway"
    model.set_parameters(params, exact_match=True, device=model.device)
    for name, variable in (variables or {}).items():
        if variable is not None:
            recursive_setattr(model, f"{name}.data", variable.data)
    vars(model).update(state["model"])
    model.start_time = time.time_ns() - int(state["elapsed_s"] * 1e9)
    model._num_timesteps_at_start = 0
    if saved_buffer is not None:
        assert isinstance(buffer, ReplayBuffer)
        load_buffer(folder, buffer, saved_buffer, references)
    for name, env in envs.items():
        for space, generator in zip(spaces_of(env), state["spaces"].get(name, ()), strict=False):
            vars(space)["_np_random"] = generator
    model.logger.name_to_value.update(state["logger"]["value"])
    model.logger.name_to_count.update(state["logger"]["count"])
    model.logger.name_to_excluded.update(state["logger"]["excluded"])
    _give_back_moment(model, state["moment"])
    if not goes_on:
        _begin_episodes(model)
    return Loaded(model, about, state["extra"], inexact, goes_on, state["moment"])


def _check(about: Mapping[str, Any], model: BaseAlgorithm) -> None:
    if about.get("format") != FORMAT:
        raise MismatchError(
            f"the checkpoint has format {about.get('format')}, and this rltrack reads {FORMAT}; "
            "a newer one may read it"
        )
    here = {"algorithm": type(model).__name__, "num_envs": model.n_envs}
    for what, value in here.items():
        if about[what] != value:
            raise MismatchError(
                f"the checkpoint is of a training with {what} {about[what]!r}, and this one has "
                f"{value!r}"
            )


def _check_shapes(saved: Mapping[str, torch.Tensor], model: BaseAlgorithm) -> None:
    here = {name: tuple(t.shape) for name, t in model.policy.state_dict().items()}
    there = {name: tuple(t.shape) for name, t in saved.items()}
    for name in here | there:
        if here.get(name) != there.get(name):
            raise MismatchError(
                f"the policy's {name} has shape {here.get(name)}, and that of the checkpoint "
                f"{there.get(name)}"
            )


def _give_back_envs(
    envs: Mapping[str, VecEnv], states: Mapping[str, Any], inexact: list[str]
) -> bool:
    """Whether the training's envs go on in their episodes."""
    goes_on = True
    for name, env in envs.items():
        if name not in states:
            continue
        try:
            whole = give_back(env, states[name])
        except ValueError as mismatch:
            if name == "train":
                raise MismatchError(str(mismatch)) from mismatch
            inexact.append(f"{name}: {mismatch}")
        else:
            goes_on &= whole or name != "train"
    return goes_on


def _begin_episodes(model: BaseAlgorithm) -> None:
    """Where the envs could not be given back, new episodes begin."""
    assert model.env is not None
    model._last_obs = model.env.reset()  # type: ignore[assignment]
    model._last_episode_starts = np.ones((model.n_envs,), dtype=bool)
    if (normalize := model.get_vec_normalize_env()) is not None:
        model._last_original_obs = normalize.get_original_obs()


# -- the parts ---------------------------------------------------------------------------------


def _references(
    model: BaseAlgorithm, envs: Mapping[str, VecEnv], known: Mapping[str, object] | None
) -> References:
    """To all that the new process makes anew."""
    objects: dict[str, object] = {"model": model, "policy": model.policy, **(known or {})}
    if hasattr(model, "_logger"):  # it has one from its first `learn` on
        objects["logger"] = model.logger
    for name, env in envs.items():
        objects |= {f"{name} layer {n}": layer for n, layer in enumerate(all_layers(env))}
        objects |= {f"{name} space {n}": space for n, space in enumerate(spaces_of(env))}
    return References(objects, model.policy.state_dict())


def _generators(env: VecEnv) -> list[Any]:
    """Those from which its spaces draw; None of one that has drawn nothing."""
    return [vars(space).get("_np_random") for space in spaces_of(env)]


def _attributes(model: BaseAlgorithm, references: References) -> dict[str, Any]:
    """What a model knows of its training: neither its choices nor what torch holds of it."""
    chosen = frozenset(constructor_arguments(type(model))) - _CHANGING
    skipped = chosen | _OF_THE_PROCESS
    kept: dict[str, Any] = {}
    for name, value in vars(model).items():
        is_torch = isinstance(value, (torch.nn.Module, torch.optim.Optimizer, torch.nn.Parameter))
        if name in skipped or is_torch or (callable(value) and name not in _CHANGING):
            continue
        if isinstance(value, torch.Tensor) and value.requires_grad:
            continue  # log_ent_coef, which model.zip has
        try:
            references.pickled(value)
        except Exception:  # somebody's own attribute; SB3's can all be pickled
            continue
        kept[name] = value
    return kept


def _pending(model: BaseAlgorithm, references: References) -> dict[str, dict[str, Any]]:
    """What the logger has not yet written: an on-policy update is told after the next rollout."""
    logger = model.logger
    values: dict[str, Any] = {}
    for key, value in logger.name_to_value.items():
        try:
            references.pickled(value)
        except Exception:  # a figure
            continue
        values[key] = value
    return {
        "value": values,
        "count": {key: n for key, n in logger.name_to_count.items() if key in values},
        "excluded": {key: e for key, e in logger.name_to_excluded.items() if key in values},
    }


def _moment(model: BaseAlgorithm) -> dict[str, Any]:
    """Random states, and the noise that gSDE has drawn for the rollout that begins."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        # Asking an idle CUDA for its state would start it, and take a gigabyte.
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None,
        "noise": [
            {name: getattr(made, name).detach() for name in _NOISE if hasattr(made, name)}
            for made in _noisy(model)
        ],
    }


def _give_back_moment(model: BaseAlgorithm, moment: Mapping[str, Any]) -> None:
    random.setstate(moment["python"])
    np.random.set_state(moment["numpy"])
    torch.set_rng_state(moment["torch"])
    if moment["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(moment["cuda"][: torch.cuda.device_count()])
    for made, noise in zip(_noisy(model), moment["noise"], strict=False):
        for name, drawn in noise.items():
            setattr(made, name, drawn)


def _noisy(model: BaseAlgorithm) -> list[StateDependentNoiseDistribution]:
    owners = (model.policy, getattr(model, "actor", None))
    found = [getattr(owner, "action_dist", None) for owner in owners]
    return [made for made in found if isinstance(made, StateDependentNoiseDistribution)]


def _is_wanted(buffer: ReplayBuffer, asked: bool | None) -> bool:
    return buffer_bytes(buffer) <= MODEST_BYTES if asked is None else asked


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("stable-baselines3", "gymnasium", "torch", "numpy"):
        found[package] = metadata.version(package)
    return found
