"""`wandb.env`: W&B's variables of the environment, of which `rltrack.settings` reads most."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Final

ENTITY: Final = "WANDB_ENTITY"
PROJECT: Final = "WANDB_PROJECT"
NAME: Final = "WANDB_NAME"
NOTES: Final = "WANDB_NOTES"
TAGS: Final = "WANDB_TAGS"
RUN_GROUP: Final = "WANDB_RUN_GROUP"
RUN_ID: Final = "WANDB_RUN_ID"
JOB_TYPE: Final = "WANDB_JOB_TYPE"
MODE: Final = "WANDB_MODE"
RESUME: Final = "WANDB_RESUME"
DIR: Final = "WANDB_DIR"
SILENT: Final = "WANDB_SILENT"
SWEEP_ID: Final = "WANDB_SWEEP_ID"
API_KEY: Final = "WANDB_API_KEY"
BASE_URL: Final = "WANDB_BASE_URL"

Env = MutableMapping[str, str]


def get_project(default: str | None = None, env: Env | None = None) -> str | None:
    """The project of runs that name none."""
    return (os.environ if env is None else env).get(PROJECT, default)


def set_project(value: str, env: Env | None = None) -> None:
    """Choose it."""
    (os.environ if env is None else env)[PROJECT] = value or ""


def get_entity(default: str | None = None, env: Env | None = None) -> str | None:
    """Whose runs they are, which has no meaning without a server."""
    return (os.environ if env is None else env).get(ENTITY, default)


def set_entity(value: str, env: Env | None = None) -> None:
    """Choose it."""
    (os.environ if env is None else env)[ENTITY] = value or ""


def get_dir(default: str | None = None, env: Env | None = None) -> str | None:
    """The folder of all projects."""
    return (os.environ if env is None else env).get(DIR, default)
