"""Processes for queries that wait for one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from rltrack.engine.ask import View, Workers, ask
from rltrack.errors import QueryError


def answered(workers: Workers, text: str) -> list[dict[str, object]]:
    def provide(needed: Sequence[str], folder: Path) -> Mapping[str, View]:
        return {name: View("SELECT 7 AS n") for name in needed}

    with ask(text, {"table": {"n": "BIGINT"}}, provide, workers=workers) as answer:
        found: list[dict[str, object]] = answer.table().to_pylist()
        return found


def test_a_process_that_waits_in_vain_ends_and_is_replaced() -> None:
    """Nobody looks at tables all day; who comes back is answered all the same."""
    others = psutil.Process().children()
    workers = Workers(patience_s=0.2)
    workers.prepare()
    (waiting,) = (child for child in psutil.Process().children() if child not in others)
    end = time.monotonic() + 60
    while waiting.is_running() and waiting.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.05)

    assert answered(workers, "SELECT n FROM table") == [{"n": 7}]
    workers.prepare()
    workers.close()
    workers.prepare()
    assert set(psutil.Process().children()) <= set(others)


def test_the_word_table_needs_no_quotes() -> None:
    """Wherever it is a name; in texts and comments it is left alone."""
    workers = Workers(0)
    text = "SELECT 'table' AS t, table.n FROM Table /* table */ WHERE n IN (SELECT n FROM table)"

    assert answered(workers, text) == [{"t": "table", "n": 7}]
    with pytest.raises(QueryError, match=r"\(line 2, column 21\)"):
        answered(workers, "SELECT n FROM table\nWHERE table.n = 7 + nope")
