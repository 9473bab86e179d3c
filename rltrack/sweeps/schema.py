"""What a sweep is: its config, looked through before anything runs.

The keys are W&B's, and some more: ``sampler`` of a custom method, ``retry``, ``seed``, ``shuffle``
and ``pbt``. What a config may not hold is told with its path, all of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from rltrack.sweeps import grid
from rltrack.sweeps.mistakes import Mistakes
from rltrack.sweeps.space import Space, read_space

Method = Literal["grid", "random", "bayes", "custom", "pbt"]
Goal = Literal["minimize", "maximize"]
Impute = Literal["worst", "best", "latest"]
Stopper = Literal["hyperband", "median", "percentile", "asha"]

_METHODS: Final = ("grid", "random", "bayes", "custom", "pbt")
_KEYS: Final = (
    *("method", "name", "description", "project", "entity", "program", "command", "metric"),
    *("metrics", "parameters", "early_terminate", "run_cap", "sampler", "retry", "seed"),
    *("shuffle", "pbt"),
)
#: Of W&B's server and launcher; there is nothing here that they could be told to.
_WITHOUT_MEANING: Final = (
    *("controller", "scheduler", "job", "image_uri", "apiVersion", "kind", "$schema"),
)
_IMPUTES: Final = ("worst", "best", "latest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What a sweep is after.

    Attributes:
        name: of the metric in the runs' summary.
        goal: which way is better.
        target: the sweep ends once a run is as good.
        impute: what a search takes for the value of a trial that failed; by default the worst.
    """

    name: str
    goal: Goal = "minimize"
    target: float | None = None
    impute: Impute | None = None

    def is_better(self, one: float, other: float) -> bool:
        """Whether a value is nearer to the goal than another."""
        return one < other if self.goal == "minimize" else one > other

    def is_reached(self, value: float) -> bool:
        """Whether a value is as good as the target; never, without one."""
        return self.target is not None and not self.is_better(self.target, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyTerminate:
    """When a trial that goes on is stopped.

    Attributes:
        type: the rule.
        options: of the rule, as they are given.
        step_metric: the metric over which trials are compared, for example ``global_step``; None
            counts the rows that hold the metric, as W&B does.
    """

    type: Stopper
    options: Mapping[str, Any]
    step_metric: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a trial is begun again.

    Attributes:
        failed: times after a run that failed; each time with a new run.
        lost: times after an agent that died; the run is gone on with.
    """

    failed: int = 0
    lost: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """A sweep that can be run."""

    method: Method
    space: Space
    metrics: tuple[Metric, ...] = ()
    early_terminate: EarlyTerminate | None = None
    run_cap: int | None = None
    program: str | None = None
    command: tuple[str, ...] | None = None
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None
    sampler: str = "tpe"
    sampler_args: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry = field(default_factory=Retry)
    seed: int | None = None
    shuffle: bool = False
    pbt: Mapping[str, Any] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    @property
    def metric(self) -> Metric | None:
        """The only metric, or the first."""
        return self.metrics[0] if self.metrics else None


def read_config(given: Mapping[str, Any], source: str = "the sweep") -> SweepConfig:
    """The sweep that a config means.

    Args:
        given: the config.
        source: what to call it in messages.

    Raises:
        UsageError: it has mistakes; each is named with its path.
    """
    mistakes = Mistakes()
    config = _read(given, mistakes)
    mistakes.raise_any(source)
    assert config is not None
    return config


def _read(given: Mapping[str, Any], mistakes: Mistakes) -> SweepConfig | None:
    mistakes.unknown("", (key for key in given if key not in _WITHOUT_MEANING), _KEYS)
    for key in _WITHOUT_MEANING:
        if key in given and key != "$schema":
            mistakes.hint(key, "has no meaning without W&B's server, and is ignored")
    method = given.get("method")
    if method is None:
        mistakes.add("method", f"is missing; there are {', '.join(_METHODS)}")
    elif not mistakes.one_of(method, "method", _METHODS):
        method = None
    space = Space({}, {})
    parameters = given.get("parameters")
    if parameters is None:
        mistakes.add("parameters", "is missing")
    elif (named := mistakes.mapping(parameters, "parameters")) is not None:
        if not named:
            mistakes.add("parameters", "is empty")
        space = read_space(named, mistakes)
    if method == "grid":
        grid.check(space, mistakes)
    metrics = _metrics(given, method, mistakes)
    sampler, sampler_args = _sampler(given, method, mistakes)
    config: dict[str, Any] = {
        "space": space,
        "metrics": metrics,
        "early_terminate": _early_terminate(given, metrics, mistakes),
        "run_cap": _optional_integer(given, "run_cap", 1, mistakes),
        "command": _command(given, mistakes),
        "sampler": sampler,
        "sampler_args": sampler_args,
        "retry": _retry(given, mistakes),
        "seed": _optional_integer(given, "seed", 0, mistakes),
        "shuffle": _flag(given, "shuffle", "", mistakes),
        "pbt": _pbt(given, method, space, mistakes),
    }
    texts = ("name", "description", "project", "entity", "program")
    config |= {name: mistakes.text(given, "", name) for name in texts}
    if mistakes.found or method is None:
        return None
    return SweepConfig(method=method, hints=tuple(mistakes.hints), **config)


# -- goals --------------------------------------------------------------------------------------


def _metrics(
    given: Mapping[str, Any], method: str | None, mistakes: Mistakes
) -> tuple[Metric, ...]:
    given = {key: value for key, value in given.items() if value is not None}
    if "metric" in given and "metrics" in given:
        mistakes.add("metrics", "cannot stand beside metric; say one of them")
    if "metrics" in given:
        listed = given["metrics"]
        if not isinstance(listed, list) or len(listed) < 2:
            mistakes.add("metrics", "must be a list of two or more; for one goal there is metric")
            return ()
        if method not in (None, "custom"):
            mistakes.add("metrics", f"several goals need method: custom, and it is {method}")
        found = [_metric(one, f"metrics[{at}]", mistakes) for at, one in enumerate(listed)]
        return tuple(one for one in found if one is not None)
    if "metric" in given:
        one = _metric(given["metric"], "metric", mistakes)
        return () if one is None else (one,)
    if method in ("bayes", "custom", "pbt"):
        mistakes.add("metric", f"is missing; method: {method} needs to know what is good")
    return ()


def _metric(given: object, where: str, mistakes: Mistakes) -> Metric | None:
    content = mistakes.mapping(given, where)
    if content is None:
        return None
    before = len(mistakes.found)
    known = ("name", "goal", "target", "impute", "impute_while_running")
    mistakes.unknown(where, content, known)
    name = mistakes.text(content, where, "name")
    if not name:
        mistakes.add(f"{where}.name", "is missing; it must be the name of a metric that runs log")
    goal = content.get("goal", "minimize")
    mistakes.one_of(goal, f"{where}.goal", ("minimize", "maximize"))
    target = mistakes.number(content, where, "target") if "target" in content else None
    impute = content.get("impute")
    if impute is not None:
        mistakes.one_of(impute, f"{where}.impute", _IMPUTES)
    running = content.get("impute_while_running")
    if running not in (None, False, "false"):
        mistakes.one_of(running, f"{where}.impute_while_running", _IMPUTES)
        mistakes.hint(
            f"{where}.impute_while_running",
            "has no meaning here: samplers reckon with trials that run in their own way",
        )
    if len(mistakes.found) > before or name is None:
        return None
    return Metric(name=name, goal=goal, target=target, impute=impute)


# -- stopping -----------------------------------------------------------------------------------

#: Of each rule its options: a kind, and the least that it may be.
_STOPPERS: Final[dict[str, dict[str, tuple[str, float]]]] = {
    "hyperband": {
        "min_iter": ("integer", 1),
        "max_iter": ("integer", 1),
        "s": ("integer", 1),
        "eta": ("number", 1),
        "strict": ("flag", 0),
    },
    "median": {
        "n_startup_trials": ("integer", 0),
        "n_warmup_steps": ("integer", 0),
        "interval_steps": ("integer", 1),
        "n_min_trials": ("integer", 1),
    },
    "percentile": {
        "percentile": ("number", 0),
        "n_startup_trials": ("integer", 0),
        "n_warmup_steps": ("integer", 0),
        "interval_steps": ("integer", 1),
        "n_min_trials": ("integer", 1),
    },
    "asha": {
        "min_resource": ("integer", 1),
        "reduction_factor": ("integer", 2),
        "min_early_stopping_rate": ("integer", 0),
        "bootstrap_count": ("integer", 0),
    },
}


def _early_terminate(
    given: Mapping[str, Any], metrics: tuple[Metric, ...], mistakes: Mistakes
) -> EarlyTerminate | None:
    where = "early_terminate"
    if given.get(where) is None:
        return None
    content = mistakes.mapping(given[where], where)
    if content is None:
        return None
    if "type" not in content:
        mistakes.add(f"{where}.type", f"is missing; there are {', '.join(_STOPPERS)}")
        return None
    kind = content["type"]
    if not mistakes.one_of(kind, f"{where}.type", _STOPPERS):
        return None
    if len(metrics) != 1 and not any(note.startswith("metric") for note in mistakes.found):
        mistakes.add(where, "needs one metric, by which trials are compared")
    options = _STOPPERS[kind]
    mistakes.unknown(where, content, ("type", "step_metric", *options))
    step_metric = mistakes.text(content, where, "step_metric")
    found: dict[str, Any] = {}
    for name, (form, least) in options.items():
        if name not in content:
            continue
        if form == "flag":
            found[name] = _flag(content, name, where, mistakes)
        elif form == "integer":
            found[name] = mistakes.integer(content, where, name, least=int(least))
        else:
            found[name] = mistakes.number(content, where, name, above=least)
    if kind == "hyperband":
        _check_hyperband(content, mistakes)
    if kind == "percentile":
        if "percentile" not in content:
            mistakes.add(f"{where}.percentile", "is missing; it must be a number from 0 to 100")
        elif (found.get("percentile") or 0) > 100:
            mistakes.add(f"{where}.percentile", f"must be 100 or less, not {found['percentile']}")
    return EarlyTerminate(type=kind, options=found, step_metric=step_metric)


def _check_hyperband(content: Mapping[str, Any], mistakes: Mistakes) -> None:
    where = "early_terminate"
    if "max_iter" in content and "min_iter" in content:
        mistakes.add(where, "takes min_iter, or max_iter with s, and not both")
    elif "max_iter" in content:
        if "s" not in content:
            mistakes.add(f"{where}.s", "is missing; with max_iter, s says how many bands there are")
        elif _is_number(content["max_iter"]) and _is_number(content.get("eta", 3)):
            eta = content.get("eta", 3)
            if eta > 1 and content["max_iter"] / eta < 1:
                mistakes.add(where, f"has no band: max_iter / eta is below 1 (eta is {eta})")
    elif "min_iter" not in content:
        mistakes.add(where, "needs min_iter, or max_iter with s")
    elif "s" in content:
        mistakes.add(f"{where}.s", "has no meaning with min_iter; it belongs to max_iter")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# -- the rest -----------------------------------------------------------------------------------


def _command(given: Mapping[str, Any], mistakes: Mistakes) -> tuple[str, ...] | None:
    command = given.get("command")
    if command is None:
        return None
    if isinstance(command, str):
        import shlex

        command = shlex.split(command)
    if not isinstance(command, list) or not command:
        mistakes.add("command", "must be a list of texts, as [python, ${program}, ${args}]")
        return None
    for at, part in enumerate(command):
        if isinstance(part, bool) or not isinstance(part, (str, int, float)):
            mistakes.add(f"command[{at}]", f"must be text, not {part!r}")
        elif isinstance(part, str):
            from rltrack.sweeps.command import check_macro

            if wrong := check_macro(part):
                mistakes.add(f"command[{at}]", wrong)
    if "${program}" in command and not given.get("program"):
        mistakes.add("program", "is missing, and command names ${program}")
    return tuple(str(part) for part in command)


def _sampler(
    given: Mapping[str, Any], method: str | None, mistakes: Mistakes
) -> tuple[str, dict[str, Any]]:
    if given.get("sampler") is None:
        return "tpe", {}
    if method not in (None, "custom", "bayes"):
        mistakes.add("sampler", f"belongs to method: custom, and it is {method}")
    content = given["sampler"]
    if isinstance(content, str):
        content = {"type": content}
    named = mistakes.mapping(content, "sampler")
    if named is None:
        return "tpe", {}
    mistakes.unknown("sampler", named, ("type", "args"))
    kind = mistakes.text(named, "sampler", "type")
    if not kind:
        mistakes.add("sampler.type", "is missing; it names one of Optuna's samplers, as cmaes")
    args = mistakes.mapping(named.get("args", {}), "sampler.args")
    return kind or "tpe", args or {}


def _retry(given: Mapping[str, Any], mistakes: Mistakes) -> Retry:
    if given.get("retry") is None:
        return Retry()
    content = mistakes.mapping(given["retry"], "retry")
    if content is None:
        return Retry()
    mistakes.unknown("retry", content, ("failed", "lost"))
    default = Retry()
    failed = mistakes.integer(content, "retry", "failed", default.failed, least=0)
    lost = mistakes.integer(content, "retry", "lost", default.lost, least=0)
    return Retry(failed=failed or 0, lost=lost or 0)


def _pbt(
    given: Mapping[str, Any], method: str | None, space: Space, mistakes: Mistakes
) -> dict[str, Any]:
    if given.get("pbt") is None:
        return {}
    if method not in (None, "pbt"):
        mistakes.add("pbt", f"belongs to method: pbt, and it is {method}")
    content = mistakes.mapping(given["pbt"], "pbt")
    if content is None:
        return {}
    known = ("population", "generations", "quantile", "resample_probability", "factors")
    mistakes.unknown("pbt", content, known)
    found: dict[str, Any] = {}
    for name, least in (("population", 2), ("generations", 1)):
        if name in content:
            found[name] = mistakes.integer(content, "pbt", name, least=least)
    for name, most in (("quantile", 0.5), ("resample_probability", 1.0)):
        if name in content:
            value = mistakes.number(content, "pbt", name, least=0)
            if value is not None and value > most:
                mistakes.add(f"pbt.{name}", f"must be {most:g} or less, not {value!r}")
            found[name] = value
    if "factors" in content:
        factors = content["factors"]
        if not isinstance(factors, list) or not factors or not all(map(_is_positive, factors)):
            mistakes.add("pbt.factors", f"must be a list of numbers above 0, not {factors!r}")
        found["factors"] = factors
    return found


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _optional_integer(
    given: Mapping[str, Any], name: str, least: int, mistakes: Mistakes
) -> int | None:
    return None if given.get(name) is None else mistakes.integer(given, "", name, least=least)


def _flag(given: Mapping[str, Any], name: str, where: str, mistakes: Mistakes) -> bool:
    value = given.get(name, False)
    if isinstance(value, bool):
        return value
    mistakes.add(f"{where}.{name}" if where else name, f"must be true or false, not {value!r}")
    return False
