"""Our own wrappers: each episode is a row, chosen ones are films with a trace, training is not touched."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import SubprocVecEnv

import rltrack
import rltrack.hooks.gym
from rltrack.callbacks import SB3Callback
from rltrack.errors import MissingExtraError, NotInitializedError, RunFinishedError, UsageError
from rltrack.hooks.gym import EpisodeMonitor, FinishedEpisode, VectorEpisodeMonitor
from rltrack.journal.records import MediaStored, Record, Row
from rltrack.media.film import Film


class Counted(gym.Env[Any, Any]):
    """Episodes of 3, 4, 5, 3, 4, 5… timesteps; what it shows is the timestep."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (gymnasium's way)
    observation_space = gym.spaces.Box(-10.0, 10.0, (1,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, render_mode: str | None = "rgb_array", fails: bool = False) -> None:
        self.render_mode = render_mode
        self.fails = fails
        self.episode = -1
        self.timestep = 0
        self.drawn = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.episode += 1
        self.timestep = 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.timestep += 1
        over = self.timestep == 3 + self.episode % 3
        truncated = over and self.episode % 3 == 2
        info: dict[str, Any] = {"x": self.timestep / 4}
        if over:
            info["is_success"] = self.episode % 3 == 1
        return self._observation(), 0.5, over and not truncated, truncated, info

    def render(self) -> Any:
        if self.fails:
            raise RuntimeError("no display")
        self.drawn += 1
        return np.full((16, 16, 3), 10 * self.timestep, np.uint8)

    def _observation(self) -> Any:
        return np.asarray([self.timestep], np.float32)


class Read:
    """A finished run's episodes, with their files."""

    def __init__(self, run: rltrack.Run, rows: list[Row], records: list[Record]) -> None:
        assert run.folder is not None
        self._media = run.folder / "media"
        self.rows: list[dict[str, Any]] = sorted(
            (dict(row.values) for row in rows if any("/return" in key for key in row.values)),
            key=lambda row: (row["global_step"], row.get("episode/env", 0)),
        )
        self.stored = {r.path: r for r in records if isinstance(r, MediaStored)}
        assert all(stored.error is None for stored in self.stored.values())

    def column(self, name: str) -> list[Any]:
        return [row.get(f"episode/{name}") for row in self.rows]

    @property
    def filmed(self) -> list[int]:
        return [
            int(n) for n, v in zip(self.column("number"), self.column("video"), strict=True) if v
        ]

    def trace(self, number: int) -> dict[str, Any]:
        (row,) = (row for row in self.rows if row["episode/number"] == number)
        reference: Any = row["episode/trace"]
        content: dict[str, Any] = json.loads((self._media / reference["path"]).read_text())
        return content

    def video(self, number: int) -> dict[str, Any]:
        (row,) = (row for row in self.rows if row["episode/number"] == number)
        reference: Any = row["episode/video"]
        return dict(self.stored[reference["path"]].facts) | {"caption": reference["caption"]}


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", settings={"silent": True})


@pytest.fixture
def read(
    read_rows: Callable[[Path], list[Row]], read_records: Callable[[Path], list[Record]]
) -> Callable[[rltrack.Run], Read]:
    """Finishes a run and reads its episodes."""

    def read(run: rltrack.Run) -> Read:
        run.finish()
        assert run.folder is not None
        folder = run.folder / "journal"
        return Read(run, read_rows(folder), read_records(folder))

    return read


Reader = Callable[[rltrack.Run], Read]


def play(env: gym.Env[Any, Any], episodes: int, seed: int | None = None) -> None:
    for _ in range(episodes):
        env.reset(seed=seed)
        seed, over = None, False
        while not over:
            _, _, terminated, truncated, _ = env.step(1)
            over = terminated or truncated


# -- rows ----------------------------------------------------------------------------------


def test_each_episode_is_a_row(run: rltrack.Run, read: Reader) -> None:
    """With the names that SB3Callback uses, so that one page reads both."""
    play(EpisodeMonitor(Counted(), info_keys=["x"]), 6, seed=9)

    seen = read(run)

    assert seen.column("return") == [1.5, 2.0, 2.5] * 2
    assert seen.column("length") == [3, 4, 5] * 2
    assert seen.column("truncated") == [False, False, True] * 2
    assert seen.column("terminated") == [True, True, False] * 2
    assert seen.column("success") == [False, True, False] * 2
    assert seen.column("number") == [0, 1, 2, 3, 4, 5]
    assert seen.column("seed") == [9] * 6
    assert seen.column("env") == [0] * 6
    assert seen.column("x") == [0.75, 1.0, 1.25] * 2
    assert [row["global_step"] for row in seen.rows] == [3, 7, 12, 15, 19, 24]
    assert seen.column("time_s") == sorted(seen.column("time_s"))
    assert seen.filmed == []


def test_an_episode_that_is_reset_before_its_end_is_no_row(run: rltrack.Run, read: Reader) -> None:
    env = EpisodeMonitor(Counted(), video_every=1)
    env.reset()
    env.step(0)
    play(env, 1)

    seen = read(run)

    assert seen.column("length") == [4]
    assert seen.rows[0]["global_step"] == 5
    assert seen.filmed == [1]


def test_the_runs_global_step_counts_where_it_is_ahead(run: rltrack.Run, read: Reader) -> None:
    """An evaluation's env stands beside a training."""
    run.log({"global_step": 5000})
    play(EpisodeMonitor(Counted(), name="eval"), 2)
    play(EpisodeMonitor(Counted(), name="told", global_step=lambda: 77), 1)

    rows = read(run).rows

    assert [(next(iter(row)), row["global_step"]) for row in rows] == [
        ("told/return", 77),
        ("eval/return", 5000),
        ("eval/return", 5000),
    ]


# -- films ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "filmed"),
    [
        ({"video_every": 3}, [0, 3]),
        ({"video_every_timesteps": 10}, [0, 3]),
        ({"video_trigger": lambda number: number in (1, 5)}, [1, 5]),
        ({"video_keep": "best"}, [0, 1, 2]),
        ({"video_keep": "worst"}, [0]),
        ({"video_keep": lambda episode: episode.truncated}, [2, 5]),
        ({"video_every": 2, "video_keep": "best"}, [0, 2]),
    ],
)
def test_which_episodes_are_filmed(
    run: rltrack.Run, read: Reader, choice: dict[str, Any], filmed: list[int]
) -> None:
    play(EpisodeMonitor(Counted(), **choice), 6)

    assert read(run).filmed == filmed


def test_a_function_that_keeps_films_sees_the_episode(run: rltrack.Run) -> None:
    seen: list[FinishedEpisode] = []

    def keep(episode: FinishedEpisode) -> bool:
        seen.append(episode)
        return False

    play(EpisodeMonitor(Counted(), video_keep=keep), 2)

    assert [(e.number, e.total_reward, e.length, e.success) for e in seen] == [
        (0, 1.5, 3, False),
        (1, 2.0, 4, True),
    ]


def test_only_filmed_episodes_are_rendered(run: rltrack.Run) -> None:
    env = Counted()
    play(EpisodeMonitor(env, video_every=3), 6)

    assert env.drawn == 2 * (3 + 1)


def test_a_film_shows_each_state_at_the_envs_speed(run: rltrack.Run, read: Reader) -> None:
    play(EpisodeMonitor(Counted(), video_every=3), 1)

    video = read(run).video(0)

    assert (video["frames"], video["fps"], video["width"]) == (4, 10.0, 16)
    assert video["caption"] == "episode 0: return 1.5, length 3"


def test_frames_are_left_out_of_a_fast_env_and_never_the_last(
    run: rltrack.Run, read: Reader
) -> None:
    play(EpisodeMonitor(Counted(), video_every=1, max_fps=5), 3)

    seen = read(run)

    assert seen.trace(0)["frames"] == [0, 2, 3]
    assert seen.trace(2)["frames"] == [0, 2, 4, 5]
    assert (seen.video(2)["frames"], seen.video(2)["fps"]) == (4, 5.0)


def test_the_trace_of_a_filmed_episode(run: rltrack.Run, read: Reader) -> None:
    """What a scrubber shows beside each frame."""
    env = EpisodeMonitor(Counted(), video_every=1, info_keys=["x", "is_success"], observations=True)
    env.reset()
    for value in (0.25, math.nan, None):
        if value is not None:
            env.note(value=np.float32(value))
        env.step(1)

    seen = read(run)

    assert seen.trace(0) == {
        "format": 1,
        "timesteps": 3,
        "frames": [0, 1, 2, 3],
        "columns": {
            "reward": [0.5, 0.5, 0.5],
            "action": [1, 1, 1],
            "value": [0.25, None, None],
            "observation": [[1.0], [2.0], [3.0]],
            "info/x": [0.25, 0.5, 0.75],
            "info/is_success": [None, None, False],
        },
    }
    reference: Any = seen.rows[0]["episode/trace"]
    assert reference["_type"] == "trace-file"
    assert reference["timesteps"] == 3


@pytest.mark.parametrize("keep", ["all", "worst"])
def test_a_long_film_is_encoded_while_it_is_made(
    run: rltrack.Run, read: Reader, monkeypatch: pytest.MonkeyPatch, keep: Any
) -> None:
    """Its frames would fill the memory. One that is not kept leaves nothing behind."""
    monkeypatch.setattr(Film.__init__, "__kwdefaults__", {"held_bytes": 2 * 16 * 16 * 3})
    play(EpisodeMonitor(Counted(), video_every=1, video_keep=keep), 3)

    seen = read(run)

    assert seen.filmed == ([0, 1, 2] if keep == "all" else [0])
    assert (seen.video(0)["frames"], seen.video(0)["fps"]) == (4, 10.0)
    assert seen.video(0)["caption"] == "episode 0: return 1.5, length 3"


def test_without_an_image_there_are_traces(
    run: rltrack.Run, read: Reader, warnings_of: Callable[[rltrack.Run], list[str]]
) -> None:
    play(EpisodeMonitor(Counted(render_mode=None), video_every=1), 2)

    seen = read(run)

    assert seen.filmed == []
    assert seen.trace(1)["columns"]["reward"] == [0.5] * 4
    (told,) = warnings_of(run)
    assert "render_mode='rgb_array'" in told


# -- vector envs ---------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_vector_envs_of_every_autoreset_mode(
    run: rltrack.Run, read: Reader, mode: AutoresetMode
) -> None:
    """The same episodes as a single env has; a step that only resets is no timestep."""
    inner = SyncVectorEnv([Counted] * 2, autoreset_mode=mode)
    envs = VectorEpisodeMonitor(inner, video_every=3, info_keys=["x"])
    envs.reset(seed=5)
    for _ in range(20):
        envs.note(value=np.asarray([0.0, 1.0]))
        *_, terminated, truncated, _ = envs.step(np.asarray([0, 1]))
        over = terminated | truncated
        if mode is AutoresetMode.DISABLED and over.any():
            envs.reset(options={"reset_mask": over})

    seen = read(run)

    for env in (0, 1):
        rows = [row for row in seen.rows if row["episode/env"] == env]
        assert [row["episode/length"] for row in rows][:4] == [3, 4, 5, 3]
        assert [row["episode/return"] for row in rows][:4] == [1.5, 2.0, 2.5, 1.5]
        assert [row["episode/truncated"] for row in rows][:4] == [False, False, True, False]
        assert [row["episode/success"] for row in rows][:4] == [False, True, False, False]
        assert [row["episode/x"] for row in rows][:4] == [0.75, 1.0, 1.25, 0.75]
        assert {row["episode/seed"] for row in rows} == {5 + env}
    assert sorted(seen.column("number")) == list(range(len(seen.rows)))
    assert set(seen.filmed) == {n for n in seen.column("number") if n % 3 == 0}
    same_step = mode is AutoresetMode.SAME_STEP
    for number in seen.filmed:
        (row,) = (row for row in seen.rows if row["episode/number"] == number)
        trace, length = seen.trace(number), row["episode/length"]
        assert trace["timesteps"] == length
        assert seen.video(number)["frames"] == length + (not same_step)
        assert trace["columns"]["action"] == [row["episode/env"]] * length
        assert trace["columns"]["value"] == [float(row["episode/env"])] * length
        assert trace["columns"]["info/x"][-1] == length / 4


def test_only_the_filmed_env_of_several_is_rendered(run: rltrack.Run) -> None:
    envs = VectorEpisodeMonitor(SyncVectorEnv([Counted] * 3), video_trigger=lambda n: n == 1)
    envs.reset()
    for _ in range(10):
        envs.step(np.zeros(3, np.int64))

    assert [env.unwrapped.drawn for env in envs.env.envs] == [0, 4, 0]


def test_vector_envs_in_worker_processes(run: rltrack.Run, read: Reader) -> None:
    envs = VectorEpisodeMonitor(AsyncVectorEnv([Counted] * 2), video_every=2)
    envs.reset()
    for _ in range(10):
        envs.step(np.zeros(2, np.int64))
    envs.close()

    seen = read(run)

    assert seen.column("length") == [3, 3, 4, 4]
    assert seen.filmed == [0, 2]


def make_monitored(run: rltrack.Run, index: int) -> gym.Env[Any, Any]:
    return EpisodeMonitor(Counted(), run, video_every=2, env_index=index)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_monitor_in_a_worker_process(run: rltrack.Run, read: Reader, method: str) -> None:
    """It is given the run, and its films are there when the worker has ended."""
    envs = SubprocVecEnv(
        [partial(make_monitored, run, index) for index in range(2)], start_method=method
    )
    envs.reset()
    for _ in range(12):
        envs.step(np.zeros(2, np.int64))
    envs.close()

    seen = read(run)

    assert sorted(zip(seen.column("env"), seen.column("length"), strict=True)) == [
        (env, length) for env in (0, 1) for length in (3, 4, 5)
    ]
    assert sorted(seen.filmed) == [0, 0, 2, 2]


def test_it_stands_between_sb3_and_the_env(run: rltrack.Run, read: Reader) -> None:
    """As a wrapper of each of several envs; timesteps are those of all."""
    envs = make_vec_env(Counted, 2, wrapper_class=EpisodeMonitor)
    PPO("MlpPolicy", envs, n_steps=32, n_epochs=1, batch_size=32, device="cpu").learn(64)

    seen = read(run)

    assert seen.column("env")[:4] == [0, 1, 0, 1]
    assert [row["global_step"] for row in seen.rows][:4] == [6, 6, 14, 14]


def test_sb3s_callback_films_an_env_that_is_monitored(run: rltrack.Run, read: Reader) -> None:
    """In an env of its own, whose episodes are none of the training's."""
    envs = make_vec_env(
        "CartPole-v1", 1, wrapper_class=EpisodeMonitor, wrapper_kwargs={"name": "mine"}
    )
    model = PPO("MlpPolicy", envs, n_steps=64, n_epochs=1, device="cpu")
    model.learn(128, callback=SB3Callback(run, video_freq=64, video_length=5))
    run.finish()

    rows = [dict(row) for row in rltrack.Api().run(run.path).history(pandas=False)]
    assert sum("eval/video" in row for row in rows) == 2
    mine = [row["mine/return"] for row in rows if "mine/return" in row]
    assert mine == [row["episode/return"] for row in rows if "episode/return" in row]


# -- what may be wrong ---------------------------------------------------------------------


def test_a_renderer_that_fails_costs_the_films_and_nothing_else(
    run: rltrack.Run, read: Reader, warnings_of: Callable[[rltrack.Run], list[str]]
) -> None:
    play(EpisodeMonitor(Counted(fails=True), video_every=1), 3)

    seen = read(run)

    assert seen.column("length") == [3, 4, 5]
    (told,) = warnings_of(run)
    assert "RuntimeError: no display" in told
    assert "training goes on" in told


@pytest.mark.parametrize("asked", ["video_trigger", "video_keep"])
def test_a_function_of_the_users_that_fails(
    run: rltrack.Run,
    read: Reader,
    warnings_of: Callable[[rltrack.Run], list[str]],
    asked: str,
) -> None:
    """Its films are lost, the episodes are not."""
    fails: dict[str, Any] = {asked: lambda _: 1 / 0 > 0}
    play(EpisodeMonitor(Counted(), **fails), 3)

    assert read(run).column("length") == [3, 4, 5]
    assert len(warnings_of(run)) == 1


def test_a_closed_env_fails_as_it_does_without_us(run: rltrack.Run, read: Reader) -> None:
    env = EpisodeMonitor(gym.make("CartPole-v1", render_mode="rgb_array"), video_every=1)
    play(env, 1)
    env.close()
    with pytest.raises(gym.error.ResetNeeded):
        EpisodeMonitor(gym.make("CartPole-v1")).step(0)

    assert len(read(run).rows) == 1


def test_a_run_that_is_finished_in_the_middle(run: rltrack.Run, capsys: Any, root: Path) -> None:
    """The training goes on, and its user is told."""
    other = rltrack.init(project="p", reinit="create_new")
    env = EpisodeMonitor(Counted(), other, video_every=1)
    play(env, 1)
    other.finish()
    capsys.readouterr()

    play(env, 3)

    assert capsys.readouterr().err.count("further episodes are not recorded") == 1


def test_a_film_that_cannot_be_encoded(
    run: rltrack.Run,
    read_records: Callable[[Path], list[Record]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Its ffmpeg is killed: the run says so, and the rest of the row is there."""
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nkill -9 $$\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    play(EpisodeMonitor(Counted(), video_every=2), 2)
    run.finish()

    assert run.folder is not None
    stored = [r for r in read_records(run.folder / "journal") if isinstance(r, MediaStored)]
    assert [s.error is None for s in stored if s.path.startswith("traces")] == [True]
    assert ["ffmpeg" in str(s.error) for s in stored if s.path.startswith("videos")] == [True]


def test_without_ffmpeg_one_warning_says_what_to_type(
    run: rltrack.Run,
    read: Reader,
    warnings_of: Callable[[rltrack.Run], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    play(EpisodeMonitor(Counted(), video_every=1), 2)

    seen = read(run)

    assert seen.column("length") == [3, 4]
    assert seen.filmed == []
    (told,) = warnings_of(run)
    assert "pip install 'rltrack[video]'" in told


def test_without_gymnasium_an_error_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'rltrack\[gym\]'"):
        rltrack.hooks.gym.EpisodeMonitor  # noqa: B018


def test_a_run_that_records_nothing(root: Path) -> None:
    rltrack.init(project="p", mode="disabled")
    env = Counted()
    play(EpisodeMonitor(env, video_every=1), 2)

    assert env.drawn == 0
    assert not root.exists()


def test_what_is_asked_for_must_make_sense(run: rltrack.Run) -> None:
    with pytest.raises(UsageError, match="0 or more"):
        EpisodeMonitor(Counted(), video_every=-1)
    with pytest.raises(UsageError, match="'best'"):
        EpisodeMonitor(Counted(), video_keep="good")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="max_fps"):
        EpisodeMonitor(Counted(), max_fps=0)
    with pytest.raises(UsageError, match="VectorEpisodeMonitor"):
        EpisodeMonitor(SyncVectorEnv([Counted]))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no vector env"):
        VectorEpisodeMonitor(Counted())
    run.finish()
    with pytest.raises(RunFinishedError, match="start another"):
        EpisodeMonitor(Counted(), run)
    with pytest.raises(NotInitializedError, match="before EpisodeMonitor"):
        EpisodeMonitor(Counted())
