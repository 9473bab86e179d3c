"""What is known of the env that a model trains in, without touching it.

Envs of a `SubprocVecEnv` live in workers, which answer by pickle, and a worker whose answer
cannot be pickled dies and takes the training along. A spec may hold a user's lambda (in a
`TransformReward`, say), so specs are only read in this process; of a worker's env we ask for
its text, ``<Monitor<TimeLimit<CartPoleEnv<CartPole-v1>>>>``, which is always a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final

import gymnasium
from gymnasium.envs.registration import EnvSpec
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper

#: ``<A<B<C<id>>>>``: gymnasium's text of a wrapped env.
_CHAIN: Final = re.compile(r"((?:<[^<>]+)+)>+")


@dataclass(frozen=True, slots=True)
class EnvFacts:
    """The first of the envs of a `VecEnv`."""

    env_id: str | None
    """The registered name; None of an env that was not made by `gymnasium.make`."""
    spec: EnvSpec | None
    """How it was made; None if that is unknown, or known only to a worker."""
    wrappers: tuple[str, ...]
    """Class names of the wrappers around it, outermost first."""
    remote: bool
    """Whether it lives in another process."""
    arguments: tuple[Mapping[str, Any], ...] = ()
    """Those of each wrapper; none of an env in another process."""


def env_facts(env: VecEnv) -> EnvFacts:
    """Look at the first env of `env`."""
    base = layers(env)[-1]
    if isinstance(base, DummyVecEnv):
        first = base.envs[0]
        text, spec, remote = str(first), first.spec, False
        arguments = tuple(_arguments(first))
    else:
        text, spec, remote = _text_of_worker(base), None, True
        arguments = ()
    chain = _CHAIN.fullmatch(text)
    names = chain[1].split("<")[1:] if chain else []
    env_id = spec.id if spec is not None else None
    if remote and len(names) > 1:
        env_id = names[-1]
    return EnvFacts(env_id, spec, tuple(names[:-2]), remote, arguments)


def _arguments(env: gymnasium.Env[Any, Any]) -> Iterator[Mapping[str, Any]]:
    """What each wrapper around `env` was made with, the outermost first."""
    while isinstance(env, gymnasium.Wrapper):
        # Wrappers of gymnasium's own remember it; of others we see what has become of it.
        saved = getattr(env, "_saved_kwargs", None)
        yield dict(saved) if saved is not None else chosen(env)
        env = env.env


def chosen(made: object) -> dict[str, Any]:
    """The arguments of an object's constructor, as far as it has attributes of their names."""
    names = signature(type(made)).parameters
    held = vars(made)
    return {name: held[name] for name in names if name in held and name not in ("env", "venv")}


def _text_of_worker(env: VecEnv) -> str:
    try:
        return str(env.env_method("__str__", indices=0)[0])
    except Exception:  # somebody's own VecEnv may lack the method, and fail in any way
        return ""


def layers(env: VecEnv) -> list[VecEnv]:
    """`env` and the VecEnvs within it, outermost first."""
    found = [env]
    while isinstance(found[-1], VecEnvWrapper):
        found.append(found[-1].venv)
    return found
