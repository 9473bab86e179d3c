"""Real envs of several kinds, without a display: each is filmed, by our wrapper and by gymnasium's."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import pytest

import rltrack
from rltrack.hooks.gym import EpisodeMonitor

#: Each with timesteps that are sure to hold the end of an episode, or close to it.
ENVS = {
    "CartPole-v1": 60,
    "LunarLander-v3": 250,
    "ALE/Pong-v5": 60,
    "InvertedPendulum-v5": 60,
}

PLAY = """
import sys
import gymnasium as gym
from gymnasium.wrappers import RecordVideo, TimeLimit
import rltrack
from rltrack.hooks.gym import EpisodeMonitor
if sys.argv[1].startswith("ALE/"):
    import ale_py

run = rltrack.init(project="p", monitor_gym=True)
env = TimeLimit(gym.make(sys.argv[1], render_mode="rgb_array"), 50)
env = RecordVideo(env, "films", episode_trigger=lambda n: n == 0)
env = EpisodeMonitor(env, video_every=10)
env.action_space.seed(0)
env.reset(seed=0)
for _ in range(int(sys.argv[2])):
    _, _, terminated, truncated, _ = env.step(env.action_space.sample())
    if terminated or truncated:
        env.reset()
env.close()
run.finish()
"""


@pytest.mark.parametrize("env_id", list(ENVS))
def test_an_env_is_filmed_without_a_display(root: Path, tmp_path: Path, env_id: str) -> None:
    environ = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if env_id == "InvertedPendulum-v5":
        environ["MUJOCO_GL"] = gl_platform()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PLAY, env_id, str(ENVS[env_id])],
        cwd=tmp_path,
        env=environ,
        check=True,
        capture_output=True,
    )
    (run,) = rltrack.Api(root).runs("p")
    rows = [dict(row) for row in run.history(pandas=False)]

    episode = next(row for row in rows if row.get("episode/number") == 0)
    film = next(row for row in rows if "videos/rl-video" in row)
    assert film["videos/rl-video_return"] == pytest.approx(episode["episode/return"])
    assert film["videos/rl-video_length"] == episode["episode/length"] > 1
    assert run.folder is not None
    trace = json.loads((run.folder / "media" / episode["episode/trace"]["path"]).read_text())
    assert trace["timesteps"] == episode["episode/length"]
    assert sum(trace["columns"]["reward"]) == pytest.approx(episode["episode/return"])
    for reference in (episode["episode/video"], film["videos/rl-video"]):
        assert (run.folder / "media" / reference["path"]).stat().st_size > 500


def gl_platform() -> str:
    """What MuJoCo can draw with here."""
    for platform in ("egl", "osmesa"):
        with contextlib.suppress(subprocess.SubprocessError):
            subprocess.run(
                [sys.executable, "-c", "import mujoco; mujoco.GLContext(8, 8).make_current()"],
                env=os.environ | {"MUJOCO_GL": platform},
                capture_output=True,
                check=True,
                timeout=60,
            )
            return platform
    pytest.skip("OpenGL without a display: libegl1 or libosmesa6")


def test_mujoco_that_cannot_draw_has_traces(
    root: Path, warnings_of: Callable[[rltrack.Run], list[str]]
) -> None:
    """What a scrubber can show of it then: the state."""
    run = rltrack.init(project="p", settings={"silent": True})
    env = EpisodeMonitor(gym.make("InvertedPendulum-v5"), video_every=1, observations=True)
    env.reset(seed=0)
    over = False
    while not over:
        _, _, terminated, truncated, _ = env.step([2.0])
        over = terminated or truncated
    run.finish()

    (row,) = rltrack.Api(root).run(run.path).history(pandas=False)
    assert run.folder is not None
    trace = json.loads((run.folder / "media" / row["episode/trace"]["path"]).read_text())
    assert len(trace["columns"]["observation"]) == row["episode/length"]
    assert {len(state) for state in trace["columns"]["observation"]} == {4}
    assert "episode/video" not in row
    assert len(warnings_of(run)) == 1
