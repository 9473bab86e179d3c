"""`run.config`: what it takes, what it records, and what it refuses to change."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import enum
import functools
import json
import math
import pickle
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path

import numpy as np
import pytest
import torch

import rltrack
from rltrack._config import Config
from rltrack.errors import MissingExtraError
from rltrack.journal.records import ConfigChanged, Json, Record

ReadRecords = Callable[[Path], list[Record]]


@pytest.fixture
def run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", settings={"quiet": True})


@pytest.fixture
def recorded(run: rltrack.Run, read_records: ReadRecords) -> Callable[[], dict[str, Json]]:
    """Reads the config back from the journal, as a reader of the run does."""

    def read() -> dict[str, Json]:
        config: dict[str, Json] = {}
        assert run.folder is not None
        for record in read_records(run.folder / "journal"):
            if isinstance(record, ConfigChanged):
                config.update(record.set)
                for key in record.removed:
                    del config[key]
        return config

    return read


Recorded = Callable[[], dict[str, Json]]


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Network:
    sizes: tuple[int, ...] = (64, 64)
    activation: type = torch.nn.Tanh


@dataclasses.dataclass
class Choices:
    lr: float = 3e-4
    net: Network = dataclasses.field(default_factory=Network)


class Plain:
    """A class of the user's, with no text of its own."""

    class_attribute = 1

    def __init__(self) -> None:
        self.lr = 0.1
        self.seed = 3


def test_it_is_a_mutable_mapping(run: rltrack.Run, recorded: Recorded) -> None:
    """W&B's has no `len`, no `del`."""
    config = run.config
    config["a"] = 1
    config.update({"b": 2}, c=3)
    config.d = 4
    del config["a"]
    del config.b
    config.setdefault("e", 5)
    assert config.pop("c") == 3
    config.setdefaults({"d": 9, "f": 6})

    assert isinstance(config, MutableMapping)
    assert dict(config) == config.as_dict() == recorded() == {"d": 4, "e": 5, "f": 6}
    assert (len(config), list(config), "d" in config, config.get("x", 0)) == (
        3,
        ["d", "e", "f"],
        True,
        0,
    )
    assert (config.d, config["d"]) == (4, 4)
    assert list(config.items()) == [("d", 4), ("e", 5), ("f", 6)]


def test_a_key_that_is_not_there_is_named(run: rltrack.Run) -> None:
    """With those that are, since most often it is a typo."""
    run.config.update({"lr": 1, "seed": 2})

    with pytest.raises(AttributeError, match="config has no 'learning_rate'; it has lr, seed"):
        run.config.learning_rate  # noqa: B018
    with pytest.raises(KeyError):
        run.config["learning_rate"]
    with pytest.raises(KeyError):
        del run.config["learning_rate"]
    with pytest.raises(AttributeError):
        del run.config.learning_rate


def test_a_value_changes_only_with_leave(run: rltrack.Run, recorded: Recorded) -> None:
    """The words are W&B's; all of an update is refused, or nothing."""
    run.config.lr = 0.1
    run.config.lr = 0.1

    with pytest.raises(rltrack.ConfigError) as caught:
        run.config.update({"new": 1, "lr": 0.2})
    assert str(caught.value) == (
        'Attempted to change value of key "lr" from 0.1 to 0.2\n'
        "If you really want to do this, pass allow_val_change=True to config.update()"
    )
    assert dict(run.config) == {"lr": 0.1}
    run.config.update({"lr": 0.2}, allow_val_change=True)
    assert recorded() == {"lr": 0.2}


def test_init_can_give_leave_for_all(root: Path) -> None:
    """W&B accepts the argument and does nothing with it."""
    run = rltrack.init(project="p", config={"lr": 0.1}, allow_val_change=True)
    run.config.lr = 0.2

    assert run.config.lr == 0.2
    with pytest.raises(rltrack.ConfigError):
        run.config.update({"lr": 0.3}, allow_val_change=False)


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (math.nan, float("nan")),
        ([1, math.nan], (1, math.nan)),
        ({"a": [1]}, {"a": (1,)}),
        (0.5, np.float32(0.5)),
        (1, 1.0),
        ({2, 1}, [1, 2]),
    ],
    ids=repr,
)
def test_the_same_value_in_another_dress_is_no_change(
    run: rltrack.Run, value: object, same: object
) -> None:
    """A script that sets its config twice must not fail for a tuple."""
    run.config["a"] = value
    run.config["a"] = same


def test_true_is_not_one(run: rltrack.Run) -> None:
    """A flag that became a count has changed."""
    run.config["a"] = 1

    with pytest.raises(rltrack.ConfigError):
        run.config["a"] = True


def test_changes_inside_are_recorded(run: rltrack.Run, recorded: Recorded) -> None:
    """W&B changes its memory, and never tells."""
    run.config["net"] = {"sizes": [64], "deep": {"er": 1}}
    run.config["net"]["deep"]["er"] = 2
    run.config["net"]["new"] = {"x": (1, 2)}
    run.config["net"]["new"]["y"] = 3
    run.config["net"].update(a=1, b=2)
    run.config["net"].pop("a")
    run.config["net"] |= {"c": 3}
    run.config["net"].setdefault("d", 4)
    del run.config["net"]["b"]

    expected = {"sizes": [64], "deep": {"er": 2}, "new": {"x": [1, 2], "y": 3}, "c": 3, "d": 4}
    assert recorded()["net"] == run.config["net"] == expected
    assert type(run.config.as_dict()["net"]["deep"]) is dict


def test_what_was_inside_of_a_removed_key_changes_nothing(
    run: rltrack.Run, recorded: Recorded
) -> None:
    """Somebody holds on to it."""
    run.config["net"] = {"size": 1}
    net = run.config["net"]
    del run.config["net"]
    net["size"] = 2

    assert recorded() == {}


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ((1, (2, 3)), [1, [2, 3]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (np.arange(100).reshape(10, 10), np.arange(100).reshape(10, 10).tolist()),
        (torch.ones(2), [1.0, 1.0]),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (True, True),
        (None, None),
        (2**62 + 1, 2**62 + 1),
        (2**70, float(2**70)),
        (math.inf, math.inf),
        (Colour.RED, "RED"),
        (Path("/data/x"), "/data/x"),
        (b"bytes", "bytes"),
        (len, "builtins.len"),
        (torch.nn.Tanh, "torch.nn.modules.activation.Tanh"),
        (torch.float32, "torch.float32"),
        (torch.device("cpu"), "cpu"),
        (Network((1, 2)), {"sizes": [1, 2], "activation": "torch.nn.modules.activation.Tanh"}),
        (range(3), "range(0, 3)"),
        ({"a": {1: np.int64(2)}}, {"a": {"1": 2}}),
    ],
    ids=repr,
)
def test_every_value_has_a_form(
    run: rltrack.Run, recorded: Recorded, value: object, stored: object
) -> None:
    """Types are kept where JSON has them; the journal and the memory agree."""
    run.config["value"] = value

    assert recorded()["value"] == run.config["value"] == stored
    assert type(run.config["value"]) is type(stored) or isinstance(stored, dict)


def test_nan_stays_nan(run: rltrack.Run, recorded: Recorded) -> None:
    """W&B stores null."""
    run.config["a"] = math.nan

    value = recorded()["a"]
    assert isinstance(value, float)
    assert math.isnan(value)


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Plain(), "Plain"),
        ([Plain()], "Plain"),
        (Plain().__init__, "Plain.__init__"),  # type: ignore[misc]
        (lambda x: x, "<lambda>"),
        (functools.partial(max, 1), "functools.partial(<built-in function max>, 1)"),
        (functools.partial(test_nan_stays_nan), "functools.partial(<function test_nan_stays_nan>)"),
        (Unspeakable(), "Unspeakable"),
    ],
    ids=["object", "inside a list", "method", "lambda", "partial of C", "partial", "without text"],
)
def test_no_address_is_recorded(
    run: rltrack.Run, recorded: Recorded, value: object, stored: str
) -> None:
    """With one, no two runs would have the same config."""
    run.config["value"] = value

    text = json.dumps(recorded()["value"])
    assert stored in text
    assert "0x" not in text


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"lr": 0.1}, {"lr": 0.1}),
        (argparse.Namespace(lr=0.1, env="CartPole-v1"), {"lr": 0.1, "env": "CartPole-v1"}),
        (Plain(), {"lr": 0.1, "seed": 3}),
        (
            Choices(),
            {
                "lr": 3e-4,
                "net": {"sizes": [64, 64], "activation": "torch.nn.modules.activation.Tanh"},
            },
        ),
        ([("a", 1)], {"a": 1}),
    ],
    ids=["dict", "namespace", "object", "dataclass", "pairs"],
)
def test_a_config_comes_as_users_hold_it(
    root: Path, config: object, expected: dict[str, object]
) -> None:
    """By `init` and by `update`."""
    run = rltrack.init(project="p", config=config)
    run.config.update(config)

    assert dict(run.config) == expected


def test_absl_flags_are_a_config(root: Path) -> None:
    """They are iterable, but of names."""

    class Flags(list[str]):
        def flag_values_dict(self) -> dict[str, object]:
            return {"lr": 0.1}

    assert dict(rltrack.init(project="p", config=Flags(["lr"])).config) == {"lr": 0.1}


FILES = {
    "c.json": '{"lr": 0.1, "net": {"size": 64}}',
    "c.toml": "lr = 0.1\nnet.size = 64\n",
    "c.yaml": "lr: 0.1\nnet:\n  size: 64\n",
    "wandb.yaml": "wandb_version: 1\nlr:\n  desc: null\n  value: 0.1\nnet:\n  value:\n    size: 64\n",
    "mixed.yml": "lr:\n  value: 0.1\nnet:\n  size: 64\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_config_may_be_a_file(root: Path, tmp_path: Path, name: str) -> None:
    """W&B reads YAML by its name as text, fails for a path, and for wrapped beside plain keys."""
    file = tmp_path / name
    file.write_text(FILES[name])

    for config in (file, str(file)):
        run = rltrack.init(project="p", config=config, reinit=True)
        assert dict(run.config) == {"lr": 0.1, "net": {"size": 64}}


@pytest.mark.parametrize(
    ("name", "content"), [("c.json", "{"), ("c.toml", "="), ("c.json", "[1]"), ("c.json", "\xff")]
)
def test_a_file_that_holds_no_config_is_named(
    root: Path, tmp_path: Path, name: str, content: str
) -> None:
    """Nothing is started."""
    file = tmp_path / name
    file.write_text(content, encoding="latin-1")

    with pytest.raises(rltrack.UsageError, match=name):
        rltrack.init(project="p", config=file)
    assert not root.exists()


def test_yaml_without_its_parser_says_what_to_type(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recording needs no YAML, so it is not installed with rltrack."""
    (tmp_path / "c.yaml").write_text("a: 1\n")
    monkeypatch.setitem(sys.modules, "yaml", None)

    with pytest.raises(MissingExtraError, match="pip install pyyaml"):
        rltrack.init(project="p", config=tmp_path / "c.yaml")


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_a_copy_is_a_plain_dict(
    run: rltrack.Run, recorded: Recorded, copied: Callable[[Config], dict[str, dict[str, int]]]
) -> None:
    """Users hand their config to everything, another process among it."""
    run.config.update({"net": {"size": 1}})

    other = copied(run.config)
    other["net"]["size"] = 2
    nested = copied(run.config["net"])

    assert type(other) is type(nested) is dict
    assert recorded() == {"net": {"size": 1}}


def test_it_prints_as_what_it_holds(run: rltrack.Run) -> None:
    """For the first line of many scripts: `print(run.config)`."""
    run.config.update({"a": {"b": 1}})

    assert repr(run.config) == "{'a': {'b': 1}}"
