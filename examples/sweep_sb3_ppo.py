"""Search PPO's parameters with several seeds a trial, and stop the trials that fall behind.

    python examples/sweep_sb3_ppo.py                about a minute on one core

One seed says little in reinforcement learning. So each trial trains one model a seed, in turns of a
few thousand timesteps, and logs the interquartile mean of their evaluations after each turn: that is
what the search is after, and what hyperband compares, at the same `global_step` in each trial.

You will see which trials were stopped and when, and the best parameters.

Needs: pip install 'rltrack[sb3,sweeps]' 'gymnasium[classic-control]'
"""

import argparse

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import rltrack
from rltrack.stats import interquartile_mean

parser = argparse.ArgumentParser()
parser.add_argument("--trials", type=int, default=6)
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--total-timesteps", type=int, default=10_000, help="of each seed")
parser.add_argument(
    "--turn", type=int, default=2_000, help="timesteps from one evaluation to the next"
)
options = parser.parse_args()
torch.set_num_threads(1)  # a policy this small is slower on two


def train() -> None:
    """One trial: a model a seed, in turns."""
    with rltrack.init(config={"seeds": options.seeds}) as run:
        run.define_metric("eval/*", step_metric="global_step")
        models = [
            PPO(
                "MlpPolicy",
                make_vec_env("CartPole-v1", n_envs=4, seed=seed),
                n_steps=run.config.n_steps,
                batch_size=128,
                learning_rate=run.config.learning_rate,
                gamma=run.config.gamma,
                seed=seed,
                device="cpu",
            )
            for seed in range(options.seeds)
        ]
        evaluation = make_vec_env("CartPole-v1", n_envs=4, seed=100)
        while models[0].num_timesteps < options.total_timesteps:
            returns = []
            for model in models:
                model.learn(options.turn, reset_num_timesteps=False)
                found, _ = evaluate_policy(model, evaluation, n_eval_episodes=8)
                returns.append(float(np.mean(found)))
            run.log(
                {
                    "eval/return_iqm": interquartile_mean(np.array(returns)),
                    "eval/return_worst_seed": min(returns),
                    "global_step": models[0].num_timesteps,
                }
            )


sweep_id = rltrack.sweep(
    {
        "method": "random",
        "metric": {"name": "eval/return_iqm", "goal": "maximize"},
        "run_cap": options.trials,
        "seed": 0,
        "parameters": {
            "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2},
            "gamma": {"values": [0.9, 0.98, 0.99, 0.999]},
            "n_steps": {"values": [64, 256]},
        },
        "early_terminate": {
            "type": "hyperband",
            "min_iter": 2 * options.turn,  # in timesteps, since they are what trials share
            "eta": 2,
            "step_metric": "global_step",
        },
    },
    project="sweep-ppo",
)
rltrack.agent(sweep_id, train)

sweep = rltrack.Api().sweep(sweep_id)
frame = sweep.dataframe()
shown = ["trial", "state", "learning_rate", "gamma", "n_steps", "eval/return_iqm", "reason"]
print(frame[shown].to_string())
best = sweep.best_run()
assert best is not None
print(f"best: {best.config} with an IQM of {best.summary['eval/return_iqm']:.0f}")
