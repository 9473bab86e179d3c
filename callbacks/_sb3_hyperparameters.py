"""What makes an SB3 training what it is, as a config that compares with other runs'.

The names are those of the algorithm's constructor, so that counters, buffers and caches of
the model stay out; the values are typed, and hold no address of an object.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from importlib import metadata
from itertools import zip_longest
from typing import Any, Final

import numpy as np
import torch
from gymnasium.spaces import Space
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import ActionNoise, VectorizedActionNoise

from rltrack.callbacks._sb3_env import EnvFacts, chosen, layers
from rltrack.journal.records import Json

#: Where in training a schedule is evaluated: progress remaining, as SB3 counts it.
PROGRESS: Final = (1.0, 0.75, 0.5, 0.25, 0.0)

#: Arguments that name no hyperparameter, or have a place of their own below.
_ELSEWHERE: Final = (
    *("policy", "env", "verbose", "tensorboard_log", "device", "seed"),
    *("support_multi_env", "monitor_wrapper", "supported_action_spaces"),
)
_SCHEDULED: Final = ("learning_rate", "clip_range")
_NORMALIZE: Final = ("norm_obs", "norm_reward", "clip_obs", "clip_reward", "gamma", "epsilon")
_PACKAGES: Final = (
    *("stable-baselines3", "sb3-contrib", "sbx-rl", "gymnasium", "torch", "numpy"),
    *("mujoco", "ale-py", "box2d", "box2d-py", "pettingzoo"),
)
_MAX_TEXT: Final = 500
_missing: Final = object()


def hyperparameters(
    model: BaseAlgorithm, facts: EnvFacts, total_timesteps: int | None
) -> dict[str, Json]:
    """The config of a training.

    Args:
        model: what is trained.
        facts: of the env that it is trained in.
        total_timesteps: for how long; None if unknown.
    """
    config: dict[str, Json] = {
        "algo": type(model).__name__,
        "policy": model.policy_class.__name__,
        "env_id": facts.env_id,
        "n_envs": model.n_envs,
        "total_timesteps": total_timesteps,
        "seed": model.seed,
        "device": str(model.device),
        "observation_space": _text(model.observation_space),
        "action_space": _text(model.action_space),
    }
    for name in constructor_arguments(type(model)):
        value = getattr(model, name, getattr(model, f"_{name}", _missing))
        if value is not _missing:
            is_schedule = name.endswith(_SCHEDULED) or name == "clip_range_vf"
            config[name] = _schedule(value) if is_schedule else _typed(value)
    if facts.spec is not None and facts.spec.kwargs:
        chosen = {name: v for name, v in facts.spec.kwargs.items() if name != "render_mode"}
        if chosen:
            config["env_kwargs"] = _typed(chosen)
    if (normalize := model.get_vec_normalize_env()) is not None:
        config["vec_normalize"] = {name: _typed(getattr(normalize, name)) for name in _NORMALIZE}
    return config


def environment(model: BaseAlgorithm, facts: EnvFacts) -> dict[str, Json]:
    """Facts for the run's metadata: versions, and how the env is made."""
    env: dict[str, Json] = {
        "id": facts.env_id,
        "num_envs": model.n_envs,
        "observation_space": _text(model.observation_space),
        "action_space": _text(model.action_space),
        "wrappers": [
            _made(name, arguments)
            for name, arguments in zip_longest(facts.wrappers, facts.arguments, fillvalue=None)
        ],
    }
    if model.env is not None:
        env["vec_env"] = [_made(type(layer).__name__, chosen(layer)) for layer in layers(model.env)]
    if facts.spec is not None:
        env |= {
            "entry_point": _typed(facts.spec.entry_point),
            "max_episode_steps": facts.spec.max_episode_steps,
            "reward_threshold": facts.spec.reward_threshold,
        }
    return {"packages": _versions(), "env": env}


def _made(name: str | None, arguments: Mapping[str, Any] | None) -> Json:
    """A wrapper, and what it was made with, where that is known."""
    return {"name": name, **({"arguments": _typed(arguments)} if arguments else {})}


def _versions() -> dict[str, Json]:
    found: dict[str, Json] = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def constructor_arguments(algorithm: type) -> Iterator[str]:
    """Names that a caller may pass: an ``__init__`` with ``**kwargs`` takes its base's as well."""
    for cls in algorithm.__mro__:
        if "__init__" not in vars(cls):
            continue
        arguments = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
        open_ended = False
        for argument in arguments:
            if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
                open_ended = True
            elif not argument.name.startswith("_") and argument.name not in _ELSEWHERE:
                yield argument.name
        if not open_ended:
            return


def _schedule(value: Any) -> Json:
    """A constant as its number, any other schedule as its kind, its fields and five values."""
    # By their names: SB3 before 2.7 had functions in their place.
    if type(value).__name__ == "FloatSchedule":
        value = value.value_schedule
    if type(value).__name__ == "ConstantSchedule":
        return float(value.val)
    if getattr(value, "__qualname__", None) == "constant_fn.<locals>.func":
        return float(value(1.0))
    if not callable(value) or isinstance(value, type):
        return _typed(value)
    name = getattr(value, "__qualname__", None)
    described: dict[str, Json] = {"kind": name or type(value).__name__}
    if name is None:
        described |= {field: _typed(item) for field, item in _fields(value)}
    described["progress_remaining"] = list(PROGRESS)
    described["values"] = _evaluated(value)
    return described


def _evaluated(schedule: Callable[[float], float]) -> list[Json]:
    """Its value at each of `PROGRESS`; two lambdas differ by nothing else."""
    values: list[Json] = []
    for progress in PROGRESS:
        try:
            values.append(float(schedule(progress)))
        except Exception:  # it is the user's, and may only be callable while training goes on
            values.append(None)
    return values


def _typed(value: Any) -> Json:
    """`value` as config holds it: numbers, texts, lists and dicts; classes and functions by name."""
    if isinstance(value, Enum):
        return _typed(value.value)
    if isinstance(value, (np.generic, np.ndarray, torch.Tensor)):
        numbers: Json = value.tolist()
        return numbers if np.size(value) <= _MAX_TEXT else _text(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {_key(key): _typed(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):  # TrainFreq and other named tuples
        return _typed(value._asdict())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_typed(item) for item in value]
    return _typed_object(value)


def _typed_object(value: Any) -> Json:
    if isinstance(value, functools.partial):
        return {"kind": _name(value.func), **{k: _typed(v) for k, v in value.keywords.items()}}
    if isinstance(value, (torch.device, torch.dtype, np.dtype, Space)):
        return _text(value)
    if isinstance(value, VectorizedActionNoise):
        return _typed(value.base_noise)
    if isinstance(value, ActionNoise):
        state = ("noise_prev", "dtype")
        fields = {name: _typed(item) for name, item in _fields(value) if name not in state}
        return {"kind": type(value).__name__, **fields}
    return _name(value)


def _fields(value: object) -> Iterator[tuple[str, Any]]:
    for name, item in getattr(value, "__dict__", {}).items():
        if not callable(item):
            yield name.lstrip("_"), item


def _key(key: object) -> str:
    return key if isinstance(key, str) else str(_typed(key))


def _name(value: Any) -> str:
    """``module.Class`` of a class, a function, or the class of an object."""
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _text(value: object) -> str:
    """On one line, and of bounded length: a space prints its bounds as arrays."""
    text = " ".join(str(value).split())
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
