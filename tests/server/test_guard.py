"""Who is answered, and what a page may do."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

import rltrack
from rltrack.server.app import create_app
from rltrack.server.run import Background


def ask(app: Starlette, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """One request, to a server that listens nowhere."""

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(answer())


@pytest.mark.parametrize(
    ("host", "name", "status"),
    [
        ("127.0.0.1", "127.0.0.1:7777", 200),
        ("127.0.0.1", "localhost", 200),
        ("127.0.0.1", "LOCALHOST:7777", 200),
        ("127.0.0.1", "[::1]:7777", 200),
        ("127.0.0.1", "evil.example", 421),
        ("127.0.0.1", "localhost.evil.example", 421),
        ("127.0.0.1", "192.168.0.7", 421),
        ("127.0.0.1", "", 421),
        ("trainer", "trainer:7777", 200),
        ("trainer", "evil.example", 421),
        ("0.0.0.0", "192.168.0.7:7777", 200),
        ("0.0.0.0", "[fe80::1]:7777", 200),
        ("0.0.0.0", "evil.example", 421),
    ],
)
def test_only_names_of_this_machine_are_answered(
    tmp_path: Path, host: str, name: str, status: int
) -> None:
    """A foreign page can give its own name our address, and would read every run."""
    answer = ask(create_app(tmp_path, host=host), "/api/meta", headers={"host": name})

    assert answer.status_code == status
    if status != 200:
        assert "--host" in answer.json()["hint"]


def test_every_answer_has_the_policy(client: httpx.Client) -> None:
    """Nothing is loaded from elsewhere, nothing framed, no type guessed; errors too."""
    for path in ("/", "/api/meta", "/api/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe-eval" not in policy
        assert headers["x-content-type-options"] == "nosniff"


# -- the page ------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path) -> Starlette:
    """A server with a page that was built."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>the page")
    (static / "theme.js").write_text("theme")
    (static / "assets" / "index-abc123.js").write_text("script")
    (tmp_path / "secret").write_text("secret")
    return create_app(tmp_path, static=static)


@pytest.mark.parametrize("path", ["/", "/p/cartpole", "/p/a%20b/r/x", "/index.html"])
def test_all_addresses_of_the_page_are_the_page(page: Starlette, path: str) -> None:
    """And it is asked for again each time, so that a new build is seen."""
    answer = ask(page, path)

    assert answer.text == "<!doctype html>the page"
    assert answer.headers["cache-control"] == "no-cache"


def test_files_of_the_page_are_kept_as_long_as_they_are_true(page: Starlette) -> None:
    """For ever if their name holds a digest of what is in them."""
    script, theme = ask(page, "/assets/index-abc123.js"), ask(page, "/theme.js")

    assert script.text == "script"
    assert "immutable" in script.headers["cache-control"]
    assert "javascript" in script.headers["content-type"]
    assert theme.headers["cache-control"] == "no-cache"
    assert ask(page, "/assets/index-older.js").status_code == 404
    assert "secret" not in ask(page, "/..%2Fsecret").text


def test_without_a_build_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    """A clone without Node serves the data all the same."""
    app = create_app(tmp_path, static=tmp_path / "none")

    assert "npm ci" in ask(app, "/").text
    assert "npm run build" in ask(app, "/").text
    assert ask(app, "/api/projects").json() == {"projects": []}


# -- starting and stopping -----------------------------------------------------------------------


def test_a_port_that_is_taken_is_told_and_the_next_is_used(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A second dashboard needs no thought."""
    with Background(root, port=0) as first:
        port = int(first.url.rpartition(":")[2])
        with Background(root, port=port) as second:
            assert second.url != first.url
            for server in (first, second):
                assert httpx.get(f"{server.url}/api/meta").json()["root"] == str(root)
    assert f"port {port} is taken; using " in capfd.readouterr().err


def test_an_address_that_is_not_of_this_machine_is_told(root: Path) -> None:
    """With what to choose instead."""
    with pytest.raises(rltrack.UsageError, match=r"cannot listen on 192\.0\.2\.1 .*--host"):
        Background(root, host="192.0.2.1", port=0)


def test_a_server_in_the_foreground_ends_by_ctrl_c(root: Path) -> None:
    """As `rltrack ui` runs it, with a stream open."""
    import signal

    rltrack.init(project="p").finish()
    code = (
        "import sys, pathlib; from rltrack.server.run import serve; "
        "serve(pathlib.Path(sys.argv[1]), port=0, on_started=lambda url: print(url, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    url = process.stdout.readline().strip()
    with (
        httpx.Client(base_url=url) as client,
        client.stream("GET", "/api/projects/p/changes") as stream,
    ):
        lines = stream.iter_lines()
        next(lines)
        process.send_signal(signal.SIGINT)
        assert json.loads(next(lines).removeprefix("data: "))["runs"] == []
        list(lines)
    process.wait()
    errors = process.stderr.read()
    process.stdout.close()
    process.stderr.close()

    assert "Traceback" not in errors
    assert "ERROR" not in errors
