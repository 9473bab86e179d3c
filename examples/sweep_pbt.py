"""Population based training of PPO: the worst copy the weights of the best, and try other rates.

    python examples/sweep_pbt.py                    about a minute on one core

Four members train for five generations. After each, the worst member goes on from the newest
checkpoint of the best, an artifact of its run, with a learning rate near that one's. Agents may run on
any machine that sees the folder: what a trial goes on from is a file, and not a process.

You will see each generation's returns, and from whose run each trial went on.

Needs: pip install 'rltrack[sb3,sweeps]' 'gymnasium[classic-control]'
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import rltrack
from rltrack.sweeps import latest_checkpoint

parser = argparse.ArgumentParser()
parser.add_argument("--population", type=int, default=4)
parser.add_argument("--generations", type=int, default=5)
parser.add_argument("--timesteps", type=int, default=4_000, help="of a member in a generation")
options = parser.parse_args()
torch.set_num_threads(1)  # a policy this small is slower on two


def train() -> None:
    """One generation of one member."""
    with rltrack.init() as run, tempfile.TemporaryDirectory() as folder:
        env = make_vec_env("CartPole-v1", n_envs=4, seed=0)
        rate = run.config.learning_rate
        checkpoint = latest_checkpoint(run)
        if checkpoint is None:
            model = PPO("MlpPolicy", env, n_steps=128, learning_rate=rate, device="cpu")
        else:
            path = checkpoint.file(folder)
            model = PPO.load(path, env, learning_rate=rate, device="cpu")
        model.learn(options.timesteps, reset_num_timesteps=False)
        returns, _ = evaluate_policy(model, env, n_eval_episodes=8)
        run.log({"eval/return": float(np.mean(returns)), "global_step": model.num_timesteps})
        model.save(Path(folder) / "policy.zip")
        run.log_artifact(Path(folder) / "policy.zip", name="policy", type="model")


sweep_id = rltrack.sweep(
    {
        "method": "pbt",
        "metric": {"name": "eval/return", "goal": "maximize"},
        "seed": 0,
        "parameters": {
            "learning_rate": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-2}
        },
        "pbt": {
            "population": options.population,
            "generations": options.generations,
            "quantile": 0.25,
            "factors": [0.5, 2.0],
        },
    },
    project="sweep-pbt",
)
rltrack.agent(sweep_id, train)

sweep = rltrack.Api().sweep(sweep_id)
for trial in sweep.trials:
    origin = f"goes on from trial {trial.extra['from']}" if "from" in trial.extra else "begins"
    value = "no value" if trial.values is None else f"return {trial.values[0]:.0f}"
    how = ", which was better" if trial.extra.get("exploited") else ""
    rate = trial.parameters["learning_rate"]
    print(f"generation {trial.extra['generation']}  {value:<12} rate {rate:.1e}  {origin}{how}")
