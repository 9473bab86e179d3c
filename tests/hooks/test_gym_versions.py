"""Other versions of gymnasium than the one that is installed, and gym: each in a process of its own.

pip install --no-deps --target /tmp/g029 gymnasium==0.29.1
pip install --no-deps --target /tmp/m1 moviepy==1.0.3 'decorator<5'        for 0.29 and gym
RLTRACK_TEST_GYMNASIUMS='/tmp/g029:/tmp/m1 /tmp/g110' pytest tests/hooks/test_gym_versions.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rltrack

#: Paths, separated by blanks; each goes before the others on ``PYTHONPATH``.
VERSIONS = ["", *os.environ.get("RLTRACK_TEST_GYMNASIUMS", "").split()]

FILM = """
import json, os, sys
try:
    import gymnasium as gym
except ImportError:
    import gym
import rltrack

gym.logger.set_level(40) if hasattr(gym.logger, "set_level") else None
options = {"disable_env_checker": True} if gym.__name__ == "gym" else {}
make = lambda: gym.make("CartPole-v1", render_mode="rgb_array", **options)
run = rltrack.init(project="p", monitor_gym=True)
env = gym.wrappers.RecordVideo(make(), "films", episode_trigger=lambda n: n % 2 == 0)
lengths = []
for episode in range(1 if gym.__name__ == "gym" else 3):  # gym's recorder closes the env
    env.reset(seed=3 if episode == 0 else None)
    length, over = 0, False
    while not over:
        *_, terminated, truncated, _ = env.step(length % 2)
        length, over = length + 1, terminated or truncated
    lengths.append(length)
env.close()
run.finish()
print(json.dumps([gym.__version__, lengths]))
"""

MONITOR = """
import json
import gymnasium as gym
import numpy as np
import rltrack
from rltrack.hooks.gym import EpisodeMonitor, VectorEpisodeMonitor

class Counted(gym.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
    observation_space = gym.spaces.Box(-10.0, 10.0, (1,))
    action_space = gym.spaces.Discrete(2)
    render_mode = "rgb_array"
    episode = -1
    spec = None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.timestep = self.episode + 1, 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.timestep += 1
        over = self.timestep == 3 + self.episode % 3
        return np.zeros(1, np.float32), 0.5, over, False, {"is_success": True} if over else {}

    def render(self):
        return np.full((16, 16, 3), 10 * self.timestep, np.uint8)

run = rltrack.init(project="p")
env = EpisodeMonitor(Counted(), video_every=2, name="single")
for _ in range(3):
    env.reset()
    while not env.step(1)[2]:
        pass
envs = VectorEpisodeMonitor(gym.vector.SyncVectorEnv([Counted] * 2), video_every=2)
envs.reset(seed=5)
for _ in range(16):
    envs.step(np.zeros(2, np.int64))
run.finish()
"""


def in_version(code: str, path: str, cwd: Path) -> str:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([*path.split(), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows_of(root: Path) -> list[dict[str, Any]]:
    (run,) = rltrack.Api(root).runs("p")
    return [dict(row) for row in run.history(pandas=False)]


@pytest.mark.parametrize("path", VERSIONS)
def test_a_recorder_of_that_version(root: Path, tmp_path: Path, path: str) -> None:
    said = in_version(FILM, path, tmp_path).splitlines()[-1]
    version, lengths = json.loads(said)

    rows = rows_of(root)

    assert version in path or not path or "gym0" in path
    key = "videos/rl-video"
    assert [row[f"{key}_episode"] for row in rows] == [0, 2][: len(rows)]
    assert [row[f"{key}_length"] for row in rows] == lengths[::2]
    assert [row[f"{key}_return"] for row in rows] == [float(n) for n in lengths[::2]]
    assert {row[f"{key}_seed"] for row in rows} == {3}
    assert len(list((tmp_path / "films").glob("*.mp4"))) == len(rows)


@pytest.mark.parametrize("path", [path for path in VERSIONS if "gym0" not in path])
def test_a_monitor_of_that_version(root: Path, tmp_path: Path, path: str) -> None:
    in_version(MONITOR, path, tmp_path)

    rows = rows_of(root)

    single = [row for row in rows if "single/return" in row]
    assert [row["single/length"] for row in single] == [3, 4, 5]
    assert ["single/video" in row for row in single] == [True, False, True]
    vector = [row for row in rows if "episode/return" in row]
    for env in (0, 1):
        mine = [row for row in vector if row["episode/env"] == env]
        assert [row["episode/length"] for row in mine][:3] == [3, 4, 5]
        assert [row["episode/return"] for row in mine][:3] == [1.5, 2.0, 2.5]
        assert all(row["episode/success"] for row in mine)
        assert {row["episode/seed"] for row in mine} == {5 + env}
