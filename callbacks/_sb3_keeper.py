"""Between two updates: the policy is evaluated, and the training is kept so that it can go on.

Both are done there because the weights that are evaluated, those that are kept and those that a
further process begins with are then the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from rltrack.callbacks._sb3_checkpoints import Checkpoints
from rltrack.callbacks._sb3_env import EnvFacts
from rltrack.callbacks._sb3_episodes import EpisodeLog
from rltrack.callbacks._sb3_evaluation import Evaluation, Every
from rltrack.callbacks._sb3_logger import RunWriter
from rltrack.callbacks._sb3_state import Loaded, MismatchError, Moment, Saved, load, save
from rltrack.errors import UsageError

if TYPE_CHECKING:
    import rltrack
    from rltrack.artifacts.artifact import Artifact


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for; see `SB3Callback`."""

    checkpoint_freq: int
    best_on: str | None
    resume: str | None
    save_replay_buffer: bool | None
    eval_env: VecEnv | gymnasium.Env[Any, Any] | None
    eval_freq: int
    eval_episodes: int

    def __post_init__(self) -> None:
        if self.checkpoint_freq < 0 or self.eval_freq < 0 or self.eval_episodes < 1:
            raise UsageError(
                f"SB3Callback(checkpoint_freq={self.checkpoint_freq}, eval_freq={self.eval_freq}, "
                f"eval_episodes={self.eval_episodes}): a frequency is 0 or more timesteps, and "
                "episodes are 1 or more"
            )
        if not (self.resume is None or isinstance(self.resume, str)):
            raise UsageError(
                f'SB3Callback(resume={self.resume!r}): "auto", or the name of an artifact, as '
                "checkpoint-<run id>:best"
            )
        if self.eval_env is not None and not self.eval_freq:
            raise UsageError("SB3Callback(eval_env=…) is evaluated in every eval_freq=… timesteps")
        if self.best_on is not None and self.best_on.partition(":")[2] not in ("", "min", "max"):
            raise UsageError(
                f"SB3Callback(best_on={self.best_on!r}): a metric, or METRIC:min where less is "
                "better, was expected"
            )


class Best:
    """The best value of a metric so far.

    Args:
        metric: it, with ``:min`` behind it where less is better; None for no metric.
    """

    def __init__(self, metric: str | None) -> None:
        self.metric, _, goal = (metric or "").partition(":")
        self._sign = -1.0 if goal == "min" else 1.0
        self.value: float | None = None

    def is_better(self, value: object) -> bool:
        """Whether `value` is the best so far, which it then is; NaN is not."""
        if not isinstance(value, (int, float)) or math.isnan(value):
            return False
        if self.value is not None and self._sign * value <= self._sign * self.value:
            return False
        self.value = float(value)
        return True


class Keeper:
    """Evaluates one training, keeps it, and gives it back.

    Args:
        run: where it is recorded.
        model: what is trained.
        wishes: the user's.
        facts: of the training's env.
        writer: which hears SB3's logger.
        episodes: which counts where no monitor does; None if it could not be made.
        learn: which `learn` of the run it is, from 0 on.
        log_interval: `learn`'s.
    """

    def __init__(
        self,
        run: rltrack.Run,
        model: BaseAlgorithm,
        wishes: Wishes,
        facts: EnvFacts,
        *,
        writer: RunWriter,
        episodes: EpisodeLog | None,
        learn: int,
        log_interval: int | None,
    ) -> None:
        self._run = run
        self._model = model
        self._wishes = wishes
        self._writer = writer
        self._episodes = episodes
        self._learn = learn
        self._log_interval = log_interval
        self._checkpoints = None if run.disabled else Checkpoints(run)
        self._best = Best(wishes.best_on)
        self._iterations = 0
        self._is_whole = True
        self._loaded: Loaded | None = None
        self._kept_at = -1
        self._next_evaluation = Every(wishes.eval_freq, model.num_timesteps)
        self._next_checkpoint = Every(wishes.checkpoint_freq, model.num_timesteps)
        self._evaluation: Evaluation | None = None
        if wishes.eval_freq:
            if facts.remote and wishes.eval_env is None:
                run.warn(
                    "SB3Callback remote evaluation",
                    f"the envs live in other processes, so evaluations play {facts.env_id} as "
                    "gymnasium.make makes it by default; if yours has arguments, pass eval_env=",
                )
            self._evaluation = Evaluation(run, model, facts, wishes.eval_env, wishes.eval_episodes)

    # -- the events of a training ----------------------------------------------------------

    def rollout_start(self) -> None:
        """The last rollout was learned from."""
        self._is_whole = False
        if self._loaded is not None:  # a state that was saved here
            self._loaded.settle()
            self._loaded = None
            return
        self._look("rollout_start")

    def rollout_end(self) -> None:
        """It is learned from next."""
        self._is_whole = True
        self._iterations += 1

    def training_end(self) -> None:
        """Evaluate what came of it, if it is time for that."""
        now = self._model.num_timesteps
        if self._evaluation is not None and now >= self._next_evaluation.next:
            self._evaluate(self._evaluation)

    def keep_end(self) -> None:
        """Keep what came of it; after the logger was written out."""
        if self._wishes.checkpoint_freq and self._model.num_timesteps != self._kept_at:
            is_better = self._best.is_better(self._writer.last.pop(self._best.metric, None))
            self._keep("training_end" if self._is_whole else "midway", ["best"] * is_better)

    def close(self) -> None:
        """Close what was opened here."""
        if self._evaluation is not None:
            self._evaluation.close()

    def _look(self, at: Moment) -> None:
        now = self._model.num_timesteps
        if self._evaluation is not None and now >= self._next_evaluation.next:
            self._evaluate(self._evaluation)
        if self._wishes.checkpoint_freq:
            is_better = self._best.is_better(self._writer.last.pop(self._best.metric, None))
            if is_better or (now >= self._next_checkpoint.next and self._is_logged):
                self._keep(at, ["best"] * is_better)

    @property
    def _is_logged(self) -> bool:
        """Whether SB3 has written the rollout: by `log_interval`, it does so from `learn`'s start."""
        if not isinstance(self._model, OnPolicyAlgorithm) or not self._log_interval:
            return True
        return self._iterations % self._log_interval == 0

    def _evaluate(self, evaluation: Evaluation) -> None:
        self._next_evaluation.passed(self._model.num_timesteps)
        evaluation()

    # -- keeping ---------------------------------------------------------------------------

    def _keep(self, at: Moment, aliases: list[str]) -> None:
        if self._checkpoints is None:
            return
        now = self._model.num_timesteps
        if now >= self._next_checkpoint.next:
            self._next_checkpoint.passed(now)  # first: what fails is not tried at each rollout
        facts: dict[str, Any] = {"learn": self._learn, "algorithm": type(self._model).__name__}
        if self._best.value is not None and aliases:
            facts[self._best.metric] = self._best.value
        saved = self._checkpoints.add(partial(self._save, at=at), aliases, facts)
        self._kept_at = now
        if not saved.exact and at != "midway":
            self._run.warn(
                "SB3Callback inexact",
                "SB3Callback: a training that goes on from these checkpoints will not be the same "
                f"bit for bit: {'; '.join(saved.about['inexact'])}",
            )

    def _save(self, folder: Path, *, at: Moment) -> Saved:
        episodes, evaluation = self._episodes, self._evaluation
        return save(
            folder,
            self._model,
            at=at,
            replay_buffer=self._wishes.save_replay_buffer,
            other_envs=self._other_envs(),
            known={"run": self._run},
            about={"learn": self._learn, "run": self._run.path},
            extra={
                "iterations": self._iterations,
                "best": self._best.value,
                "episodes": episodes and episodes.state(),
                "evaluation": evaluation and evaluation.state(),
            },
        )

    def _other_envs(self) -> Mapping[str, VecEnv]:
        return {} if self._evaluation is None else {"evaluation": self._evaluation.env}

    # -- going on --------------------------------------------------------------------------

    def resume(self, total_timesteps: int, *, from_zero: bool) -> None:
        """Give the training back what it had, as the user wishes.

        Args:
            total_timesteps: where it ends.
            from_zero: whether `learn` counts timesteps from 0.

        Raises:
            UsageError: the checkpoint is of another training.
        """
        wish, checkpoints = self._wishes.resume, self._checkpoints
        if wish is None or checkpoints is None:
            return
        try:
            if wish != "auto":
                self._go_on(checkpoints.load(checkpoints.named(wish), self._load))
            elif self._run.resumed:
                self._go_on_by_itself(checkpoints, total_timesteps, from_zero=from_zero)
        except MismatchError as why:
            raise UsageError(
                f"SB3Callback(resume={wish!r}): {why}; run the program as it was, or begin "
                "another run"
            ) from why

    def _go_on_by_itself(
        self, checkpoints: Checkpoints, total_timesteps: int, *, from_zero: bool
    ) -> None:
        versions = checkpoints.versions()
        own = [version for version in versions if _learn_of(version) == self._learn]
        is_last = all(_learn_of(version) <= self._learn for version in versions)
        loaded = checkpoints.load_newest(own, self._load)
        if loaded is not None:
            self._go_on(loaded)
        elif not is_last:
            # An earlier process has gone on to a later `learn`, which loads what this one made.
            self._model.num_timesteps = total_timesteps
        elif own:
            self._run.warn(
                "SB3Callback resume",
                "SB3Callback: no checkpoint is whole, so the training begins anew",
            )
        if is_last and (self._learn == 0 or not from_zero):
            # What was logged behind the checkpoint is trained, and logged, once more.
            now = self._model.num_timesteps
            self._run.rewind(now)
            if loaded is None:
                self._run.note(
                    "info",
                    f"there is no checkpoint of this run: the training begins at {now:,} timesteps, "
                    "and what earlier processes logged behind that is hidden",
                )

    def _load(self, folder: Path) -> Loaded:
        # A run that is pickled would be attached to, as by a further process.
        known = {"run": self._run}
        return load(folder, self._model, other_envs=self._other_envs(), known=known)

    def _go_on(self, loaded: Loaded) -> None:
        self._loaded = loaded
        extra, now = loaded.extra, self._model.num_timesteps
        self._iterations = self._writer.iterations_before = extra["iterations"]
        self._best.value = extra["best"]
        if self._episodes is not None and extra["episodes"] and loaded.goes_on:
            self._episodes.give_back(extra["episodes"])
        if self._evaluation is not None and extra["evaluation"]:
            self._evaluation.give_back(extra["evaluation"])
        self._next_evaluation.passed(now)
        self._next_checkpoint.passed(now)
        self._kept_at = now
        where = f"{now:,} timesteps, as run {loaded.about['run']} left it"
        if loaded.inexact:
            self._run.warn(
                "SB3Callback goes on",
                f"SB3Callback: the training goes on at {where}, but not bit for bit: "
                f"{'; '.join(loaded.inexact)}",
            )
        else:
            self._run.note("info", f"the training goes on at {where}")


def _learn_of(version: Artifact) -> int:
    number = version.metadata.get("learn")
    return number if isinstance(number, int) else 0
