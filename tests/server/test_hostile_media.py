"""What users log is theirs, and a page that shows it runs none of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import rltrack

SCRIPT = "<script>fetch('/api/projects')</script>"


@pytest.fixture
def media(root: Path, client: httpx.Client) -> dict[str, Any]:
    """What the server tells of logged media, by key."""
    drawing = root.parent / "drawing.svg"
    drawing.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{SCRIPT}</svg>')
    (root.parent / "page.png").write_text(SCRIPT)
    with rltrack.init(project="p", id="a") as run:
        run.log(
            {
                "page": rltrack.Html(SCRIPT),
                "drawing": rltrack.Image(drawing),
                "disguised": rltrack.Image(root.parent / "page.png"),
                "note": rltrack.Markdown(SCRIPT),
                "../../../escaped": rltrack.Text(SCRIPT),
                "boxes": rltrack.Image(
                    np.zeros((4, 4), np.uint8),
                    masks={"m": {"mask_data": np.zeros((4, 4), int)}},
                    boxes={
                        "b": {
                            "box_data": [{"position": {"minX": 0, "maxX": 1, "minY": 0, "maxY": 1}}]
                        }
                    },
                ),
            }
        )
    told = client.get("/api/projects/p/runs/a").json()["media"]
    return {item["key"]: item for item in told}


@pytest.mark.parametrize("key", ["page", "drawing", "disguised", "note", "../../../escaped"])
def test_active_content_is_served_as_it_is_and_never_runs(
    client: httpx.Client, media: dict[str, Any], key: str
) -> None:
    """The sandbox takes scripts, forms and the origin from a page; nothing is guessed from bytes."""
    answer = client.get(media[key]["url"])

    assert SCRIPT in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_key_leads_out_of_the_run(root: Path, media: dict[str, Any]) -> None:
    assert "/media/texts/" in media["../../../escaped"]["url"]
    assert not [path for path in root.parent.rglob("*escaped*") if "media" not in path.parts]


def test_a_picture_is_told_with_its_boxes_and_masks(
    client: httpx.Client, media: dict[str, Any]
) -> None:
    boxes, masks = media["boxes"]["boxes"], media["boxes"]["masks"]

    assert boxes["b"]["box_data"][0]["position"]["maxX"] == 1
    assert client.get(masks["m"]["url"]).headers["content-type"] == "image/png"
