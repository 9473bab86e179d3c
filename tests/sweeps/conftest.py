"""Sweeps in a folder of their own, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rltrack
from rltrack.sweeps.folder import SweepFolder, find_folder, make_folder
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


@pytest.fixture
def plain_ledger(tmp_path: Path) -> Iterator[Callable[..., tuple[SweepFolder, Ledger]]]:
    """Makes a sweep with an agent that runs nothing: trials are claimed and ended by hand."""
    made: list[Ledger] = []

    def make(**config: Any) -> tuple[SweepFolder, Ledger]:
        given = {"method": "random", "metric": LOSS, "parameters": {"a": {"min": 0.0, "max": 1.0}}}
        folder = make_folder(tmp_path, "p", json.dumps({**given, **config}))
        ledger = Ledger(folder, folder.config().retry)
        ledger.join()
        made.append(ledger)
        return folder, ledger

    yield make
    for ledger in made:
        ledger.leave()
