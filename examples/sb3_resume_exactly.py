"""Kill a training, run it again, and get the same bits as if nothing had happened.

    python examples/sb3_resume_exactly.py           about 20 seconds on one core

It trains PPO on CartPole twice, each time as a program of its own: once from start to end, and
once so that the program is killed (SIGKILL: it can do nothing about it) and simply run again. You
will see that both end with equal weights, and that their runs show equal episodes.

What a program needs for it is in `train`: a run that has an id, and `resume="auto"`.

Needs: pip install 'rltrack[sb3,analysis]' 'gymnasium[classic-control]'
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

import rltrack
from rltrack.callbacks import SB3Callback

PROJECT = "exact-resume"


class KillAt(BaseCallback):
    """The machine loses power, as far as the training can tell."""

    def __init__(self, timestep: int) -> None:
        super().__init__()
        self.timestep = timestep

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.timestep:
            os.kill(os.getpid(), signal.SIGKILL)
        return True


def train(run_id: str, total_timesteps: int, kill_at: int | None) -> None:
    """The program: it knows nothing of having been killed before."""
    with rltrack.init(project=PROJECT, id=run_id, resume="allow"):
        env = VecNormalize(make_vec_env("CartPole-v1", n_envs=4, seed=0))
        model = PPO("MlpPolicy", env, n_steps=128, batch_size=128, seed=0, device="cpu")
        recording = SB3Callback(
            checkpoint_freq=total_timesteps // 10,
            eval_freq=total_timesteps // 5,
            resume="auto",  # go on from the newest checkpoint of this run, if there is one
        )
        model.learn(total_timesteps, [recording] + ([KillAt(kill_at)] if kill_at else []))

    weights = b"".join(p.detach().numpy().tobytes() for p in model.policy.parameters())
    print(f"weights {hashlib.sha256(weights).hexdigest()[:16]}")


def in_a_process(*arguments: str) -> tuple[int, str]:
    """Run this file again, and say how it ended, and what it said of its weights."""
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout.strip()


def main(total_timesteps: int) -> None:
    """Train through, train with a death in between, and compare."""
    total = ["--total-timesteps", str(total_timesteps)]
    kill_at = str(total_timesteps * 57 // 100)
    suffix = os.urandom(3).hex()
    through, broken = f"through-{suffix}", f"broken-{suffix}"

    _, expected = in_a_process("--run-id", through, *total)
    code, _ = in_a_process("--run-id", broken, *total, "--kill-at", kill_at)
    print(f"killed at timestep {kill_at}: the process ended with {code}")
    _, found = in_a_process("--run-id", broken, *total)
    print(f"through: {expected}\nbroken:  {found}")

    keys = ["episode/return", "episode/env", "eval/episode_return", "rollout/ep_rew_mean"]
    rows = []
    for run_id in (through, broken):
        run = rltrack.Api().run(f"{PROJECT}/{run_id}")
        rows.append([[row.get(key) for key in keys] for row in run.scan_history()])
    print(f"rows of the runs: {len(rows[0])} and {len(rows[1])}")
    print("the same" if expected == found and rows[0] == rows[1] else "NOT the same")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--total-timesteps", type=int, default=10_000)
    parser.add_argument("--run-id", help="train one run, and nothing else")
    parser.add_argument("--kill-at", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a policy this small is slower on two
    if options.run_id:
        train(options.run_id, options.total_timesteps, options.kill_at)
    else:
        main(options.total_timesteps)
