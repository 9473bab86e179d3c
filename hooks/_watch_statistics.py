"""What is taken of tensors: started on their device at once, and read from it in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from rltrack.hooks._watch_histogram import Counted, count_by_exponent, histogram, not_finite
from rltrack.journal.records import Prepared

Named = tuple[str, torch.Tensor]


@dataclass(slots=True, eq=False)
class Pending:
    """Statistics on their way from the device."""

    counted: list[tuple[str, Counted, torch.Tensor]] = field(default_factory=list)
    """Family, what was counted, and the counts on the CPU."""
    linear: list[tuple[str, str, torch.Tensor]] = field(default_factory=list)
    """Family, name, and counts with the range behind them, on the CPU."""
    norms: list[tuple[str, list[str], torch.Tensor]] = field(default_factory=list)
    """Family, names, and norms on the CPU."""
    zeros: dict[str, int] = field(default_factory=dict)
    """Values that a sparse gradient does not hold."""
    shares: list[tuple[str, str, torch.Tensor]] = field(default_factory=list)
    """Family, name, and a share from 0 to 1, on the CPU."""
    updates: tuple[list[str], torch.Tensor, torch.Tensor] | None = None
    """Names, norms of the parameters and of what the step added to them, on the CPU."""
    arrived: Any = None

    @property
    def is_on_its_way(self) -> bool:
        """Whether a device is still at work, so that reading would wait for it."""
        return self.arrived is not None

    def mark(self) -> None:
        """Have it arrive once the device has done all that it was asked for up to now."""
        event: Any = torch.cuda.Event
        self.arrived = event()
        self.arrived.record()

    def row(self) -> tuple[dict[str, Any], str | None]:
        """The values of a row, and the name of the first gradient that is not finite."""
        if self.arrived is not None:
            self.arrived.synchronize()
        row: dict[str, Any] = {}
        odd: dict[str, int] = {}
        for family, counted, counts in self.counted:
            table = counts.numpy()
            for name, line in zip(counted.names, table, strict=True):
                found = histogram(line, counted.dtype)
                _add_zeros(found, self.zeros.get(name, 0))
                row[f"{family}/{name}"] = found
                if family == "gradients" and "not_finite" in found:
                    odd[name] = not_finite(line)
        for family, name, counts in self.linear:
            found = _linear(counts.numpy())
            row[f"{family}/{name}"] = found
            if family == "gradients" and "not_finite" in found:
                odd[name] = found["not_finite"]
        for family, names, norms in self.norms:
            values = norms.double().numpy()
            row |= {
                f"{family}/{name}": float(norm) for name, norm in zip(names, values, strict=True)
            }
            row[f"{family}/total"] = float(np.sqrt(np.square(values).sum()))
            if family == "gradient_norm":
                odd |= {n: 1 for n, v in zip(names, values, strict=True) if not np.isfinite(v)}
        row |= {f"{family}/{name}": float(share) for family, name, share in self.shares}
        if self.updates is not None:
            names, before, added = self.updates
            for name, norm, step in zip(names, before.tolist(), added.tolist(), strict=True):
                row[f"parameter_norm/{name}"] = norm
                if norm > 0:
                    row[f"update_ratio/{name}"] = step / norm
        if odd:
            row["gradients_not_finite"] = sum(odd.values())
        return row, next(iter(odd), None)


def take(
    parameters: Sequence[tuple[str, torch.nn.Parameter]],
    kinds: frozenset[str],
    *,
    prefix: str = "",
    bins: int | None = None,
    scale: torch.Tensor | None = None,
) -> Pending:
    """Start to take statistics; does not wait for a device.

    Args:
        parameters: by name.
        kinds: of ``gradients``, ``parameters`` and ``norms``, those that are wanted.
        prefix: of all names.
        bins: how many equal bins histograms have; None for powers of two.
        scale: what gradients are still multiplied by.
    """
    pending = Pending()
    with torch.no_grad():
        gradients: list[Named] = []
        if kinds & {"gradients", "norms"}:
            for name, parameter in parameters:
                if parameter.grad is not None:
                    gradients.append(
                        (prefix + name, _dense(prefix + name, parameter.grad, pending))
                    )
            if scale is not None and gradients:
                unscaled = torch._foreach_div([g for _, g in gradients], scale)
                gradients = [(name, g) for (name, _), g in zip(gradients, unscaled, strict=True)]
        devices = set()
        if "gradients" in kinds:
            devices |= _histograms(pending, "gradients", gradients, bins)
        if "parameters" in kinds:
            values = [(prefix + name, _local(p.detach())) for name, p in parameters]
            devices |= _histograms(pending, "parameters", values, bins)
        if "norms" in kinds and gradients:
            add_norms(pending, "gradient_norm", gradients)
            devices |= {g.device for _, g in gradients}
        if any(device.type == "cuda" for device in devices):
            pending.mark()
    return pending


class Updates:
    """What a step changes: parameters are copied before it, into buffers that are used again."""

    def __init__(self) -> None:
        self._optimizer: torch.optim.Optimizer | None = None
        self._named: list[tuple[str, torch.nn.Parameter]] = []
        self._buffers: list[torch.Tensor] = []

    def waits_for(self, optimizer: torch.optim.Optimizer) -> bool:
        """Whether it is this optimizer's step that was begun."""
        return self._optimizer is optimizer

    def before(
        self, optimizer: torch.optim.Optimizer, named: list[tuple[str, torch.nn.Parameter]]
    ) -> None:
        """Keep what the parameters are."""
        values = [_local(parameter.detach()) for _, parameter in named]
        if [b.shape for b in self._buffers] != [v.shape for v in values]:
            self._buffers = [torch.empty_like(value) for value in values]
        with torch.no_grad():
            torch._foreach_copy_(self._buffers, values)
        self._optimizer, self._named = optimizer, named

    def after(self, pending: Pending) -> None:
        """Start to take how far the parameters have moved."""
        named, self._named, self._optimizer = self._named, [], None
        with torch.no_grad():
            before = torch._foreach_norm([_real(buffer) for buffer in self._buffers])
            values = [_local(parameter.detach()) for _, parameter in named]
            torch._foreach_sub_(self._buffers, values)
            added = torch._foreach_norm([_real(buffer) for buffer in self._buffers])
            names = [name for name, _ in named]
            cpu = [torch.stack([n.float().to(b[0].device) for n in b]) for b in (before, added)]
            pending.updates = (names, _to_cpu(cpu[0]), _to_cpu(cpu[1]))
            if any(value.is_cuda for value in values):
                pending.mark()


class Units:
    """The share of units that give 0 for a whole batch, of each ReLU of a model."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._names = {
            id(module): name.replace("_orig_mod.", "")
            for name, module in model.named_modules()
            if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.Threshold))
        }
        self._shares: dict[str, torch.Tensor] = {}
        self.listening = True

    def __call__(self, module: torch.nn.Module, inputs: object, output: object) -> None:
        """A module was called."""
        if not self.listening or id(module) not in self._names:
            return
        if torch.compiler.is_compiling() or not isinstance(output, torch.Tensor):
            return
        with torch.no_grad():
            zero = output.detach() == 0
            # Units are the second dimension, as of layers of images, and what is left are samples.
            units = zero.transpose(0, 1).flatten(1) if zero.dim() > 1 else zero[:, None]
            self._shares[self._names[id(module)]] = units.all(dim=1).float().mean()

    def give_to(self, pending: Pending, prefix: str) -> None:
        """Hand over what the last forward pass was like."""
        shares, self._shares = self._shares, {}
        for name, share in shares.items():
            pending.shares.append(("dead_units", prefix + name, _to_cpu(share)))


def add_norms(pending: Pending, family: str, tensors: Sequence[Named]) -> None:
    """Start to take the L2 norm of each tensor."""
    by_device: dict[torch.device, list[Named]] = {}
    for named in tensors:
        by_device.setdefault(named[1].device, []).append(named)
    for group in by_device.values():
        norms = torch._foreach_norm([_real(tensor) for _, tensor in group])
        stacked = torch.stack([norm.float() for norm in norms])
        pending.norms.append((family, [name for name, _ in group], _to_cpu(stacked)))


def _histograms(
    pending: Pending, family: str, tensors: Sequence[Named], bins: int | None
) -> set[torch.device]:
    real = [(name, _real(tensor)) for name, tensor in tensors if tensor.numel()]
    if bins is None:
        for counted in count_by_exponent(real):
            pending.counted.append((family, counted, _to_cpu(counted.counts)))
    else:
        for name, tensor in real:
            pending.linear.append((family, name, _to_cpu(_count_evenly(tensor, bins))))
    return {tensor.device for _, tensor in real}


def _count_evenly(tensor: torch.Tensor, bins: int) -> torch.Tensor:
    """Counts in equal bins, and behind them the least value, the greatest, and those left out."""
    values = tensor.reshape(-1)
    values = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    low, high = torch.aminmax(values)
    if not bool(torch.isfinite(low) & torch.isfinite(high)):
        values = values[torch.isfinite(values)]
        if not len(values):
            nothing = values.new_zeros(bins + 3)
            nothing[-1] = tensor.numel()
            return nothing.double()
        low, high = torch.aminmax(values)
    counts = torch.histc(values, bins, float(low), float(high))
    left_out = counts.new_tensor([tensor.numel() - len(values)])
    return torch.cat([counts.double(), low.double()[None], high.double()[None], left_out.double()])


def _linear(found: np.ndarray[Any, Any]) -> Prepared:
    counts, (low, high, left_out) = found[:-3], found[-3:]
    if low == high:  # as `histc` has it
        low, high = low - 1, high + 1
    histogram = Prepared(
        _type="histogram",
        values=counts.astype(np.int64).tolist(),
        bins=np.linspace(low, high, len(counts) + 1).tolist(),
    )
    if left_out:
        histogram["not_finite"] = int(left_out)
    return histogram


def _dense(name: str, gradient: torch.Tensor, pending: Pending) -> torch.Tensor:
    """The values of a gradient; of a sparse one those that it holds, while its zeros are counted."""
    if gradient.layout != torch.strided:
        held = gradient.coalesce() if gradient.is_sparse else gradient
        values = held.values()
        pending.zeros[name] = gradient.numel() - values.numel()
        return values
    return _local(gradient.detach())


def _local(tensor: torch.Tensor) -> torch.Tensor:
    """Of a tensor that is spread over processes, the part of this one."""
    to_local = getattr(tensor, "to_local", None)
    return tensor if to_local is None else to_local()


def _real(tensor: torch.Tensor) -> torch.Tensor:
    """Real floats, that can be looked at as bits."""
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    return tensor if tensor.is_floating_point() else tensor.float()


def _to_cpu(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to("cpu", non_blocking=True)


def _add_zeros(found: Prepared, zeros: int) -> None:
    """Count the zeros that a sparse gradient does not hold in the bin that has 0 in it."""
    if zeros:
        found.text = None
        bins: list[float] = found["bins"]
        at = next(place for place, edge in enumerate(bins) if edge > 0) - 1
        if bins[at] < 0:
            found["values"][at] += zeros
        else:  # all values are above: the bin of zeros comes first
            found["values"].insert(0, zeros)
            bins.insert(0, -bins[0])
