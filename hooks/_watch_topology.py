"""What flows between the layers of a model, by `torch.fx`: also through what is no layer.

A hook sees modules only, so an addition, a concatenation or a functional relu between two of them
hides where a tensor came from. `torch.fx` runs ``forward`` with stand-ins for tensors, and sees
each operation. It runs on a copy whose tensors have shapes and no contents: nothing of the user's
changes, and no memory is taken. Where ``forward`` asks a tensor for its values (``if x.sum() > 0``)
there is no such graph, and what hooks saw has to do.
"""

from __future__ import annotations

import copy
import operator
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.fx

#: Operations that only take a piece of a value: what takes their result takes from its maker.
_PIECES: Final = frozenset({operator.getitem, getattr})
#: Methods whose result is no tensor; nothing flows through a size.
_NO_TENSOR: Final = frozenset({"size", "dim", "numel", "ndim", "shape", "device", "dtype"})


@dataclass(frozen=True, slots=True)
class Topology:
    """Operations besides layers, and what flows between all of them."""

    operations: list[tuple[str, str]]
    """Name and kind, in the order of calls: ``("add_1", "add")``."""
    edges: list[tuple[str, str]]
    """From the layer or operation that made a tensor to the one that takes it."""


def topology(model: torch.nn.Module) -> Topology | None:
    """What `torch.fx` finds out of a model; None if it cannot.

    Args:
        model: it; neither it nor the state of random numbers is changed.
    """
    plain: torch.nn.Module = getattr(model, "_orig_mod", model)
    try:
        twin = _hollow(plain)
        with torch.random.fork_rng(devices=[]):
            graph = torch.fx.Tracer().trace(twin)
    except Exception:  # of forward, which is anybody's, or of torch.fx: there is no graph
        return None
    return _read(graph)


def _hollow(model: torch.nn.Module) -> torch.nn.Module:
    """A copy whose parameters and buffers have shapes and no contents."""
    memo: dict[int, object] = {
        id(one): torch.nn.Parameter(torch.empty_like(one, device="meta"), one.requires_grad)
        for one in model.parameters()
    }
    memo |= {id(one): torch.empty_like(one, device="meta") for one in model.buffers()}
    # What `deepcopy` finds in its memo it takes to be copied already.
    return copy.deepcopy(model, memo)


def _read(graph: torch.fx.Graph) -> Topology:
    operations: list[tuple[str, str]] = []
    edges: dict[tuple[str, str], None] = {}
    makers: dict[torch.fx.Node, tuple[str, ...]] = {}
    numbers: set[torch.fx.Node] = set()  # sizes, and what is computed of them
    for node in graph.nodes:
        sources = tuple(
            dict.fromkeys(name for other in node.all_input_nodes for name in makers.get(other, ()))
        )
        if node.op in ("placeholder", "get_attr", "output"):
            continue
        inputs = node.all_input_nodes
        if _is_no_tensor(node) or (inputs and numbers.issuperset(inputs)):
            numbers.add(node)
            continue
        if node.op == "call_function" and node.target in _PIECES:
            makers[node] = sources
            continue
        name = str(node.target) if node.op == "call_module" else node.name
        if node.op != "call_module":
            operations.append((name, _kind(node.target)))
        edges |= dict.fromkeys((source, name) for source in sources)
        makers[node] = (name,)
    return Topology(operations, list(edges))


def _is_no_tensor(node: torch.fx.Node) -> bool:
    if node.op == "call_module":
        return False
    if node.op == "call_method":
        return node.target in _NO_TENSOR
    return node.target is getattr and len(node.args) > 1 and node.args[1] in _NO_TENSOR


def _kind(target: Any) -> str:
    return target if isinstance(target, str) else str(getattr(target, "__name__", target))
