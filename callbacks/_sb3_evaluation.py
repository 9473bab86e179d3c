"""The policy as it is now, tried in an env of its own, every so often.

SB3's `EvalCallback` does it, and logs ``eval/mean_reward`` and the like through SB3's logger. It
is asked between two updates, and listened to: each of its episodes is a row.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import gymnasium
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

from rltrack.callbacks._sb3_env import EnvFacts, layers
from rltrack.callbacks._sb3_logger import GLOBAL_STEP
from rltrack.callbacks._sb3_twin import NoTwinError, dressed_like, made_again, undisturbed
from rltrack.errors import UsageError

if TYPE_CHECKING:
    import rltrack

#: Of the evaluation's env, where it is made here.
SEED: Final = 2**21

_KEPT: Final = ("best_mean_reward", "last_mean_reward", "n_calls")


class Evaluation:
    """Evaluates a model whenever it is asked to, and logs what came of it.

    Args:
        run: where the rows go.
        model: what is trained.
        facts: of the training's env.
        env: to play in; by default one is made as the training's was. One that is no `VecEnv`
            gets the wrappers that the training's has.
        episodes: how many are played.

    Raises:
        UsageError: there is no env, or none that fits.
    """

    def __init__(
        self,
        run: rltrack.Run,
        model: BaseAlgorithm,
        facts: EnvFacts,
        env: VecEnv | gymnasium.Env[Any, Any] | None,
        episodes: int,
    ) -> None:
        self._run = run
        self._model = model
        self.env = env if isinstance(env, VecEnv) else _dressed(model, facts, env)
        self._is_ours = env is None
        kind = _kind_for(model)
        self._sb3 = kind(
            self.env, eval_freq=1, n_eval_episodes=episodes, verbose=model.verbose, warn=False
        )
        _listen(self._sb3, self._log_episode)
        with warnings.catch_warnings():
            # That this env is a DummyVecEnv and the training's a SubprocVecEnv is as it should be.
            warnings.filterwarnings("ignore", message="Training and eval env are not of the same")
            self._sb3.init_callback(model)

    def __call__(self) -> None:
        """Evaluate. Neither the training's random states nor its envs are touched."""
        with undisturbed(self._model):
            self._sb3.on_step()

    def close(self) -> None:
        """Close the env, if it was made here."""
        if self._is_ours:
            self.env.close()

    def state(self) -> dict[str, Any]:
        """What a further process needs to go on, apart from the env."""
        return {name: getattr(self._sb3, name) for name in _KEPT}

    def give_back(self, state: dict[str, Any]) -> None:
        """Be what `state` says."""
        vars(self._sb3).update(state)

    def _log_episode(self, seen: dict[str, Any]) -> None:
        """`seen` is what SB3's loop has in its variables as an episode ends."""
        info, env = seen["info"], int(seen["i"])
        monitored = info.get("episode")
        if monitored is None and seen.get("is_monitor_wrapped"):
            return  # a life was lost, and the episode goes on
        row = {
            "eval/episode_return": float(
                seen["current_rewards"][env] if monitored is None else monitored["r"]
            ),
            "eval/episode_length": int(
                seen["current_lengths"][env] if monitored is None else monitored["l"]
            ),
            "eval/episode_env": env,
            "eval/episode_truncated": bool(info.get("TimeLimit.truncated", False)),
            GLOBAL_STEP: self._model.num_timesteps,
        }
        if "is_success" in info:
            row["eval/episode_success"] = bool(info["is_success"])
        if self._run.state == "running":
            self._run.log_point(row, step=self._model.num_timesteps)


class Every:
    """Says when the next multiple of some timesteps is reached.

    Args:
        freq: how many; 0 for never.
        now: timesteps so far.
    """

    def __init__(self, freq: int, now: int) -> None:
        self._freq = freq
        self.next: float = math.inf
        self.passed(now)

    def passed(self, now: int) -> None:
        """Wait for the one behind `now`."""
        if self._freq:
            self.next = (now // self._freq + 1) * self._freq


def _dressed(model: BaseAlgorithm, facts: EnvFacts, env: gymnasium.Env[Any, Any] | None) -> VecEnv:
    assert model.env is not None
    try:
        plain = made_again(facts) if env is None else env
        if not is_wrapped(plain, Monitor):
            plain = Monitor(plain)  # which tells returns as the env gave them
        dressed = dressed_like(model.env, DummyVecEnv([lambda: plain]))
    except NoTwinError as why:
        raise UsageError(
            f"SB3Callback(eval_freq=…): {why}; pass eval_env=, a VecEnv to evaluate in"
        ) from why
    for layer in layers(dressed):
        if isinstance(layer, VecNormalize):
            layer.norm_reward = False
    if env is None:
        dressed.seed(SEED)
    return dressed


def _kind_for(model: BaseAlgorithm) -> type[EvalCallback]:
    """Of sb3-contrib's MaskablePPO: its own, which asks the env for masks."""
    if type(model).__name__ != "MaskablePPO":
        return EvalCallback
    from sb3_contrib.common.maskable.callbacks import MaskableEvalCallback

    return MaskableEvalCallback


def _listen(callback: EvalCallback, told: Callable[[dict[str, Any]], None]) -> None:
    """Have `told` called with each episode that ends.

    `EvalCallback` keeps results only in files. But it hands this method of its own to SB3's loop,
    which calls it in each step: so it is ours that is called, and calls SB3's.
    """
    original = callback._log_success_callback

    def heard(here: dict[str, Any], there: dict[str, Any]) -> None:
        original(here, there)
        if here["done"]:
            told(here)

    vars(callback)["_log_success_callback"] = heard
