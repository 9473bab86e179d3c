"""`Audio`: sound, of samples or from a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rltrack.errors import MediaError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import UserFile
from rltrack.media.pixels import copied

if TYPE_CHECKING:
    import numpy.typing as npt

FILE_FORMATS: Final = ("wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "aac", "aiff")
#: More than any loudspeakers are fed with; a longer axis is time.
_MAX_CHANNELS: Final = 8
#: How samples are kept in a WAV: those that fit 16 bits in 16, which every browser plays.
_SUBTYPES: Final = {"int16": "PCM_16", "int32": "PCM_32", "uint8": "PCM_U8"}


class Audio(Media):
    """A sound.

    Args:
        data_or_path: samples of shape (T,), (T, C) or (C, T), as floats in [-1, 1] or as int16 or
            int32; or the path of a file, which is stored as it is.
        sample_rate: samples a second. Samples need one; a file has its own.
        caption: shown below it.
        axes: ``TC`` or ``CT``, where the shape leaves both.

    Raises:
        MediaError: the data is no sound, or its axes can be read in two ways.
        MissingExtraError: soundfile is not installed.
    """

    immutable = True
    kind: ClassVar[str] = "audio"
    type_name: ClassVar[str] = "audio-file"

    def __init__(
        self,
        data_or_path: Any,
        sample_rate: int | None = None,
        caption: str | None = None,
        *,
        axes: str | None = None,
    ) -> None:
        self._caption = caption
        self._sample_rate = sample_rate
        if isinstance(data_or_path, (str, os.PathLike)):
            self._source: UserFile | npt.NDArray[Any] = UserFile(
                data_or_path, FILE_FORMATS, "Audio"
            )
            self.extension = self._source.format
            self.size_bytes = 0  # it stays on the disk until it is copied
            return
        if isinstance(sample_rate, bool) or not isinstance(sample_rate, int) or sample_rate < 1:
            raise MediaError(
                f"Audio(sample_rate={sample_rate!r}): samples need their rate, an integer above 0"
            )
        require("soundfile", extra="media")
        try:
            samples = copied(data_or_path)
        except MediaError as why:
            raise MediaError(f"Audio: {why}") from None
        self._source = _time_first(samples, axes)
        self.extension = "wav"
        self.size_bytes = samples.nbytes

    def facts(self) -> dict[str, Json]:
        """Caption, and of samples their rate, channels and duration."""
        facts: dict[str, Json] = {"format": self.extension}
        if self._caption is not None:
            facts["caption"] = self._caption
        if not isinstance(self._source, UserFile):
            assert self._sample_rate is not None
            length, channels = self._source.shape
            facts |= {"sample_rate": self._sample_rate, "channels": channels}
            facts["duration_s"] = length / self._sample_rate
        return facts

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file; what soundfile reads of it.

        Raises:
            OSError: the file cannot be written.
        """
        if isinstance(self._source, UserFile):
            self._source.copy_to(path)
            return _read_facts(path)
        soundfile = require("soundfile", extra="media")
        samples, told = _playable(self._source)
        subtype = _SUBTYPES.get(samples.dtype.name, "PCM_16")
        soundfile.write(str(path), samples, self._sample_rate, subtype=subtype, format="WAV")
        return {**_read_facts(path), **told}


def _time_first(samples: npt.NDArray[Any], axes: str | None) -> npt.NDArray[Any]:
    """The samples as (T, C); a view."""
    if axes not in (None, "TC", "CT"):
        raise MediaError(f"Audio(axes={axes!r}): there are 'TC' and 'CT'")
    if samples.dtype.name not in (*_SUBTYPES, "float16", "float32", "float64"):
        raise MediaError(
            f"Audio: samples are floats in [-1, 1], int16 or int32, and these are {samples.dtype}"
        )
    if samples.ndim == 1:
        samples, axes = samples[:, None], "TC"
    if samples.ndim != 2 or not samples.size:
        raise MediaError(
            f"Audio: the shape is {samples.shape}; (T,), (T, C) or (C, T) is asked for"
        )
    if axes is None:
        fits = [length <= _MAX_CHANNELS for length in samples.shape]
        if fits[0] == fits[1]:
            found = "both axes" if fits[0] else "no axis"
            raise MediaError(
                f"Audio: the shape is {samples.shape}, and {found} could be the channels; "
                "say which by axes='TC' or axes='CT'"
            )
        axes = "CT" if fits[0] else "TC"
    return samples if axes == "TC" else samples.T


def _playable(samples: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], dict[str, Json]]:
    """Samples that a WAV takes: what is not finite is silence, what is too loud is cut."""
    import numpy as np

    if samples.dtype == np.uint8:  # 8 bits are unsigned in a WAV, and not in soundfile
        return (samples.astype(np.int16) - 128) * np.int16(256), {}
    if samples.dtype.kind != "f":
        return samples, {}
    told: dict[str, Json] = {}
    finite = np.isfinite(samples)
    if not finite.all():
        told["not_finite"] = int(samples.size - np.count_nonzero(finite))
        samples = np.where(finite, samples, 0.0)
    if clipped := int(np.count_nonzero(np.abs(samples) > 1.0)):
        told["clipped"] = clipped
    return samples.clip(-1.0, 1.0).astype(np.float32), told


def _read_facts(path: Path) -> dict[str, Json]:
    """What soundfile reads of a file; nothing where it cannot, or is not there."""
    try:
        found = require("soundfile", extra="media").info(str(path))
    except Exception:  # a format that libsndfile does not know: stored as it is
        return {}
    return {
        "sample_rate": found.samplerate,
        "channels": found.channels,
        "duration_s": found.frames / found.samplerate,
    }
