"""Films of the best episodes so far, out of eight envs that step together.

    python examples/vector_env_videos.py            about half a minute on one core
    rltrack ui                                      then look at it in the browser

The cross-entropy method looks for a linear policy: eight are drawn, each plays an episode in an
env of its own, and the next eight are drawn around the best two. You will see the return of
CartPole's episodes rise from about 20 to some hundreds, one row an episode, and in
`./rltrack-runs/cartpole/<run id>/media/`:

    videos/episode/     every eighth episode is filmed, and kept if it is the best so far
    traces/episode/     beside each: reward, action, and how sure the policy was, of each timestep

Needs: pip install 'rltrack[demo]'
"""

import argparse

import gymnasium as gym
import numpy as np

import rltrack
from rltrack.hooks.gym import VectorEpisodeMonitor

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--generations", type=int, default=10)
parser.add_argument("--num-envs", type=int, default=8)
options = parser.parse_args()

random = np.random.default_rng(options.seed)
mean, spread = np.zeros(4), np.ones(4)

with rltrack.init(project="cartpole", group="cem", config=vars(options)) as run:
    envs = gym.make_vec("CartPole-v1", options.num_envs, render_mode="rgb_array")
    # Only the env of an episode that is filmed is rendered; its film is encoded beside the loop.
    envs = VectorEpisodeMonitor(envs, video_every=8, video_keep="best")

    for generation in range(options.generations):
        policies = mean + spread * random.standard_normal((options.num_envs, 4))
        returns = np.zeros(options.num_envs)
        playing = np.ones(options.num_envs, bool)
        observations, _ = envs.reset(seed=options.seed + 1000 * generation)
        while playing.any():
            preferences = (policies * observations).sum(axis=1)
            # Goes into the trace of what is being filmed: each env has its own.
            envs.note(preference=preferences)
            observations, rewards, terminated, truncated, _ = envs.step(
                (preferences > 0).astype(np.int64)
            )
            returns[playing] += rewards[playing]
            playing &= ~(terminated | truncated)

        best = policies[np.argsort(returns)[-options.num_envs // 4 :]]
        mean, spread = best.mean(axis=0), best.std(axis=0) + 0.05
        run.log(
            {"cem/best": returns.max(), "cem/mean": returns.mean(), "cem/spread": spread.mean()}
        )
    envs.close()

history = rltrack.Api().run(run.path).history(pandas=False)
episodes = [row for row in history if "episode/return" in row]
films = [row for row in episodes if "episode/video" in row]
print(f"{len(episodes)} episodes, of which {len(films)} are films")
for row in films:
    print(f"  after {row['global_step']:>6} timesteps: {row['episode/video']['caption']}")
