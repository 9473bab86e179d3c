"""A logged video is the video: every frame, at its rate, in its size and its colours."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rltrack
from rltrack.errors import MediaError
from rltrack.journal.reader import Entry, JournalReader
from rltrack.journal.records import MediaStored, Row
from rltrack.media.video import Video

Pixels = npt.NDArray[np.uint8]


def clip(frames: int = 12, height: int = 40, width: int = 64, channels: int = 3) -> Pixels:
    """A clip of which each frame, each side and each channel differs."""
    pixels = np.zeros((frames, height, width, channels), np.uint8)
    pixels[:, :, : width // 2, 0] = 220
    if channels > 1:
        pixels[:, : height // 2, :, 1] = 180
        pixels[..., 2] = np.linspace(0, 240, frames, dtype=np.uint8)[:, None, None]
    if channels == 4:
        pixels[..., 3] = 255
    return pixels


def read_back(path: Path) -> tuple[Pixels, float]:
    """Frames as RGB, and the rate, decoded by ffmpeg."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(path)]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-"]
    done = subprocess.run([*command, *raw], capture_output=True, check=True)
    stream = re.search(rb"Video: h264.*, yuv420p.*, (\d+)x(\d+).*, ([\d.]+) fps", done.stderr)
    assert stream is not None, done.stderr
    width, height = int(stream[1]), int(stream[2])
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3), float(stream[3])


def encoded(video: Video, folder: Path) -> tuple[Pixels, float]:
    path = folder / "video.mp4"
    video.encode(path)
    return read_back(path)


def assert_alike(read: Pixels, expected: Pixels) -> None:
    """Equal within what a lossy codec with halved colour planes changes."""
    assert read.shape == expected.shape
    assert np.abs(read.astype(int) - expected.astype(int)).mean() < 6


def test_every_frame_comes_back_at_its_rate_in_its_colours(tmp_path: Path) -> None:
    """A lost first or last frame, or wrong colours, misleads whoever judges a policy by it."""
    pixels = clip()

    read, fps = encoded(Video(pixels, fps=25), tmp_path)

    assert fps == 25
    assert_alike(read, pixels)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (clip().transpose(0, 3, 1, 2), "channels first, as torch and W&B have them"),
        (list(clip()), "a list of frames"),
        ([torch.from_numpy(frame) for frame in clip()], "a list of tensors"),
        (torch.from_numpy(clip()), "a tensor"),
        (clip().astype(np.float32) / 255, "floats in [0, 1]"),
        (torch.from_numpy(clip().astype(np.float64) / 255), "a float tensor"),
        (clip().astype(np.int64), "integers"),
        (clip(channels=4), "with alpha"),
        (clip()[None].transpose(0, 1, 4, 2, 3), "a batch of one, as SB3's Video has it"),
        (np.asfortranarray(clip()), "not in row order"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_form_of_the_same_frames_is_the_same_video(
    tmp_path: Path, data: Any, what: str
) -> None:
    """Users hold frames in many forms, and none of them must come out garbled or black."""
    read, _ = encoded(Video(data), tmp_path)

    assert_alike(read, clip())


def test_gray_frames_stay_gray(tmp_path: Path) -> None:
    """Atari wrappers give one channel."""
    read, _ = encoded(Video(clip(channels=1)), tmp_path)

    assert_alike(read, np.repeat(clip(channels=1), 3, axis=3))


def test_odd_sizes_are_padded_and_not_cut(tmp_path: Path) -> None:
    """H.264 wants even sizes; Atari is 210 high, but many envs are odd."""
    pixels = clip(height=41, width=63)

    read, _ = encoded(Video(pixels), tmp_path)

    assert read.shape[1:3] == (42, 64)
    assert_alike(read[:, :41, :63], pixels)


def test_a_batch_is_shown_side_by_side(tmp_path: Path) -> None:
    """W&B's (B, T, C, H, W) is one video of B clips."""
    clips = np.stack([clip(), clip()[:, ::-1], clip()[:, :, ::-1]])

    read, _ = encoded(Video(clips), tmp_path)

    assert read.shape == (12, 80, 128, 3)
    assert_alike(read[:, :40, 64:], clips[1])
    assert read[:, 40:, 64:].mean() < 6, "the free place is black"


def test_w_and_b_s_positional_order_holds() -> None:
    """Old scripts say Video(frames, "caption", 10, "gif")."""
    facts = rltrack.Video(clip(), "a walk", 10, "gif").facts()

    size = {"frames": 12, "width": 64, "height": 40}
    assert facts == {
        **size,
        "format": "gif",
        "caption": "a walk",
        "fps": 10.0,
        "layout": "THWC",
    }


def test_thirty_frames_a_second_when_nobody_knows() -> None:
    """A second of a gymnasium env is 30 to 50 frames; W&B's 4 makes every policy look lame."""
    assert Video(clip()).facts()["fps"] == 30.0


def test_the_data_is_copied_at_once(tmp_path: Path) -> None:
    """Envs render into one buffer, again and again."""
    buffer = clip()
    video = Video(buffer)
    buffer[:] = 0

    read, _ = encoded(video, tmp_path)

    assert_alike(read, clip())


def test_frames_that_the_caller_gives_up_are_not_copied(tmp_path: Path) -> None:
    """A minute of video is a gigabyte."""
    frames = list(clip())
    video = Video.taking_over(frames, "given up", 25)
    frames[0][:] = 0  # which a caller must not do, but it shows that nothing was copied

    read, fps = encoded(video, tmp_path)

    assert fps == 25
    assert video.size_bytes == clip().nbytes
    assert read[0].mean() < 6
    assert_alike(read[1:], clip()[1:])


@pytest.mark.parametrize(
    "frames",
    [
        [np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)],
        [np.zeros((8, 8, 3), np.float32)],
        [np.zeros((8, 16, 3), np.uint8)[:, ::2]],
        [],
    ],
)
def test_frames_that_are_given_up_must_be_ready(frames: Any) -> None:
    """To convert them would be a copy."""
    with pytest.raises(MediaError):
        Video.taking_over(frames)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (np.zeros((40, 64, 3), np.uint8), r"\(40, 64, 3\), and 4 axes are asked for"),
        (np.zeros((5, 40, 64, 2), np.uint8), "no axis holds 1, 3 or 4"),
        (np.zeros((5, 3, 40, 3), np.uint8), "both axes 1 and 3"),
        (np.zeros((0, 40, 64, 3), np.uint8), "holds no pixel"),
        ([], "holds no frame"),
        ([np.zeros((4, 4, 3)), np.zeros((5, 4, 3))], "different shapes"),
        (np.full((5, 8, 8, 3), -1), r"must lie in \[0, 255\]"),
        (np.full((5, 8, 8, 3), "a"), "pixels are numbers"),
    ],
)
def test_what_is_no_video_is_refused_with_its_axes(data: Any, says: str) -> None:
    """W&B takes some of these and shows noise or black; the call is where it can be mended."""
    with pytest.raises(MediaError, match=says):
        Video(data)


def test_a_rate_that_is_none_is_refused() -> None:
    """The encoder would say so much later, on the worker."""
    with pytest.raises(MediaError, match="fps=0"):
        Video(clip(), fps=0)


def test_a_file_is_stored_byte_for_byte(tmp_path: Path) -> None:
    """To encode it again would cost time and quality."""
    original = tmp_path / "recorded.mp4"
    Video(clip(), fps=25).encode(original)
    content = original.read_bytes()

    video = Video(original, caption="recorded")
    original.unlink()  # recorders clean up after themselves
    facts = video.encode(tmp_path / "stored.mp4")

    assert (tmp_path / "stored.mp4").read_bytes() == content
    assert facts == {"fps": 25.0, "frames": 12, "width": 64, "height": 40}
    assert video.facts() == {"format": "mp4", "caption": "recorded"}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.mp4", None, "No such file"),
        ("notes.txt", b"text", "must end in one of mp4"),
        ("open.mp4", b"", "is its writer not closed yet"),
    ],
)
def test_what_is_no_video_file_is_refused(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    """The call is where a wrong path can be mended."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=says):
        Video(tmp_path / name)


def test_ffmpeg_s_complaint_is_the_error(tmp_path: Path) -> None:
    """A bare "broken pipe" helps nobody."""
    with pytest.raises(MediaError, match=r"ffmpeg ended with .*No such file or directory"):
        Video(clip(frames=200, height=200, width=200)).encode(tmp_path / "nowhere" / "v.mp4")


def test_a_run_stores_a_logged_video(tmp_path: Path) -> None:
    """From log() to the file that the row names."""
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"eval/video": rltrack.Video(clip(), fps=25), "eval/return": 7.5}, step=20480)
    assert run.folder is not None

    records = [
        item.record if isinstance(item, Entry) else next(item.rows())
        for item in JournalReader(run.folder / "journal").poll(final=True)
    ]
    [row] = [record for record in records if isinstance(record, Row)]
    [stored] = [record for record in records if isinstance(record, MediaStored)]
    reference = row.values["eval/video"]
    assert isinstance(reference, dict)
    assert reference["path"] == stored.path
    assert reference["_type"] == "video-file"
    assert stored.error is None
    assert stored.facts["frames"] == 12
    assert_alike(read_back(run.folder / "media" / stored.path)[0], clip())


# -- read by another library -------------------------------------------------------------------


def read_by_av(path: Path) -> tuple[Pixels, float, float]:
    """Frames, rate and duration in seconds."""
    opened: Any = av.open(str(path))
    with opened as file:
        stream = file.streams.video[0]
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(stream)])
        return frames, float(stream.average_rate), file.duration / 1e6


@given(
    frames=st.integers(1, 9),
    height=st.integers(5, 40),
    width=st.integers(5, 40),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from(["uint8", "bool", "int32", "float16", "float32", "float64"]),
    layout=st.sampled_from(["THWC", "TCHW", "BTHWC", "BTCHW"]),
    fps=st.sampled_from([1, 4, 12.5, 30, 60]),
    as_list=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_frames_of_any_layout_type_and_rate_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    frames: int,
    height: int,
    width: int,
    channels: int,
    dtype: str,
    layout: str,
    fps: float,
    as_list: bool,
) -> None:
    """As many as there were, of their size, at their rate: read by PyAV, which is not ours."""
    data = (np.arange(frames)[:, None, None, None] % 2) * np.ones((1, height, width, channels))
    data = data.astype(dtype) if dtype in ("bool", "uint8") else (data * 0.5).astype(dtype)
    if dtype == "uint8":
        data = data * np.uint8(200)
    given_as = data if layout.endswith("HWC") else data.transpose(0, 3, 1, 2)
    if layout.startswith("B"):
        given_as = np.stack([given_as, given_as])
    elif as_list:
        given_as = list(given_as)  # type: ignore[assignment]
    video = Video(given_as, fps=fps, axes=layout)
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    facts = video.encode(path)

    read, rate, duration = read_by_av(path)

    columns = 2 * width if layout.startswith("B") else width
    assert read.shape == (frames, height + height % 2, columns + columns % 2, 3)
    assert rate == pytest.approx(fps)
    assert duration == pytest.approx(frames / fps, rel=0.01, abs=0.01)
    assert (facts["frames"], facts["width"], facts["height"]) == (frames, columns, height)
    assert video.facts()["layout"] == layout
    lit = {"uint8": 200, "bool": 255, "int32": 0}.get(dtype, 128)
    means = read[:, :height, :columns].reshape(frames, -1).mean(axis=1)
    assert means == pytest.approx([lit * (at % 2) for at in range(frames)], abs=12)


@pytest.mark.parametrize(("format", "codec"), [("gif", "gif"), ("webm", "vp9"), ("ogg", "vp9")])
def test_other_formats_are_written_on_request(tmp_path: Path, format: str, codec: str) -> None:
    video = Video(clip(), fps=10, format=format)
    path = tmp_path / f"video.{video.extension}"
    video.encode(path)

    read, rate, _ = read_by_av(path)

    with av.open(str(path)) as file:
        assert file.streams.video[0].codec_context.name.removeprefix("lib") == codec
    assert rate == pytest.approx(10, rel=0.01)
    assert_alike(read, clip())


def test_what_is_not_finite_is_drawn_and_counted(tmp_path: Path) -> None:
    """A world model that has diverged must not end its training here."""
    frames = np.full((4, 16, 16, 3), 0.5)
    frames[1] = np.nan

    facts = Video(frames).encode(tmp_path / "video.mp4")

    assert (facts["not_finite"], facts["scaled_from"]) == (16 * 16 * 3, [0, 1])


def test_a_list_of_gray_frames_needs_no_axes(tmp_path: Path) -> None:
    read, _ = encoded(Video([frame[..., 0] for frame in clip(channels=1)]), tmp_path)

    assert_alike(read, np.repeat(clip(channels=1), 3, axis=3))
