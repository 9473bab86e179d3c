"""Each mistake of a sweep is named with its path, before anything runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from rltrack.errors import UsageError
from rltrack.sweeps.distributions import Categorical, Constant, IntUniform, LogUniform, Uniform
from rltrack.sweeps.schema import read_config
from rltrack.sweeps.source import read_source

A = {"a": {"values": [1, 2]}}
LOSS = {"name": "loss"}


def mistakes_of(**config: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read_config({"method": "grid", "parameters": A, **config})
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"method": "gird"}, "method: 'gird' is none of .*; did you mean 'grid'"),
        ({"method": None}, "method: is missing"),
        ({"paramters": {}}, "paramters: is not known; did you mean 'parameters'"),
        ({"parameters": None}, "parameters: is missing"),
        ({"parameters": {}}, "parameters: is empty"),
        ({"parameters": {"lr": 0.1}}, r"parameters.lr: .* write lr: \{value: 0.1\}"),
        ({"parameters": {"lr": [1]}}, r"parameters.lr: .* write lr: \{values: \[1\]\}"),
        ({"parameters": {"1r": {"value": 1}}}, "parameters.1r: a name must begin"),
        ({"parameters": {"lr": {}}}, "parameters.lr: needs value, values, min and max"),
        ({"parameters": {"lr": {"vlues": [1]}}}, "parameters.lr.vlues: .* mean 'values'"),
        ({"parameters": {"lr": {"min": 2, "max": 1}}}, "parameters.lr.min: 2 is above max"),
        ({"parameters": {"lr": {"min": "x", "max": 1.0}}}, "parameters.lr.min: must be a number"),
        ({"parameters": {"lr": {"min": 0}}}, "parameters.lr.max: is missing"),
        ({"parameters": {"a": {"values": []}}}, "parameters.a.values: must be a list of one"),
        (
            {"parameters": {"a": {"values": [1, 2], "probabilities": [0.5, 0.4]}}},
            "parameters.a.probabilities: must sum to 1, and sum to 0.9",
        ),
        (
            {"parameters": {"o": {"parameters": {"lr": {"distribution": "unifrom"}}}}},
            "parameters.o.parameters.lr.distribution: .*did you mean 'uniform'",
        ),
        (
            {"parameters": {"o": {"parameters": {"x": {"value": 1}}}, "o.x": {"value": 2}}},
            "parameters.o.x: 'o.x' is there twice",
        ),
        (
            {"parameters": {"a": {"distribution": "normal", "min": 0}}},
            "parameters.a.min: has no meaning for normal, which takes mu, sigma",
        ),
        (
            {"parameters": {"a": {"distribution": "log_uniform", "min": 1, "max": 4096}}},
            "parameters.a: .* exponents of e, .*log_uniform_values",
        ),
        ({"parameters": {"a": {"min": 0.0, "max": 1.0}}}, "parameters.a: a grid needs values"),
        ({"method": "bayes"}, "metric: is missing; method: bayes"),
        ({"metric": {"goal": "minimise"}}, "metric.goal: .*did you mean 'minimize'"),
        ({"metric": {"nam": "x"}}, "metric.nam: is not known; did you mean 'name'"),
        ({"metric": {**LOSS, "impute": "wrst"}}, "metric.impute: .*did you mean 'worst'"),
        ({"metrics": [LOSS]}, "metrics: must be a list of two"),
        ({"metrics": [LOSS, LOSS]}, "metrics: several goals need method: custom"),
        ({"run_cap": 0}, "run_cap: must be 1 or more"),
        ({"run_cap": 1.5}, "run_cap: must be an integer"),
        ({"command": ["python", "${pogram}"]}, r"command\[1\]: .*did you mean 'program'"),
        ({"command": ["--x=${args}"]}, r"command\[0\]: \$\{args\} must be a part of its own"),
        ({"command": ["${program}"]}, "program: is missing"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3}}, "early_terminate: needs one"),
        (
            {"metric": LOSS, "early_terminate": {"type": "hyperbnd"}},
            "early_terminate.type: .*did you mean 'hyperband'",
        ),
        (
            {"metric": LOSS, "early_terminate": {"type": "hyperband"}},
            "early_terminate: needs min_iter, or max_iter with s",
        ),
        (
            {"metric": LOSS, "early_terminate": {"type": "hyperband", "max_iter": 9}},
            "early_terminate.s: is missing",
        ),
        (
            {"metric": LOSS, "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 1}},
            "early_terminate.eta: must be above 1",
        ),
        ({"sampler": "cmaes"}, "sampler: belongs to method: custom"),
        ({"retry": {"failed": -1}}, "retry.failed: must be 0 or more"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_path(config: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_config({"method": "grid", "parameters": A, **config})


def test_all_mistakes_are_told_at_once() -> None:
    told = mistakes_of(run_cap=-1, program=3, parameters={"b": {"min": 1}})

    assert "3 mistakes" in told
    assert all(part in told for part in ("run_cap", "program", "parameters.b.max"))


def test_what_is_not_named_is_implied_as_with_wandb() -> None:
    space = read_config(
        {
            "method": "random",
            "parameters": {
                "constant": {"value": [1, {"x": None}]},
                "choice": {"values": ["a", 1]},
                "count": {"min": 1, "max": 8},
                "rate": {"min": 1, "max": 8.0},
                "inv": {"distribution": "inv_log_uniform", "min": 0, "max": 1},
                "deep": {"parameters": {"er": {"parameters": {"x": {"value": 1}}}}},
            },
        }
    ).space

    assert space.parameters["constant"] == Constant([1, {"x": None}])
    assert space.parameters["choice"] == Categorical(("a", 1))
    assert space.parameters["count"] == IntUniform(1, 8)
    assert space.parameters["rate"] == Uniform(1, 8.0)
    assert space.parameters["inv"] == LogUniform(math.exp(-1), 1.0)
    assert space.paths["deep.er.x"] == ("deep", "er", "x")
    assert space.nested({"deep.er.x": 5, "rate": 2}) == {"deep": {"er": {"x": 5}}, "rate": 2}
    assert space.flat({"deep": {"er": {"x": 5}}, "other": 1}) == {"deep.er.x": 5}


def test_exponents_that_look_like_values_are_told() -> None:
    """The most common mistake with W&B: it draws from 1.00001 to 1.1, and nobody notices."""
    lr = {"distribution": "log_uniform", "min": 1e-5, "max": 0.1}
    config = read_config({"method": "random", "parameters": {"lr": lr}})

    assert "log_uniform_values" in config.hints[0]
    assert "from 1.00001 to 1.10517" in config.hints[0]


def test_yaml_json_dict_and_function_are_the_same_sweep(tmp_path: Path) -> None:
    """With 1e-3 a number, as in YAML 1.2."""
    yaml, json = tmp_path / "s.yaml", tmp_path / "s.json"
    yaml.write_text(
        "method: random\nparameters:\n  lr: {min: 1e-3, max: .5}\n  n: {value: 1_000}\n"
        "  t: {values: [1e5, 2E-4, -3e+2, no, '1e3', v1e3]}\n"
    )
    json.write_text(
        '{"method": "random", "parameters": {"lr": {"min": 0.001, "max": 0.5}, "n": {"value": 1000},'
        ' "t": {"values": [1e5, 2e-4, -300.0, false, "1e3", "v1e3"]}}}'
    )
    content = read_source(json)[0]

    assert read_source(str(yaml))[0] == content
    assert read_source(content)[0] == content
    assert read_source(lambda: content)[0] == content


@pytest.mark.parametrize(
    ("text", "told"),
    [("a: [", "not YAML: .*line 1"), ("- 1", "must hold a mapping"), ("", "must hold a mapping")],
)
def test_a_file_that_is_no_sweep_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)

    with pytest.raises(UsageError, match=f"(?s){told}"):
        read_source(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_source(tmp_path / "none.yaml")
