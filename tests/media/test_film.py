"""A film is the same video, whether its frames were held or encoded while they came."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from rltrack.errors import MediaError
from rltrack.media.film import Film
from rltrack.media.video import read_frames

FRAMES = [np.full((32, 48, 3), 5 * n, np.uint8) for n in range(40)]
FRAME_BYTES = FRAMES[0].nbytes


@pytest.fixture(autouse=True)
def _no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def film_of(held_bytes: int) -> Film:
    film = Film(10.0, held_bytes=held_bytes)
    for frame in FRAMES:
        film.add(frame)
    return film


@pytest.mark.parametrize("held", [100, 39, 8, 0])
def test_it_shows_all_frames_in_their_order(tmp_path: Path, held: int) -> None:
    """However many of them may wait."""
    video = film_of(held * FRAME_BYTES).video("a caption")
    assert video is not None

    facts = video.encode(tmp_path / "film.mp4")

    before = video.facts()
    assert before["caption"] == "a caption"
    assert all(before[name] == facts[name] for name in ("fps", "frames", "width", "height"))
    assert (facts["frames"], facts["fps"], facts["width"], facts["height"]) == (40, 10.0, 48, 32)
    shades = read_frames(tmp_path / "film.mp4").mean(axis=(1, 2, 3))
    assert np.abs(shades - np.arange(0, 200, 5)).max() < 3
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("held", [100, 8])
def test_one_that_is_discarded_leaves_nothing(tmp_path: Path, held: int) -> None:
    film = film_of(held * FRAME_BYTES)
    film.discard()

    assert list(tmp_path.iterdir()) == []


def test_one_that_nobody_ends_leaves_nothing(tmp_path: Path) -> None:
    """An env that is dropped in the middle of an episode."""
    film = film_of(8 * FRAME_BYTES)
    assert len(list(tmp_path.iterdir())) == 1
    del film

    assert list(tmp_path.iterdir()) == []


def test_a_child_that_was_forked_meanwhile_does_not_keep_it_open(tmp_path: Path) -> None:
    """It has copies of all that we hold open, and lives on."""
    film = film_of(8 * FRAME_BYTES)
    to_wait, to_end = os.pipe()
    child = os.fork()
    if not child:
        os.close(to_end)
        os.read(to_wait, 1)
        os._exit(0)
    video = film.video(None)
    assert video is not None
    try:
        assert video.encode(tmp_path / "film.mp4")["frames"] == 40
    finally:
        os.close(to_end)
        os.close(to_wait)
        os.waitpid(child, 0)


def test_an_encoder_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho no space >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    film = Film(10.0, held_bytes=0)

    with pytest.raises(MediaError, match="ended with 3: no space"):  # noqa: PT012
        for _ in range(100):
            film.add(np.zeros((400, 600, 3), np.uint8))
    film.discard()

    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


def test_frames_are_of_one_size() -> None:
    film = film_of(8 * FRAME_BYTES)

    with pytest.raises(MediaError, match="a frame of shape"):
        film.add(np.zeros((8, 8, 3), np.uint8))
    film.discard()
