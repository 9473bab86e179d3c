"""Record a PPO training of Stable-Baselines3, and read it back.

    python examples/sb3_ppo.py                      about half a minute on one core
    rltrack ui                                      then look at it in the browser

You will see the return of CartPole's episodes rise from about 20 towards its maximum of 500,
and in `./rltrack-runs/cartpole/<run id>/`:

    journal/            what SB3's logger recorded, every episode, and the hyperparameters
    media/videos/eval/  what the policy did after 10,000, 20,000, 30,000 and 40,000 timesteps

Needs: pip install 'rltrack[demo]'
"""

import argparse

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import rltrack
from rltrack.callbacks import SB3Callback

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--total-timesteps", type=int, default=40_000)
options = parser.parse_args()
torch.set_num_threads(1)  # a policy this small is slower on two

# What is given here wins over what SB3Callback reads from the model.
with rltrack.init(project="cartpole", group="ppo", config={"seed": options.seed}) as run:
    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=4, seed=options.seed),
        n_steps=256,
        batch_size=256,
        learning_rate=1e-3,
        gae_lambda=0.9,
        gamma=0.98,
        seed=options.seed,
        device="cpu",  # a policy this small is slower on a GPU
    )
    # A video is filmed in an env of its own: the weights are the same bits with and without.
    model.learn(options.total_timesteps, callback=SB3Callback(run, video_freq=10_000))

    # Your own numbers go beside SB3's.
    run.summary["policy/parameters"] = sum(p.numel() for p in model.policy.parameters())

# Read it back as a pandas DataFrame: one row for each episode, exact.
episodes = rltrack.Api().run(run.path).history(["episode/return", "episode/env", "global_step"])
print(episodes.dropna().tail())
print(f"first 20 episodes: {episodes['episode/return'].head(20).mean():.0f}")
print(f"last 20 episodes:  {episodes['episode/return'].tail(20).mean():.0f}")
