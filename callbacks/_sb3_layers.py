"""The state of envs: what a `VecEnv`, its wrappers, its envs and theirs hold in their attributes.

Envs have no common way to save themselves, but nearly all are plain Python: what they are is in
their attributes. These are copied layer by layer, and given back to the layers of the same
classes that a new process made. Where an env keeps its state in a library, the library is asked
(MuJoCo, the Arcade Learning Environment); where it cannot be (Box2D), and for envs of other
processes, an env only gets back its random state, and begins a new episode.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.spaces import Space
from stable_baselines3.common.monitor import Monitor, ResultsWriter
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecMonitor,
    VecNormalize,
)

from rltrack.callbacks._sb3_env import layers
from rltrack.callbacks._sb3_references import References

#: How an env was made, and what it only looks like: the same in the new process.
_FIXED: Final = frozenset(
    {
        *("spec", "_spec", "_cached_spec", "metadata", "_metadata", "render_mode", "_render_mode"),
        *("class_attributes", "waiting", "closed", "envs", "venv", "env", "num_envs"),
    }
)
#: What draws or writes: no state of the env, and not to be copied.
_PICTURES: Final = frozenset(
    {
        *("viewer", "renderer", "mujoco_renderer", "screen", "window", "window_surface", "clock"),
        *("surf", "isopen", "results_writer", "recorder", "video_recorder"),
    }
)

#: What a wrapper of ours records with belongs to this process, and says itself what it needs.
_OURS: Final = __name__.partition(".")[0]


class EnvState:
    """What the layers of one `VecEnv` were, ready to be pickled."""

    def __init__(self) -> None:
        self.layers: list[tuple[str, dict[str, Any]]] = []
        """Class and attributes of each layer, outermost first."""
        self.native: list[Any] = []
        """Of each layer, what its library says of itself."""
        self.opaque: list[str] = []
        """What could not be copied, as ``LunarLander.world``; if empty, the state is whole."""
        self.generators: list[Any] = []
        """The random generator of each env, for where the rest cannot be given back."""
        self.ours: list[tuple[int, str, Any]] = []
        """Which layer's attribute is one of ours, and what it needs to go on."""
        self.saved_s = time.time()


def all_layers(env: VecEnv) -> list[object]:
    """`env`, the VecEnvs within it, and their envs with their wrappers, outermost first."""
    found: list[object] = [*layers(env)]
    base = found[-1]
    for inner in base.envs if isinstance(base, DummyVecEnv) else ():
        while isinstance(inner, gymnasium.Wrapper):
            found.append(inner)
            inner = inner.env
        found.append(inner)
    return found


def spaces_of(env: VecEnv) -> Iterator[Space[Any]]:
    """The spaces of its layers, and theirs; each may draw at random."""
    seen: set[int] = set()
    for layer in all_layers(env):
        for value in vars(layer).values():
            for space in _with_parts(value):
                if id(space) not in seen:
                    seen.add(id(space))
                    yield space


def _with_parts(value: object) -> Iterator[Space[Any]]:
    if isinstance(value, Space):
        yield value
        parts = getattr(value, "spaces", ())  # of Dict, Tuple and OneOf
        for part in parts.values() if isinstance(parts, Mapping) else parts:
            yield from _with_parts(part)


def copied(env: VecEnv, references: References) -> EnvState:
    """What `env` is now.

    The attributes are those of the env, and no copies: pickle it before the env goes on.

    Args:
        env: of any kind.
        references: to what is not to be copied; all layers of `env` among them.
    """
    state = EnvState()
    state.generators = _generators(env)
    base = layers(env)[-1]
    remote = None if isinstance(base, DummyVecEnv) else base
    if remote is not None:
        state.opaque.append(f"what lives in the other processes of {type(remote).__name__}")
    for layer in all_layers(env):
        native = _native_state(layer)
        state.native.append(native)
        attributes: dict[str, Any] = {}
        for name, value in vars(layer).items() if layer is not remote else ():
            if name in _FIXED or callable(value) or (native and name in native["instead_of"]):
                continue
            if type(value).__module__.partition(".")[0] == _OURS:
                if hasattr(value, "checkpoint"):
                    state.ours.append((len(state.layers), name, value.checkpoint()))
                continue
            try:
                references.pickled(value)
            except Exception:  # of whatever kind; a pickle of somebody's object may raise any
                what = f"{type(layer).__name__}.{name}"
                if not _is_picture(name, value) and what not in state.opaque:
                    state.opaque.append(what)
                continue
            attributes[name] = value
        state.layers.append((_class_of(layer), attributes))
    return state


def give_back(env: VecEnv, state: EnvState) -> bool:
    """Make of `env` what it was.

    Args:
        env: made by the same code as the one that was copied.
        state: of it.

    Returns:
        Whether its episodes go on; otherwise they were left, and `env` must be reset.

    Raises:
        ValueError: `env` has other layers.
    """
    found = all_layers(env)
    here, there = [_class_of(layer) for layer in found], [name for name, _ in state.layers]
    if here != there:
        raise ValueError(
            f"the env is made of {_names(here)}, and that of the checkpoint of {_names(there)}"
        )
    whole = not state.opaque
    for layer, native, (_, attributes) in zip(found, state.native, state.layers, strict=True):
        if whole or isinstance(layer, VecNormalize):
            vars(layer).update(attributes)
            if native is not None:
                _give_back_native(layer, native)
            _shift_clock(layer, time.time() - state.saved_s)
    if whole:
        for number, name, needed in state.ours:
            getattr(found[number], name).go_on(needed)
    else:
        _give_back_generators(env, state.generators)
    return whole


def _class_of(layer: object) -> str:
    return f"{type(layer).__module__}.{type(layer).__qualname__}"


def _names(classes: list[str]) -> str:
    return " around ".join(dict.fromkeys(name.rpartition(".")[2] for name in classes))


def _is_picture(name: str, value: object) -> bool:
    library = type(value).__module__.partition(".")[0]
    return name in _PICTURES or library == "pygame" or isinstance(value, ResultsWriter)


def _shift_clock(layer: object, pause_s: float) -> None:
    """A monitor tells how long after its making an episode ended: the pause is no part of it."""
    if isinstance(layer, (Monitor, VecMonitor)):
        layer.t_start += pause_s


# -- random generators -------------------------------------------------------------------------


def _generators(env: VecEnv) -> list[Any]:
    """Of each env; an empty list if they cannot be had."""
    base = layers(env)[-1]
    if isinstance(base, (DummyVecEnv, SubprocVecEnv)):
        found = base.get_attr("np_random")  # every env of gymnasium has one
        if all(isinstance(generator, np.random.Generator) for generator in found):
            return found
    return []


def _give_back_generators(env: VecEnv, generators: list[Any]) -> None:
    base = layers(env)[-1]
    for index, generator in enumerate(generators):
        base.set_attr("np_random", generator, indices=index)


# -- libraries ---------------------------------------------------------------------------------


def _native_state(layer: object) -> dict[str, Any] | None:
    """What a library keeps of an env, and the attributes that it replaces."""
    held = vars(layer)
    mujoco = sys.modules.get("mujoco")
    if mujoco is not None and isinstance(held.get("data"), mujoco.MjData):
        return {"instead_of": ("data", "model"), "mujoco": held["data"]}
    if hasattr(held.get("ale"), "cloneSystemState"):
        return {"instead_of": ("ale",), "ale": held["ale"].cloneSystemState()}
    return None


def _give_back_native(layer: Any, native: Mapping[str, Any]) -> None:
    if "mujoco" in native:
        # All of it, and not `mj_setState` alone: rewards are made of what the last step left.
        sys.modules["mujoco"].mj_copyData(layer.data, layer.model, native["mujoco"])
    if "ale" in native:
        layer.ale.restoreSystemState(native["ale"])
