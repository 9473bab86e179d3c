"""The words of a trial's command, macro by macro."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rltrack.errors import UsageError
from rltrack.sweeps.command import build_command

CONFIG = {"a": True, "b": False, "c": 1, "d": None, "o": {"lr": 0.1}}
FILE = Path("/tmp/trial.json")


def words(*command: str) -> list[str]:
    return build_command(command, "train.py", CONFIG, json_file=FILE, environ={"HOME": "/root"})


@pytest.mark.parametrize(
    ("macro", "meant"),
    [
        ("args", ["--a=True", "--b=False", "--c=1", "--d=None", "--o={'lr': 0.1}"]),
        ("args_no_hyphens", ["a=True", "b=False", "c=1", "d=None", "o={'lr': 0.1}"]),
        ("args_no_boolean_flags", ["--a", "--c=1", "--d=None", "--o={'lr': 0.1}"]),
        (
            "args_no_equals",
            ["--a", "True", "--b", "False", "--c", "1", "--d", "None", "--o", "{'lr': 0.1}"],
        ),
        ("args_append_hydra", ["+a=True", "+b=False", "+c=1", "+d=None", "+o.lr=0.1"]),
        ("args_override_hydra", ["++a=True", "++b=False", "++c=1", "++d=None", "++o.lr=0.1"]),
        ("args_json", [json.dumps(CONFIG)]),
        ("args_json_file", ["/tmp/trial.json"]),
        ("env", ["/usr/bin/env"]),
        ("interpreter", [sys.executable]),
        ("program", ["train.py"]),
        ("envvar:HOME", ["/root"]),
        ("envvar:NOWHERE", ["NOWHERE"]),
    ],
)
def test_each_macro_is_what_wandb_makes_of_it(macro: str, meant: list[str]) -> None:
    assert words(f"${{{macro}}}") == meant


def test_other_words_stay_and_variables_may_stand_in_the_middle() -> None:
    assert words("torchrun", "--dir=${envvar:HOME}/x") == ["torchrun", "--dir=/root/x"]


def test_the_default_runs_the_program_with_arguments() -> None:
    default = build_command(None, "train.py", {"a": 1}, json_file=FILE)

    assert default == ["/usr/bin/env", sys.executable, "train.py", "--a=1"]


def test_without_a_program_there_is_nothing_to_run() -> None:
    with pytest.raises(UsageError, match="has no program"):
        build_command(None, None, {}, json_file=FILE)
