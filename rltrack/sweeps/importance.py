"""Which parameters have to do with a metric, and how much.

    forest      a random forest predicts the metric; a parameter's share of what its splits explain,
                and the linear correlation, whose sign is the direction: what W&B shows
    fanova      functional ANOVA (Hutter et al. 2014): the share of the variance of the metric that a
                parameter explains on its own, in a forest over the space; by Optuna
    ped_anova   PED-ANOVA (Watanabe et al. 2023): how much the good trials' values of a parameter
                differ from those of all; fast, and about the good region; by Optuna

All are statements about the trials that there are; under 20 of them they are mostly noise.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from rltrack.errors import UsageError
from rltrack.extras import require
from rltrack.sweeps.mistakes import nearest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from rltrack.api import Run

Method = Literal["forest", "fanova", "ped_anova"]

#: Below as many trials importance is told with a caution.
ENOUGH: Final = 20
_METHODS: Final = ("forest", "fanova", "ped_anova")
_TREES: Final = 100


@dataclass(frozen=True, slots=True)
class Importance:
    """Of one parameter.

    Attributes:
        parameter: its dotted name.
        importance: its share, from 0 to 1; all shares sum to 1.
        correlation: of the parameter with the metric, from -1 to 1; None where the parameter has
            more than two values that are no numbers.
    """

    parameter: str
    importance: float
    correlation: float | None


@dataclass(frozen=True, slots=True)
class Importances:
    """Of all parameters, the most important first.

    Attributes:
        parameters: each with its share.
        method: by which they were found.
        count: of the trials that were looked at.
        caution: why not to trust them; None if there are enough trials.
    """

    parameters: tuple[Importance, ...]
    method: Method
    count: int
    caution: str | None

    def __iter__(self) -> Iterator[Importance]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def as_dict(self) -> dict[str, float]:
        """Parameter to share."""
        return {one.parameter: one.importance for one in self.parameters}

    def dataframe(self) -> pd.DataFrame:
        """A row a parameter."""
        pandas = require("pandas", extra="analysis")
        found: pd.DataFrame = pandas.DataFrame(
            {
                "parameter": [one.parameter for one in self.parameters],
                "importance": [one.importance for one in self.parameters],
                "correlation": [one.correlation for one in self.parameters],
            }
        )
        return found


def importances_of_runs(
    runs: Iterable[Run],
    metric: str,
    parameters: Sequence[str] | None = None,
    method: Method = "forest",
    goal: Literal["minimize", "maximize"] = "minimize",
) -> Importances:
    """See `Api.importances`."""
    points = []
    for run in runs:
        value = run.summary.get(metric)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            points.append((_dotted(run.config), float(value)))
    return importances(points, metric, parameters, method, goal)


def importances(
    points: Sequence[tuple[Mapping[str, Any], float]],
    metric: str,
    parameters: Sequence[str] | None = None,
    method: Method = "forest",
    goal: Literal["minimize", "maximize"] = "minimize",
) -> Importances:
    """How much each parameter has to do with a value.

    Args:
        points: parameters by dotted name, and the value that came of them.
        metric: what the value is, for messages.
        parameters: which; by default all that differ.
        method: see the module.
        goal: which values are good.

    Raises:
        UsageError: fewer than two points have a finite value, or nothing differs.
        MissingExtraError: what the method needs is not installed.
    """
    if method not in _METHODS:
        raise UsageError(f"method={method!r}: {nearest(str(method), _METHODS)}")
    points = [(given, value) for given, value in points if math.isfinite(value)]
    names = sorted({name for given, _ in points for name in given})
    if parameters is not None:
        for name in parameters:
            if name not in names:
                raise UsageError(f"no run has a parameter {name!r}; {nearest(name, names)}")
        names = list(parameters)
    columns = {name: _Column([given.get(name) for given, _ in points]) for name in names}
    columns = {name: column for name, column in columns.items() if column.varies}
    if len(points) < 2 or not columns:
        raise UsageError(
            f"importance needs two runs or more with a number {metric!r} that differ in a "
            f"parameter; there are {len(points)} runs, and {len(columns)} parameters differ"
        )
    import numpy as np

    values = np.array([value for _, value in points])
    shares = (
        _forest(columns, values) if method == "forest" else _optuna(columns, values, method, goal)
    )
    found = [
        Importance(name, share, columns[name].correlation(values)) for name, share in shares.items()
    ]
    found.sort(key=lambda one: (-one.importance, one.parameter))
    caution = None
    if len(points) < ENOUGH:
        caution = f"from {len(points)} runs, which are few: with under {ENOUGH} it is mostly noise"
    return Importances(tuple(found), method, len(points), caution)


class _Column:
    """The values of one parameter over all points."""

    def __init__(self, values: list[Any]) -> None:
        self.is_number = all(
            isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            for value in values
        )
        keys = [json.dumps(value, sort_keys=True, default=str) for value in values]
        self.kinds = list(dict.fromkeys(keys))
        self.varies = len(self.kinds) > 1
        at = {key: place for place, key in enumerate(self.kinds)}
        self.numbers = (
            [float(v) for v in values] if self.is_number else [float(at[k]) for k in keys]
        )
        # Learning rates and the like are compared by their magnitude.
        self.is_log = (
            self.is_number
            and min(self.numbers, default=0) > 0
            and max(self.numbers) / min(self.numbers) >= 100
        )

    def plain(self) -> npt.NDArray[np.float64]:
        """The values as numbers, of which the logarithm is taken where that is their scale."""
        import numpy as np

        numbers = np.array(self.numbers)
        return np.log(numbers) if self.is_log else numbers

    def features(self) -> npt.NDArray[np.float64]:
        """One column of numbers, or one for each of several kinds."""
        import numpy as np

        if self.is_number or len(self.kinds) == 2:
            return self.plain()[:, None]
        columns: npt.NDArray[np.float64] = np.eye(len(self.kinds))[np.array(self.numbers, int)]
        return columns

    def correlation(self, values: npt.NDArray[np.float64]) -> float | None:
        """Pearson's, with the metric."""
        import numpy as np

        if not self.is_number and len(self.kinds) > 2:
            return None
        own = self.plain()
        if own.std() == 0 or values.std() == 0:
            return 0.0
        return float(np.corrcoef(own, values)[0, 1])


def _forest(columns: Mapping[str, _Column], values: npt.NDArray[np.float64]) -> dict[str, float]:
    import numpy as np

    ensemble = require("sklearn.ensemble", extra="sweeps")
    features = [column.features() for column in columns.values()]
    forest = ensemble.RandomForestRegressor(n_estimators=_TREES, random_state=0)
    forest.fit(np.hstack(features), values)
    shares, at = {}, 0
    for name, part in zip(columns, features, strict=True):
        shares[name] = float(forest.feature_importances_[at : at + part.shape[1]].sum())
        at += part.shape[1]
    total = sum(shares.values())
    return {name: share / total if total else 0.0 for name, share in shares.items()}


def _optuna(
    columns: Mapping[str, _Column],
    values: npt.NDArray[np.float64],
    method: Method,
    goal: Literal["minimize", "maximize"],
) -> dict[str, float]:
    optuna = require("optuna", extra="sweeps")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions: dict[str, Any] = {}
    for name, column in columns.items():
        if column.is_number:
            distributions[name] = optuna.distributions.FloatDistribution(
                min(column.numbers), max(column.numbers), log=column.is_log
            )
        else:
            distributions[name] = optuna.distributions.CategoricalDistribution(
                range(len(column.kinds))
            )
    study = optuna.create_study(direction=goal)
    for at, value in enumerate(values.tolist()):
        point = {
            name: column.numbers[at] if column.is_number else int(column.numbers[at])
            for name, column in columns.items()
        }
        study.add_trial(
            optuna.trial.create_trial(params=point, distributions=distributions, value=value)
        )
    if len(set(values.tolist())) == 1:
        return dict.fromkeys(columns, 0.0)  # nothing to explain; Optuna would fail
    evaluators = optuna.importance
    with warnings.catch_warnings():  # PED-ANOVA's options may change one day
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = (
            evaluators.FanovaImportanceEvaluator(seed=0)
            if method == "fanova"
            else evaluators.PedAnovaImportanceEvaluator()
        )
    found = evaluators.get_param_importances(study, evaluator=evaluator, params=list(columns))
    return {name: float(share) for name, share in found.items()}


def _dotted(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= _dotted(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found
