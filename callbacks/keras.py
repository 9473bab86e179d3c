"""`KerasCallback`: what Keras 3 tells its callbacks, as a run, whatever its backend is.

model.fit(x, y, epochs=5, callbacks=[KerasCallback()])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import keras

import rltrack

EPOCH: Final = "epoch/epoch"
BATCH: Final = "batch/batch_step"


class KerasCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Record the metrics of each epoch, and of batches if asked for.

    The names are those of W&B's ``WandbMetricsLogger``: ``epoch/loss``, ``epoch/val_loss``,
    ``epoch/learning_rate`` over ``epoch/epoch``; ``batch/loss`` over ``batch/batch_step``, which
    counts the batches of all epochs. Keras' metrics of a batch are means over its epoch so far.

    Args:
        run: where to record; by default the run that is going on, or else a new one, which is
            finished when the training ends.
        log_freq: ``epoch``; ``batch`` for each batch too, or every how many of them.
        initial_global_step: batches that an earlier training counted, which this one goes on with.
        **init: for `rltrack.init`, if a run is begun: ``project``, ``name``, ``config``…

    Raises:
        UsageError: `log_freq` is none of these.
    """

    def __init__(
        self,
        run: rltrack.Run | None = None,
        log_freq: Literal["epoch", "batch"] | int = "epoch",
        initial_global_step: int = 0,
        **init: Any,
    ) -> None:
        super().__init__()
        if log_freq not in ("epoch", "batch") and not (isinstance(log_freq, int) and log_freq > 0):
            raise rltrack.UsageError(
                f'KerasCallback(log_freq={log_freq!r}): it is "epoch", "batch", or a number of '
                "batches from 1 on"
            )
        self._given = run
        self._init = init
        self._run: rltrack.Run | None = None
        self._run_is_ours = False
        self._every = {"epoch": 0, "batch": 1}.get(str(log_freq), log_freq)
        self._batches = initial_global_step

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Find a run, or begin one, and note what was chosen."""
        found = self._given or (None if self._init else rltrack.run)
        self._run_is_ours = found is None
        self._run = run = found or rltrack.init(**self._init)
        try:
            run.define_metric("epoch/*", EPOCH)
            run.define_metric("batch/*", BATCH)
            run.config.setdefaults(self._choices())
        except Exception as fault:
            run.survive("KerasCallback: noting what was chosen", fault)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record an epoch, at the number of batches so far."""
        self._log("epoch", {**(logs or {}), "epoch": epoch})

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count a batch, and record it if it is its turn."""
        if self._every and self._batches % int(self._every) == 0:
            self._log("batch", {**(logs or {}), "batch_step": self._batches})
        self._batches += 1

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Record an `evaluate` after or without a training; one within is told at its epoch's end."""
        going_on = self._given or rltrack.run
        if self._run is None and going_on is not None and logs:
            try:
                row = {f"test/{name}": value for name, value in logs.items()}
                going_on.log_point(row, step=self._batches)
            except Exception as fault:
                going_on.survive("KerasCallback: logging", fault)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Finish the run, if it was begun here."""
        run, self._run = self._run, None
        if run is not None and self._run_is_ours:
            run.finish()

    def _log(self, section: str, values: dict[str, Any]) -> None:
        run = self._run
        if run is None:
            return
        try:
            rate = self._learning_rate()
            if rate is not None:
                values["learning_rate"] = rate
            row = {f"{section}/{name}": value for name, value in values.items()}
            run.log_point(row, step=self._batches)
        except Exception as fault:
            run.survive("KerasCallback: logging", fault)

    def _learning_rate(self) -> float | None:
        """What the optimizer uses now: where it is a schedule, Keras works out its value."""
        optimizer = getattr(self.model, "optimizer", None)
        return None if optimizer is None else float(optimizer.learning_rate)

    def _choices(self) -> dict[str, Any]:
        """How `fit` was called, and the optimizer, by its own account."""
        optimizer = getattr(self.model, "optimizer", None)
        chosen = {**self.params, "model/num_parameters": self.model.count_params()}
        if optimizer is not None:
            chosen["optimizer"] = optimizer.get_config()
        return {name: value for name, value in chosen.items() if name != "verbose"}
