"""Every finished episode of every env, as a row of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from gymnasium.wrappers import RecordEpisodeStatistics
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    VecEnv,
    VecMonitor,
    is_vecenv_wrapped,
    unwrap_vec_normalize,
)

from rltrack.callbacks._sb3_logger import GLOBAL_STEP

if TYPE_CHECKING:
    import rltrack

#: What a monitor itself puts into ``info["episode"]``: return, length, time. Others are the user's.
_OWN_KEYS: Final = ("r", "l", "t")


class EpisodeLog:
    """Logs each episode that ends, with its env and the step at which it ended.

    Return and length are those of ``info["episode"]``, which a monitor writes. Where some env
    has none, they are counted here, from the rewards as the env gave them.

    Args:
        run: where the rows go.
        env: what is trained in.
    """

    def __init__(self, run: rltrack.Run, env: VecEnv) -> None:
        self._run = run
        self._started_s = time.time()
        self._timed = _is_monitored(env)
        self.counted = not (self._timed or all(env.env_is_wrapped(RecordEpisodeStatistics)))
        """Whether some env has no monitor, so that each step must be counted here."""
        self._normalize = unwrap_vec_normalize(env)
        self._returns: npt.NDArray[np.float64] = np.zeros(env.num_envs)
        self._lengths: npt.NDArray[np.int64] = np.zeros(env.num_envs, np.int64)

    def count(self, rewards: npt.NDArray[np.floating]) -> None:
        """Add one step of all envs, which gave `rewards`; to be called if `counted`."""
        normalize = self._normalize
        self._returns += normalize.get_original_reward() if normalize else rewards
        self._lengths += 1

    def state(self) -> dict[str, Any]:
        """What a further process needs to go on in the midst of episodes."""
        elapsed_s = time.time() - self._started_s
        return {"returns": self._returns, "lengths": self._lengths, "elapsed_s": elapsed_s}

    def give_back(self, state: Mapping[str, Any]) -> None:
        """Be in the midst of the episodes that `state` tells of."""
        self._returns, self._lengths = state["returns"], state["lengths"]
        self._started_s = time.time() - state["elapsed_s"]

    def log_finished(
        self,
        dones: npt.NDArray[np.bool_],
        infos: Sequence[Mapping[str, Any]],
        num_timesteps: int,
    ) -> None:
        """Log the episodes that ended in this step of all envs."""
        for env, done in enumerate(dones.tolist()):
            if done:
                info = infos[env]
                row = self._monitored(info["episode"]) if "episode" in info else self._own(env)
                if row is not None:
                    row["episode/env"] = env
                    row["episode/truncated"] = bool(info.get("TimeLimit.truncated", False))
                    if "is_success" in info:
                        row["episode/success"] = bool(info["is_success"])
                    row[GLOBAL_STEP] = num_timesteps
                    self._run.log_point(row, step=num_timesteps)

    def _monitored(self, episode: Mapping[str, Any]) -> dict[str, Any]:
        row = {
            "episode/return": float(_number(episode["r"])),
            "episode/length": int(_number(episode["l"])),
            "episode/time_s": float(_number(episode["t"])) if self._timed else self._time_s(),
        }
        if len(episode) > len(_OWN_KEYS):
            for key in episode.keys() - _OWN_KEYS:
                row[f"episode/{key}"] = _number(episode[key])
        return row

    def _own(self, env: int) -> dict[str, Any] | None:
        if not self.counted:
            return None  # Atari's wrapper says done when a life is lost; the episode goes on
        row = {
            "episode/return": float(self._returns[env]),
            "episode/length": int(self._lengths[env]),
            "episode/time_s": self._time_s(),
        }
        self._returns[env] = 0.0
        self._lengths[env] = 0
        return row

    def _time_s(self) -> float:
        return time.time() - self._started_s


def _is_monitored(env: VecEnv) -> bool:
    return is_vecenv_wrapped(env, VecMonitor) or all(env.env_is_wrapped(Monitor))


def _number(value: Any) -> Any:
    """A NumPy scalar, or gymnasium 0.29's array of one, as a Python number."""
    if isinstance(value, (np.generic, np.ndarray)) and value.size == 1:
        return value.item()
    return value
