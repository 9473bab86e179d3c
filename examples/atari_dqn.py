"""DQN on an Atari game from its pixels: what SB3 logs, every game, and films of some.

    python examples/atari_dqn.py                    some minutes on two cores: 5,000 timesteps
    python examples/atari_dqn.py --total-timesteps 1000000      overnight, and it begins to win
    rltrack ui                                      then look at it in the browser

In five thousand timesteps DQN learns nothing of Pong; you will see its loss, and in
`./rltrack-runs/atari/<run id>/media/`:

    videos/game/        a game after 0, 2,500, 5,000… timesteps, with its exploration
    traces/game/        beside each: reward, action and lives of each timestep

Each game is a row: ``game/return`` is the points won less those lost. No display is needed.

Needs: pip install 'rltrack[demo]' ale-py
"""

import argparse
from typing import Any

import ale_py
import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

import rltrack
from rltrack.callbacks import SB3Callback
from rltrack.hooks.gym import EpisodeMonitor

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="ALE/Pong-v5")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--total-timesteps", type=int, default=5_000)
parser.add_argument("--learning-starts", type=int, default=500)
parser.add_argument("--film-every", type=int, default=2_500, help="timesteps")
options = parser.parse_args()
gym.register_envs(ale_py)
torch.set_num_threads(2)


class Halved(gym.ObservationWrapper[Any, Any, Any]):
    """Every second pixel of a gray picture, (210, 160) to (105, 80, 1)."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.observation_space = gym.spaces.Box(0, 255, (105, 80, 1), np.uint8)

    def observation(self, picture: Any) -> Any:
        """What the policy sees of it."""
        return picture[::2, ::2, None]


def make_env() -> gym.Env[Any, Any]:
    """The game. Films show it in its own colours and size, whatever the policy sees."""
    env = gym.make(options.env_id, obs_type="grayscale", render_mode="rgb_array")
    # SB3Callback already has rows named episode/…, of SB3's own monitor.
    monitored = EpisodeMonitor(
        env, name="game", video_every_timesteps=options.film_every, info_keys=["lives"]
    )
    return Halved(monitored)


with rltrack.init(project="atari", group=options.env_id, config=vars(options)) as run:
    envs = VecFrameStack(DummyVecEnv([make_env]), n_stack=4)
    model = DQN(
        "CnnPolicy",
        envs,
        buffer_size=10_000,
        learning_starts=options.learning_starts,
        learning_rate=1e-4,
        target_update_interval=1_000,
        exploration_fraction=0.1,
        exploration_final_eps=0.01,
        # A frame is kept once, and not as the end of one transition and the beginning of the next.
        optimize_memory_usage=True,
        replay_buffer_kwargs={"handle_timeout_termination": False},
        seed=options.seed,
    )
    model.learn(options.total_timesteps, callback=SB3Callback(run), log_interval=1)
    envs.close()

history = rltrack.Api().run(run.path).history(pandas=False)
games = [row for row in history if "game/return" in row]
films = [row["game/video"]["caption"] for row in games if "game/video" in row]
print(f"{len(games)} games, films of {len(films)}: {'; '.join(films)}")
