"""A training that was interrupted goes on as if it had not been: bit for bit, on real envs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib
import torch
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import BitFlippingEnv, FakeImageEnv
from stable_baselines3.common.logger import KVWriter
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecFrameStack, VecNormalize

from rltrack.callbacks._sb3_buffer import buffer_bytes
from rltrack.callbacks._sb3_sealed import SEAL, DamagedError
from rltrack.callbacks._sb3_state import MismatchError, load, save

Make = Callable[[], BaseAlgorithm]


def small(**more: Any) -> dict[str, Any]:
    return {"policy_kwargs": {"net_arch": [8], **more}, "device": "cpu", "seed": 3}


def off_policy() -> dict[str, Any]:
    return {"learning_starts": 60, "buffer_size": 1000, "batch_size": 16, **small()}


def normalized(env_id: str, n_envs: int) -> VecNormalize:
    return VecNormalize(make_vec_env(env_id, n_envs=n_envs, seed=5))


def noise() -> OrnsteinUhlenbeckActionNoise:
    return OrnsteinUhlenbeckActionNoise(np.zeros(1), np.full(1, 0.3))


def pictures() -> FakeImageEnv:
    env = FakeImageEnv(2, screen_height=36, screen_width=36, discrete=True)
    env.observation_space.seed(7)  # from which it draws what is seen
    return env


def lstm() -> dict[str, Any]:
    return small(lstm_hidden_size=8)


ALGORITHMS: dict[str, Make] = {
    "PPO": lambda: PPO(
        "MlpPolicy",
        normalized("CartPole-v1", 2),
        n_steps=32,
        batch_size=16,
        n_epochs=2,
        learning_rate=lambda left: 1e-2 * left,
        **small(),
    ),
    "PPO gSDE": lambda: PPO(
        "MlpPolicy",
        normalized("Pendulum-v1", 2),
        n_steps=32,
        batch_size=16,
        use_sde=True,
        sde_sample_freq=8,
        **small(),
    ),
    "A2C": lambda: A2C("MlpPolicy", Monitor(gym.make("CartPole-v1")), **small()),
    "A2C frames": lambda: A2C(
        "MlpPolicy", VecFrameStack(make_vec_env("CartPole-v1", n_envs=3), 4), **small()
    ),
    "DQN": lambda: DQN(
        "MlpPolicy",
        "CartPole-v1",
        exploration_fraction=0.8,
        target_update_interval=50,
        **off_policy(),
    ),
    "SAC": lambda: SAC("MlpPolicy", normalized("Pendulum-v1", 1), train_freq=2, **off_policy()),
    "SAC gSDE": lambda: SAC("MlpPolicy", "Pendulum-v1", use_sde=True, train_freq=4, **off_policy()),
    "TD3": lambda: TD3(
        "MlpPolicy",
        normalized("Pendulum-v1", 2),
        action_noise=noise(),
        train_freq=2,
        **off_policy(),
    ),
    "DDPG episodes": lambda: DDPG(
        "MlpPolicy", "Pendulum-v1", train_freq=(1, "episode"), gradient_steps=8, **off_policy()
    ),
    "DQN hindsight": lambda: DQN(
        "MultiInputPolicy",
        BitFlippingEnv(n_bits=4, max_steps=8),
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 2},
        **off_policy(),
    ),
    "A2C pictures": lambda: A2C(
        "CnnPolicy",
        make_vec_env(pictures, n_envs=2),
        n_steps=8,
        device="cpu",
        seed=3,
    ),
    "RecurrentPPO": lambda: sb3_contrib.RecurrentPPO(
        "MlpLstmPolicy", normalized("CartPole-v1", 2), n_steps=32, batch_size=32, **lstm()
    ),
    "QRDQN": lambda: sb3_contrib.QRDQN("MlpPolicy", "CartPole-v1", train_freq=4, **off_policy()),
    "TQC": lambda: sb3_contrib.TQC("MlpPolicy", "Pendulum-v1", train_freq=4, **off_policy()),
}


class InterruptionError(Exception):
    """The process is killed, as far as the training can tell."""


class Trial(BaseCallback, KVWriter):
    """Notes all that the logger writes and each episode; saves and stops, or loads, if asked to."""

    def __init__(
        self, *, save_to: Path | None = None, at: int = 0, load_from: Path | None = None
    ) -> None:
        super().__init__()
        self.save_to, self.at, self.load_from = save_to, at, load_from
        self.told: list[Any] = []

    def _on_training_start(self) -> None:
        self.logger.output_formats.append(self)
        if self.load_from is not None:
            self.loaded = load(self.load_from, self.model)
            self.told = self.loaded.extra

    def _on_rollout_start(self) -> None:
        if self.load_from is not None:
            self.loaded.settle()
            self.load_from = None
        if self.save_to is not None and self.num_timesteps >= self.at:
            self.saved = save(self.save_to, self.model, at="rollout_start", extra=self.told)
            raise InterruptionError

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                self.told.append((info["episode"]["r"], info["episode"]["l"], self.num_timesteps))
        return True

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0
    ) -> None:
        # Clocks differ, and so do the iterations, which SB3 counts from the start of `learn`.
        self.told.append(
            (step, copy.copy({k: v for k, v in key_values.items() if k[:5] != "time/"}))
        )


def weights(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    found = dict(model.policy.state_dict())
    for name, state in model.get_parameters().items():
        if "optimizer" in name:
            for parameter, moments in state["state"].items():
                found |= {f"{name} {parameter} {m}": moments[m] for m in moments}
    return found


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_an_interrupted_training_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    """Equal weights, equal moments of the optimizers, and equal values for all loggers."""
    make = ALGORITHMS[name]
    steps = 700 if "DDPG" in name else 450
    through = Trial()
    expected = make()
    expected.learn(steps, callback=through, log_interval=1)

    stopping = Trial(save_to=tmp_path / "half", at=200)
    with pytest.raises(InterruptionError):
        make().learn(steps, callback=stopping, log_interval=1)
    torch.rand(7), np.random.rand(7)  # whatever happens in between
    resuming = Trial(load_from=tmp_path / "half")
    resumed = make()
    resumed.learn(steps, callback=resuming, log_interval=1)

    assert stopping.saved.exact, stopping.saved.about["inexact"]
    assert resuming.loaded.inexact == []
    assert resumed.num_timesteps == expected.num_timesteps
    assert same(weights(resumed), weights(expected))
    assert len(through.told) > 2
    assert resuming.told == through.told


# -- where an env cannot be copied -------------------------------------------------------------


class Opaque(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps its state in a library that tells nothing of it, as Box2D does."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.world = (n for n in range(3))  # cannot be pickled


def opaque_ppo() -> PPO:
    env = DummyVecEnv([lambda: Monitor(Opaque(gym.make("CartPole-v1")))])
    return PPO("MlpPolicy", VecNormalize(env), n_steps=32, batch_size=16, **small())


def remote_ppo() -> PPO:
    fork = {"start_method": "fork"}
    env = make_vec_env(
        "CartPole-v1", n_envs=2, seed=5, vec_env_cls=SubprocVecEnv, vec_env_kwargs=fork
    )
    return PPO("MlpPolicy", env, n_steps=32, batch_size=16, **small())


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (opaque_ppo, "Opaque.world"),
        (remote_ppo, "in the other processes of SubprocVecEnv cannot be copied"),
    ],
)
def test_an_env_that_cannot_be_copied_begins_a_new_episode_and_it_is_told(
    make: Make, why: str, tmp_path: Path
) -> None:
    """All else goes on; whoever relies on equal bits must know."""
    stopping = Trial(save_to=tmp_path / "half", at=100)
    model = make()
    with pytest.raises(InterruptionError):
        model.learn(200, callback=stopping)
    resuming = Trial(load_from=tmp_path / "half")
    resumed = make()
    resumed.learn(200, callback=resuming)

    assert not stopping.saved.exact
    [reason] = resuming.loaded.inexact
    assert why in reason
    assert resumed.num_timesteps >= 200
    assert resumed._n_updates > model._n_updates > 0
    for trained in (model, resumed):
        assert trained.env is not None
        trained.env.close()


def test_what_only_draws_is_no_state(tmp_path: Path) -> None:
    """CartPole's window cannot be pickled, and nobody misses it."""
    env = gym.make("CartPole-v1", render_mode="rgb_array")
    model = PPO("MlpPolicy", Monitor(env), n_steps=32, batch_size=16, **small())
    model.learn(32)
    env.render()

    assert save(tmp_path / "half", model, at="training_end").exact
    env.close()


def test_without_its_replay_buffer_a_training_is_not_the_same(tmp_path: Path) -> None:
    """It may be left out for its size."""
    model = DQN("MlpPolicy", "CartPole-v1", **off_policy())
    model.learn(32)
    saved = save(tmp_path / "half", model, at="training_end", replay_buffer=False)

    assert saved.about["inexact"] == ["the replay buffer of 0.0 GiB is not saved"]
    assert not list((tmp_path / "half").glob("replay_buffer*"))


def test_a_replay_buffer_takes_the_room_of_what_is_new_in_it(tmp_path: Path) -> None:
    """Parts that are as they were are equal files, and what was never filled is none."""
    model = DQN("MlpPolicy", "CartPole-v1", **off_policy() | {"buffer_size": 400_000})
    files: list[dict[str, bytes]] = []
    for number in range(3):
        model.learn(500, reset_num_timesteps=False)
        folder = tmp_path / str(number)
        save(folder, model, at="training_end")
        files.append({p.name: p.read_bytes() for p in folder.glob("replay_buffer*")})

    assert model.replay_buffer is not None
    held = model.replay_buffer.observations
    assert sum(map(len, files[0].values())) < held.nbytes < buffer_bytes(model.replay_buffer)
    model.replay_buffer.pos = 300_000  # elsewhere in the ring
    model.learn(500, reset_num_timesteps=False)
    save(tmp_path / "later", model, at="training_end")
    for name, data in files[2].items():
        assert (tmp_path / "later" / name).read_bytes() == data


def test_a_replay_buffer_of_another_size_is_refused(tmp_path: Path) -> None:
    """Its transitions would have to be chosen from."""
    model = DQN("MlpPolicy", "CartPole-v1", **off_policy())
    model.learn(32)
    save(tmp_path / "half", model, at="training_end")

    with pytest.raises(
        MismatchError, match=r"observations of the replay buffer is \(\(900, 1, 4\)"
    ):
        load(
            tmp_path / "half",
            DQN("MlpPolicy", "CartPole-v1", **off_policy() | {"buffer_size": 900}),
        )


# -- the folder --------------------------------------------------------------------------------


@pytest.fixture
def trained() -> PPO:
    return PPO("MlpPolicy", normalized("CartPole-v1", 2), n_steps=32, **small()).learn(64)


def test_sb3_itself_reads_the_parts_that_it_has_a_format_for(trained: PPO, tmp_path: Path) -> None:
    """So that a checkpoint is of use without rltrack."""
    save(tmp_path / "half", trained, at="training_end")

    model = PPO.load(tmp_path / "half" / "model.zip")
    plain = make_vec_env("CartPole-v1", n_envs=2)
    normalize = VecNormalize.load(str(tmp_path / "half" / "vecnormalize.pkl"), plain)

    assert same(weights(model), weights(trained))
    ours = trained.get_vec_normalize_env()
    assert ours is not None
    assert np.array_equal(vars(normalize.obs_rms)["mean"], vars(ours.obs_rms)["mean"])


def test_a_save_that_fails_leaves_nothing(
    trained: PPO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a checkpoint is none."""

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(trained, "save", full)
    with pytest.raises(OSError, match="no space"):
        save(tmp_path / "half", trained, at="training_end")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["state.pkl", "model.zip", "vecnormalize.pkl", SEAL])
def test_damage_is_found_before_anything_is_changed(
    trained: PPO, tmp_path: Path, name: str
) -> None:
    """A cut file, and a flipped bit, as disks have them."""
    save(tmp_path / "half", trained, at="training_end")
    file = tmp_path / "half" / name
    whole = file.read_bytes()
    before = copy.deepcopy(weights(trained))
    for data in (whole[:-1], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]):
        file.write_bytes(data)
        with pytest.raises(DamagedError, match="half"):
            load(tmp_path / "half", trained)
    file.unlink()
    with pytest.raises(DamagedError, match="half"):
        load(tmp_path / "half", trained)

    assert same(weights(trained), before)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: A2C("MlpPolicy", normalized("CartPole-v1", 2), **small()), "algorithm 'PPO'"),
        (lambda: PPO("MlpPolicy", normalized("CartPole-v1", 3), **small()), "num_envs 2"),
        (
            lambda: PPO("MlpPolicy", make_vec_env("CartPole-v1", n_envs=2), **small()),
            "VecNormalize around",
        ),
        (
            lambda: PPO("MlpPolicy", normalized("CartPole-v1", 2), policy_kwargs={"net_arch": [4]}),
            r"shape \(4, 4\), and that of the checkpoint \(8, 4\)",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    trained: PPO, tmp_path: Path, make: Make, why: str
) -> None:
    """To go on with half of it would be worse than to begin anew."""
    save(tmp_path / "half", trained, at="training_end")

    with pytest.raises(MismatchError, match=why):
        load(tmp_path / "half", make())
