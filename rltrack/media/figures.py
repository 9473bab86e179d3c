"""`Plotly` and `Bokeh`: figures as JSON, which their own viewers draw again."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from rltrack.errors import MediaError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import Bytes, UserFile, is_path
from rltrack.media.image import figure_of


class Plotly(Media):
    """A figure of Plotly's, or of matplotlib's as Plotly draws it.

    Args:
        val: a figure of either, a dict of ``data`` and ``layout``, or the path of a JSON file.
        caption: shown below it.

    Raises:
        MediaError: it is none, or Plotly cannot draw it.
        MissingExtraError: plotly is not installed.
    """

    immutable = True
    kind: ClassVar[str] = "plotly"
    type_name: ClassVar[str] = "plotly-file"
    extension = "plotly.json"

    def __init__(self, val: Any, caption: str | None = None) -> None:
        self._caption = caption
        self.size_bytes = 0
        self._source: UserFile | Mapping[str, Any]
        if is_path(val, ("json",)):
            self._source = UserFile(val, ("json",), "Plotly")
            return
        figure = figure_of(val)
        if figure is not None:
            val = _converted(figure)
        if isinstance(val, Mapping):
            if not isinstance(val.get("data"), (list, tuple)):
                raise MediaError("Plotly: a dict has a list as 'data', and a 'layout'")
            self._source = copy.deepcopy(dict(val))  # the caller's arrays may change
        elif callable(getattr(val, "to_plotly_json", None)):
            self._source = val.to_dict()  # a deep copy
        else:
            raise MediaError(
                f"Plotly: a {type(val).__qualname__} is no figure of Plotly's or matplotlib's"
            )
        self.size_bytes = _held(self._source)

    @classmethod
    def make_plot_media(cls, val: Any) -> Plotly:
        """The same as `Plotly`, by W&B's name."""
        return cls(val)

    def facts(self) -> dict[str, Json]:
        """The caption."""
        return {} if self._caption is None else {"caption": self._caption}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the JSON.

        Raises:
            OSError: the file cannot be written.
        """
        if isinstance(self._source, UserFile):
            self._source.copy_to(path)
            return {}
        encoder = require("plotly.io", extra="plots")
        path.write_text(encoder.to_json(self._source, validate=False), encoding="utf-8")
        return {}


def _converted(figure: Any) -> Any:
    """A figure of matplotlib's as one of Plotly's."""
    import warnings

    tools = require("plotly.tools", extra="plots")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it leaves out, for each part of the figure
            return tools.mpl_to_plotly(figure)
    except Exception as fault:  # it knows some of what matplotlib draws, and fails at the rest
        raise MediaError(
            f"Plotly: cannot draw this matplotlib figure ({fault!r}); rltrack.Image(figure) keeps "
            "it as it looks"
        ) from fault


def _held(value: Any) -> int:
    """About how much memory a figure takes: its arrays, its texts and its lists of numbers."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_held, value.values()))
    if isinstance(value, (list, tuple)):
        # One of numbers has a million of them, and one of parts a few.
        return sum(map(_held, value)) if len(value) < 1000 else 32 * len(value)
    return 32


class Bokeh(Media):
    """A figure of Bokeh's.

    Args:
        data_or_path: a figure, any other model or a document of Bokeh's; or the path of a file.
        caption: shown below it.

    Raises:
        MediaError: it is none.
    """

    immutable = True
    kind: ClassVar[str] = "bokeh"
    type_name: ClassVar[str] = "bokeh-file"
    extension = "bokeh.json"

    def __init__(self, data_or_path: Any, caption: str | None = None) -> None:
        self._caption = caption
        self._source: UserFile | Bytes
        if is_path(data_or_path, ("json",)):
            self._source = UserFile(data_or_path, ("json",), "Bokeh")
            self.size_bytes = 0
            return
        # At once: a model belongs to a document, and changes with it.
        self._source = Bytes(_document(data_or_path))
        self.size_bytes = self._source.size_bytes

    def facts(self) -> dict[str, Json]:
        """The caption."""
        return {} if self._caption is None else {"caption": self._caption}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the JSON.

        Raises:
            OSError: the file cannot be written.
        """
        self._source.copy_to(path)
        return {}


def _document(value: Any) -> bytes:
    """The JSON of a document of Bokeh's that holds `value`."""
    if type(value).__module__.partition(".")[0] != "bokeh":
        raise MediaError(f"Bokeh: a {type(value).__qualname__} is no figure of Bokeh's")
    documents = require("bokeh.document", extra="plots")
    if not isinstance(value, documents.Document):
        if getattr(value, "document", None) is not None:
            value = value.document
        else:
            document = documents.Document()
            try:
                document.add_root(value)
            except Exception as fault:  # Bokeh's for what is no model
                raise MediaError(f"Bokeh: {fault}") from None
            try:
                return _json_of(document)
            finally:
                document.remove_root(value)  # or the user could not put it elsewhere
    return _json_of(value)


def _json_of(document: Any) -> bytes:
    encode = require("bokeh.core.json_encoder", extra="plots").serialize_json
    return str(encode(document.to_json(deferred=False))).encode()
