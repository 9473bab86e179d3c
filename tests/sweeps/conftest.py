"""Sweeps in a folder of their own, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.sweeps.folder import find_folder
from rltrack.sweeps.ledger import Ledger

LOSS = {"name": "loss"}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLTRACK_SILENT", "true")


@pytest.fixture
def make(root: Path, quiet: None) -> Callable[..., str]:
    """Makes a sweep of project ``p``: a grid over ``a``, unless it is told otherwise."""

    def make(**config: Any) -> str:
        given = {"method": "grid", "metric": LOSS, "parameters": {"a": {"values": [0, 1, 2, 3]}}}
        return rltrack.sweep({**given, **config}, project="p")

    return make


@pytest.fixture
def ledger_of(root: Path) -> Callable[[str], Ledger]:
    """Reads a sweep's ledger anew."""

    def read(sweep_id: str) -> Ledger:
        folder = find_folder(root, sweep_id)
        ledger = Ledger(folder, folder.config().retry)
        ledger.poll()
        return ledger

    return read
