"""A config that is kept in a file: JSON, TOML, or YAML as W&B's users write it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rltrack.errors import MissingExtraError, UsageError

_WRAPPED = {"value", "desc"}


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The config in a file, by the ending of its name.

    In W&B's files each key may hold ``{value: …, desc: …}``: then the value is meant.

    Raises:
        UsageError: there is no such file, or it holds no config.
        MissingExtraError: it is YAML, and PyYAML is not installed.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise UsageError(f"config={os.fspath(path)!r} cannot be read: {cause}") from None
    content = _parsed(file, text)
    if not isinstance(content, dict):
        raise UsageError(f"config={os.fspath(path)!r} holds no keys, but {type(content).__name__}")
    return {
        str(key): value["value"] if isinstance(value, dict) and _is_wrapped(value) else value
        for key, value in content.items()
        if key != "wandb_version"
    }


def _is_wrapped(value: dict[str, Any]) -> bool:
    return "value" in value and set(value) <= _WRAPPED


def _parsed(file: Path, text: str) -> object:
    parse, mistake_kind = _parser(file.suffix)
    try:
        return parse(text)
    except mistake_kind as mistake:
        raise UsageError(f"config={str(file)!r} cannot be understood: {mistake}") from None


def _parser(suffix: str) -> tuple[Callable[[str], object], type[Exception]]:
    if suffix == ".json":
        import json

        return json.loads, json.JSONDecodeError
    if suffix == ".toml":
        import tomllib

        return tomllib.loads, tomllib.TOMLDecodeError
    try:
        yaml = importlib.import_module("yaml")  # no extra of ours: a config may be JSON or TOML
    except ModuleNotFoundError:
        raise MissingExtraError("PyYAML is not installed; type: pip install pyyaml") from None
    return yaml.safe_load, yaml.YAMLError
