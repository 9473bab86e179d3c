"""All that SB3's logger records, as rows of a run.

SB3's `Logger.dump` hands its live dicts to each `KVWriter` in order, and then clears them.
What follows from that:

    - Our writer stands first: later ones raise on values that they cannot show (a video on
      stdout), and then nobody behind them gets the row.
    - Values are copied out before `write` returns, and `write` never raises.
    - On-policy algorithms dump a rollout's numbers before they train on it, so what the last
      update recorded is dumped by nobody. It is written when training ends.
"""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING, Any, Final

from stable_baselines3.common.logger import (
    DISABLED,
    Figure,
    HParam,
    Image,
    KVWriter,
    Logger,
)
from stable_baselines3.common.logger import (
    Video as SB3Video,
)

import rltrack
from rltrack.errors import MediaError

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

GLOBAL_STEP: Final = "global_step"
#: Metrics of these sections are drawn over `GLOBAL_STEP`; other keys are defined as they come.
SECTIONS: Final = ("rollout", "train", "time", "eval", "episode")
#: What a user passes as ``exclude=`` to keep a key from us, as with SB3's own formats.
FORMAT_NAME: Final = "rltrack"

#: SB3 counts them from the start of `learn`.
_ITERATIONS: Final = "time/iterations"


class _Written(tuple[str, ...]):
    """The `exclude` of a pending key that a run has already: equal to what stood there before.

    `Logger.record` replaces it, so a key that still has it was not recorded again. The value
    would not tell: SB3 records the same float object for a constant learning rate.
    """

    run_path: str


class _LeftOutError(Exception):
    """A value has no form in a run; its user has been told."""


class RunWriter(KVWriter):
    """Writes each dump of an SB3 logger as one row of a run.

    Args:
        run: where the rows go. When it finishes, the writer leaves the logger.
    """

    def __init__(self, run: rltrack.Run) -> None:
        self.run = run
        self._logger: Logger | None = None
        self._model: weakref.ref[BaseAlgorithm] | None = None
        self._defined: set[str] = set()
        self.iterations_before = 0
        """How many an interrupted process did, of the training that goes on here."""
        self.last: dict[str, Any] = {}
        """The newest value of each key; whoever has dealt with one may remove it."""
        for section in SECTIONS:
            run.define_metric(f"{section}/*", GLOBAL_STEP)
        run.on_finish(self.detach)

    def attach(self, model: BaseAlgorithm) -> None:
        """Join the model's logger, before the writers that are there."""
        self._logger = model.logger
        self._model = weakref.ref(model)
        # One may be left of a training that an exception ended, if the user set the logger.
        formats = self._logger.output_formats
        formats[:] = [f for f in formats if not (isinstance(f, RunWriter) and f.run is self.run)]
        formats.insert(0, self)
        if self._logger.level == DISABLED:
            self.run.warn(
                "SB3Callback disabled logger",
                "the level of SB3's logger is DISABLED, so it hands out nothing to record; "
                "model.logger.set_level(INFO) lets it. Episodes are recorded all the same",
            )

    def detach(self) -> None:
        """Write what was recorded since the last dump, and leave the logger."""
        if self._logger is None:
            return
        self._write_pending(self._logger)
        formats = self._logger.output_formats
        formats[:] = [f for f in formats if f is not self]
        self._logger = None

    def _write_pending(self, logger: Logger) -> None:
        """Write leftovers, and leave them in the logger: a later `learn` may go on with them."""
        if logger.level == DISABLED:
            return
        self.write(logger.name_to_value, logger.name_to_excluded, self._num_timesteps())
        for key, excluded in logger.name_to_excluded.items():
            written = _Written(excluded)
            written.run_path = self.run.path
            logger.name_to_excluded[key] = written

    def write(
        self,
        key_values: dict[str, Any],
        key_excluded: dict[str, tuple[str, ...]],
        step: int = 0,
    ) -> None:
        """Log one dump: its keys as they are, at the step that SB3 gave it."""
        try:
            row: dict[str, Any] = {}
            for key, value in key_values.items():
                if self._is_wanted(key_excluded.get(key, ()), value):
                    with contextlib.suppress(_LeftOutError):
                        row[str(key)] = self._stored(key, value)
            if row:
                if _ITERATIONS in row:
                    row[_ITERATIONS] += self.iterations_before
                self._define(row)
                self.last.update(row)
                row[GLOBAL_STEP] = self._num_timesteps()
                self.run.log_point(row, step=int(step))
        except Exception as fault:  # later writers and the training must not see it
            self.run.survive("SB3Callback: writing what SB3 logged", fault)

    def close(self) -> None:
        """Nothing is held open: the run is not ours to finish."""

    def _num_timesteps(self) -> int:
        model = self._model() if self._model is not None else None
        return model.num_timesteps if model is not None else 0

    def _is_wanted(self, excluded: tuple[str, ...], value: object) -> bool:
        if FORMAT_NAME in excluded:
            return False
        if isinstance(value, HParam):
            self.run.config.setdefaults(value.hparam_dict)  # config, and no metric
            return False
        return not (isinstance(excluded, _Written) and excluded.run_path == self.run.path)

    def _stored(self, key: str, value: Any) -> Any:
        try:
            # Now, and not when the row is written: SB3's next writer may close a figure.
            if isinstance(value, Figure):
                return rltrack.Image(value.figure)
            if isinstance(value, Image):
                return rltrack.Image(value.image, axes=value.dataformats)
            if isinstance(value, SB3Video):
                return rltrack.Video(value.frames, fps=float(value.fps))
        except (MediaError, TypeError, ValueError) as refusal:
            kind = type(value).__name__
            self.run.warn(f"SB3Callback {kind}", f"{key} and its like are left out: {refusal}")
            raise _LeftOutError from refusal
        return value

    def _define(self, row: dict[str, Any]) -> None:
        for key in row.keys() - self._defined:
            self._defined.add(key)
            if key.partition("/")[0] not in SECTIONS or "/" not in key:
                self.run.define_metric(key.replace("*", "_"), GLOBAL_STEP)
