"""A training on another machine is ended by the button of the server's page."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Page, expect

from rltrack.hub.app import create_hub
from rltrack.server.run import Background
from tests.hub.team import local

_TRAINING = """
import time
import rltrack

run = rltrack.init(entity="lab", project="walk", id="far", mode="online")
for step in range(3000):
    run.log({"loss": 1 / (step + 1)})
    time.sleep(0.1)
"""


@pytest.fixture
def address(tmp_path: Path, missing: Callable[[str, str], NoReturn]) -> Iterator[str]:
    """A server with nothing on it."""
    static = Path(__file__).parents[2] / "rltrack" / "server" / "static" / "index.html"
    if not static.exists():
        missing("the dashboard's page", "Node.js 20 and install rltrack again")
    root = tmp_path / "server"
    with Background(root, port=0, app=create_hub(local(root, accounts=False))) as server:
        yield server.url


def test_the_button_ends_a_training_on_another_machine(
    page: Page, address: str, tmp_path: Path
) -> None:
    """Which shares nothing with the server but the network."""
    environment = {
        **os.environ,
        "RLTRACK_DIR": str(tmp_path / "machine"),
        "RLTRACK_SERVER": address,
        "RLTRACK_API_KEY": "none",
    }
    training = subprocess.Popen(
        [sys.executable, "-c", _TRAINING], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        end = time.monotonic() + 60
        while not list((tmp_path / "server").glob("*walk/far/run.json")):
            assert training.poll() is None
            assert time.monotonic() < end, "nothing has come"
            time.sleep(0.1)
        page.goto(f"{address}/p/lab%2Fwalk/r/far")
        page.get_by_test_id("stop").click()
        page.get_by_role("button", name="Stop it for good?").click()
        _, told = training.communicate(timeout=60)
    finally:
        training.kill()
        training.communicate()
    assert training.returncode != 0, told
    expect(page.get_by_test_id("stop")).to_have_count(0)
