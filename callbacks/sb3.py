"""`SB3Callback`: a training of Stable-Baselines3, as a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

import rltrack
from rltrack.callbacks._sb3_checkpoints import next_learn
from rltrack.callbacks._sb3_env import EnvFacts, env_facts
from rltrack.callbacks._sb3_episodes import EpisodeLog
from rltrack.callbacks._sb3_hyperparameters import environment, hyperparameters
from rltrack.callbacks._sb3_keeper import Keeper, Wishes
from rltrack.callbacks._sb3_logger import GLOBAL_STEP, RunWriter
from rltrack.callbacks._sb3_video import NoVideoError, film_episode, prepare_rendering
from rltrack.errors import RunFinishedError, UsageError

if TYPE_CHECKING:
    import gymnasium
    from stable_baselines3.common.vec_env import VecEnv

    from rltrack.callbacks._sb3_video import MakeEnv


class SB3Callback(BaseCallback):
    """Record a training of Stable-Baselines3: what it logs, its episodes, its choices.

    - All that SB3's logger records, under SB3's own keys, at SB3's ``num_timesteps``. It needs
      no TensorBoard, and the user's logger stays as it is.
    - One row for each finished episode of each env: ``episode/return``, ``episode/length``,
      ``episode/time_s``, ``episode/env``, ``episode/truncated``, and ``episode/success`` where
      the env says so. Several envs may end one on the same step: each gets its row.
    - The hyperparameters as `run.config`, where the user did not set them.
    - A video of the policy every `video_freq` timesteps, as ``eval/video``.
    - Evaluations every `eval_freq` timesteps, by SB3's own `EvalCallback`: ``eval/mean_reward``
      and the like, and a row for each episode: ``eval/episode_return``…
    - Checkpoints every `checkpoint_freq` timesteps, as versions of the artifact
      ``checkpoint-<run id>``. A program that is run again with ``resume="auto"`` goes on from the
      last one as if it had not been interrupted: the same bits, the same rows, on a CPU of the
      same kind with as many threads.

    Every row carries ``global_step``, the timesteps so far over all envs. Training is what
    matters: if recording fails, the run says so once and the training goes on.

        model.learn(100_000, callback=SB3Callback(video_freq=20_000))

    Evaluations and checkpoints are made between two updates, the first chance after a multiple of
    their frequency. Envs in other processes (`SubprocVecEnv`), and envs whose state cannot be
    copied (Box2D's), begin new episodes when a training goes on; the run says so. Other callbacks
    of the user's keep their own counts, which are not restored.

    Args:
        run: where to record; by default the run that is going on, or else a new one, which is
            finished when the training ends.
        video_freq: timesteps from one video to the next; 0 for none.
        video_length: timesteps of a video at most.
        video_env: makes the env to film, with ``render_mode="rgb_array"``. Needed only where
            the training's env cannot be made again: it was not made by `gymnasium.make`, or
            has a wrapper that does not tell its arguments.
        gradients: optimizer steps from one look at the policy's gradients to the next, as
            `rltrack.watch` takes them; 0 for none.
        parameters: the same for its parameters; where both are given, each look takes both, and the
            smaller number counts.
        checkpoint_freq: timesteps from one checkpoint to the next; 0 for none. One more is made
            at each new best, and one at the end. ``rltrack gc --keep-checkpoints N`` removes old
            ones; of replay buffers only what is new since the last takes room.
        best_on: the metric of SB3's logger by whose greatest value a checkpoint is ``best``, its
            alias; with ``:min`` behind it the least. None for none. The weights of the best are
            those that were evaluated, if the metric is one of this callback's evaluations.
        resume: ``auto``: where the run is one that an earlier process began (``init(id=…,
            resume="allow")``), go on from its newest checkpoint, and else begin; what was logged
            behind the checkpoint is hidden. Or a name as ``checkpoint-<run id>:best``: go on from
            that one, in this run.
        save_replay_buffer: whether checkpoints hold it; by default if it takes 1 GiB or less.
            Without it a training does not go on bit for bit.
        eval_env: to evaluate in: a VecEnv, or an env, which gets the VecEnv wrappers that the
            training's has. By default it is made as the training's was.
        eval_freq: timesteps from one evaluation to the next; 0 for none.
        eval_episodes: of an evaluation.
        verbose: SB3's; this callback prints nothing of its own.

    Raises:
        UsageError: one of the frequencies, or `video_length`, is no count. Of `learn`: there is
            no env to evaluate in, or the checkpoint is of another training.
    """

    def __init__(
        self,
        run: rltrack.Run | None = None,
        *,
        video_freq: int = 0,
        video_length: int = 500,
        video_env: MakeEnv | None = None,
        gradients: int = 0,
        parameters: int = 0,
        checkpoint_freq: int = 0,
        best_on: str | None = "eval/mean_reward",
        resume: str | None = None,
        save_replay_buffer: bool | None = None,
        eval_env: VecEnv | gymnasium.Env[Any, Any] | None = None,
        eval_freq: int = 0,
        eval_episodes: int = 5,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        self._wishes = Wishes(
            checkpoint_freq=int(checkpoint_freq),
            best_on=best_on,
            resume=resume,
            save_replay_buffer=save_replay_buffer,
            eval_env=eval_env,
            eval_freq=int(eval_freq),
            eval_episodes=int(eval_episodes),
        )
        self._keeper: Keeper | None = None
        if video_freq < 0 or video_length < 1:
            raise UsageError(
                f"SB3Callback(video_freq={video_freq}, video_length={video_length}): a frequency "
                "is 0 or more timesteps, and a length 1 or more"
            )
        if gradients < 0 or parameters < 0:
            raise UsageError(
                f"SB3Callback(gradients={gradients}, parameters={parameters}): a frequency is 0 or "
                "more optimizer steps"
            )
        self._watched = {"gradients": int(gradients), "parameters": int(parameters)}
        self._given_run = run
        self._run: rltrack.Run | None = None
        self._run_is_ours = False
        self._writer: RunWriter | None = None
        self._episodes: EpisodeLog | None = None
        self._counting: EpisodeLog | None = None
        self._facts: EnvFacts | None = None
        self._chosen_by_us: set[str] = set()
        self._video_freq = int(video_freq)
        self._video_length = int(video_length)
        self._video_env = video_env
        self._next_video: float = math.inf
        if video_freq:
            prepare_rendering()

    def _on_training_start(self) -> None:
        self._run = run = self._find_run()
        if self._writer is None or self._writer.run is not run:
            self._writer = self._episodes = self._counting = None
            self._chosen_by_us.clear()
        goes_on = self._episodes is not None and not self.locals.get("reset_num_timesteps", True)
        self._attempt("joining SB3's logger", lambda: self._join_logger(run))
        self._attempt("looking at the env", lambda: self._look_at_env(run, goes_on=goes_on))
        self._attempt("reading the hyperparameters", lambda: self._note_choices(run))
        self._keep(run)  # which may change at which timestep the training is
        self._attempt("preparing videos", lambda: self._prepare_videos(run))
        self._attempt("watching the policy", lambda: self._watch(run))

    def _on_rollout_start(self) -> None:
        if self._keeper is not None and self._is_recording:
            self._attempt("evaluating or keeping the training", self._keeper.rollout_start)

    def _on_rollout_end(self) -> None:
        if self._keeper is not None:
            self._keeper.rollout_end()

    def _on_step(self) -> bool:
        # This runs on every step of the training, and nearly always has nothing to do, so it
        # asks in the cheapest ways: `count_nonzero` takes a fifth of the time of `any`.
        try:
            if self._counting is not None:
                self._counting.count(self.locals["rewards"])
            if np.count_nonzero(self.locals["dones"]) or self.num_timesteps >= self._next_video:
                self._look_closer()
        except Exception as fault:
            if self._run is None:
                raise
            self._run.survive("SB3Callback: looking at a step", fault)
        return True  # False would stop the training

    def _look_closer(self) -> None:
        """An episode has ended, or it is time for a video."""
        run = self._run
        if run is None or not self._is_recording:
            return  # it was finished while the training goes on
        if self._episodes is not None:
            here = self.locals
            self._episodes.log_finished(here["dones"], here["infos"], self.num_timesteps)
        if self.num_timesteps >= self._next_video:
            self._log_video(run)

    def _on_training_end(self) -> None:
        run, keeper, recording = self._run, self._keeper, self._is_recording
        self._run = self._keeper = None
        if run is None:
            return
        if keeper is not None and recording:
            self._attempt_with(run, "evaluating", keeper.training_end)
        if self._writer is not None and recording:
            self._writer.detach()
        if keeper is not None:
            if recording:
                self._attempt_with(run, "keeping the training", keeper.keep_end)
            keeper.close()
        if not recording:
            return
        if any(self._watched.values()):
            self._attempt_with(run, "watching", lambda: rltrack.unwatch(self.model.policy, run=run))
        if self._run_is_ours:
            run.finish()

    # -- the run ---------------------------------------------------------------------------

    @property
    def _is_recording(self) -> bool:
        """Whether the run goes on: somebody may finish it in the midst of the training."""
        return self._run is not None and self._run.state == "running"

    def _find_run(self) -> rltrack.Run:
        run = self._given_run or rltrack.run
        # `_run` is still set if an exception ended the last training: then it is gone on with.
        self._run_is_ours = run is None or (run is self._run and self._run_is_ours)
        if run is None:
            return rltrack.init()
        if run.state != "running":
            raise RunFinishedError(
                f"SB3Callback: run {run.path} is {run.state}, so nothing can be recorded in it; "
                "start another with rltrack.init(), or leave run= out"
            )
        return run

    def _attempt(self, doing: str, action: Callable[[], None]) -> None:
        """Do one thing; if it fails, the others and the training must not."""
        assert self._run is not None
        self._attempt_with(self._run, doing, action)

    def _attempt_with(self, run: rltrack.Run, doing: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as fault:
            run.survive(f"SB3Callback: {doing}", fault)

    def _watch(self, run: rltrack.Run) -> None:
        """Look at the policy as its optimizer steps, at the training's own timesteps."""
        asked = {kind: every for kind, every in self._watched.items() if every}
        if asked and not run.disabled:
            rltrack.watch(
                self.model.policy,
                log=list(asked),
                log_freq=min(asked.values()),
                step=lambda: self.num_timesteps,
                run=run,
            )

    def _join_logger(self, run: rltrack.Run) -> None:
        self._writer = self._writer or RunWriter(run)
        self._writer.attach(self.model)

    def _look_at_env(self, run: rltrack.Run, *, goes_on: bool) -> None:
        self._facts = env_facts(self.training_env)
        # Where learn() goes on without a reset, so do the episodes that it left half done.
        if not goes_on:
            self._episodes = EpisodeLog(run, self.training_env)
        assert self._episodes is not None
        self._counting = self._episodes if self._episodes.counted else None

    def _note_choices(self, run: rltrack.Run) -> None:
        assert self._facts is not None
        total_timesteps = self.locals.get("total_timesteps")
        chosen = hyperparameters(self.model, self._facts, total_timesteps)
        # A later learn() may correct what an earlier one set; the user's own is never touched.
        ours = {key: chosen[key] for key in chosen if key in self._chosen_by_us}
        new = {key: chosen[key] for key in chosen if key not in run.config}
        run.config.update(ours | new, allow_val_change=True)
        self._chosen_by_us |= new.keys()
        run.note_metadata(environment(self.model, self._facts))

    def _keep(self, run: rltrack.Run) -> None:
        """Go on from a checkpoint, if there is one. Here the user's mistakes raise: see `Wishes`."""
        number, wishes = next_learn(run), self._wishes
        if self._keeper is not None:  # of a training that an exception ended
            self._keeper.close()
            self._keeper = None
        if self._writer is None or self._facts is None:
            return  # of which the user has been warned
        if not (wishes.checkpoint_freq or wishes.eval_freq or wishes.resume):
            return
        self._keeper = Keeper(
            run,
            self.model,
            wishes,
            self._facts,
            writer=self._writer,
            episodes=self._episodes,
            learn=number,
            log_interval=self.locals.get("log_interval"),
        )
        self._writer.iterations_before = 0
        self._keeper.resume(
            self.locals["total_timesteps"],
            from_zero=self.locals.get("reset_num_timesteps", True),
        )
        self.num_timesteps = self.model.num_timesteps

    # -- videos ----------------------------------------------------------------------------

    def _prepare_videos(self, run: rltrack.Run) -> None:
        self._next_video = math.inf
        if not self._video_freq or run.disabled:
            return
        from rltrack.extras import require

        require("imageio_ffmpeg", extra="video")  # now, and not after an hour of training
        assert self._facts is not None
        if self._facts.remote and self._video_env is None and self._facts.env_id is not None:
            run.warn(
                "SB3Callback remote env",
                f"the envs live in other processes, so videos show {self._facts.env_id} as "
                "gymnasium.make makes it by default; if yours has arguments, pass video_env=",
            )
        self._next_video = self._next_multiple()

    def _next_multiple(self) -> int:
        return (self.num_timesteps // self._video_freq + 1) * self._video_freq

    def _log_video(self, run: rltrack.Run) -> None:
        assert self._facts is not None
        self._next_video = math.inf  # if this one fails, each further one would cost its time
        step = self.num_timesteps
        try:
            film = film_episode(self.model, self._facts, self._video_env, self._video_length)
        except NoVideoError as why:
            run.warn("SB3Callback video", f"SB3Callback records no videos: {why}")
            return
        except Exception as fault:
            run.survive("SB3Callback: filming an episode (no more are filmed)", fault)
            return
        caption = f"{step:,} timesteps: return {film.episode_return:g}, length {film.length}"
        row: dict[str, Any] = {
            "eval/video": rltrack.Video.taking_over(film.frames, caption, film.fps),
            "eval/video_return": film.episode_return,
            "eval/video_length": film.length,
            GLOBAL_STEP: step,
        }
        run.log_point(row, step=step)
        self._next_video = self._next_multiple()
