"""KerasCallback in a real `fit` of Keras, on torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ["KERAS_BACKEND"] = "torch"  # read when keras is first imported

import keras

import rltrack
from rltrack.callbacks import KerasCallback
from rltrack.errors import UsageError

Read = Callable[[rltrack.Run], Any]

pytestmark = pytest.mark.filterwarnings("ignore")  # keras' own

X = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]


def model() -> Any:
    made = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.5)
    made.compile(optimizer=keras.optimizers.SGD(decay), loss="mse", metrics=["mae"])
    return made


def fit(made: Any, callback: KerasCallback) -> Any:
    return made.fit(
        X, 2 * X, epochs=3, batch_size=4, verbose=0, callbacks=[callback], validation_split=0.25
    )


def test_each_epoch_is_a_row(run: rltrack.Run, recorded: Read) -> None:
    """With the values that Keras' own history has, and the learning rate of the schedule."""
    history = fit(model(), KerasCallback(run)).history

    found = recorded(run)
    assert found.warnings == []
    assert [r.values["epoch/epoch"] for r in found.rows] == [0, 1, 2]
    assert [r.step for r in found.rows] == [3, 6, 9]  # batches
    for name in ("loss", "mae", "val_loss", "val_mae"):
        assert [r.values[f"epoch/{name}"] for r in found.rows] == history[name]
    rates = [r.values["epoch/learning_rate"] for r in found.rows]
    assert rates == pytest.approx([0.1 * 0.5 ** (n / 4) for n in (3, 6, 9)])
    assert run.config["epochs"] == 3
    assert run.config["optimizer"]["name"] == "sgd"
    assert run.config["model/num_parameters"] == 2


def test_batches_are_rows_on_request(run: rltrack.Run, recorded: Read) -> None:
    """They count through all epochs, and go on where an earlier training ended."""
    made = model()
    fit(made, KerasCallback(run, log_freq=2))
    fit(made, KerasCallback(run, log_freq="batch", initial_global_step=9))
    made.evaluate(X, 2 * X, verbose=0, callbacks=[KerasCallback(run)])

    rows = recorded(run).rows
    steps = [r.values["batch/batch_step"] for r in rows if "batch/loss" in r.values]
    assert steps == [0, 2, 4, 6, 8, *range(9, 18)]
    assert "test/loss" in rows[-1].values


def test_a_run_of_its_own_ends_with_the_training(root: Path) -> None:
    """Nobody else would end it before the program does."""
    fit(model(), KerasCallback(project="lines"))

    assert rltrack.run is None
    [run] = rltrack.Api().runs("lines")
    assert run.state == "finished"


def test_a_finished_run_does_not_end_the_training(run: rltrack.Run) -> None:
    """Training is worth more than what is recorded of it."""
    run.finish()

    assert len(fit(model(), KerasCallback(run)).history["loss"]) == 3


@pytest.mark.parametrize("log_freq", ["step", 0, -1, 1.5])
def test_a_frequency_that_is_none_is_refused(log_freq: Any) -> None:
    """At the call, where it can be mended."""
    with pytest.raises(UsageError, match="log_freq="):
        KerasCallback(log_freq=log_freq)
