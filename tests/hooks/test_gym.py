"""Existing recorders, listened to: each film is in the run, and the recorder does what it did."""

from __future__ import annotations

import functools
import multiprocessing
import multiprocessing.forkserver
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import tqdm
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics, RecordVideo
from gymnasium.wrappers.vector import RecordVideo as VectorRecordVideo
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecVideoRecorder,
)

import rltrack
from rltrack.errors import NotInitializedError, RunFinishedError
from rltrack.hooks.gym import monitor_gym
from rltrack.journal.records import MediaStored, Record, Row

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Overwriting existing videos.*"),
    pytest.mark.filterwarnings("ignore:.*Recorded episodes will not contain the last frame.*"),
]

RECORDER = RecordVideo, VectorRecordVideo, VecVideoRecorder, SubprocVecEnv, AsyncVectorEnv
METHODS = ("step", "reset", "start_recording", "stop_recording", "step_wait", "__init__")


@dataclass
class Seen:
    """A film as it is in the run."""

    row: Row
    file: bytes
    facts: dict[str, Any]

    def __getitem__(self, what: str) -> Any:
        """The value beside the video, by the part of its key after the video's."""
        (key,) = (key for key, value in self.row.values.items() if isinstance(value, dict))
        return self.row.values.get(f"{key}_{what}")


@pytest.fixture(autouse=True, scope="module")
def _what_stays_after_a_test() -> Iterator[None]:
    """A process that `forkserver` keeps, and a thread of moviepy's progress bar."""
    multiprocessing.forkserver.ensure_running()
    interval, tqdm.tqdm.monitor_interval = tqdm.tqdm.monitor_interval, 0
    yield
    tqdm.tqdm.monitor_interval = interval


Films = Callable[[rltrack.Run], list[Seen]]


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", monitor_gym=True, settings={"silent": True})


@pytest.fixture
def films(
    read_rows: Callable[[Path], list[Row]], read_records: Callable[[Path], list[Record]]
) -> Films:
    """Finishes a run and reads its films, in the order of their steps."""

    def read(run: rltrack.Run) -> list[Seen]:
        run.finish()
        assert run.folder is not None
        stored = {
            record.path: record
            for record in read_records(run.folder / "journal")
            if isinstance(record, MediaStored)
        }
        found = []
        for row in read_rows(run.folder / "journal"):
            for value in row.values.values():
                if isinstance(value, dict):
                    record = stored[str(value["path"])]
                    assert record.error is None
                    file = (run.folder / "media" / record.path).read_bytes()
                    found.append(Seen(row, file, dict(record.facts)))
        return sorted(found, key=lambda film: film.row.step)

    return read


def cartpole() -> gym.Env[Any, Any]:
    return gym.make("CartPole-v1", render_mode="rgb_array")


def play(env: gym.Env[Any, Any], episodes: int, seed: int | None = None) -> list[tuple[float, int]]:
    """Plays episodes to their end; the return and the length of each."""
    if seed is not None:
        env.action_space.seed(seed)
    results = []
    for _ in range(episodes):
        env.reset(seed=seed)
        seed = None
        total, length, over = 0.0, 0, False
        while not over:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            total, length, over = total + float(reward), length + 1, terminated or truncated
        results.append((total, length))
    return results


def methods() -> list[object]:
    return [getattr(owner, name, None) for owner in RECORDER for name in METHODS]


# -- gymnasium's ---------------------------------------------------------------------------


def test_each_film_is_in_the_run_with_what_came_of_its_episode(
    run: rltrack.Run, films: Films, tmp_path: Path
) -> None:
    """W&B's hook raises in `env.close()`, and uploads nothing."""
    env: Any = RecordVideo(cartpole(), str(tmp_path), lambda episode: episode % 2 == 0)
    results = play(env, 5, seed=3)
    env.close()

    seen = films(run)

    assert [film["episode"] for film in seen] == [0, 2, 4]
    assert [(film["return"], film["length"]) for film in seen] == results[::2]
    assert [film["seed"] for film in seen] == [3, 3, 3]
    lengths = [length for _, length in results]
    assert [film.row.step for film in seen] == [sum(lengths[: n + 1]) for n in (0, 2, 4)]
    assert all(film.row.values["global_step"] == film.row.step for film in seen)
    assert [film.facts["fps"] for film in seen] == [50.0] * 3
    for film, (_, length) in zip(seen, results[::2], strict=True):
        assert film.facts["frames"] in (length, length + 1)  # moviepy rounds one away, or not
    for film, number in zip(seen, (0, 2, 4), strict=True):
        assert (tmp_path / f"rl-video-episode-{number}.mp4").read_bytes() == film.file


def test_a_recorder_made_before_init(root: Path, films: Films, tmp_path: Path) -> None:
    """Under whatever name its class was imported; of the episode that it is in, the end is known."""
    env: Any = RecordVideo(RecordEpisodeStatistics(cartpole()), str(tmp_path), lambda _: True)
    env.reset(seed=1)
    env.step(0)
    run = rltrack.init(project="p", monitor_gym=True, settings={"silent": True})
    total, over = 1.0, False
    while not over:
        _, reward, terminated, truncated, _ = env.step(0)
        total, over = total + float(reward), terminated or truncated
    play(env, 1)
    env.close()

    first, second = films(run)

    assert (first["episode"], first["return"], first["length"]) == (0, total, int(total))
    assert first["seed"] is None
    assert second["episode"] == 1


def test_films_of_a_fixed_length_begin_anywhere(
    run: rltrack.Run, films: Films, tmp_path: Path
) -> None:
    env: Any = RecordVideo(
        cartpole(), str(tmp_path), step_trigger=lambda step: step == 30, video_length=40
    )
    results = play(env, 8, seed=0)
    env.close()

    (film,) = films(run)

    begins = [sum(length for _, length in results[:n]) for n in range(9)]
    number = next(n for n in range(8) if begins[n] <= 31 < begins[n + 1])
    assert film["episode"] == number
    assert (film["return"], film["length"]) == results[number]
    assert film.facts["frames"] == 41
    assert 31 + 30 < film.row.step <= 31 + 40  # what resets show is a frame, and no timestep


def test_the_runs_own_global_step_counts_where_it_is_ahead(
    run: rltrack.Run, films: Films, tmp_path: Path
) -> None:
    """A recorder around an evaluation's env knows nothing of the training."""
    run.log({"global_step": 10_000})
    env: Any = RecordVideo(cartpole(), str(tmp_path), lambda _: True, name_prefix="eval")
    play(env, 2, seed=0)
    env.close()

    seen = films(run)

    assert [film.row.step for film in seen] == [10_000, 10_000]
    assert "videos/eval" in seen[0].row.values


def test_what_is_being_filmed_when_the_run_finishes(
    run: rltrack.Run, films: Films, tmp_path: Path
) -> None:
    """Who forgets `close` loses the recorder's last film, but not the run's."""
    env: Any = RecordVideo(cartpole(), str(tmp_path), lambda _: True)
    ((total, length),) = play(env, 1, seed=0)

    (film,) = films(run)

    assert (film["episode"], film["return"], film.facts["frames"]) == (0, total, length + 1)
    assert film.facts["fps"] == 50.0
    assert list(tmp_path.glob("*.mp4")) == []
    env.close()
    assert len(list(tmp_path.glob("*.mp4"))) == 1


def test_after_finish_the_classes_are_what_they_were(root: Path, tmp_path: Path) -> None:
    before = methods()
    run = rltrack.init(project="p", monitor_gym=True, settings={"silent": True})
    env: Any = RecordVideo(cartpole(), str(tmp_path), lambda _: True)
    attributes = set(vars(env))
    play(env, 2)

    assert methods() != before
    assert {name for name in vars(env) if name not in attributes} <= {"_metadata"}
    run.finish()

    assert methods() == before
    play(env, 1)
    env.close()


def test_the_recorder_does_what_it_does_without_us(
    run: rltrack.Run, tmp_path: Path, films: Films
) -> None:
    """The same files, of the same bytes."""

    def record(folder: Path) -> dict[str, bytes]:
        env: Any = RecordVideo(cartpole(), str(folder), lambda episode: episode != 1)
        play(env, 3, seed=7)
        env.close()
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    heard = record(tmp_path / "heard")
    run.finish()

    assert record(tmp_path / "alone") == heard
    assert len(heard) == 2


def test_two_runs_may_listen(run: rltrack.Run, films: Films, tmp_path: Path) -> None:
    other = rltrack.init(project="p", reinit="create_new", settings={"silent": True})
    monitor_gym(other)
    env: Any = RecordVideo(cartpole(), str(tmp_path), lambda _: True)
    play(env, 1)
    env.close()

    assert len(films(run)) == len(films(other)) == 1


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("first_only", [False, True])
def test_a_recorder_of_vector_envs(
    run: rltrack.Run, films: Films, tmp_path: Path, mode: AutoresetMode, first_only: bool
) -> None:
    """It follows the episodes of the first env, whose return and length are told."""
    inner = SyncVectorEnv([cartpole] * 3, autoreset_mode=mode)
    envs = VectorRecordVideo(
        inner, str(tmp_path), record_first_only=first_only, episode_trigger=lambda _: True
    )
    envs.action_space.seed(0)
    envs.reset(seed=11)
    lengths: list[int] = []
    length, was_over = 0, False
    for _ in range(100):
        *_, terminated, truncated, _ = envs.step(envs.action_space.sample())
        over = terminated | truncated
        length += not (was_over and mode is AutoresetMode.NEXT_STEP)
        was_over = bool(over[0])
        if over[0]:
            lengths, length = [*lengths, length], 0
        if mode is AutoresetMode.DISABLED and over.any():
            envs.reset(options={"reset_mask": over})
    envs.close()

    seen = films(run)

    assert len(lengths) >= 3
    assert [film["length"] for film in seen][: len(lengths)] == lengths
    assert [film["return"] for film in seen][: len(lengths)] == [float(n) for n in lengths]
    assert [film["episode"] for film in seen] == list(range(len(seen)))
    assert {film["env"] for film in seen} == {0}
    assert seen[0]["seed"] == 11
    assert all(film.row.step % 3 == 0 for film in seen)
    assert seen[-1].row.step == 300


@pytest.mark.parametrize("kind", ["sync", "dummy"])
def test_an_envs_place_among_others(
    run: rltrack.Run, films: Films, tmp_path: Path, kind: str
) -> None:
    """CleanRL's shape: one env of several has a recorder; timesteps are those of all."""
    makes = [
        cartpole,
        cartpole,
        lambda: RecordVideo(cartpole(), str(tmp_path), lambda episode: episode == 0),
    ]
    envs: Any = SyncVectorEnv(makes) if kind == "sync" else DummyVecEnv(makes)
    envs.reset()
    for _ in range(60):
        envs.step(np.zeros(3, np.int64))
    envs.close()

    (film,) = films(run)

    assert film["env"] == 2
    assert film["length"] in range(8, 12)
    assert film.row.step == 3 * film["length"]


# -- SB3's ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DummyVecEnv, SubprocVecEnv])
def test_sb3s_recorder(
    run: rltrack.Run, films: Films, tmp_path: Path, kind: type[VecEnv], capfd: Any
) -> None:
    envs = make_vec_env(cartpole, 2, seed=4, vec_env_cls=kind)  # type: ignore[arg-type]
    recorder = VecVideoRecorder(envs, str(tmp_path), lambda step: step in (0, 64), video_length=50)
    model = PPO("MlpPolicy", recorder, n_steps=64, n_epochs=1, device="cpu", seed=4)
    model.learn(256)
    recorder.close()

    first, second = films(run)

    assert (first.row.step, second.row.step) == (100, 228)
    assert first["episode"] == 0
    assert first["seed"] == 4
    assert first["return"] == first["length"] > 7
    assert second["episode"] > 0
    assert (first.facts["frames"], first.facts["fps"]) == (51, 50.0)
    assert (first.facts["width"], first.facts["height"]) in {(1200, 400), (600, 800)}


# -- worker processes ----------------------------------------------------------------------


def make_recorded(folder: Path) -> gym.Env[Any, Any]:
    return RecordVideo(cartpole(), str(folder), lambda episode: episode == 1)


def recorded(folder: Path, count: int) -> list[Callable[[], gym.Env[Any, Any]]]:
    return [functools.partial(make_recorded, folder / str(n)) for n in range(count)]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", ["async", "subproc"])
def test_recorders_in_worker_processes(
    run: rltrack.Run, films: Films, tmp_path: Path, kind: str, method: str
) -> None:
    """W&B never sees them."""
    makes = recorded(tmp_path, 2)
    envs: Any
    if kind == "async":
        envs = AsyncVectorEnv(makes, context=method)
        assert envs.env_fns is makes
    else:
        envs = SubprocVecEnv(makes, start_method=method)
    envs.reset()
    for _ in range(40):
        envs.step(np.zeros(2, np.int64))
    envs.close()

    seen = sorted(films(run), key=lambda film: film["env"])

    assert [film["env"] for film in seen] == [0, 1]
    assert [film["episode"] for film in seen] == [1, 1]
    for film in seen:
        assert film["return"] == film["length"]
        assert film.facts["frames"] - film["length"] in (0, 1)
        assert film.file == (tmp_path / str(film["env"]) / "rl-video-episode-1.mp4").read_bytes()


def play_recorded(folder: Path) -> None:
    env: Any = make_recorded(folder)
    play(env, 3)
    env.close()


def test_a_process_that_somebody_forks(run: rltrack.Run, films: Films, tmp_path: Path) -> None:
    """It has the wrapped classes, and its own part of the run."""
    child = multiprocessing.get_context("fork").Process(target=play_recorded, args=(tmp_path,))
    child.start()
    child.join()

    (film,) = films(run)

    assert film["episode"] == 1
    assert film.file == (tmp_path / "rl-video-episode-1.mp4").read_bytes()


def test_a_worker_whose_run_is_finished_elsewhere(
    run: rltrack.Run, films: Films, tmp_path: Path
) -> None:
    envs = SubprocVecEnv(recorded(tmp_path, 1), start_method="forkserver")
    envs.reset()
    run.finish()
    for _ in range(40):
        envs.step(np.zeros(1, np.int64))
    envs.close()

    assert films(run) == []
    assert list(tmp_path.rglob("*.mp4")) != []


# -- what may be wrong ---------------------------------------------------------------------


def test_without_a_run(root: Path) -> None:
    with pytest.raises(NotInitializedError, match="before monitor_gym"):
        monitor_gym()


def test_with_a_run_that_is_finished(run: rltrack.Run) -> None:
    run.finish()
    with pytest.raises(RunFinishedError, match="start another"):
        monitor_gym(run)


def test_a_recorder_that_fails_raises_as_it_would(
    run: rltrack.Run, films: Films, tmp_path: Path
) -> None:
    """An interrupted encode: the recorder's own error. Its frames are in the run all the same."""
    env: Any = RecordVideo(cartpole(), str(tmp_path / "v"), lambda _: True)
    ((total, length),) = play(env, 1)
    (tmp_path / "v").rmdir()

    with pytest.raises(OSError, match="rl-video-episode-0"):
        env.close()

    (film,) = films(run)
    assert (film["return"], film.facts["frames"]) == (total, length + 1)
    env.recorded_frames.clear()


def test_an_unknown_version_is_told_once_and_left_alone(
    root: Path, tmp_path: Path, warnings_of: Callable[[rltrack.Run], list[str]]
) -> None:
    """A class of that name with other methods, in a process of its own."""
    code = """
import rltrack, gymnasium.wrappers.rendering as module
del module.RecordVideo.stop_recording
before = dict(vars(module.RecordVideo))
run = rltrack.init(project="p", monitor_gym=True)
assert dict(vars(module.RecordVideo)) == before
run.finish()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert done.stderr.count("RecordVideo of gymnasium 1") == 1
    assert "are not recorded" in done.stderr


def test_without_gymnasium_one_warning_says_what_to_type(root: Path, tmp_path: Path) -> None:
    code = """
import importlib.util, rltrack
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name in ("gym", "gymnasium") else found(name, *a)
rltrack.init(project="p", monitor_gym=True).finish()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert "pip install 'rltrack[gym]'" in done.stderr


def test_init_imports_neither_gymnasium_nor_numpy(root: Path, tmp_path: Path) -> None:
    """A script that turns it on for a training that has no env."""
    code = """
import sys, rltrack
rltrack.init(project="p", monitor_gym=True).finish()
assert not {"gymnasium", "numpy", "gym", "stable_baselines3"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=os.environ)
