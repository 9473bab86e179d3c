"""What was logged comes back as what it is, also from a run that goes on or was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rltrack
from rltrack.errors import MediaError, NotFoundError, UsageError
from rltrack.store.media import media_of

pytest.importorskip("pandas")


def photo(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def log(root: Path, **values: Any) -> rltrack.Run:
    with rltrack.init(project="p", dir=root, settings={"silent": True}) as run:
        run.log(values)
    return run


def first_row(root: Path, run: rltrack.Run) -> dict[str, Any]:
    [row] = rltrack.Api(root).run(run.path).history(pandas=False)
    return row


def test_media_come_back_as_objects_that_open_when_asked(tmp_path: Path) -> None:
    pixels = photo(8, 9, 3)
    clip = np.repeat(photo(6, 1, 1, 3), 32, axis=1).repeat(48, axis=2)
    tone = np.sin(np.arange(800) / 9)
    mask = np.arange(72).reshape(8, 9)
    run = log(
        tmp_path,
        image=rltrack.Image(pixels, caption="obs", masks={"m": {"mask_data": mask}}),
        video=rltrack.Video(clip, fps=12),
        sound=rltrack.Audio(tone, 8000),
        points=rltrack.Object3D([[1, 2, 3]]),
        note=rltrack.Markdown("# é"),
        graph=rltrack.Graph({"nodes": [{"name": "a"}]}),
    )
    row = first_row(tmp_path, run)

    image = row["image"]
    assert np.array_equal(image.numpy(), pixels)
    assert image.image.size == (9, 8)
    assert np.array_equal(image.masks()["m"].numpy(), mask)
    assert (image.state, image.error, image.caption) == ("ready", None, "obs")
    assert image["_type"] == "image-file"
    assert image["size"] == image.path.stat().st_size
    assert len(image["sha256"]) == 64
    assert image["layout"] == "HWC"
    frames = row["video"].numpy()
    assert frames.shape == clip.shape
    assert np.abs(frames.astype(int) - clip).mean() < 6
    assert (row["video"]["fps"], row["video"]["frames"]) == (12, 6)
    assert np.abs(row["sound"].numpy()[:, 0] - tone).max() < 1e-4
    assert row["points"].numpy().tolist() == [[1, 2, 3]]
    assert row["note"].text() == "# é"
    assert row["graph"].json()["nodes"] == [{"name": "a"}]
    with image.open() as file:
        assert file.read(4) == b"\x89PNG"


def test_a_data_frame_holds_them_too(tmp_path: Path) -> None:
    run = log(tmp_path, image=rltrack.Image(photo(4, 4)), loss=0.5)

    frame = rltrack.Api(tmp_path).run(run.path).history()

    assert np.array_equal(frame["image"][0].numpy(), photo(4, 4))


def test_a_list_comes_back_as_one_with_w_and_b_s_names(tmp_path: Path) -> None:
    run = log(tmp_path, frames=[rltrack.Image(photo(4, 5), caption=f"{at}") for at in range(3)])

    group = first_row(tmp_path, run)["frames"]

    assert [item.caption for item in group] == group["captions"] == ["0", "1", "2"]
    assert (group["_type"], group["count"], group["width"]) == ("images/separated", 3, 5)
    assert np.array_equal(group[2].numpy(), photo(4, 5))


def test_the_summary_may_hold_media(tmp_path: Path) -> None:
    """The best film of a training is what it amounts to."""
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.summary["best"] = rltrack.Image(photo(4, 5), caption="best")
        with pytest.raises(TypeError):
            run.summary["odd"] = object()
    assert run.folder is not None

    best = rltrack.Api(tmp_path).run(run.path).summary["best"]
    assert (best["_type"], best["caption"]) == ("image-file", "best")
    assert (run.folder / "media" / best["path"]).is_file()


def test_files_are_copied_on_request(tmp_path: Path) -> None:
    run = log(tmp_path, image=rltrack.Image(photo(4, 5)))
    image = first_row(tmp_path, run)["image"]

    copy = image.download(tmp_path / "copies")

    assert copy.read_bytes() == image.path.read_bytes()
    assert [file.name for file in rltrack.Api(tmp_path).run(run.path).files(pattern="media/*")] == [
        copy.relative_to(tmp_path / "copies").as_posix()
    ]
    with pytest.raises(UsageError, match="there already"):
        image.download(tmp_path / "copies")


def test_a_failed_one_marks_its_entry_and_nothing_else(tmp_path: Path) -> None:
    """A JPEG may have no more than 65500 rows; nobody knows before it is written."""
    run = log(
        tmp_path,
        bad=rltrack.Image(np.zeros((70_000, 1), np.uint8), file_type="jpg"),
        good=rltrack.Image(photo(4, 4)),
        loss=0.5,
    )
    row = first_row(tmp_path, run)

    assert (row["bad"].state, row["good"].state, row["loss"]) == ("failed", "ready", 0.5)
    assert "broken data stream" in row["bad"].error
    with pytest.raises(NotFoundError, match="is failed"):
        row["bad"].numpy()
    assert rltrack.Api(tmp_path).run(run.path).state == "finished"


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("<svg><script>alert(1)</script></svg>")
    run = log(tmp_path, drawing=rltrack.Image(tmp_path / "a.svg"), page=rltrack.Html("<p>"))
    row = first_row(tmp_path, run)

    with pytest.raises(MediaError, match="cannot be opened as a picture"):
        row["drawing"].numpy()
    with pytest.raises(MediaError, match="is no picture"):
        row["page"].numpy()


def test_a_bomb_is_not_opened(tmp_path: Path) -> None:
    """Whoever reads a folder of others must not lose the memory to a file of a few bytes."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    run = log(tmp_path, bomb=rltrack.Image(tmp_path / "bomb.png"))

    with pytest.raises(MediaError, match="decompression bomb"):
        first_row(tmp_path, run)["bomb"].numpy()


def test_empty_everything_is_logged_or_refused_by_name(tmp_path: Path) -> None:
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"a": rltrack.Html(""), "b": rltrack.Text(""), "c": rltrack.Histogram([])})
        run.log({"d": rltrack.Object3D(np.empty((0, 3))), "e": [], "f": np.empty(0)})
        run.log({})
    assert len(rltrack.Api(tmp_path).run(run.path).history(pandas=False)) == 2
    makers: list[Any] = [
        *(rltrack.Image, rltrack.Video, rltrack.Plotly, rltrack.Bokeh, rltrack.Molecule),
    ]
    nothing: list[Any] = [None, [], {}, np.empty(0), ""]
    for make in makers:
        for empty in nothing:
            with pytest.raises(MediaError):
                make(empty)


@pytest.mark.skipif(not hasattr(os, "kill"), reason="needs SIGKILL")
def test_what_was_being_encoded_at_a_kill_is_lost_and_says_so(tmp_path: Path) -> None:
    """The row returned from log(), so it is there; the file never arrives, and no half of it does."""
    script = """
        import sys, time
        import numpy as np
        import rltrack

        frames = np.random.default_rng(0).integers(0, 256, (3000, 240, 320, 3), np.uint8)
        run = rltrack.init(project="p", id="killed", dir=sys.argv[1], settings={"silent": True})
        run.log({"eval/video": rltrack.Video(frames), "loss": 0.5})
        print("logged", flush=True)
        time.sleep(60)
    """
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(rltrack.__file__).parent.parent)},
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"logged\n"
        media = tmp_path / "p" / "killed" / "media"
        deadline = time.monotonic() + 60
        while not list(media.rglob(".*.part")) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(program.pid, signal.SIGKILL)

    run = rltrack.Api(tmp_path).run("p/killed")
    [row] = run.history(pandas=False)
    assert row["loss"] == 0.5
    assert row["eval/video"].state == "lost"
    assert row["eval/video"].error == "lost with the process that was to write it"
    assert not [path for path in media.rglob("*.mp4") if not path.name.startswith(".")]
    [item] = media_of(run._reader)
    assert item.error == "lost with the process that was to write it"
