"""What the OpenAPI description allows is answered as it says, and what it forbids is refused.

By schemathesis, which reads the description and asks a real server, of each kind. Its seed is the
same each time; ``pytest tests/fuzz --hypothesis-profile=long`` takes another, and asks more.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis.core.result import Ok

import rltrack
from rltrack._credentials import Connection
from rltrack.folder import RunFolder
from rltrack.sweeps.folder import make_folder
from rltrack.sync.client import Client
from rltrack.sync.shipper import Shipper
from tests.hub.team import process_at

LONG = settings().max_examples > 100
#: What stands for the parts of paths: all of it is there.
PARTS = {"run": "r", "sweep": "s1", "name": "model", "version": "v0"}
#: Streams go on for ever.
STREAMS = "changes$"
SWEEP = "method: random\nparameters: {lr: {min: 0.1, max: 1.0}}\n"
#: Not asked: whether all is accepted that fits. Filters and the like are texts to JSON Schema.
LEFT_OUT = "positive_data_acceptance"
#: Values of which each is something else than most code thinks of.
STRANGE: list[Any] = [
    *(10**400, -(10**400), 2**63, 2**64, 1e308, 1e-320, -1, float("nan"), float("inf"), True, None),
    *(
        "\ud800",
        "\0",
        "a\0b",
        "../..",
        "%2F",
        "x" * 3000,
        '"',
        "(",
        "",
        [],
        {},
        [[]],
        {"a": [None]},
    ),
    *("r", "loss", "table", "model", "v0", "_step", "max(loss)", "-created_at"),
]


@dataclass
class Asked:
    """A server.

    Args:
        url: its address.
        project: of the run.
        headers: that open it.
    """

    url: str
    project: str
    headers: dict[str, str]


def recorded(root: Path) -> RunFolder:
    """A run with something of each kind that routes are about."""
    with rltrack.init(
        project="p", id="r", dir=str(root), config={"lr": 0.1}, settings={"silent": True}
    ) as run:
        for step in range(20):
            run.log({"loss": 1 / (step + 1), "grads": rltrack.Histogram([1.0, 2.0, step])})
            run.log({"episode/return": step, "episode/length": 3})
        run.log({"page": rltrack.Html("<b>x</b>"), "table": rltrack.Table(["a"], [[1], [2]])})
        artifact = rltrack.Artifact("model", "model")
        with artifact.new_file("weights") as file:
            file.write("1")
        run.log_artifact(artifact)
    assert run.run_folder is not None
    return run.run_folder


@pytest.fixture(scope="module", params=["dashboard", "team"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    root = tmp_path_factory.mktemp("root")
    if request.param == "team":
        run = recorded(tmp_path_factory.mktemp("elsewhere"))
        with process_at(root) as team:
            with Client(Connection(team.url, team.key("ann"))) as client:
                Shipper(run, client).send_what_is_there(patience_s=0)
            make_folder(root, "ann/p", SWEEP, "s1")
            headers = {"Authorization": f"Bearer {team.key('root1', 'admin')}"}
            yield Asked(team.url, "ann/p", headers)
        return
    recorded(root)
    make_folder(root, "p", SWEEP, "s1")
    command = [sys.executable, "-m", "rltrack", "ui", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"RLTRACK_DIR": str(root)}
    ) as process:
        assert process.stdout is not None
        yield Asked(process.stdout.readline().partition(" at ")[2].split()[0], "p", {})
        process.terminate()


def test_the_description_is_kept_to(server: Asked, tmp_path: Path) -> None:
    parts = PARTS | {"project": quote(server.project, safe="")}
    config = tmp_path / "schemathesis.toml"
    lines = [f'"path.{name}" = "{value}"' for name, value in parts.items()]
    config.write_text("\n".join(["[parameters]", *lines]))
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(config)),
        *("run", f"{server.url}/api/openapi.json", "--exclude-path-regex", STREAMS),
        *("--phases", "coverage,fuzzing", "--max-examples", "200" if LONG else "8"),
        *("--exclude-checks", LEFT_OUT, "--suppress-health-check", "all", "--no-color"),
        *(word for name, value in server.headers.items() for word in ("-H", f"{name}: {value}")),
        *(() if LONG else ("--seed", "1")),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_strange_value_is_no_fault_of_the_server(server: Asked) -> None:
    """In the place of any that fits: as deep in a body as it may be, or in the address."""
    described = schemathesis.openapi.from_url(
        f"{server.url}/api/openapi.json", headers=server.headers
    )
    faults: list[str] = []
    with httpx.Client(base_url=server.url, timeout=60, headers=server.headers) as client:
        for found in described.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            if not re.search(STREAMS, operation.path):
                ask_strangely(client, server.project, operation, faults)
    assert faults == []


def ask_strangely(client: httpx.Client, project: str, operation: Any, faults: list[str]) -> None:
    chance = random.Random(operation.path)

    @settings(
        max_examples=100 if LONG else 8,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @seed(1)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        path = case.path
        for name, value in (case.path_parameters or {}).items():
            value = {**PARTS, "project": project}.get(name, value)
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        query = dict(case.query or {})
        if query and chance.random() < 0.5:
            query[chance.choice(list(query))] = str(chance.choice(STRANGE)).replace("\ud800", "")
        sent: dict[str, Any] = {}
        if isinstance(case.body, bytes):
            sent = {"content": case.body}
        elif isinstance(case.body, dict):
            places = list(places_of(case.body))
            body = with_value(case.body, chance.choice(places), chance.choice(STRANGE))
            kind = {"content-type": "application/json"}
            sent = {"content": json.dumps(body).encode(), "headers": kind}
        answer = client.request(operation.method, path, params=query, **sent)
        if answer.status_code >= 500:
            faults.append(f"{operation.method} {path} {query} {sent}: {answer.text}"[:2000])

    ask()


def places_of(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield here
    inner = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else inner:
        yield from places_of(one, (*here, key))


def with_value(whole: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    whole = copy.deepcopy(whole)
    inner = whole
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return whole
