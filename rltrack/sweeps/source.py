"""A sweep's config from where users have it: a dict, JSON, YAML, or a function that makes it."""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rltrack.errors import MissingExtraError, UsageError

#: YAML 1.1, which PyYAML reads, takes 1e-3 for text; YAML 1.2 and every user for a number.
_NUMBER = re.compile(r"[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+|[-+]?\.[\d_]+([eE][-+]?\d+)?")


def read_source(source: object) -> tuple[dict[str, Any], str, str]:
    """A sweep's config.

    Args:
        source: a mapping, a function without arguments that returns one, or the path of a file.

    Returns:
        The config, its text for ``sweep.yaml``, and what to call it in messages.

    Raises:
        UsageError: it is none of these, or cannot be read.
        MissingExtraError: it is YAML, and PyYAML is not installed.
    """
    if callable(source):
        source = source()
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as cause:
            raise UsageError(f"the sweep {str(path)!r} cannot be read: {cause}") from None
        return parse(text, str(path)), text, str(path)
    if not isinstance(source, Mapping):
        raise UsageError(
            f"a sweep is a dict, a path, or a function that returns a dict, not {source!r}"
        )
    try:
        # As it will be read back: keys are text, tuples are lists.
        text = json.dumps(dict(source), indent=2, ensure_ascii=False)
        return json.loads(text), text, "the sweep"
    except (TypeError, ValueError) as cause:
        raise UsageError(
            f"the sweep holds what JSON cannot: {cause}; values are numbers, texts, lists and dicts"
        ) from None


def parse(text: str, name: str) -> dict[str, Any]:
    """The config in a text of JSON or YAML.

    Raises:
        UsageError: it is neither, or no mapping.
        MissingExtraError: it is YAML, and PyYAML is not installed.
    """
    try:
        content = json.loads(text)
    except ValueError as mistake:
        if name.endswith(".json"):
            raise UsageError(f"{name} is not JSON: {mistake}") from None
        load, mistake_kind = _yaml()
        try:
            content = load(text)
        except mistake_kind as mistake:
            raise UsageError(f"{name} is not YAML: {mistake}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{name} must hold a mapping with `method` and `parameters`")
    return content


def _yaml() -> tuple[Callable[[str], object], type[Exception]]:
    try:
        yaml = importlib.import_module("yaml")
    except ModuleNotFoundError:
        raise MissingExtraError(
            "PyYAML is not installed; type: pip install 'rltrack[sweeps]', or write JSON"
        ) from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc,name-defined]
        """Numbers as in YAML 1.2."""

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+.0123456789"))
    Loader.add_constructor(
        "tag:yaml.org,2002:float", lambda loader, node: _float(loader.construct_scalar(node))
    )
    return lambda text: yaml.load(text, Loader), yaml.YAMLError


def _float(text: str) -> float:
    plain = text.replace("_", "").lower()
    return float(plain.replace(".inf", "inf").replace(".nan", "nan"))
