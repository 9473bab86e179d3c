"""What a rewind left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rltrack
from rltrack.store.left import left_behind
from rltrack.store.panel import panel
from rltrack.store.project import Catalog
from rltrack.store.run import RunReader

QUIET = {"silent": True, "provenance": False, "console": "off", "disable_stats": True}


def rewound(root: Path, *, seal: bool) -> RunReader:
    """A run that went to step 19 with one loss, back to step 9, and on to step 14 with another."""
    with rltrack.init(project="p", dir=str(root), id="one", settings=QUIET) as run:
        for step in range(20):
            run.log({"loss": 1.0, "frames": step * 4})
    if seal:
        reader = Catalog(root).project("p").find(["one"])["one"]
        assert reader is not None
        reader.seal()
    with rltrack.init(project="p", dir=str(root), resume_from="one?_step=9", settings=QUIET) as run:
        for step in range(5):
            run.log({"loss": 2.0, "frames": 40 + step * 4})
    project = Catalog(root).project("p")
    project.refresh()
    found = project.find(["one"])["one"]
    assert found is not None
    return found


@pytest.mark.parametrize("seal", [False, True])
def test_rows_that_a_rewind_hid_are_a_piece_of_their_own(tmp_path: Path, seal: bool) -> None:
    run = rewound(tmp_path, seal=seal)

    (piece,) = left_behind(run, "loss", "_step", -np.inf, np.inf, 100)
    assert piece.x.tolist() == list(range(10, 20))
    assert set(piece.y.tolist()) == {1.0}
    (piece,) = left_behind(run, "loss", "frames", 44, 60, 100)
    assert piece.x.tolist() == [44, 48, 52, 56, 60]
    assert left_behind(run, "nothing", "_step", -np.inf, np.inf, 100) == []

    found = panel({"one": run}, "loss", buckets=100)
    assert found.extent == (0, 19), "what was left is in sight"
    assert found.grid.x[-1] == 14
    assert [piece.x[0] for piece in found.left["one"]] == [10]


def test_many_points_keep_their_extremes(tmp_path: Path) -> None:
    run = rewound(tmp_path, seal=False)
    (piece,) = left_behind(run, "frames", "_step", -np.inf, np.inf, 4)
    assert (piece.y.min(), piece.y.max()) == (40, 76)
    assert len(piece.x) <= 4


def test_a_run_that_never_went_back_left_nothing(tmp_path: Path) -> None:
    with rltrack.init(project="p", dir=str(tmp_path), id="one", settings=QUIET) as run:
        run.log({"loss": 1.0})
    run_reader = Catalog(tmp_path).project("p").find(["one"])["one"]
    assert run_reader is not None
    assert left_behind(run_reader, "loss", "_step", -np.inf, np.inf, 100) == []
