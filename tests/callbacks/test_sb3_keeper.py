"""Checkpoints, exact resume and evaluation by SB3Callback, on real trainings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib
import torch
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize

import rltrack
from rltrack.callbacks import SB3Callback
from rltrack.errors import NotFoundError, UsageError
from rltrack.hooks.gym import EpisodeMonitor
from rltrack.journal.records import Noted, Record

Make = Callable[[], BaseAlgorithm]
Row = dict[str, Any]


def small(**more: Any) -> dict[str, Any]:
    return {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 3, **more}


def normalized(env_id: str, n_envs: int = 2) -> VecNormalize:
    return VecNormalize(make_vec_env(env_id, n_envs=n_envs, seed=5))


def ppo(env: Any = None, **choices: Any) -> PPO:
    chosen: dict[str, Any] = {"n_steps": 32, "batch_size": 16, "n_epochs": 2} | choices
    return PPO("MlpPolicy", env or normalized("CartPole-v1"), **small(**chosen))


ALGORITHMS: dict[str, Make] = {
    "PPO": ppo,
    "A2C": lambda: A2C("MlpPolicy", "CartPole-v1", **small()),
    "DQN": lambda: DQN(
        "MlpPolicy", "CartPole-v1", **small(learning_starts=60, buffer_size=1000, batch_size=16)
    ),
    "SAC": lambda: SAC(
        "MlpPolicy",
        normalized("Pendulum-v1"),
        **small(learning_starts=60, buffer_size=1000, batch_size=16, train_freq=4),
    ),
}


class Killed(BaseException):
    """The process ends here."""


class Killer(BaseCallback):
    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def _on_step(self) -> bool:
        if self.num_timesteps >= self.at:
            raise Killed
        return True


def begin(run_id: str) -> rltrack.Run:
    return rltrack.init(project="p", id=run_id, resume="allow", settings={"silent": True})


def callback(**more: Any) -> SB3Callback:
    chosen: dict[str, Any] = {
        "checkpoint_freq": 100,
        "eval_freq": 150,
        "eval_episodes": 2,
        "resume": "auto",
    }
    return SB3Callback(**(chosen | more))


def rows(run: rltrack.Run) -> list[Row]:
    """What the run shows, without its clocks and the names of files."""
    clocks = (
        "time/fps",
        "time/time_elapsed",
        "episode/time_s",
        "_timestamp",
        "_runtime",
        "eval/video",
    )
    return [
        {
            key: value
            for key, value in row.items()
            if key not in clocks and value is not None and value == value
        }
        for row in rltrack.Api().run(run.path).scan_history()
    ]


def bits(model: BaseAlgorithm) -> list[torch.Tensor]:
    return list(model.policy.state_dict().values())


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_program_that_is_run_again_does_what_it_would_have_done(name: str, root: Path) -> None:
    """The same bits, and the run shows the same rows: what came behind the checkpoint is hidden."""
    make = ALGORITHMS[name]
    expected = make()
    with begin("through") as through:
        expected.learn(500, callback=callback(), log_interval=1)
    with pytest.raises(Killed), begin("broken"):
        make().learn(500, callback=[callback(), Killer(at=290)], log_interval=1)
    resumed = make()
    with begin("broken") as broken:
        resumed.learn(500, callback=callback(), log_interval=1)

    assert resumed.num_timesteps == expected.num_timesteps
    assert all(map(torch.equal, bits(resumed), bits(expected)))
    shown = rows(broken)
    assert [row for row in shown if row not in rows(through)] == []
    assert shown == rows(through)
    assert broken.summary["eval/mean_reward"] == through.summary["eval/mean_reward"]
    [used] = rltrack.Api().run(broken.path).used_artifacts()
    assert used.metadata["num_timesteps"] < 290
    assert used.metadata["exact"] is True


class Masked(gym.Wrapper[Any, Any, Any, Any]):
    """CartPole in which the first step of an episode must go to the left."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(gym.make("CartPole-v1", render_mode="rgb_array"))
        self.first = True
        self.reset(seed=seed)

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        self.first = True
        return self.env.reset(**options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        assert action == 0 or not self.first
        self.first = False
        return self.env.step(action)

    def action_masks(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.array([True, not self.first])


CONTRIB: dict[str, Make] = {
    "RecurrentPPO": lambda: sb3_contrib.RecurrentPPO(
        "MlpLstmPolicy",
        "CartPole-v1",
        n_steps=32,
        device="cpu",
        policy_kwargs={"lstm_hidden_size": 8},
        seed=3,
    ),
    "MaskablePPO": lambda: sb3_contrib.MaskablePPO("MlpPolicy", Masked(), n_steps=32, **small()),
    "QRDQN": lambda: sb3_contrib.QRDQN(
        "MlpPolicy", "CartPole-v1", **small(learning_starts=60, buffer_size=1000)
    ),
    "TQC": lambda: sb3_contrib.TQC(
        "MlpPolicy", "Pendulum-v1", **small(learning_starts=60, buffer_size=1000, train_freq=8)
    ),
}


@pytest.mark.parametrize("name", CONTRIB)
def test_sb3_contrib_is_evaluated_kept_and_gone_on_with(name: str, root: Path) -> None:
    """Masks and hidden states among it."""
    make = CONTRIB[name]

    def chosen() -> SB3Callback:
        if name == "MaskablePPO":
            return callback(eval_env=Masked(7), video_freq=200, video_env=Masked)
        return callback()

    expected = make()
    with begin("through") as through:
        expected.learn(300, callback=chosen())
    with pytest.raises(Killed), begin("broken"):
        make().learn(300, callback=[chosen(), Killer(at=190)])
    resumed = make()
    with begin("broken") as broken:
        resumed.learn(300, callback=chosen())

    assert all(map(torch.equal, bits(resumed), bits(expected)))
    assert rows(broken) == rows(through)
    assert any("eval/episode_return" in row for row in rows(broken))
    assert dict(rltrack.Api().run(broken.path).config)["algo"] == name


class Chatty(gym.Wrapper[Any, Any, Any, Any]):
    """Logs by itself, as some envs do."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.outlets = {"run": rltrack.run}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        run = self.outlets["run"]
        assert run is not None
        assert not run.is_finished
        return self.env.step(action)


def test_envs_that_record_go_on_recording_into_the_run_that_is_going_on(root: Path) -> None:
    """A copy of a run would be a further process's part of it."""

    def make() -> PPO:
        return ppo(make_vec_env(lambda: EpisodeMonitor(Chatty(gym.make("CartPole-v1")))))

    with begin("through") as through:
        expected = make()
        expected.learn(300, callback=callback(eval_freq=0))
    with pytest.raises(Killed), begin("broken"):
        make().learn(300, callback=[callback(eval_freq=0), Killer(at=190)])
    with begin("broken") as broken:
        resumed = make()
        resumed.learn(300, callback=callback(eval_freq=0))

    assert all(map(torch.equal, bits(resumed), bits(expected)))
    # The wrapper and the callback each have a row of an episode, at the same time.
    assert sorted(map(str, rows(broken))) == sorted(map(str, rows(through)))
    assert rltrack.Api().run(broken.path).used_artifacts()[0].metadata["exact"] is True


# -- evaluation --------------------------------------------------------------------------------


def test_each_episode_of_an_evaluation_is_a_row(run: rltrack.Run) -> None:
    """SB3 keeps only their mean."""
    ppo().learn(500, callback=SB3Callback(run, eval_freq=100, eval_episodes=3))
    run.finish()

    found = rows(run)
    means = {row["_step"]: row for row in found if "eval/mean_reward" in row}
    assert sorted(means) == [128, 256, 320, 448, 512]  # between updates of 64 timesteps
    for step, told in means.items():
        episodes = [r for r in found if "eval/episode_return" in r and r["_step"] == step]
        assert len(episodes) == 3
        returns = [row["eval/episode_return"] for row in episodes]
        assert np.mean(returns) == pytest.approx(told["eval/mean_reward"])
        assert returns == [row["eval/episode_length"] for row in episodes]  # CartPole's are equal
        assert all(row["global_step"] == step for row in episodes)


def test_the_training_notices_neither_evaluations_nor_checkpoints(root: Path) -> None:
    """The same weights with and without, gSDE's noise and all."""

    def weights(**choices: Any) -> list[torch.Tensor]:
        model = ppo(normalized("Pendulum-v1"), use_sde=True)
        with rltrack.init(project="p", settings={"silent": True}) as run:
            model.learn(256, callback=SB3Callback(run, **choices))
        return bits(model)

    plain = weights()
    assert all(map(torch.equal, weights(eval_freq=64, eval_episodes=1, checkpoint_freq=64), plain))


def test_a_plain_env_to_evaluate_in_gets_the_trainings_wrappers(run: rltrack.Run) -> None:
    """A policy that learned from normalised observations fails with others."""
    seen: list[float] = []

    class Spy(gym.ObservationWrapper[Any, Any, Any]):
        def observation(self, observation: Any) -> Any:
            seen.append(1.0)
            return observation

    env = Spy(gym.make("CartPole-v1"))
    model = ppo()
    model.learn(128, callback=SB3Callback(run, eval_env=env, eval_freq=64, eval_episodes=1))
    run.finish()

    assert seen
    assert [row["_step"] for row in rows(run) if "eval/mean_reward" in row] == [64, 128]


def test_without_an_env_to_evaluate_in_it_is_told_what_to_pass(run: rltrack.Run) -> None:
    """At the start, and not after an hour."""
    env = gym.make("CartPole-v1").unwrapped
    env.spec = None
    with pytest.raises(UsageError, match=r"not made by gymnasium\.make; pass eval_env="):
        ppo(env).learn(32, callback=SB3Callback(run, eval_freq=32))


# -- checkpoints -------------------------------------------------------------------------------


def versions(run: rltrack.Run) -> list[rltrack.Artifact]:
    """The oldest first."""
    return rltrack.Api().artifacts("model", f"p/checkpoint-{run.id}")[::-1]


def test_the_best_checkpoint_has_the_weights_that_were_best(root: Path, tmp_path: Path) -> None:
    """And not those of an update later."""
    with begin("a") as run:
        ppo(normalized("CartPole-v1", 1)).learn(
            600, callback=callback(eval_freq=32, checkpoint_freq=300, best_on="eval/mean_reward")
        )

    means = {r["_step"]: r["eval/mean_reward"] for r in rows(run) if "eval/mean_reward" in r}
    top = max(means.values())
    found = versions(run)
    [best] = [version for version in found if "best" in version.aliases]
    assert best.metadata["eval/mean_reward"] == top
    assert best.metadata["num_timesteps"] == min(s for s, mean in means.items() if mean == top)
    assert found[-1].metadata["num_timesteps"] == 608  # the end, which is `latest`
    assert "latest" in found[-1].aliases
    folder = Path(best.download(tmp_path / "best"))
    assert {path.name for path in folder.iterdir()} == {
        *("checkpoint.json", "model.zip", "state.pkl", "vecnormalize.pkl"),
    }
    PPO.load(folder / "model.zip")
    assert run.folder is not None
    assert not list(run.folder.glob(".checkpoint-*"))


def test_less_is_better_on_request(root: Path) -> None:
    """A loss, for example."""
    with begin("a") as run:
        ppo().learn(600, callback=callback(eval_freq=0, best_on="train/value_loss:min"))

    losses = [row["train/value_loss"] for row in rows(run) if "train/value_loss" in row]
    [best] = [version for version in versions(run) if "best" in version.aliases]
    assert best.metadata["train/value_loss"] == min(losses[:-1])


def test_another_run_may_go_on_from_a_checkpoint(root: Path) -> None:
    """A branch: its own run, and lineage between the two."""
    with begin("a"):
        expected = ppo().learn(300, callback=callback())
    with begin("b") as run:
        model = ppo()
        model.learn(320, callback=callback(resume="checkpoint-a:latest", eval_freq=0))

    assert model.num_timesteps == expected.num_timesteps == 320
    assert all(map(torch.equal, bits(model), bits(expected)))
    assert rltrack.Api().run(run.path).used_artifacts()[0].source_name == "checkpoint-a:v3"


def test_a_name_that_is_none_says_what_is_there(run: rltrack.Run) -> None:
    """Before anything is trained."""
    with pytest.raises(NotFoundError, match=r"resume='nothing:latest'"):
        ppo().learn(64, callback=SB3Callback(run, resume="nothing:latest"))


def test_a_training_that_was_finished_is_not_trained_again_but_may_be_lengthened(
    root: Path,
) -> None:
    """The program may be run again without thought."""
    with begin("a"):
        expected = ppo().learn(256, callback=callback())
    with begin("a"):
        again = ppo()
        again.learn(256, callback=callback())
    assert all(map(torch.equal, bits(again), bits(expected)))

    with begin("a") as run:
        ppo().learn(512, callback=callback())
    dumps = [row["_step"] for row in rows(run) if "time/iterations" in row]
    assert dumps == list(range(64, 513, 64))
    iterations = [row["time/iterations"] for row in rows(run) if "time/iterations" in row]
    assert iterations == list(range(1, 9))


def test_a_program_of_several_trainings_finds_the_one_that_was_interrupted(root: Path) -> None:
    """`learn` in a loop, as for a curriculum."""

    def program(kill_at: int = 10_000) -> BaseAlgorithm:
        model, mine = ppo(), callback()
        for _ in range(4):
            model.learn(128, callback=[mine, Killer(kill_at)], reset_num_timesteps=False)
        return model

    with begin("through") as through:
        expected = program()
    with pytest.raises(Killed), begin("broken"):
        program(kill_at=333)
    with begin("broken") as broken:
        resumed = program()

    assert resumed.num_timesteps == expected.num_timesteps == 512
    assert all(map(torch.equal, bits(resumed), bits(expected)))
    assert rows(broken) == rows(through)


def test_log_interval_keeps_its_phase(root: Path) -> None:
    """SB3 counts rollouts from the start of `learn`."""

    def program(kill_at: int = 10_000) -> None:
        ppo().learn(600, callback=[callback(eval_freq=0), Killer(kill_at)], log_interval=3)

    with begin("through") as through:
        program()
    with pytest.raises(Killed), begin("broken"):
        program(kill_at=500)
    with begin("broken") as broken:
        program()

    assert rows(broken) == rows(through)


@pytest.fixture
def warnings_of(
    read_records: Callable[[Path], list[Record]],
) -> Callable[[rltrack.Run], list[str]]:
    """What a run warned of."""

    def read(run: rltrack.Run) -> list[str]:
        assert run.folder is not None
        found = read_records(run.folder / "journal")
        return [r.message for r in found if isinstance(r, Noted) and r.level == "warning"]

    return read


def test_a_damaged_checkpoint_is_passed_over(
    root: Path, warnings_of: Callable[[rltrack.Run], list[str]]
) -> None:
    """The one before it is whole, and the training still does what it would have done."""
    with begin("through"):
        expected = ppo().learn(400, callback=callback(eval_freq=0))
    with pytest.raises(Killed), begin("broken") as run:
        ppo().learn(400, callback=[callback(eval_freq=0), Killer(at=290)])
    newest = versions(run)[-1]
    digest = {file.name: file for file in newest.files()}["state.pkl"].digest
    [blob] = [path for path in root.rglob("blobs/*/*") if path.name == digest]
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1])
    with begin("broken") as run:
        model = ppo()
        model.learn(400, callback=callback(eval_freq=0))

    assert all(map(torch.equal, bits(model), bits(expected)))
    notes = warnings_of(run)
    assert any("cannot be read, and the one before it is taken" in note for note in notes)


DYING = """
import os, signal, sys
import torch
torch.set_num_threads(1)  # as in this process: sums are as long as a thread's part
import rltrack
from rltrack.callbacks import SB3Callback
from stable_baselines3 import PPO as SB3PPO

class PPO(SB3PPO):
    def save(self, path, *args, **kwargs):
        if self.num_timesteps > 200:
            path.write_bytes(b"half of it")
            os.kill(os.getpid(), signal.SIGKILL)
        super().save(path, *args, **kwargs)

with rltrack.init(project="p", id="broken", settings={"silent": True}):
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, seed=3, device="cpu")
    model.learn(400, callback=SB3Callback(checkpoint_freq=100, resume="auto"))
"""


def test_a_process_that_is_killed_as_it_saves_leaves_the_checkpoint_before(root: Path) -> None:
    """There is no moment at which a half-written one could be taken for a whole one."""

    def program(run_id: str) -> PPO:
        model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, seed=3, device="cpu")
        with begin(run_id):
            model.learn(400, callback=SB3Callback(checkpoint_freq=100, resume="auto"))
        return model

    done = subprocess.run([sys.executable, "-c", DYING], check=False)
    assert done.returncode == -signal.SIGKILL
    [half] = root.rglob(".checkpoint-*")
    os.utime(half, (0, 0))  # it was a day ago
    resumed, through = program("broken"), program("through")

    assert all(map(torch.equal, bits(resumed), bits(through)))
    used = rltrack.Api().run("p/broken").used_artifacts()
    assert [version.metadata["num_timesteps"] for version in used] == [128]
    assert not list(root.rglob(".checkpoint-*"))


def test_a_checkpoint_of_another_training_is_refused(root: Path) -> None:
    """Going on with half of it, or from the start, would both be wrong."""
    with begin("a"):
        ppo().learn(128, callback=callback())
    with pytest.raises(UsageError, match="algorithm 'PPO'"), begin("a"):
        A2C("MlpPolicy", normalized("CartPole-v1"), **small()).learn(128, callback=callback())


def test_a_run_that_is_killed_before_its_first_checkpoint_begins_anew(root: Path) -> None:
    """And shows nothing twice."""
    with begin("through") as through:
        ppo().learn(200, callback=callback(checkpoint_freq=128))
    with pytest.raises(Killed), begin("broken"):
        ppo().learn(200, callback=[callback(checkpoint_freq=128), Killer(at=100)])
    with begin("broken") as broken:
        ppo().learn(200, callback=callback(checkpoint_freq=128))

    assert rows(broken) == rows(through)


def test_a_new_run_begins_anew(root: Path) -> None:
    """`auto` goes on with a run, not with whatever lies about."""
    with begin("a"):
        first = ppo().learn(128, callback=callback())
        second = ppo().learn(128, callback=callback())  # in the same process

    assert all(map(torch.equal, bits(first), bits(second)))


def test_a_training_that_is_stopped_is_kept_too(root: Path) -> None:
    """By a threshold, say; the rollout in whose midst it stopped is lost, and that is told."""

    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps < 150

    with begin("a") as run:
        ppo().learn(400, callback=[callback(), Stop()])
    newest = versions(run)[-1]
    assert newest.metadata["num_timesteps"] == 150
    assert newest.metadata["exact"] is False
    with begin("a"):
        model = ppo()
        model.learn(400, callback=callback())
    assert model.num_timesteps == 150 + 4 * 64


# -- what may go wrong -------------------------------------------------------------------------


def test_a_run_that_is_finished_midway_neither_keeps_nor_evaluates_further(root: Path) -> None:
    """And the training goes on."""

    class Finisher(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 200:
                run.finish()
            return True

    run = begin("a")
    model = ppo()
    model.learn(400, callback=CallbackList([callback(), Finisher()]))

    assert model.num_timesteps == 448
    assert [version.metadata["num_timesteps"] for version in versions(run)] == [128, 192]


def test_a_full_disk_does_not_end_the_training(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    warnings_of: Callable[[rltrack.Run], list[str]],
) -> None:
    """One warning."""
    model = ppo()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(model, "save", full)
    with begin("a") as run:
        model.learn(400, callback=callback())

    assert model.num_timesteps == 448
    notes = warnings_of(run)
    assert [note for note in notes if "no space left" in note] == notes
    assert len(notes) == 2  # within the training, and at its end


def test_a_disabled_run_keeps_nothing(root: Path) -> None:
    """mode="disabled" must be free to leave in the code."""
    model = ppo()
    with rltrack.init(mode="disabled"):
        model.learn(128, callback=callback())

    assert model.num_timesteps == 128
    assert not list(root.rglob("*"))


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_a_progress_bar_begins_where_the_training_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SB3 makes it after our callback has found the checkpoint."""
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # else it leaves a thread behind
    totals: list[int] = []

    class Look(BaseCallback):
        def _on_training_start(self) -> None:
            totals.append(self.locals["total_timesteps"] - self.num_timesteps)

        def _on_step(self) -> bool:
            return True

    with pytest.raises(Killed), begin("a"):
        ppo().learn(320, callback=[callback(), Killer(at=200)], progress_bar=True)
    with begin("a"):
        ppo().learn(320, callback=[callback(), Look()], progress_bar=True)

    assert totals == [320 - 192]


@pytest.mark.parametrize(
    "choices",
    [
        {"checkpoint_freq": -1},
        {"eval_freq": -1},
        {"eval_freq": 10, "eval_episodes": 0},
        {"best_on": "loss:smallest"},
        {"resume": True},
    ],
)
def test_choices_that_are_none_are_refused(choices: dict[str, Any]) -> None:
    """At the call, where they can be mended."""
    with pytest.raises(UsageError, match=rf"{next(iter(choices))}="):
        SB3Callback(**choices)
