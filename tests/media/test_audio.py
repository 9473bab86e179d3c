"""A logged sound is the sound: its samples, its rate, its channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from rltrack.errors import MediaError
from rltrack.media.audio import Audio


def tone(length: int = 400, channels: int = 2) -> Any:
    turns = np.linspace(0, 20, length)[:, None] * np.arange(1, channels + 1)
    return np.sin(turns) * 0.9


def read_back(audio: Audio, folder: Path) -> tuple[Any, int]:
    path = folder / "sound.wav"
    audio.encode(path)
    samples, rate = soundfile.read(path, always_2d=True)
    return samples, rate


@given(
    length=st.integers(9, 500),
    channels=st.integers(1, 8),
    rate=st.sampled_from([8000, 16000, 44100]),
    first=st.booleans(),
    dtype=st.sampled_from(["float32", "float64", "int16", "int32"]),
)
def test_samples_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    length: int,
    channels: int,
    rate: int,
    first: bool,
    dtype: str,
) -> None:
    sound = tone(length, channels)
    scale = 1 if dtype.startswith("float") else np.iinfo(dtype).max
    data = (sound * scale).astype(dtype)
    audio = Audio(data.T if first else data, sample_rate=rate)

    samples, read_rate = read_back(audio, tmp_path_factory.mktemp("sound"))

    assert read_rate == rate
    assert samples.shape == sound.shape
    assert np.abs(samples - sound).max() < 1e-4
    assert audio.facts()["duration_s"] == length / rate


def test_a_tensor_of_one_channel_is_a_sound(tmp_path: Path) -> None:
    samples, _ = read_back(Audio(torch.from_numpy(tone(channels=1)[:, 0]), 8000), tmp_path)

    assert samples.shape == (400, 1)


def test_what_is_not_finite_is_silent_and_counted(tmp_path: Path) -> None:
    """A generator that has diverged must not end its training here."""
    found = Audio(np.array([0.5, np.nan, np.inf, 3.0]), 8000).encode(tmp_path / "a.wav")

    assert (found["not_finite"], found["clipped"]) == (2, 1)
    samples, _ = soundfile.read(tmp_path / "a.wav")
    assert samples == pytest.approx([0.5, 0, 0, 1], abs=1e-4)


def test_a_file_is_stored_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(), 8000)
    audio = Audio(path, caption="as it was")

    found = audio.encode(tmp_path / "b.flac")

    assert (tmp_path / "b.flac").read_bytes() == path.read_bytes()
    assert found == {"sample_rate": 8000, "channels": 2, "duration_s": 0.05}
    assert audio.facts() == {"format": "flac", "caption": "as it was"}


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (np.zeros(5), {}, "samples need their rate"),
        (np.zeros(5), {"sample_rate": 0}, "samples need their rate"),
        (np.zeros((4, 4)), {"sample_rate": 8}, "both axes could be the channels"),
        (np.zeros((40, 40)), {"sample_rate": 8}, "no axis could be the channels"),
        (np.zeros(0), {"sample_rate": 8}, "the shape is"),
        (np.zeros((1, 2, 3)), {"sample_rate": 8}, "the shape is"),
        (np.zeros(4, bool), {"sample_rate": 8}, "these are bool"),
        ("missing.wav", {}, "cannot be read"),
        ("notes.txt", {}, "must end in one of"),
    ],
)
def test_what_is_no_sound_is_refused_at_the_call(data: Any, options: Any, says: str) -> None:
    with pytest.raises(MediaError, match=says):
        Audio(data, **options)
