"""The functions of `wandb.util` that other libraries use."""

from __future__ import annotations

import json
import re
import secrets
import string
from typing import Any

from rltrack._values import config_value, finite

_LETTERS = string.ascii_lowercase + string.digits


def generate_id(length: int = 8) -> str:
    """Random letters and digits, as the id of a run."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def make_artifact_name_safe(name: str) -> str:
    """A name of at most 128 letters, digits and ``_-.``."""
    safe = re.sub(r"[^a-zA-Z0-9_\-.]", "_", name)
    return safe if len(safe) <= 128 else f"{safe[:63]}..{safe[-63:]}"


def json_friendly(value: Any) -> tuple[Any, bool]:
    """A value as JSON has it, and whether it is another than before."""
    plain = config_value(value)
    return plain, plain is not value


def json_dumps_safer(value: Any, **kwargs: Any) -> str:
    """JSON of any value; what is not finite is a text."""
    return json.dumps(finite(config_value(value)), **kwargs)


def json_dump_safer(value: Any, file: Any, **kwargs: Any) -> None:
    """The same, into a file."""
    file.write(json_dumps_safer(value, **kwargs))
