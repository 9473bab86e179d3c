"""Writes events into a run: each value at its own step, at the time of its event."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from rltrack._run import Run
from rltrack.importers.tensorboard_events import AnyEvent
from rltrack.importers.tensorboard_names import Names
from rltrack.importers.tensorboard_values import Choices, Decoder, Found, Layout, LeftOut, Point

GLOBAL_STEP: Final = "global_step"
#: Key of the run's metadata under which layouts of custom scalars are kept.
LAYOUT_KEY: Final = "tensorboard_layout"

#: The year 2262: as far as nanoseconds in 63 bits reach.
_MAX_TIME_S: Final = 2**63 / 1e9


class EventRecorder:
    """Records events of any number of folders in one run.

    Args:
        run: where to.
        names: what tags are called, shared by all that records in one run; by default new.
    """

    def __init__(self, run: Run, names: Names | None = None) -> None:
        self.run = run
        self.names = Names() if names is None else names
        self.left_out: Counter[str] = Counter()
        """What had no place: tag and reason, and how often."""
        self.values = 0
        """How many were recorded."""
        self._decoders: dict[str, Decoder] = {}
        self._defined: set[str] = set()
        self._known: dict[tuple[str, str], str] = {}

    def record(self, event: AnyEvent, folder: str) -> None:
        """Record all that an event holds.

        Args:
            event: TensorBoard's or tensorboardX's.
            folder: where its file is.
        """
        for found in self.found_in(event, folder):
            self.take(found, folder, event.step, event.wall_time)

    def found_in(self, event: AnyEvent, folder: str) -> list[Found]:
        """What an event of `folder` holds."""
        decoder = self._decoders.get(folder)
        if decoder is None:
            decoder = self._decoders[folder] = Decoder()
            self.names.know(folder)
        return list(decoder.found_in(event))

    def take(self, found: Found, folder: str, step: int, time_s: float) -> None:
        """Record one thing that an event held."""
        if isinstance(found, Point):
            self.point(found.tag, found.value, folder, step, time_s)
        elif isinstance(found, Choices):
            self.choices(found.values)
        elif isinstance(found, Layout):
            self.run.note_metadata({LAYOUT_KEY: found.values})
        elif isinstance(found, LeftOut):
            self.left_out[f"{found.tag}: {found.why}"] += 1

    def point(self, tag: str, value: Any, folder: str, step: int, time_s: float) -> None:
        """Record one value, as a row of its own."""
        name = self._known.get((folder, tag)) or self._name(folder, tag)
        row = {name: value, GLOBAL_STEP: step} if name != GLOBAL_STEP else {name: value}
        # As `nanoseconds`; a call for each value costs more than the value's own bytes.
        time_ns = int(time_s * 1e9) if 0 < time_s < _MAX_TIME_S else None
        self.run.log_point(row, step=step, time_ns=time_ns)
        self.values += 1

    def _name(self, folder: str, tag: str) -> str:
        """The name of a tag at its first value, for which its axis is defined."""
        name = self._known[folder, tag] = self.names.name(folder, tag)
        if name not in self._defined:
            self._defined.add(name)
            if name != GLOBAL_STEP and "*" not in name:  # a * would define others, too
                self.run.define_metric(name, GLOBAL_STEP)
        return name

    def tell_restart(self, folder: str, step: int) -> None:
        """A restart takes back what the run has already: a run only appends."""
        self.run.warn(
            f"tensorboard restart {folder}",
            f"{folder} was restarted at step {step}, which in TensorBoard hides what was written "
            "from there on before; the run has it already, and keeps it",
        )

    def has_values_of(self, folder: str) -> bool:
        """Whether anything of that folder is recorded."""
        return any(known == folder for known, _ in self._known)

    def choices(self, values: Any) -> None:
        """Hyperparameters become config; what is there already stays, as the user's own does."""
        config = self.run.config
        other = sorted(key for key, value in values.items() if config.get(key, value) != value)
        if other:
            self.run.warn(
                "tensorboard hparams",
                f"TensorBoard's hyperparameters have other values of {', '.join(other)} than the "
                "config, which keeps its own: a run has one config",
            )
        config.setdefaults(values)


def nanoseconds(time_s: float) -> int | None:
    """The time of an event; None for now, where a writer gave none that can be."""
    return int(time_s * 1e9) if 0 < time_s < _MAX_TIME_S else None
