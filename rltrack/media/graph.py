"""`Graph`: the layers of a model, and what flows between them, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from rltrack._values import Unstorable, plain
from rltrack.errors import MediaError
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import Bytes


class Graph(Media):
    """Layers of a model.

    Args:
        data: what `rltrack.watch` returns, or a dict with ``nodes``, a list of dicts with a
            ``name`` each, and ``edges``, a list of pairs of names.
        caption: shown below it.

    Raises:
        MediaError: it has no such nodes and edges.
    """

    immutable = True
    kind: ClassVar[str] = "graphs"
    type_name: ClassVar[str] = "graph-file"
    extension = "json"

    def __init__(self, data: Any, caption: str | None = None) -> None:
        self._caption = caption
        found = data.to_dict() if callable(getattr(data, "to_dict", None)) else data
        nodes, edges = _parts(found)
        # At once: `watch` goes on to fill the shapes in.
        self._source = Bytes(json.dumps({"nodes": nodes, "edges": edges}).encode())
        self.size_bytes = self._source.size_bytes
        self._size: dict[str, Json] = {"nodes": len(nodes), "edges": len(edges)}

    @classmethod
    def from_keras(cls, model: Any) -> Graph:
        """The layers of a Keras model, in its order.

        Raises:
            MediaError: it has no layers.
        """
        layers = getattr(model, "layers", None)
        if not isinstance(layers, (list, tuple)):
            raise MediaError(f"Graph.from_keras: a {type(model).__qualname__} has no layers")
        nodes, edges = [], []
        names = {id(layer): str(layer.name) for layer in layers}
        for layer in layers:
            shape = getattr(getattr(layer, "output", None), "shape", None) if layer.built else None
            node = {"name": layer.name, "kind": type(layer).__name__}
            node["parameters"] = layer.count_params() if layer.built else None
            node["outputs"] = (
                [] if shape is None else [[None if n is None else int(n) for n in shape]]
            )
            nodes.append(node)
            for inbound in getattr(layer, "_inbound_nodes", ()):
                parents = (parent.operation for parent in getattr(inbound, "parent_nodes", ()))
                edges += [[names[id(one)], layer.name] for one in parents if id(one) in names]
        edges = [edge for at, edge in enumerate(edges) if edge not in edges[:at]]
        return cls({"nodes": nodes, "edges": edges})

    def facts(self) -> dict[str, Json]:
        """Caption, and how many nodes and edges."""
        return self._size if self._caption is None else {**self._size, "caption": self._caption}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the JSON.

        Raises:
            OSError: the file cannot be written.
        """
        self._source.copy_to(path)
        return {}


def _parts(found: Any) -> tuple[list[Any], list[Any]]:
    try:
        if not isinstance(found, Mapping):
            raise TypeError(f"a {type(found).__qualname__} has no nodes and edges")
        nodes = [dict(node) for node in found["nodes"]]
        names = {str(node["name"]) for node in nodes}
        edges = [[str(start), str(end)] for start, end in found.get("edges", ())]
        if odd := sorted({name for edge in edges for name in edge} - names):
            raise ValueError(f"an edge names {odd[0]!r}, which is no node")
        found_nodes: Any = plain(nodes)
        return found_nodes, edges
    except (KeyError, TypeError, ValueError, Unstorable) as why:
        raise MediaError(
            f"Graph: what `rltrack.watch` returns is asked for, or a dict of nodes with names and "
            f"edges between them: {why}"
        ) from None
