"""What became of the files that rows refer to."""

from __future__ import annotations

from pathlib import Path

import pytest

from rltrack.folder import RunFolder
from rltrack.journal.records import Finished, Json, MediaStored, Row
from rltrack.journal.writer import JournalWriter
from rltrack.store.media import MediaItem, file_inside, media_of
from rltrack.store.run import RunReader


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "p" / "r")
    (run.media / "videos").mkdir(parents=True)
    return run


def reference(path: str, **facts: Json) -> dict[str, Json]:
    return {"_type": "video-file", "path": path, **facts}


def items(folder: RunFolder) -> list[MediaItem]:
    reader = RunReader(folder)
    reader.refresh()
    return media_of(reader)


def test_a_file_is_pending_then_ready_or_failed_and_lost_if_nobody_wrote_it(
    folder: RunFolder,
) -> None:
    """A page shows a video as soon as it is whole, and says so when it never will be."""
    writer = JournalWriter(folder.journal)
    values: dict[str, Json] = {
        name: reference(f"videos/{name}.mp4", fps=30.0)
        for name in ("ready", "early", "failed", "none")
    }
    writer.write(Row(4, 1_000_000_000, {**values, "global_step": 2048}))
    writer.write(MediaStored(2, "videos/ready.mp4", {"bytes": 3, "fps": 25.0}))
    writer.write(MediaStored(2, "videos/failed.mp4", error="no codec"))
    for name in ("ready", "early"):  # a file is there a moment before its record
        (folder.media / "videos" / f"{name}.mp4").write_bytes(b"abc")

    states = {item.key: item.state for item in items(folder)}
    assert states == {"ready": "ready", "early": "ready", "failed": "failed", "none": "pending"}
    ready = next(item for item in items(folder) if item.key == "ready")
    assert (ready.kind, ready.step, ready.global_step, ready.time) == ("videos", 4, 2048.0, 1.0)
    assert ready.facts == {"fps": 25.0, "bytes": 3}
    assert next(item.error for item in items(folder) if item.key == "failed") == "no codec"

    writer.write(Finished(3, "finished", 0))
    writer.close()
    (folder.media / "videos" / "ready.mp4").unlink()
    states = {item.key: item.state for item in items(folder)}
    assert states == {"ready": "lost", "early": "ready", "failed": "failed", "none": "lost"}


def test_lists_of_files_are_many_items_in_the_order_of_rows(folder: RunFolder) -> None:
    """Several videos may be one value."""
    writer = JournalWriter(folder.journal)
    writer.write(Row(1, 1, {"b": [reference("videos/1.mp4"), reference("videos/2.mp4")]}))
    writer.write(
        Row(0, 2, {"b": reference("videos/0.mp4"), "a": "text", "c": {"_type": "histogram"}})
    )
    writer.close()

    assert [item.path for item in items(folder)] == [f"videos/{n}.mp4" for n in range(3)]


def test_a_timestep_that_was_logged_elsewhere_is_found_by_step(folder: RunFolder) -> None:
    """A video has its place on the axis that the curves have."""
    writer = JournalWriter(folder.journal)
    writer.write(Row(0, 1, {"video": reference("videos/0.mp4")}))
    writer.write(Row(5, 2, {"global_step": 500}))
    writer.write(Row(7, 3, {"video": reference("videos/7.mp4")}))
    writer.close()

    assert [item.global_step for item in items(folder)] == [None, 500.0]


@pytest.mark.parametrize(
    "path",
    ["../secret", "/etc/passwd", "videos/../../secret", "link", "videos", "", "a\0b", "x" * 5000],
)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    """Nor to a folder, nor through a link."""
    inside = tmp_path / "media"
    (inside / "videos").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (inside / "link").symlink_to(tmp_path / "secret")

    assert file_inside(inside, path) is None
