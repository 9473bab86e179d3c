"""The command of a trial: W&B's macros, and the arguments that carry the parameters."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rltrack.errors import UsageError
from rltrack.sweeps.mistakes import nearest

DEFAULT_COMMAND: Final = ("${env}", "${interpreter}", "${program}", "${args}")

_MACROS: Final = (
    *("env", "interpreter", "program", "args", "args_no_equals", "args_no_hyphens"),
    *("args_no_boolean_flags", "args_json", "args_json_file", "args_append_hydra"),
    "args_override_hydra",
)
_MACRO: Final = re.compile(r"\$\{([^}]*)\}")
_VARIABLE: Final = "envvar:"


def check_macro(part: str) -> str | None:
    """What is wrong with the macros of one part of a command; None if nothing is."""
    for name in _MACRO.findall(part):
        if name.startswith(_VARIABLE):
            continue
        if name not in _MACROS:
            return f"${{{name}}} is no macro; {nearest(name, _MACROS)}"
        if part != f"${{{name}}}":
            return f"${{{name}}} must be a part of its own, and it stands in {part!r}"
    return None


def build_command(
    command: Sequence[str] | None,
    program: str | None,
    config: Mapping[str, Any],
    *,
    json_file: Path,
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """The words of a trial's command.

    Args:
        command: as the sweep has it; by default W&B's.
        program: of the sweep.
        config: the trial's parameters, nested.
        json_file: where ``${args_json_file}`` finds the parameters; the caller writes it.
        environ: where ``${envvar:NAME}`` is looked up; a variable that is not there becomes its
            own name, as with W&B.

    Raises:
        UsageError: there is no program to run.
    """
    words: list[str] = []
    for part in command or DEFAULT_COMMAND:
        macro = _MACRO.fullmatch(part)
        name = macro[1] if macro else ""
        if name == "env":
            words += ["/usr/bin/env"] if os.name == "posix" else []
        elif name == "interpreter":
            words.append(sys.executable or "python")
        elif name == "program":
            if program is None:
                raise UsageError("the sweep has no program; add `program: train.py` to it")
            words.append(program)
        elif name == "args_json":
            words.append(json.dumps(config))
        elif name == "args_json_file":
            words.append(str(json_file))
        elif name.startswith("args"):
            words += _arguments(name, config)
        else:
            words.append(
                re.sub(
                    rf"\$\{{{_VARIABLE}([^}}]*)\}}",
                    lambda found: environ.get(found[1], found[1]),
                    part,
                )
            )
    return words


def _arguments(macro: str, config: Mapping[str, Any]) -> list[str]:
    """The parameters as arguments, in Python's letters as W&B passes them.

    Hydra gets nested ones under dotted names: ``+`` adds a key, ``++`` adds or overrides it.
    """
    if macro.endswith("hydra"):
        plus = "+" if macro == "args_append_hydra" else "++"
        return [f"{plus}{name}={value}" for name, value in _dotted(config).items()]
    words: list[str] = []
    for name, value in config.items():
        if macro == "args_no_equals":
            words += [f"--{name}", str(value)]
        elif macro == "args_no_hyphens":
            words.append(f"{name}={value}")
        elif macro == "args_no_boolean_flags" and isinstance(value, bool):
            words += [f"--{name}"] if value else []
        else:
            words.append(f"--{name}={value}")
    return words


def _dotted(config: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= _dotted(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found
