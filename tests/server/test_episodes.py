"""The episodes of a run, asked of a real server, with the videos and traces of some."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import httpx
import numpy as np

import rltrack
from rltrack.hooks.gym import EpisodeMonitor


def test_episodes_have_their_clips_traces_and_distribution(
    root: Path, client: httpx.Client
) -> None:
    """Real ones, of CartPole; each second is filmed."""
    with rltrack.init(project="p", id="r", dir=root) as run:
        env = EpisodeMonitor(
            gymnasium.make("CartPole-v1", render_mode="rgb_array"), video_every=2, max_fps=10
        )
        for seed in range(4):
            env.reset(seed=seed)
            over = False
            while not over:
                env.note(value=1.5)
                _, _, terminated, truncated, _ = env.step(0)
                over = terminated or truncated
        env.close()
        frames = np.zeros((3, 16, 16, 3), np.uint8)
        run.log({"eval/video": rltrack.Video(frames, axes="THWC"), "eval/video_return": 7.0})
    answer = client.get("/api/projects/p/runs/r/episodes")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    columns, clips = found["columns"], found["clips"]

    assert (found["names"], found["name"], found["total"]) == (["episode"], "episode", 4)
    assert columns["number"] == [0, 1, 2, 3]
    assert columns["terminated"] == [True] * 4
    assert sum(found["distributions"]["return"]["counts"]) == 4
    assert [clip["row"] for clip in clips] == [0, 2, None]
    assert [clip["return"] for clip in clips] == [columns["return"][0], columns["return"][2], 7.0]
    trace = client.get(clips[1]["trace"]).json()
    assert trace["timesteps"] == columns["length"][2]
    assert set(trace["columns"]["value"]) == {1.5}
    assert client.get(clips[1]["url"]).headers["content-type"] == "video/mp4"


def test_a_run_without_episodes_has_none(root: Path, client: httpx.Client) -> None:
    """And says so, without a fault."""
    with rltrack.init(project="p", id="r", dir=root) as run:
        run.log({"episode/return": 1.0, "loss": 2.0})
    found = client.get("/api/projects/p/runs/r/episodes").json()
    assert (found["names"], found["total"], found["clips"]) == ([], 0, [])
