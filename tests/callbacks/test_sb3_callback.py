"""SB3Callback on real trainings: all arrives, exactly, and the training notices nothing."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import matplotlib.figure
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import (
    DISABLED,
    Figure,
    FormatUnsupportedError,
    HParam,
    Logger,
    configure,
)
from stable_baselines3.common.logger import Image as SB3Image
from stable_baselines3.common.logger import Video as SB3Video
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecNormalize

import rltrack
from rltrack.callbacks import SB3Callback
from rltrack.errors import RunFinishedError, UsageError
from rltrack.journal.records import MetricDefined, Row


def small() -> dict[str, Any]:
    """Policy arguments; SB3 writes into the dict that it is given."""
    return {"net_arch": [16]}


Read = Callable[[rltrack.Run], Any]


def small_ppo(env: Any = "CartPole-v1", **choices: Any) -> PPO:
    defaults: dict[str, Any] = {"n_steps": 64, "n_epochs": 2, "policy_kwargs": small(), "seed": 0}
    return PPO("MlpPolicy", env, device="cpu", **(defaults | choices))


ALGORITHMS: dict[str, Callable[[gym.Env[Any, Any]], tuple[BaseAlgorithm, int]]] = {
    "PPO": lambda env: (small_ppo(env), 400),
    "A2C": lambda env: (A2C("MlpPolicy", env, seed=0, policy_kwargs=small()), 1000),
    "DQN": lambda env: (
        DQN("MlpPolicy", env, seed=0, policy_kwargs=small(), learning_starts=100, train_freq=8),
        600,
    ),
    "SAC": lambda env: (
        SAC("MlpPolicy", env, seed=0, policy_kwargs=small(), learning_starts=300, train_freq=4),
        1000,
    ),
    "TD3": lambda env: (
        TD3("MlpPolicy", env, seed=0, policy_kwargs=small(), learning_starts=300, train_freq=4),
        1000,
    ),
}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_all_that_the_logger_records_arrives_as_it_is(
    name: str, run: rltrack.Run, oracle: Any, recorded: Read
) -> None:
    """Same keys, same values, same steps as any writer of SB3 sees, and the last update too."""
    monitor = Monitor(gym.make("Pendulum-v1" if name in ("SAC", "TD3") else "CartPole-v1"))
    model, timesteps = ALGORITHMS[name](monitor)

    model.learn(timesteps, callback=[SB3Callback(run), oracle])
    pending = dict(model.logger.name_to_value)
    found = recorded(run)

    leftovers = [(pending, model.num_timesteps)] if pending else []
    assert oracle.dumps
    assert found.of_logger() == oracle.dumps + leftovers
    assert found.warnings == []
    assert all(
        row.values["global_step"] == row.step and type(row.values["global_step"]) is int
        for row in found.rows
    )
    assert [row.values["episode/return"] for row in found.episodes] == pytest.approx(
        monitor.get_episode_rewards(), abs=1e-6
    )
    assert [row.values["episode/length"] for row in found.episodes] == monitor.get_episode_lengths()
    ends = np.cumsum(monitor.get_episode_lengths()).tolist()
    assert [row.step for row in found.episodes] == ends
    assert run.config["algo"] == name
    assert run.config["learning_rate"] == model.learning_rate
    assert not re.search(r"0x[0-9a-f]{6,}| object at ", str(run.config))


def test_what_tensorboard_never_sees_is_there(run: rltrack.Run, recorded: Read) -> None:
    """SB3 keeps four keys from it, and dumps the last update's numbers to nobody."""
    small_ppo().learn(128, callback=SB3Callback(run))

    found = recorded(run)
    kept_from_it = {"time/iterations", "time/time_elapsed", "time/total_timesteps"}
    assert all(kept_from_it <= row.values.keys() for row in found.dumps[:-1])
    updates = [r.values["train/n_updates"] for r in found.dumps if "train/n_updates" in r.values]
    assert updates == [2, 4]
    assert found.dumps[-1].step == 128
    assert {"train/loss", "train/value_loss"} <= found.dumps[-1].values.keys()


def test_values_keep_their_type_and_every_bit(
    run: rltrack.Run, oracle: Any, recorded: Read
) -> None:
    """TensorBoard makes float32 of all."""
    small_ppo().learn(200, callback=[SB3Callback(run), oracle])

    for (written, _), (seen, _) in zip(recorded(run).of_logger(), oracle.dumps, strict=False):
        for key, value in seen.items():
            assert type(written[key]) is type(value) or isinstance(value, np.generic), key


def test_a_wrapped_and_normalised_env_reports_raw_returns(
    run: rltrack.Run, oracle: Any, recorded: Read
) -> None:
    """A normalised reward depends on the training so far, and compares with nothing."""
    env = VecNormalize(make_vec_env("CartPole-v1", n_envs=2, seed=0), clip_obs=5.0)
    model = small_ppo(env)

    model.learn(400, callback=[SB3Callback(run), oracle])
    found = recorded(run)

    assert found.of_logger()[: len(oracle.dumps)] == oracle.dumps
    assert found.episodes
    for row in found.episodes:  # CartPole gives 1 for each timestep
        assert row.values["episode/return"] == row.values["episode/length"]
    assert run.config["vec_normalize"]["clip_obs"] == 5.0


def test_charts_are_told_to_draw_over_global_step(run: rltrack.Run, recorded: Read) -> None:
    """The row's index means nothing in RL."""

    class Extra(BaseCallback):
        def _on_step(self) -> bool:
            self.logger.record("plain", 1.0)
            self.logger.record("mine/level", 2)
            return True

    small_ppo().learn(64, callback=[SB3Callback(run), Extra()])

    defined = {r.name: r.step_metric for r in recorded(run).records if isinstance(r, MetricDefined)}
    expected = {f"{name}/*" for name in ("rollout", "train", "time", "eval", "episode")}
    assert defined == dict.fromkeys(expected | {"plain", "mine/level"}, "global_step")


# -- the user's logger -------------------------------------------------------------------------


def test_the_users_own_logger_stays_and_its_csv_says_the_same(
    run: rltrack.Run, recorded: Read, tmp_path: Path
) -> None:
    """A guest adds its writer and takes it away again."""
    logger = configure(str(tmp_path), ["csv"])
    formats = list(logger.output_formats)
    model = small_ppo()
    model.set_logger(logger)

    model.learn(300, callback=SB3Callback(run))

    assert model.logger is logger
    assert logger.output_formats == formats
    logger.close()
    with (tmp_path / "progress.csv").open() as file:
        lines = list(csv.DictReader(file))
    dumps = recorded(run).of_logger()
    assert len(dumps) == len(lines) + 1
    for (row, _), line in zip(dumps, lines, strict=False):
        # SB3 prints a float32 with its 8 digits, and we keep it as a float64.
        said = {key: float(text) for key, text in line.items() if text}
        assert row == pytest.approx(said, rel=1e-6)


def test_without_tensorboard_nothing_is_missing(tmp_path: Path) -> None:
    """W&B's callback is empty without it, and says nothing."""
    script = """
import sys
sys.modules["tensorboard"] = None  # importing it fails from here on
import rltrack
from rltrack.callbacks import SB3Callback
from stable_baselines3 import PPO
run = rltrack.init(project="p", dir=sys.argv[1])
PPO("MlpPolicy", "CartPole-v1", n_steps=64, device="cpu").learn(128, callback=SB3Callback(run))
assert "train/loss" in run.summary.keys() and "episode/return" in run.summary.keys()
assert not [name for name in sys.modules if name.startswith(("tensorboard.", "tensorflow"))]
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_callbacks_loads_no_framework() -> None:
    """`import rltrack.callbacks` costs nothing where torch takes seconds."""
    script = """
import sys, rltrack.callbacks
heavy = {"torch", "stable_baselines3", "gymnasium", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True)


class Speaker(BaseCallback):
    """Records values of all kinds on the first step."""

    def __init__(self, **values: Any) -> None:
        super().__init__()
        self.values = values

    def _on_step(self) -> bool:
        if self.n_calls == 1:
            for key, value in self.values.items():
                self.logger.record(f"user/{key}", value)
        return True


def drawing() -> matplotlib.figure.Figure:
    figure = matplotlib.figure.Figure(figsize=(1, 1))
    figure.add_subplot().plot([1, 2])
    return figure


def learn_and_dump(run: rltrack.Run, speaker: BaseCallback) -> None:
    model = small_ppo()
    model.set_logger(Logger(None, []))
    model.learn(64, callback=[SB3Callback(run), speaker])


def test_values_of_every_kind_find_their_form(run: rltrack.Run, recorded: Read) -> None:
    """TensorBoard draws a 0-d tensor as a histogram, and drops None and text in silence."""
    frames = torch.zeros((1, 4, 3, 16, 24), dtype=torch.uint8)
    learn_and_dump(
        run,
        Speaker(
            text="level 3",
            nothing=None,
            flag=True,
            small=np.float32(0.1),
            zero_d=torch.tensor(2.5, requires_grad=True),
            one=np.array([7]),
            several=np.array([1, 2, 3]),
            many=torch.arange(1000.0),
            nan=float("nan"),
            film=SB3Video(frames, fps=20),
            figure=Figure(drawing(), close=True),
            image=SB3Image(np.zeros((3, 8, 12), np.uint8), "CHW"),
        ),
    )

    [row] = [r for r in recorded(run).dumps if "user/text" in r.values]
    values = row.values
    assert values["user/text"] == "level 3"
    assert values["user/nothing"] is None
    assert values["user/flag"] is True
    assert values["user/small"] == float(np.float32(0.1))
    assert values["user/zero_d"] == 2.5
    assert values["user/one"] == 7
    assert values["user/several"] == [1, 2, 3]
    assert values["user/many"]["_type"] == "histogram"
    assert values["user/nan"] != values["user/nan"]
    assert values["user/film"]["fps"] == 20.0
    assert values["user/film"]["frames"] == 4
    assert (values["user/image"]["width"], values["user/image"]["height"]) == (12, 8)
    assert values["user/figure"]["_type"] == "image-file"


def test_what_cannot_be_stored_is_left_out_with_one_warning(
    run: rltrack.Run, recorded: Read
) -> None:
    """The rest of the row must not suffer, and nobody wants a warning at each dump."""

    class Painter(BaseCallback):
        def _on_step(self) -> bool:
            self.logger.record("user/image", SB3Image(np.zeros(3), "HWC"))
            self.logger.record("user/other", SB3Image(np.zeros(3), "HWC"))
            self.logger.record("user/good", 1.5)
            self.logger.record("user/film", SB3Video(torch.zeros(3), fps=20))
            return True

    learn_and_dump(run, Painter())

    found = recorded(run)
    assert found.dumps[0].values["user/good"] == 1.5
    assert not {"user/image", "user/other", "user/film"} & found.dumps[0].values.keys()
    assert len(found.warnings) == 2
    assert "user/image and its like are left out" in found.warnings[0]


def test_hparams_become_config(run: rltrack.Run) -> None:
    """They are choices, not metrics."""
    learn_and_dump(run, Speaker(hparams=HParam({"trick": "none"}, {"train/loss": 0.0})))

    assert run.config["trick"] == "none"


def test_only_our_own_name_in_exclude_keeps_a_key_from_us(run: rltrack.Run, recorded: Read) -> None:
    """What stdout or TensorBoard is spared is still wanted in the run."""

    class Excluder(BaseCallback):
        def _on_step(self) -> bool:
            self.logger.record("user/seen", 1.0, exclude=("stdout", "tensorboard"))
            self.logger.record("user/hidden", 1.0, exclude=("stdout", "rltrack"))
            return True

    learn_and_dump(run, Excluder())

    [row] = [r for r in recorded(run).dumps if "user/seen" in r.values]
    assert "user/hidden" not in row.values


def test_a_writer_that_raises_cannot_take_our_row_along(run: rltrack.Run, recorded: Read) -> None:
    """SB3's stdout raises on a video, in the middle of a dump; so ours stands before it."""
    model = small_ppo(verbose=1)
    film = Speaker(film=SB3Video(torch.zeros((1, 4, 3, 16, 24), dtype=torch.uint8), fps=20))

    with pytest.raises(FormatUnsupportedError):
        model.learn(64, callback=[SB3Callback(run), film])

    assert any("user/film" in row.values for row in recorded(run).dumps)


def test_a_disabled_logger_is_told(run: rltrack.Run, recorded: Read) -> None:
    """SB3 then calls no writer at all, which looks like a fault of ours."""
    model = small_ppo()
    model.set_logger(Logger(None, []))
    model.logger.set_level(DISABLED)
    model.learn(128, callback=SB3Callback(run))

    found = recorded(run)
    assert found.dumps == []
    assert found.episodes
    assert len(found.warnings) == 1
    assert "DISABLED" in found.warnings[0]


# -- several trainings -------------------------------------------------------------------------


@pytest.mark.parametrize("new_callback", [False, True])
def test_going_on_with_learn_repeats_nothing(
    run: rltrack.Run, oracle: Any, recorded: Read, new_callback: bool
) -> None:
    """The last update's numbers are flushed at the end, and still pending for SB3's next dump."""
    model = small_ppo()
    model.set_logger(Logger(None, []))
    callback = SB3Callback(run)
    model.learn(128, callback=[callback, oracle])
    if new_callback:
        callback = SB3Callback(run)
    model.learn(128, callback=[callback, oracle], reset_num_timesteps=False)
    found = recorded(run)

    updates = [r.values["train/n_updates"] for r in found.dumps if "train/n_updates" in r.values]
    assert updates == [2, 4, 6, 8]
    assert [(step, set(row)) for row, step in found.of_logger() if "time/fps" in row] == [
        (step, {key for key in row if step != 192 or not key.startswith("train/")})
        for row, step in oracle.dumps
    ]
    assert [w for w in model.logger.output_formats if w is not oracle] == []
    if not new_callback:  # only the one that set it may correct it: else it is the user's
        assert run.config["total_timesteps"] == 256


def test_a_second_training_from_the_start_is_recorded_too(
    run: rltrack.Run, oracle: Any, recorded: Read
) -> None:
    """SB3 makes a new logger, and counts from 0 again: every row stays on its own step."""
    model = small_ppo()
    callback = SB3Callback(run)
    model.learn(128, callback=[callback, oracle])
    model.learn(128, callback=[callback, oracle])
    found = recorded(run)

    assert [row.step for row in found.dumps if "time/fps" in row.values] == [64, 128, 64, 128]
    assert len([row for row in found.dumps if "time/fps" not in row.values]) == 2


def test_eval_callback_and_lists_of_callbacks(
    run: rltrack.Run, oracle: Any, recorded: Read
) -> None:
    """EvalCallback dumps in the middle of a rollout, with whatever is pending."""
    evaluation = EvalCallback(
        Monitor(gym.make("CartPole-v1")), eval_freq=50, n_eval_episodes=2, verbose=0
    )
    model = small_ppo()
    model.learn(200, callback=CallbackList([SB3Callback(run), evaluation, oracle]))
    pending = dict(model.logger.name_to_value)

    found = recorded(run)
    assert found.of_logger() == [*oracle.dumps, (pending, 256)]
    assert [r.step for r in found.dumps if "eval/mean_reward" in r.values] == [
        50,
        100,
        150,
        200,
        250,
    ]


@pytest.mark.filterwarnings("ignore:rich is experimental")
def test_beside_a_progress_bar(
    run: rltrack.Run, recorded: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SB3 then wraps the callbacks in a list of its own."""
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # else it leaves a thread behind
    small_ppo().learn(128, callback=SB3Callback(run), progress_bar=True)

    assert [row.step for row in recorded(run).dumps] == [64, 128, 128]


def test_a_callback_that_stops_the_training_loses_nothing(run: rltrack.Run, recorded: Read) -> None:
    """The step on which it stops may end an episode."""

    class StopAtEpisode(BaseCallback):
        def _on_step(self) -> bool:
            return not self.locals["dones"].any()

    small_ppo().learn(1000, callback=[StopAtEpisode(), SB3Callback(run)])

    assert len(recorded(run).episodes) == 1


# -- the run -----------------------------------------------------------------------------------


def test_without_a_run_one_is_started_and_finished(
    root: Path, read_rows: Callable[[Path], list[Row]]
) -> None:
    """The shortest way: one line in learn()."""
    callback = SB3Callback()
    small_ppo().learn(64, callback=callback)

    assert rltrack.run is None
    [facts] = root.rglob("run.json")
    assert '"state": "finished"' in facts.read_text()
    assert read_rows(facts.parent / "journal")


def test_the_active_run_is_used_and_left_running(run: rltrack.Run) -> None:
    """Who called init() may want to log more."""
    small_ppo().learn(64, callback=SB3Callback())

    assert run.state == "running"
    assert "train/loss" in run.summary


def test_a_finished_run_is_refused_before_training(run: rltrack.Run) -> None:
    """Hours of training would be recorded nowhere."""
    run.finish()
    with pytest.raises(RunFinishedError, match="is finished, so nothing can be recorded"):
        small_ppo().learn(64, callback=SB3Callback(run))


def test_a_run_that_finishes_early_lets_the_training_go_on(
    run: rltrack.Run, recorded: Read
) -> None:
    """And our writer is gone from the user's logger from that moment."""

    class Finisher(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 100:
                run.finish()
                assert len(self.logger.output_formats) == 0
            return True

    model = small_ppo()
    model.learn(256, callback=[SB3Callback(run), Finisher()])

    assert model.num_timesteps == 256
    assert [row.step for row in recorded(run).dumps] == [64, 100]


def test_an_interrupted_training_keeps_its_last_update(
    run: rltrack.Run, oracle: Any, recorded: Read
) -> None:
    """SB3 tells callbacks nothing of a Ctrl-C."""

    class Interrupter(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 100:
                raise KeyboardInterrupt
            return True

    model = small_ppo()
    with pytest.raises(KeyboardInterrupt):
        model.learn(256, callback=[SB3Callback(run), oracle, Interrupter()])

    found = recorded(run)
    assert [row.step for row in found.dumps] == [64, 100]
    assert found.dumps[-1].values["train/n_updates"] == 2


class Strange(BaseCallback):
    """Makes of each success a thing of which nobody can say whether it is true."""

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            info["is_success"] = np.array([True, False])
        return True


def test_a_fault_of_ours_is_one_warning_and_the_training_goes_on(
    run: rltrack.Run, recorded: Read
) -> None:
    """Recording is worth less than what it records."""
    model = small_ppo()
    model.learn(256, callback=[Strange(), SB3Callback(run)])

    assert model.num_timesteps == 256
    [warning] = recorded(run).warnings
    assert "looking at a step failed, and training goes on: ValueError" in warning


def test_strict_settings_raise_our_faults(root: Path) -> None:
    """For whoever would rather stop than miss a row."""
    run = rltrack.init(project="p", settings={"silent": True, "strict": True})
    with pytest.raises(ValueError, match="truth value"):
        small_ppo().learn(256, callback=[Strange(), SB3Callback(run)])


def test_a_disabled_run_changes_nothing(root: Path) -> None:
    """mode="disabled" must be free to leave in the code."""
    run = rltrack.init(mode="disabled")
    model = small_ppo()
    model.learn(128, callback=SB3Callback(run, video_freq=64))

    assert model.num_timesteps == 128
    assert not list(root.rglob("*"))


@pytest.mark.parametrize("choices", [{"video_freq": -1}, {"video_length": 0}])
def test_a_count_that_is_none_is_refused(choices: dict[str, Any]) -> None:
    """At the call, where it can be mended."""
    with pytest.raises(UsageError, match="a frequency is 0 or more"):
        SB3Callback(None, **choices)


def test_the_training_is_the_same_with_and_without_us(root: Path) -> None:
    """Recording must not touch a random state."""

    def weights(*callbacks: BaseCallback) -> list[torch.Tensor]:
        model = small_ppo()
        model.learn(256, callback=list(callbacks))
        return list(model.policy.state_dict().values())

    with rltrack.init(project="p", settings={"silent": True}) as run:
        recorded_weights = weights(SB3Callback(run))

    assert all(map(torch.equal, recorded_weights, weights()))


def test_the_policy_is_watched_on_request(root: Path) -> None:
    """Its gradients as the optimizer used them, at the training's timesteps; nothing stays behind."""
    from rltrack.hooks.watch import _watched

    with rltrack.init(project="p") as run:
        model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=32, n_epochs=2, seed=0)
        model.learn(192, callback=SB3Callback(gradients=4, parameters=8))
        assert _watched == {}
    rows = rltrack.Api().run(run.path).history(pandas=False)

    watched = [row for row in rows if "optimizer_step" in row]
    assert [row["optimizer_step"] for row in watched] == [1, 5, 9]
    assert [row["_step"] for row in watched] == [64, 128, 192]
    assert "gradients/action_net.weight" in watched[0]
    assert "parameters/value_net.bias" in watched[0]


def test_a_frequency_below_zero_is_told() -> None:
    """At the call."""
    with pytest.raises(UsageError, match="gradients=-1"):
        SB3Callback(gradients=-1)
