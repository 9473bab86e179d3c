"""The part of `Api` that reads sweeps."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rltrack.api import Run
    from rltrack.sweeps.importance import Importances
    from rltrack.sweeps.reading import Sweep


class Sweeps:
    """Sweeps, and which parameters matter. Sweeps stand above `Api`, so they are loaded by name."""

    root: Path

    def sweep(self, path: str, sid: str | None = None) -> Sweep:
        """One sweep.

        Args:
            path: its id; an entity and a project before it are left out.
            sid: W&B's other way to say the id.

        Raises:
            NotFoundError: there is none.
        """
        module: Any = importlib.import_module("rltrack.sweeps.reading")
        found: Sweep = module.read_sweep(self, sid or path)
        return found

    def sweeps(self, project: str | None = None) -> list[Sweep]:
        """All sweeps of the folder, the newest first; or those of one project."""
        module: Any = importlib.import_module("rltrack.sweeps.reading")
        found: list[Sweep] = module.read_sweeps(self, project)
        return found

    def importances(
        self,
        runs: Iterable[Run],
        metric: str,
        parameters: Sequence[str] | None = None,
        method: Literal["forest", "fanova", "ped_anova"] = "forest",
        goal: Literal["minimize", "maximize"] = "minimize",
    ) -> Importances:
        """How much each choice of the config has to do with a metric, over any runs.

        Args:
            runs: that have ended or go on; one without a number for the metric is left out.
            metric: a key of the summary.
            parameters: keys of the config, dotted where they are nested; by default all in which
                the runs differ.
            method: see `rltrack.sweeps.importance`.
            goal: which values are good; ``ped_anova`` looks at the good ones.

        Raises:
            UsageError: fewer than two runs have a number, or no parameter differs.
            MissingExtraError: Optuna or scikit-learn is not installed.
        """
        module: Any = importlib.import_module("rltrack.sweeps.importance")
        found: Importances = module.importances_of_runs(runs, metric, parameters, method, goal)
        return found
