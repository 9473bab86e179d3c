"""Ids, projects and names: what is allowed, what is invented, and how each becomes a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rltrack.errors import UsageError

_ID_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
#: What no folder name may hold on some system, and the percent sign that escapes it.
_UNSAFE: Final = re.compile(r'[\x00-\x1f/\\:*?"<>|%]|^\.|^ |[. ]$')
_MAX_FOLDER_BYTES: Final = 240

_ADJECTIVES: Final = [
    "able",
    "amber",
    "bold",
    "brave",
    "brisk",
    "bright",
    "calm",
    "candid",
    "clever",
    "cosmic",
    "crisp",
    "daring",
    "deft",
    "eager",
    "early",
    "easy",
    "fair",
    "fast",
    "fleet",
    "fluent",
    "frank",
    "fresh",
    "gentle",
    "glad",
    "golden",
    "grand",
    "happy",
    "hardy",
    "honest",
    "humble",
    "jolly",
    "keen",
    "kind",
    "lively",
    "logical",
    "lucid",
    "lucky",
    "lunar",
    "mellow",
    "merry",
    "mighty",
    "neat",
    "nimble",
    "noble",
    "novel",
    "patient",
    "placid",
    "plucky",
    "polite",
    "prime",
    "proud",
    "quick",
    "quiet",
    "rapid",
    "ready",
    "robust",
    "royal",
    "serene",
    "sharp",
    "silent",
    "silver",
    "simple",
    "smart",
    "smooth",
    "solar",
    "solid",
    "spry",
    "stable",
    "steady",
    "stoic",
    "sunny",
    "super",
    "swift",
    "tidy",
    "true",
    "upbeat",
    "valiant",
    "vivid",
    "warm",
    "wise",
    "witty",
    "zesty",
]
_NOUNS: Final = [
    "acrobot",
    "agent",
    "albatross",
    "arch",
    "aurora",
    "badger",
    "basin",
    "beacon",
    "bison",
    "breeze",
    "brook",
    "canyon",
    "cedar",
    "cheetah",
    "cliff",
    "cloud",
    "comet",
    "condor",
    "coral",
    "crane",
    "creek",
    "delta",
    "dolphin",
    "dune",
    "eagle",
    "ember",
    "falcon",
    "fern",
    "finch",
    "fjord",
    "forest",
    "fox",
    "galaxy",
    "gecko",
    "glacier",
    "glade",
    "grove",
    "gull",
    "harbor",
    "hare",
    "hawk",
    "heron",
    "hill",
    "hopper",
    "ibex",
    "island",
    "jaguar",
    "kestrel",
    "lagoon",
    "lake",
    "lark",
    "lemur",
    "lynx",
    "maple",
    "marten",
    "meadow",
    "mesa",
    "meteor",
    "moon",
    "moose",
    "nebula",
    "ocelot",
    "orbit",
    "orchid",
    "otter",
    "owl",
    "panther",
    "pendulum",
    "peak",
    "pine",
    "planet",
    "pond",
    "prairie",
    "puffin",
    "quail",
    "quasar",
    "rain",
    "raven",
    "reef",
    "ridge",
    "river",
    "robin",
    "salmon",
    "seal",
    "sky",
    "sparrow",
    "spring",
    "star",
    "stone",
    "storm",
    "summit",
    "swallow",
    "swan",
    "tern",
    "thicket",
    "tiger",
    "trail",
    "tundra",
    "valley",
    "walker",
    "wave",
    "willow",
    "wind",
    "wolf",
    "wren",
]


def new_run_id() -> str:
    """Eight random letters and digits."""
    return "".join(_pick(_ID_LETTERS) for _ in range(8))


def new_run_name(number: int) -> str:
    """Two words and a number."""
    return f"{_pick(_ADJECTIVES)}-{_pick(_NOUNS)}-{number}"


def _pick(choices: Sequence[str]) -> str:
    """One of them, whatever the user seeded; `random` is theirs, and `secrets` takes 8 ms to import."""
    return choices[int.from_bytes(os.urandom(4), "little") % len(choices)]


def checked_run_id(run_id: object) -> str:
    """`run_id`, if it may be one.

    Raises:
        UsageError: it is empty, has blanks around it, or one of ``: ; , # ? / '``.
    """
    if not isinstance(run_id, str):
        raise UsageError(f"run id {run_id!r} must be text, not {type(run_id).__name__}")
    if not run_id:
        raise UsageError("Run ID cannot be empty")
    if run_id != run_id.strip():
        raise UsageError(f"Run ID {run_id!r} cannot start or end with whitespace")
    if bad := sorted(set(":;,#?/'") & set(run_id)):
        raise UsageError(f"Run ID {run_id!r} cannot contain {' '.join(bad)}")
    folder_name(run_id)
    return run_id


def checked_project(project: object) -> str:
    r"""`project`, if it may be one.

    Raises:
        UsageError: it is empty, longer than 128 characters, or has one of ``/ \ # ? % :``.
    """
    if not isinstance(project, str):
        raise UsageError(f"project {project!r} must be text, not {type(project).__name__}")
    if not project.strip():
        raise UsageError("project name cannot be empty; leave project= out for the default")
    if len(project) > 128:
        raise UsageError(f"project name of {len(project)} characters; 128 are the most")
    if bad := sorted(set("/\\#?%:") & set(project)):
        raise UsageError(f"project name {project!r} cannot contain {' '.join(bad)}")
    folder_name(project)
    return project


def folder_name(name: str) -> str:
    """The folder of a project or run: its name, with what no folder may hold percent-escaped.

    Raises:
        UsageError: the name is too long for a folder.
    """
    escaped = _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", name)
    try:
        size = len(escaped.encode("utf-8"))
    except UnicodeEncodeError:
        raise UsageError(f"name {name!r} holds characters that are no text") from None
    if size > _MAX_FOLDER_BYTES:
        raise UsageError(
            f"name {name[:32]!r}… takes {size} bytes; {_MAX_FOLDER_BYTES} are the most"
        )
    return escaped


def name_of_folder(folder: str) -> str:
    """The inverse of `folder_name`."""
    return re.sub("%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), folder)


def default_project(start: Path) -> str:
    """The name of the git checkout around `start`, if it can be a project; else "uncategorized"."""
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            try:
                return checked_project(folder.name)
            except UsageError:
                break
    return "uncategorized"
