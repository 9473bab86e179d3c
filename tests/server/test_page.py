"""The built page: what comes with it, and how it is sent."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rltrack.server.page import page_answer


@pytest.fixture
def static(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "assets" / "index-1.js").write_text("run();\n" * 500)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("p/cartpole", "</api/projects/cartpole/runs>; rel=preload; as=fetch; crossorigin"),
        (
            "p/my (own) é",
            "</api/projects/my%20(own)%20%C3%A9/runs>; rel=preload; as=fetch; crossorigin",
        ),
        ("p/cartpole/r/one", None),
        ("", None),
    ],
)
def test_the_runs_of_a_project_are_fetched_with_its_page(
    static: Path, path: str, link: str | None
) -> None:
    """Under the address that the page's script writes; a browser would fetch another one twice."""
    assert page_answer(static, path).headers.get("link") == link


def test_scripts_are_compressed_for_those_far_away(static: Path) -> None:
    """And stay as they are otherwise."""
    answer = page_answer(static, "assets/index-1.js", compressed=True)
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(answer.body)) == (static / "assets" / "index-1.js").read_bytes()
    assert "content-encoding" not in page_answer(static, "assets/index-1.js").headers
