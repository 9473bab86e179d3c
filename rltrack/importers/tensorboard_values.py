"""What an event holds, as what a run can log: every plugin of TensorBoard's.

Writers say what a tag is for in the first of its values only, so a `Decoder` remembers that,
one for each folder. What it finds is one of

    Point     a value of a tag: a number, a text, a histogram, a picture, …
    Choices   hyperparameters, for the config
    Layout    how custom scalars are arranged, for the metadata
    LeftOut   what has no place in a run, to be told
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from rltrack.errors import MissingExtraError
from rltrack.extras import require
from rltrack.importers.tensorboard_events import AnyEvent, protocol
from rltrack.importers.tensorboard_tensors import array_of, obj_of, texts_of
from rltrack.journal.records import Json
from rltrack.media.encoded import (
    EncodedAudio,
    EncodedGraph,
    EncodedImage,
    EncodedVideo,
    is_animation,
)

if TYPE_CHECKING:
    import numpy.typing as npt

#: Tag of the graph, which has none of its own.
GRAPH_TAG: Final = "graph"
#: How tags begin that hold hyperparameters.
HPARAMS_PREFIX: Final = "_hparams_/"
_CURVE_ROWS: Final = (
    "true_positives",
    "false_positives",
    "true_negatives",
    "false_negatives",
    "precision",
    "recall",
)
_MESH_PARTS: Final = {1: "vertices", 2: "faces", 3: "colors"}


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a tag, as `Run.log_point` takes it."""

    tag: str
    value: Any


@dataclass(frozen=True, slots=True)
class Choices:
    """Hyperparameters by name."""

    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the custom scalars plugin arranges charts: protobuf's JSON form of it."""

    values: Json


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something without a place in a run."""

    tag: str
    why: str


Found: TypeAlias = "Point | Choices | Layout | LeftOut"


class Decoder:
    """Tells what the events of one folder hold."""

    def __init__(self) -> None:
        self._plugins: dict[str, tuple[str, bytes]] = {}

    def found_in(self, event: AnyEvent) -> Iterator[Found]:
        """All that `event` holds, in its order."""
        kind = event.WhichOneof("what")
        if kind == "summary":
            yield from self._of_summary(event.summary)
        elif kind in ("graph_def", "meta_graph_def"):
            data: bytes = getattr(event, kind)
            yield Point(GRAPH_TAG, EncodedGraph(data, "pb", {"format": kind.replace("_", "-")}))
        elif kind == "tagged_run_metadata":
            profile = event.tagged_run_metadata
            graph = EncodedGraph(profile.run_metadata, "pb", {"format": "run-metadata"})
            yield Point(f"{GRAPH_TAG}/{profile.tag}", graph)
        elif kind == "log_message":
            yield Point("log", event.log_message.message)

    def _of_summary(self, summary: Any) -> Iterator[Found]:
        meshes: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for value in summary.value:
            plugin, content = self._plugin(value)
            if plugin == "mesh":
                self._take_mesh(value, content, meshes)
            else:
                yield from _of_value(value, plugin, content)
        for tag, parts in meshes.items():
            yield (
                Point(tag, obj_of(**parts))
                if "vertices" in parts
                else LeftOut(tag, "a mesh without vertices")
            )

    def _plugin(self, value: Any) -> tuple[str, bytes]:
        """The plugin that the tag is for, and what was said to it."""
        if value.HasField("metadata"):
            data = value.metadata.plugin_data
            known = self._plugins.setdefault(value.tag, (data.plugin_name, data.content))
            # Of a restart's metadata the name counts as well; hyperparameters come in it alone.
            return (data.plugin_name, data.content) if data.content else known
        return self._plugins.get(value.tag, ("", b""))

    def _take_mesh(
        self, value: Any, content: bytes, meshes: dict[str, dict[str, npt.NDArray[Any]]]
    ) -> None:
        """Vertices, faces and colours come as three values of one summary."""
        facts = _message("mesh", "MeshPluginData", "plugin_mesh_pb2").FromString(content)
        part = _MESH_PARTS.get(facts.content_type)
        if part is not None:
            meshes.setdefault(facts.name or value.tag, {})[part] = array_of(value.tensor)


def _of_value(value: Any, plugin: str, content: bytes) -> Iterator[Found]:
    """What one value of a summary holds."""
    tag: str = value.tag or value.node_name
    kind = value.WhichOneof("value")
    if plugin == "hparams" or tag.startswith(HPARAMS_PREFIX):
        yield from _of_hparams(tag, content)
    elif kind == "simple_value":
        yield Point(tag, value.simple_value)
    elif kind == "histo":
        yield Point(tag, _of_histogram(value.histo))
    elif kind == "image":
        yield _of_image(tag, value.image)
    elif kind == "audio":
        yield _of_audio(tag, value.audio)
    elif kind == "tensor":
        yield from _of_tensor(tag, value.tensor, plugin, content)
    else:
        yield LeftOut(tag, "a value that holds nothing")


def _of_histogram(histogram: Any) -> dict[str, Json]:
    """Its own bins, each count and each edge as it is."""
    counts, limits = list(histogram.bucket), list(histogram.bucket_limit)
    if len(counts) > 1 and not counts[0]:
        edges, counts = limits, counts[1:]  # the empty bin is there to tell the leftmost edge
    else:
        edges = [min([histogram.min, *limits[:1]]), *limits]
    facts: dict[str, Json] = {
        name: getattr(histogram, name) for name in ("min", "max", "num", "sum", "sum_squares")
    }
    return {"_type": "histogram", "values": counts, "bins": edges, **facts}


def _of_image(tag: str, image: Any) -> Found:
    data: bytes = image.encoded_image_string
    if not data:
        return LeftOut(tag, "an image without content")
    return Point(tag, _picture(data, image.width, image.height))


def _picture(data: bytes, width: int, height: int) -> EncodedImage | EncodedVideo:
    size: dict[str, Json] = {"width": width, "height": height} if width and height else {}
    kind = EncodedVideo if is_animation(data) else EncodedImage
    return kind(data, facts=size)


def _of_audio(tag: str, audio: Any) -> Found:
    data: bytes = audio.encoded_audio_string
    if not data:
        return LeftOut(tag, "audio without content")
    facts: dict[str, Json] = {}
    if audio.sample_rate:
        facts = {
            "sample_rate": audio.sample_rate,
            "duration_s": audio.length_frames / audio.sample_rate,
        }
    return Point(tag, EncodedAudio(data, facts=facts))


def _of_tensor(tag: str, tensor: Any, plugin: str, content: bytes) -> Iterator[Found]:
    if plugin == "custom_scalars":
        layout = _message("custom_scalar", "Layout", "layout_pb2", "layout_pb2")
        yield Layout(_json_of(layout.FromString(tensor.string_val[0])))
    elif plugin == "text":
        yield Point(tag, _one_or_all(texts_of(tensor)))
    elif plugin == "images":
        width, height, *pictures = tensor.string_val
        media = [_picture(data, int(width), int(height)) for data in pictures if data]
        yield Point(tag, _one_or_all(media)) if media else LeftOut(tag, "an empty list of images")
    elif plugin == "audio":
        columns = math.prod(dim.size for dim in tensor.tensor_shape.dim[1:]) or 1
        sounds = [EncodedAudio(data) for data in tensor.string_val[::columns] if data]
        yield Point(tag, _one_or_all(sounds)) if sounds else LeftOut(tag, "an empty list of audio")
    elif plugin.startswith("graph"):
        for data in tensor.string_val:
            form: dict[str, Json] = {"format": plugin.replace("_", "-")}
            extension = "json" if plugin == "graph_keras_model" else "pb"
            yield Point(tag, EncodedGraph(data, extension, form))
    elif len(tensor.string_val):
        yield Point(tag, _one_or_all(texts_of(tensor)))
    else:
        yield _of_numbers(tag, array_of(tensor), plugin)


def _of_numbers(tag: str, numbers: npt.NDArray[Any], plugin: str) -> Found:
    if plugin == "histograms" and numbers.ndim == 2 and numbers.shape[1] == 3:
        left, right, counts = numbers.T.tolist()
        return Point(tag, {"_type": "histogram", "values": counts, "bins": [*left, *right[-1:]]})
    if plugin == "pr_curves" and numbers.ndim == 2 and len(numbers) == len(_CURVE_ROWS):
        curve: dict[str, Json] = dict(zip(_CURVE_ROWS, numbers.tolist(), strict=True))
        # The plugin's own rule: thresholds are spread evenly over [0, 1].
        thresholds: list[float] = np.linspace(0.0, 1.0, numbers.shape[1]).tolist()
        return Point(tag, {"_type": "pr-curve", "thresholds": thresholds, **curve})
    if numbers.size == 1:
        return Point(tag, numbers.reshape(()).item())
    return Point(tag, numbers)


def _of_hparams(tag: str, content: bytes) -> Iterator[Found]:
    """The values of one session; what domains they have, and how it ended, says nothing of a run."""
    data = _message("hparams", "HParamsPluginData", "plugin_hparams_pb2").FromString(content)
    if data.WhichOneof("data") == "session_start_info":
        chosen = data.session_start_info.hparams
        yield Choices({name: _choice(chosen[name]) for name in sorted(chosen)})


def _choice(value: Any) -> Json:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        # All numbers are doubles there; a batch size of 64.0 was 64.
        number: float = value.number_value
        whole = number.is_integer() and abs(number) <= 2**53
        return int(number) if whole else number
    return getattr(value, kind) if kind in ("string_value", "bool_value") else None


def _message(plugin: str, name: str, module: str, own_module: str = "plugin_data_pb2") -> Any:
    """A message of a plugin; tensorboardX keeps them in modules of other names."""
    try:
        found = protocol(own_module, f"tensorboard.plugins.{plugin}")
    except MissingExtraError:
        found = protocol(module)
    return getattr(found, name)


def _json_of(message: Any) -> Json:
    json_format = require("google.protobuf.json_format", extra="tensorboard")
    told: Json = json.loads(json_format.MessageToJson(message))
    return told


def _one_or_all(items: Sequence[Any]) -> Any:
    return items[0] if len(items) == 1 else list(items)
