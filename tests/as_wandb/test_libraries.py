"""Libraries and scripts that track by W&B, as they are, each in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import rltrack
from rltrack.api import Run

Start = Callable[..., subprocess.CompletedProcess[str]]


def only_run(project: str) -> Run:
    (run,) = rltrack.Api().runs(project)
    assert run.state == "finished"
    assert run.damage == ()
    return run


LIGHTNING = """
import lightning.pytorch as pl, torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger

class Model(pl.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, i):
        loss = self.layer(batch).pow(2).mean()
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

if __name__ == "__main__":
    logger = WandbLogger(project="light", name="one", tags=["a"], log_model=True)
    model = Model()
    logger.watch(model, log_freq=4, log_graph=False)
    trainer = pl.Trainer(
        max_epochs=2, logger=logger, log_every_n_steps=2, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False, callbacks=[ModelCheckpoint("kept")],
    )
    trainer.fit(model, torch.utils.data.DataLoader(torch.randn(32, 4), batch_size=4))
    logger.log_text("samples", columns=["a", "b"], data=[["x", "y"]])
    logger.log_image("images", [torch.rand(3, 8, 8), torch.rand(3, 8, 8)], caption=["one", "two"])
    import wandb
    assert wandb.run is logger.experiment
"""


def test_lightnings_wandb_logger(start: Start) -> None:
    """Metrics over `trainer/global_step`, hyperparameters, checkpoints, what it watches."""
    done = start(LIGHTNING)

    assert done.returncode == 0, done.stderr
    run = only_run("light")
    assert (run.name, run.tags, run.config) == ("one", ("a",), {"lr": 0.1})
    history = run.history(["train/loss", "trainer/global_step"]).dropna()
    assert history["trainer/global_step"].tolist() == [1, 3, 5, 7, 9, 11, 13, 15]
    assert history["train/loss"].iloc[-1] < history["train/loss"].iloc[0]
    assert "optimizer_step" in run.metrics()
    assert "model" in {one.type for one in run.logged_artifacts()}
    kinds = {Path(file.name).parts[1] for file in run.files() if file.name.startswith("media/")}
    assert kinds == {"images", "table"}


SPAWNED = """
import multiprocessing, pickle
from lightning.pytorch.loggers import WandbLogger

def work(pickled):
    logger = pickle.loads(pickled)
    logger.log_metrics({"from_child": 1.0})

if __name__ == "__main__":
    logger = WandbLogger(project="spawned")
    pickled = pickle.dumps(logger)
    child = multiprocessing.get_context("spawn").Process(target=work, args=(pickled,))
    child.start()
    child.join()
    assert child.exitcode == 0
    logger.log_metrics({"from_parent": 2.0})
"""


def test_lightnings_logger_goes_on_with_its_run_in_a_spawned_process(start: Start) -> None:
    """It attaches there to the run that it began here, by an id that W&B made up."""
    done = start(SPAWNED)

    assert done.returncode == 0, done.stderr
    run = only_run("spawned")
    assert (run.summary["from_child"], run.summary["from_parent"]) == (1.0, 2.0)


TRANSFORMERS = """
import torch
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments

class Config(PretrainedConfig):
    model_type = "tiny"

class Tiny(PreTrainedModel):
    config_class = Config

    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(4, 1)
        self.post_init()

    def forward(self, x, labels=None):
        y = self.layer(x)
        return {"loss": (y - labels).pow(2).mean(), "logits": y}

data = [{"x": torch.randn(4), "labels": torch.randn(1)} for _ in range(16)]
arguments = TrainingArguments(
    "out", report_to="wandb", run_name="tiny", num_train_epochs=2, per_device_train_batch_size=4,
    logging_steps=2, use_cpu=True, eval_strategy="epoch", disable_tqdm=True, save_strategy="epoch",
)
Trainer(Tiny(Config()), arguments, train_dataset=data, eval_dataset=data).train()
"""


def test_transformers_wandb_callback(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own variables of the environment, and its step for an axis."""
    monkeypatch.setenv("WANDB_PROJECT", "hugging")
    monkeypatch.setenv("WANDB_WATCH", "gradients")
    monkeypatch.setenv("WANDB_LOG_MODEL", "checkpoint")

    done = start(TRANSFORMERS)

    assert done.returncode == 0, done.stderr
    run = only_run("hugging")
    assert run.name == "tiny"
    assert run.config["model/num_parameters"] == 5
    assert run.config["num_train_epochs"] == 2
    assert {"train/loss", "eval/loss", "train/grad_norm"} <= set(run.metrics())
    steps = run.history(["train/loss", "train/global_step"]).dropna()["train/global_step"]
    assert steps.tolist() == [2, 4, 6, 8]
    models = {alias: model for model in run.logged_artifacts() for alias in model.aliases}
    assert {"base_model", "checkpoint_global_step_4", "final_model"} <= set(models)
    assert models["final_model"] is models["latest"]


ACCELERATE = """
from accelerate import Accelerator

accelerator = Accelerator(log_with="wandb", cpu=True)
accelerator.init_trackers("acc", config={"lr": 0.1}, init_kwargs={"wandb": {"tags": ["x"]}})
accelerator.log({"loss": 0.5}, step=3)
accelerator.end_training()
"""


def test_accelerates_tracker(start: Start) -> None:
    """It looks for an installed package before it imports one."""
    done = start(ACCELERATE)

    assert done.returncode == 0, done.stderr
    run = only_run("acc")
    assert (run.config, run.tags, run.summary["loss"]) == ({"lr": 0.1}, ("x",), 0.5)


SB3 = """
import gymnasium as gym
import wandb
from stable_baselines3 import PPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv
from wandb.integration.sb3 import WandbCallback

config = {"policy_type": "MlpPolicy", "total_timesteps": 256, "env_name": "CartPole-v1"}
run = wandb.init(project="sb3", config=config, sync_tensorboard=True, save_code=True)
env = DummyVecEnv([lambda: Monitor(gym.make(config["env_name"]))])
model = PPO(
    config["policy_type"], env, n_steps=64, n_epochs=2, device="cpu", seed=0,
    tensorboard_log=f"runs/{run.id}" if TENSORBOARD_LOG else None,
)
model.learn(
    total_timesteps=config["total_timesteps"],
    callback=WandbCallback(
        gradient_save_freq=4, model_save_freq=100, model_save_path=f"models/{run.id}", verbose=2
    ),
)
run.finish()
"""


@pytest.mark.parametrize("tensorboard_log", [True, False])
def test_sb3s_example_with_wandb_callback(
    start: Start, tmp_path: Path, tensorboard_log: bool
) -> None:
    """Each number once, whether or not TensorBoard tells it as well."""
    done = start(f"TENSORBOARD_LOG = {tensorboard_log}\n{SB3}")

    assert done.returncode == 0, done.stderr
    run = only_run("sb3")
    rows = run.history(["rollout/ep_rew_mean", "global_step"]).dropna()
    assert rows["global_step"].tolist() == [64, 128, 192, 256]
    assert {"train/loss", "episode/return", "optimizer_step"} <= set(run.metrics())
    assert run.config["algo"] == "PPO"
    assert run.config["total_timesteps"] == 256
    assert run.config["n_steps"] == 64
    assert (tmp_path / "models" / run.id / "model.zip").exists()
    assert "model.zip" in {file.name for file in run.files()}


CLEANRL = """
import argparse, time
import gymnasium as gym
from torch.utils.tensorboard import SummaryWriter

parser = argparse.ArgumentParser()
parser.add_argument("--exp-name", default="dqn")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--track", action="store_true")
parser.add_argument("--wandb-project-name", default="cleanRL")
parser.add_argument("--wandb-entity", default=None)
parser.add_argument("--capture-video", action="store_true")
parser.add_argument("--env-id", default="CartPole-v1")
parser.add_argument("--learning-rate", type=float, default=2.5e-4)
args = parser.parse_args()
run_name = f"{args.env_id}__{args.exp_name}__{args.seed}__{int(time.time())}"
if args.track:
    import wandb

    wandb.init(
        project=args.wandb_project_name, entity=args.wandb_entity, sync_tensorboard=True,
        config=vars(args), name=run_name, monitor_gym=True, save_code=True,
    )
writer = SummaryWriter(f"runs/{run_name}")
writer.add_text("hyperparameters", "|param|value|\\n|-|-|\\n" + "\\n".join(vars(args)))
env = gym.make(args.env_id, render_mode="rgb_array" if args.capture_video else None)
if args.capture_video:
    env = gym.wrappers.RecordVideo(env, f"videos/{run_name}")
env = gym.wrappers.RecordEpisodeStatistics(env)
env.action_space.seed(args.seed)
obs, _ = env.reset(seed=args.seed)
for global_step in range(200):
    obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
    if "episode" in info:
        writer.add_scalar("charts/episodic_return", info["episode"]["r"], global_step)
        obs, _ = env.reset()
    if global_step % 50 == 0:
        writer.add_scalar("losses/td_loss", 1 / (global_step + 1), global_step)
env.close()
writer.close()
"""


def test_a_script_in_cleanrls_shape(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes for TensorBoard, and tells W&B no more than that it does."""
    monkeypatch.delenv("RLTRACK_PROVENANCE")

    done = start(CLEANRL, "--track", "--seed", "7", "--capture-video")

    assert done.returncode == 0, done.stderr
    run = only_run("cleanRL")
    assert run.name.startswith("CartPole-v1__dqn__7__")
    assert run.config["seed"] == 7
    losses = run.history(["losses/td_loss", "global_step"]).dropna()
    assert losses["global_step"].tolist() == [0, 50, 100, 150]
    assert losses["losses/td_loss"].tolist() == [1, 1 / 51, 1 / 101, 1 / 151]
    assert "charts/episodic_return" in run.metrics()
    names = [file.name for file in run.files()]
    assert "code/train.py" in names
    assert [name for name in names if name.endswith(".mp4")]


ZOO = """
import argparse, importlib.util
from stable_baselines3 import A2C

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--algo", default="a2c")
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--track", action="store_true")
    parser.add_argument("--wandb-project-name", default="zoo")
    parser.add_argument("--wandb-entity", default=None)
    parser.add_argument("-tags", "--wandb-tags", nargs="+", default=[])
    args = parser.parse_args()
    if args.track:
        try:
            import wandb
        except ImportError:
            raise ImportError("if you want to use Weights & Biases, please install W&B")
        run_name = f"{args.env}__{args.algo}__1"
        args.tags = [*args.wandb_tags, "v2.9"]
        run = wandb.init(
            name=run_name, project=args.wandb_project_name, entity=args.wandb_entity,
            tags=args.tags, config=vars(args), sync_tensorboard=True, monitor_gym=True,
            save_code=True,
        )
        args.tensorboard_log = f"runs/{run_name}"
    model = A2C("MlpPolicy", args.env, tensorboard_log=args.tensorboard_log, device="cpu")
    model.learn(500, log_interval=10)
    if args.track:
        run.config.setdefaults({"hyperparams": {"n_timesteps": 500, "policy": "MlpPolicy"}})
"""


def test_a_module_in_the_shape_of_the_rl_zoo(start: Start, tmp_path: Path) -> None:
    """Tags, config from its arguments, numbers from TensorBoard, by ``-m``."""
    (tmp_path / "zoo.py").write_text(ZOO)

    done = start("", program=["-m", "zoo", "--track", "-tags", "a", "b"])

    assert done.returncode == 0, done.stderr
    run = only_run("zoo")
    assert (run.name, run.tags) == ("CartPole-v1__a2c__1", ("a", "b", "v2.9"))
    assert run.config["hyperparams"] == {"n_timesteps": 500, "policy": "MlpPolicy"}
    assert "rollout/ep_rew_mean" in run.metrics()


SKRL = """
import gymnasium as gym
import torch.nn as nn
from skrl.agents.torch.ppo import PPO
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model
from skrl.trainers.torch import SequentialTrainer

class Policy(CategoricalMixin, Model):
    def __init__(self, **spaces):
        Model.__init__(self, device="cpu", **spaces)
        CategoricalMixin.__init__(self)
        self.net = nn.Linear(4, 2)

    def compute(self, inputs, role):
        return self.net(inputs["observations"]), {}

class Value(DeterministicMixin, Model):
    def __init__(self, **spaces):
        Model.__init__(self, device="cpu", **spaces)
        DeterministicMixin.__init__(self)
        self.net = nn.Linear(4, 1)

    def compute(self, inputs, role):
        return self.net(inputs["observations"]), {}

env = wrap_env(gym.make_vec("CartPole-v1", num_envs=2))
spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
experiment = {
    "directory": "logs", "experiment_name": "ppo", "write_interval": 16,
    "checkpoint_interval": 1000, "wandb": True, "wandb_kwargs": {"project": "skrl"},
}
agent = PPO(
    models={"policy": Policy(**spaces), "value": Value(**spaces)},
    memory=RandomMemory(memory_size=16, num_envs=2, device="cpu"), device="cpu", **spaces,
    cfg={"rollouts": 16, "learning_epochs": 1, "mini_batches": 1, "experiment": experiment},
)
trainer = {"timesteps": 64, "headless": True, "disable_progressbar": True}
SequentialTrainer(env=env, agents=agent, cfg=trainer).train()
"""


def test_skrl(start: Start) -> None:
    """It starts a run of its own accord, and writes event files without TensorBoard's writer."""
    done = start(SKRL)

    assert done.returncode == 0, done.stderr
    run = only_run("skrl")
    assert run.name == "ppo"
    assert run.config["rollouts"] == 16
    rows = run.history(["Loss / Policy loss", "global_step"]).dropna()
    assert rows["global_step"].tolist() == [16, 32, 48, 64]
