"""`rltrack config`: the choices of a run, and where two runs differ in them."""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rltrack.cli.output import api_of, find, flat, print_json, print_table, text
from rltrack.cli.parser import Commands

#: Words that YAML takes for something else than text, in one of its versions.
_WORDS: Final = re.compile(r"(?i)(yes|no|true|false|on|off|null|~|\.?nan|[-+]?\.inf)")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")


def add_to(commands: Commands) -> None:
    """Add `config`."""
    config = commands.add(
        "config",
        _config,
        "the config of a run, as YAML; of two runs, what differs",
        prints_json=True,
        over_http=True,
    )
    config.add_argument("run", help="its id, its name, or project/id")
    config.add_argument("other", nargs="?", help="a second run, to compare")
    config.add_argument("--all", action="store_true", help="of two runs, also what is equal")


def _config(options: argparse.Namespace) -> int:
    api = api_of(options)
    run = find(api, options.run)
    if options.other is None:
        if options.json:
            print_json(run.config)
        else:
            print("\n".join(yaml_lines(run.config)) or "{}")
        return 0
    other = find(api, options.other)
    rows = compared(run.config, other.config, equal=options.all)
    if options.json:
        sides = (run.path, other.path)
        print_json(
            {
                key: {side: pair[i] for i, side in enumerate(sides) if pair[i] is not MISSING}
                for key, pair in rows.items()
            }
        )
    elif not rows:
        print(f"{run.name} and {other.name} have the same config")
    else:
        cells = {key: [_cell(side) for side in pair] for key, pair in rows.items()}
        print_table(["KEY", run.name, other.name], [[key, *cells[key]] for key in sorted(cells)])
    return 0


class _Missing:
    """In the place of a value that a run does not have; None is one."""


MISSING: Final = _Missing()


def compared(
    one: dict[str, Any], other: dict[str, Any], *, equal: bool = False
) -> dict[str, tuple[Any, Any]]:
    """Of each key, nested ones with dots, its value in either config.

    Args:
        one: a config.
        other: another.
        equal: also the keys that have the same value in both.
    """
    left, right = flat(one), flat(other)
    pairs = {key: (left.get(key, MISSING), right.get(key, MISSING)) for key in [*left, *right]}
    return {key: pair for key, pair in pairs.items() if equal or not _same(*pair)}


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return type(one) is type(other) and one == other


def _cell(value: object) -> str:
    return "-" if value is MISSING else text(value)


def yaml_lines(values: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A config as YAML, of which JSON's texts and lists are a part."""
    for key, value in values.items():
        name = f"{indent}{_yaml_text(key)}:"
        if isinstance(value, dict) and value:
            yield name
            yield from yaml_lines(value, f"{indent}  ")
        else:
            yield f"{name} {_yaml(value)}"


def _yaml(value: object) -> str:
    if isinstance(value, str):
        return _yaml_text(value)
    if isinstance(value, float):
        return _yaml_float(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_yaml_text(key)}: {_yaml(one)}' for key, one in value.items())}}}"
    return json.dumps(value)  # None, bool, int


def _yaml_text(value: str) -> str:
    if _PLAIN.fullmatch(value) and not _WORDS.fullmatch(value):
        return value
    # Unlike JSON, YAML has no pairs of surrogates.
    return f'"{"".join(one if _is_shown(one) else _escaped(one) for one in value)}"'


def _is_shown(letter: str) -> bool:
    return letter.isprintable() and letter not in '"\\'


def _escaped(letter: str) -> str:
    return f"\\U{ord(letter):08x}" if ord(letter) > 0xFFFF else json.dumps(letter)[1:-1]


def _yaml_float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    told = repr(value)
    mantissa, e, exponent = told.partition("e")
    if e and "." not in mantissa:  # YAML 1.1 takes 1e-05 for a text
        mantissa += ".0"
    sign = "" if exponent.startswith("-") else "+"
    return f"{mantissa}e{sign}{exponent.lstrip('+')}" if e else told
