"""The parameters of a sweep: what each may be, nested as in the config that a run gets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rltrack._values import config_value
from rltrack.sweeps.distributions import (
    Beta,
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    LogNormal,
    LogUniform,
    Normal,
    Quantized,
    Uniform,
)
from rltrack.sweeps.mistakes import Mistakes

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")

#: Of each distribution the keys that it takes.
_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "constant": ("value",),
    "categorical": ("values",),
    "categorical_w_probabilities": ("values", "probabilities"),
    "int_uniform": ("min", "max"),
    "uniform": ("min", "max"),
    "q_uniform": ("min", "max", "q"),
    "log_uniform": ("min", "max"),
    "log_uniform_values": ("min", "max"),
    "inv_log_uniform": ("min", "max"),
    "inv_log_uniform_values": ("min", "max"),
    "q_log_uniform": ("min", "max", "q"),
    "q_log_uniform_values": ("min", "max", "q"),
    "normal": ("mu", "sigma"),
    "q_normal": ("mu", "sigma", "q"),
    "log_normal": ("mu", "sigma"),
    "q_log_normal": ("mu", "sigma", "q"),
    "beta": ("a", "b"),
    "q_beta": ("a", "b", "q"),
}
_ALL_KEYS: Final = (
    *("distribution", "value", "values", "probabilities", "min", "max", "q"),
    *("mu", "sigma", "a", "b", "parameters"),
)


@dataclass(frozen=True, slots=True)
class Space:
    """Every parameter with its distribution.

    Attributes:
        parameters: by dotted name, sorted, so that the order in a file has no part in it.
        paths: of each name where it stands in the config.
    """

    parameters: dict[str, Distribution]
    paths: dict[str, tuple[str, ...]]

    def nested(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by dotted name as the config that a run gets."""
        config: dict[str, Any] = {}
        for name, value in values.items():
            *outer, last = self.paths[name]
            place = config
            for key in outer:
                place = place.setdefault(key, {})
            place[last] = value
        return config

    def flat(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """What a config holds of the parameters, by dotted name."""
        found = {}
        for name, path in self.paths.items():
            value: Any = config
            for key in path:
                value = value.get(key, _NOTHING) if isinstance(value, Mapping) else _NOTHING
            if value is not _NOTHING:
                found[name] = value
        return found

    def varied(self) -> dict[str, Distribution]:
        """The parameters that are searched, without constants."""
        return {
            name: distribution
            for name, distribution in self.parameters.items()
            if not isinstance(distribution, Constant)
        }


_NOTHING: Final = object()


def read_space(given: Mapping[str, Any], mistakes: Mistakes) -> Space:
    """The space of a ``parameters:`` section; what is wrong in it is noted."""
    found: dict[str, tuple[tuple[str, ...], Distribution]] = {}
    _read_level(given, (), "parameters", found, mistakes)
    ordered = sorted(found.items())
    return Space(
        {name: distribution for name, (_, distribution) in ordered},
        {name: path for name, (path, _) in ordered},
    )


def _read_level(
    given: Mapping[str, Any],
    outer: tuple[str, ...],
    place: str,
    found: dict[str, tuple[tuple[str, ...], Distribution]],
    mistakes: Mistakes,
) -> None:
    for key, content in given.items():
        where = f"{place}.{key}"
        if not _NAME.fullmatch(key):
            mistakes.add(
                where,
                "a name must begin with a letter or _, and have only letters, digits, _, . and -",
            )
        if not isinstance(content, Mapping):
            kind = "values" if isinstance(content, list) else "value"
            mistakes.add(where, f"must be a mapping; write {key}: {{{kind}: {content!r}}}")
            continue
        if "parameters" in content:
            for other in content:
                if other != "parameters":
                    mistakes.add(f"{where}.{other}", "cannot stand beside nested parameters")
            inner = mistakes.mapping(content["parameters"], f"{where}.parameters")
            if inner is not None:
                _read_level(inner, (*outer, key), f"{where}.parameters", found, mistakes)
            continue
        distribution = read_distribution(content, where, mistakes)
        if distribution is not None:
            name = ".".join((*outer, key))
            if name in found:
                mistakes.add(where, f"{name!r} is there twice: nested, and with a dot in its name")
            found[name] = ((*outer, key), distribution)


def read_distribution(
    given: Mapping[str, Any], where: str, mistakes: Mistakes
) -> Distribution | None:
    """One parameter's distribution; None, with the mistake noted, if it is none."""
    before = len(mistakes.found)
    mistakes.unknown(where, given, _ALL_KEYS)
    name = given.get("distribution")
    if name is None:
        name = _implied(given, where, mistakes)
    elif not mistakes.one_of(name, f"{where}.distribution", _KEYS):
        name = None
    if name is None or len(mistakes.found) > before:
        return None
    for key in given:
        if key != "distribution" and key not in _KEYS[name]:
            takes = ", ".join(_KEYS[name])
            mistakes.add(f"{where}.{key}", f"has no meaning for {name}, which takes {takes}")
    made = _made(name, given, where, mistakes)
    return made if len(mistakes.found) == before else None


def _implied(given: Mapping[str, Any], where: str, mistakes: Mistakes) -> str | None:
    """The distribution of one that does not name it."""
    if "value" in given:
        return "constant"
    if "values" in given:
        return "categorical_w_probabilities" if "probabilities" in given else "categorical"
    if "min" in given or "max" in given:
        if "q" in given:
            return "q_uniform"
        whole = all(type(given.get(key)) is int for key in ("min", "max"))
        return "int_uniform" if whole else "uniform"
    if "mu" in given or "sigma" in given:
        return "q_normal" if "q" in given else "normal"
    if "a" in given or "b" in given:
        return "q_beta" if "q" in given else "beta"
    mistakes.add(where, "needs value, values, min and max, or a distribution")
    return None


def _made(
    name: str, given: Mapping[str, Any], where: str, mistakes: Mistakes
) -> Distribution | None:
    if name == "constant":
        if "value" not in given:
            mistakes.add(f"{where}.value", "is missing")
        return Constant(config_value(given.get("value")))
    if name.startswith("categorical"):
        return _categorical(name, given, where, mistakes)
    if name == "int_uniform":
        least = mistakes.integer(given, where, "min")
        most = mistakes.integer(given, where, "max")
        if least is None or most is None or not _in_order(least, most, where, mistakes):
            return None
        return IntUniform(least, most)
    of = _continuous(name.removeprefix("q_"), given, where, mistakes)
    if of is None or not name.startswith("q_"):
        return of
    q = mistakes.number(given, where, "q", 1, above=0)
    return None if q is None else Quantized(of, q)


def _categorical(
    name: str, given: Mapping[str, Any], where: str, mistakes: Mistakes
) -> Categorical | None:
    values = given.get("values")
    if not isinstance(values, (list, tuple)) or not values:
        mistakes.add(f"{where}.values", f"must be a list of one value or more, not {values!r}")
        return None
    chosen = tuple(config_value(value) for value in values)
    if name == "categorical":
        return Categorical(chosen)
    odds = given.get("probabilities")
    if not isinstance(odds, (list, tuple)) or len(odds) != len(chosen):
        mistakes.add(
            f"{where}.probabilities", f"must be a list of {len(chosen)} numbers, one a value"
        )
        return None
    for at, odd in enumerate(odds):
        if isinstance(odd, bool) or not isinstance(odd, (int, float)) or not 0 <= odd <= 1:
            mistakes.add(f"{where}.probabilities[{at}]", f"must be from 0 to 1, not {odd!r}")
            return None
    if not math.isclose(math.fsum(odds), 1, abs_tol=1e-6):
        mistakes.add(f"{where}.probabilities", f"must sum to 1, and sum to {math.fsum(odds):g}")
        return None
    return Categorical(chosen, tuple(float(odd) for odd in odds))


def _continuous(
    name: str, given: Mapping[str, Any], where: str, mistakes: Mistakes
) -> Uniform | LogUniform | Normal | LogNormal | Beta | None:
    if name in ("normal", "log_normal"):
        mu = mistakes.number(given, where, "mu", 0.0)
        sigma = mistakes.number(given, where, "sigma", 1.0, above=0)
        if mu is None or sigma is None:
            return None
        return Normal(mu, sigma) if name == "normal" else LogNormal(mu, sigma)
    if name == "beta":
        a = mistakes.number(given, where, "a", 1.0, above=0)
        b = mistakes.number(given, where, "b", 1.0, above=0)
        return None if a is None or b is None else Beta(a, b)
    above = 0.0 if name.endswith("_values") else None
    least = mistakes.number(given, where, "min", above=above)
    most = mistakes.number(given, where, "max", above=above)
    if least is None or most is None or not _in_order(least, most, where, mistakes):
        return None
    if name == "uniform":
        return Uniform(least, most)
    if name.endswith("_values"):
        return LogUniform(least, most)
    return _of_exponents(name, least, most, where, mistakes)


def _of_exponents(
    name: str, least: float, most: float, where: str, mistakes: Mistakes
) -> LogUniform | None:
    if max(abs(least), abs(most)) > 700:
        mistakes.add(
            where,
            f"min and max of {name} are exponents of e, and {least:g} to {most:g} is too far; "
            f"{name}_values takes the values themselves",
        )
        return None
    looks_like_values = least >= 0 and most <= 1
    if name == "inv_log_uniform":
        least, most = -most, -least
    low, high = math.exp(least), math.exp(most)
    if looks_like_values:
        mistakes.hint(
            where,
            f"min and max of {name} are exponents of e, so it draws from {low:g} to {high:g}; "
            f"if they are the values themselves, say {name}_values",
        )
    return LogUniform(low, high)


def _in_order(least: float, most: float, where: str, mistakes: Mistakes) -> bool:
    if least > most:
        mistakes.add(f"{where}.min", f"{least!r} is above max, which is {most!r}")
    return least <= most
