"""The layers of a model: from the modules themselves, and from one forward pass that is listened to.

What flows between them is `_watch_topology.py`'s, where `torch.fx` can tell; else it is what the
forward pass showed: that the very tensor which one layer made was given to another.

The listener hangs on no module: torch has hooks for all modules of a process, and they are taken
away after the first forward pass. So a model is pickled, copied and compiled as before.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any

import torch
from torch.nn.modules.module import register_module_forward_hook

from rltrack import Run
from rltrack.hooks._watch_topology import topology


@dataclass(slots=True)
class Node:
    """One layer."""

    name: str
    """Where it stands in the model; empty for the model itself."""
    kind: str
    """Its class."""
    parameters: int
    """Of the layer itself and of those in it."""
    trainable: int
    dtype: str | None
    """Of its parameters; None without any."""
    inputs: list[list[int]] = field(default_factory=list)
    """Shapes, in the forward pass that was listened to."""
    outputs: list[list[int]] = field(default_factory=list)
    flops: int | None = None
    """Multiplications and additions of that pass, of a linear or convolutional layer."""
    calls: int = 0
    """How often it was called in that pass."""


@dataclass(slots=True)
class Graph:
    """The layers of watched models, in the order in which they are called; a context manager."""

    nodes: list[Node]
    edges: list[tuple[str, str]] = field(default_factory=list)
    """From the layer that made a tensor to the one that took it; known after a forward pass."""
    on_exit: Callable[[], None] = lambda: None

    def __enter__(self) -> Graph:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.on_exit()

    def to_dict(self) -> dict[str, Any]:
        """The layers and edges as JSON has them."""
        return {"nodes": [asdict(node) for node in self.nodes], "edges": [*map(list, self.edges)]}


def graph_of(models: Sequence[torch.nn.Module], run: Run | None, *, first: int = 0) -> Graph:
    """The layers of models.

    Args:
        models: whose layers.
        run: where they are logged, once their first forward pass has told the shapes. None: the
            shapes stay unknown.
        first: number of the first model.
    """
    graph = Graph([])
    for number, model in enumerate(models, start=first):
        nodes = {id(module): _node(name, module) for name, module in model.named_modules()}
        graph.nodes += nodes.values()
        if run is not None:
            _Listener(model, nodes, graph, run, f"graph_{number}").start()
    return graph


def _node(name: str, module: torch.nn.Module) -> Node:
    parameters = list(module.parameters())
    own = next(iter(parameters), None)
    return Node(
        name.replace("_orig_mod.", ""),
        type(module).__name__,
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        None if own is None else str(own.dtype).removeprefix("torch."),
    )


class _Listener:
    """Listens to one forward pass of one model, and logs its graph."""

    def __init__(
        self, model: torch.nn.Module, nodes: dict[int, Node], graph: Graph, run: Run, key: str
    ) -> None:
        self._model = weakref.ref(model)
        self._nodes = nodes
        self._graph = graph
        self._run = run
        self._key = key
        self._maker: dict[int, str] = {}
        self._kept: list[torch.Tensor] = []  # an id is one tensor's only as long as it lives
        self._order: list[int] = []

    def start(self) -> None:
        """Listen from now on, until the model was called once or the run ends."""
        self._handle = register_module_forward_hook(self._called)
        self._run.on_finish(self._stop)

    def _stop(self) -> None:
        self._handle.remove()
        self._kept, self._maker = [], {}

    def _called(self, module: torch.nn.Module, inputs: Any, outputs: Any) -> None:
        node = self._nodes.get(id(module))
        if node is None or torch.compiler.is_compiling():
            return
        taken, made = list(_tensors(inputs)), list(_tensors(outputs))
        node.calls += 1
        node.inputs = [list(tensor.shape) for tensor in taken]
        node.outputs = [list(tensor.shape) for tensor in made]
        node.flops = _flops(module, taken, made)
        if id(module) not in self._order:
            self._order.append(id(module))
        model = self._model()
        if not any(True for _ in module.children()):
            for tensor in taken:
                edge = (self._maker.get(id(tensor), ""), node.name)
                if edge[0] and edge not in self._graph.edges:
                    self._graph.edges.append(edge)
            for tensor in made:
                self._maker[id(tensor)] = node.name
            self._kept += made
        if module is model:
            self._stop()
            called = [self._nodes[place] for place in self._order]
            quiet = [node for node in self._nodes.values() if not node.calls]
            others = [node for node in self._graph.nodes if node not in [*called, *quiet]]
            self._graph.nodes = [*others, *called, *quiet]
            self._find_topology(module)
            self._log()

    def _find_topology(self, model: torch.nn.Module) -> None:
        found = topology(model)
        if found is None:
            return
        mine = {node.name for node in self._nodes.values()}
        # Of several models that are watched, names of layers may be the same.
        others = [edge for edge in self._graph.edges if not mine.issuperset(edge)]
        self._graph.edges = [*others, *found.edges]
        self._graph.nodes += [
            Node(name, kind, 0, 0, None, calls=1) for name, kind in found.operations
        ]

    def _log(self) -> None:
        if self._run.state != "running":
            return
        found = json.loads(json.dumps(self._graph.to_dict()))
        self._run.summary[self._key] = {"_type": "graph", **found}


def _tensors(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _flops(
    module: torch.nn.Module, inputs: list[torch.Tensor], outputs: list[torch.Tensor]
) -> int | None:
    """Two for each multiplication with a weight; None for a layer of another kind."""
    if not outputs or not isinstance(getattr(module, "weight", None), torch.Tensor):
        return None
    weight: Any = module.weight
    if isinstance(module, torch.nn.Linear):
        return 2 * outputs[0].numel() * module.in_features
    if isinstance(module, torch.nn.modules.conv._ConvTransposeNd) and inputs:
        return 2 * int(inputs[0].numel()) * int(weight[0].numel())
    if isinstance(module, torch.nn.modules.conv._ConvNd):
        return 2 * int(outputs[0].numel()) * int(weight[0].numel())
    return None
