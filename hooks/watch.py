"""`watch(model)`: gradients and parameters of a model, as they are when the optimizer uses them.

    run = rltrack.init(project="mnist")
    rltrack.watch(model, log="all", log_freq=100)

Statistics are taken just before an optimizer's step: after accumulation, unscaling and clipping,
once for each update, and never on a step that the scaler skips. A model that no optimizer
steps (its gradients are used by hand, or inside of the backward pass) is looked at when its
backward pass has ended. Nothing is stored on the model, so it is saved, copied and compiled as
before; on steps that are not logged the cost is a look-up.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Literal

import torch
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

import rltrack
from rltrack import Run
from rltrack.errors import UsageError
from rltrack.hooks._watch_graph import Graph, graph_of
from rltrack.hooks._watch_statistics import Pending, Units, Updates, take

What = Literal["gradients", "parameters", "all", "norms"]
_WHAT: Final[dict[str, frozenset[str]]] = {
    "gradients": frozenset({"gradients"}),
    "parameters": frozenset({"parameters"}),
    "all": frozenset({"gradients", "parameters"}),
    "norms": frozenset({"norms"}),
}

#: Share of the wall time that watching may take, once it has taken more than the grace.
BUDGET: Final = 0.02
_GRACE_S: Final = 2.0
#: Backward passes without a step of an optimizer, after which none is waited for.
_PATIENCE: Final = 64
#: Where a value has no axis of its own.
STEP_KEY: Final = "optimizer_step"
FAMILIES: Final = (
    "gradients", "parameters", "gradient_norm", "parameter_norm", "update_ratio", "dead_units",
)  # fmt: skip

_watched: dict[int, list[Watch]] = {}


def watch(
    models: torch.nn.Module | Sequence[torch.nn.Module],
    criterion: object = None,
    log: What | Sequence[What] | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    bins: int | None = None,
    updates: bool = False,
    activations: bool = False,
    budget: float | None = BUDGET,
    step: Callable[[], int] | None = None,
    run: Run | None = None,
) -> Graph:
    """Log statistics of models while they are trained.

    Rows hold ``gradients/<parameter>`` and ``parameters/<parameter>`` as histograms, with
    ``log="norms"`` instead ``gradient_norm/<parameter>`` (L2) and ``gradient_norm/total``, and
    always ``gradients_not_finite`` where a value is NaN or infinite.
    Watching a model again replaces how it is watched.

    Args:
        models: one, or several; of several, the names begin with ``graph_<number>.``.
        criterion: accepted for W&B's scripts; its parameters, if it has any, are watched too.
        log: gradients, parameters, all (both), norms, several of these, or None.
        log_freq: log each so many optimizer steps.
        idx: number of the first model, in its prefix.
        log_graph: log the layers, with shapes, as they are called in the next forward pass.
        optimizer: look at this one's steps only; by default at those of each that has a parameter
            of the model.
        bins: so many equal bins between the least and the greatest value; by default exact counts
            by powers of two, which cost a quarter.
        updates: also log ``parameter_norm/<parameter>`` and ``update_ratio/<parameter>``, the L2
            norm of the step relative to that of the parameter.
        activations: also log ``dead_units/<layer>``, the share of a ReLU's units that are 0 for the
            whole batch, in the last forward pass before the step.
        budget: share of the wall time that may be used, beyond two seconds; where it is not
            enough, rows come less often, which is told once. None: no bound.
        step: where a row stands; by default at the step of the run's next row.
        run: where it is logged; by default the run that is going on.

    Returns:
        The layers of the model; also a context manager, at whose end `unwatch` is called.

    Raises:
        UsageError: no run is going on, or an argument is not what it may be.
        TypeError: something else than a torch model.
    """
    target = run or rltrack.run
    if target is None:
        raise UsageError("watch() needs a run: call rltrack.init() before, or pass run=")
    modules = _listed(models)
    for module in modules:
        if not isinstance(module, torch.nn.Module):
            raise TypeError(
                f"watch: expected a torch.nn.Module, or a list of them, and got {type(module).__name__}"
            )
    kinds = _checked_kinds(log)
    if type(log_freq) is not int or log_freq < 1:
        raise UsageError(f"watch(log_freq={log_freq!r}) must be a whole number, 1 or more")
    if bins is not None and (type(bins) is not int or bins < 1):
        raise UsageError(f"watch(bins={bins!r}) must be a whole number, 1 or more, or None")
    if isinstance(criterion, torch.nn.Module) and any(True for _ in criterion.parameters()):
        modules.append(criterion)
    unwatch(modules, run=target)
    watches = []
    for number, module in enumerate(modules, start=idx or 0):
        prefix = f"graph_{number}." if len(modules) > 1 or idx else ""
        if not any(True for _ in module.parameters()):
            target.warn(
                f"watch {number}",
                f"watch: {type(module).__name__} has no parameters, so there is nothing to log",
            )
            continue
        watches.append(
            Watch(
                module,
                target,
                kinds,
                prefix=prefix,
                log_freq=log_freq,
                optimizer=optimizer,
                bins=bins,
                updates=updates,
                activations=activations,
                budget=budget,
                step=step,
            )
        )
    known = _watched.setdefault(id(target), [])
    known += watches
    graph = graph_of(modules, target if log_graph else None, first=idx or 0)
    graph.on_exit = lambda: unwatch(modules, run=target)
    return graph


def unwatch(
    models: torch.nn.Module | Sequence[torch.nn.Module] | None = None, *, run: Run | None = None
) -> None:
    """Watch models no more; all of them by default. Nothing happens to one that is not watched."""
    target = run or rltrack.run
    if target is None:
        return
    modules = None if models is None else _listed(models)
    for one in list(_watched.get(id(target), ())):
        if modules is None or any(one.is_of(module) for module in modules):
            one.close()


def _listed(
    models: torch.nn.Module | Sequence[torch.nn.Module],
) -> list[torch.nn.Module]:
    return list(models) if isinstance(models, (list, tuple)) else [models]  # type: ignore[list-item]


def _checked_kinds(log: object) -> frozenset[str]:
    if log is None:
        return frozenset()
    asked = [log] if isinstance(log, str) else list(log) if isinstance(log, Iterable) else [log]
    found: frozenset[str] = frozenset()
    for one in asked:
        if not isinstance(one, str) or one not in _WHAT:
            raise UsageError(
                f"watch(log={log!r}): there are {', '.join(map(repr, _WHAT))} and None"
            )
        found |= _WHAT[one]
    return found


class Watch:
    """Watches one model until it is closed, or the run is finished."""

    def __init__(
        self,
        model: torch.nn.Module,
        run: Run,
        kinds: frozenset[str],
        *,
        prefix: str,
        log_freq: int,
        optimizer: torch.optim.Optimizer | None,
        bins: int | None,
        updates: bool,
        activations: bool,
        budget: float | None,
        step: Callable[[], int] | None,
    ) -> None:
        self._model = weakref.ref(model)
        self._run = run
        self._kinds = kinds
        self._prefix = prefix
        self._every = self._asked_every = log_freq
        self._only = None if optimizer is None else weakref.ref(optimizer)
        self._bins = bins
        self._updates = Updates() if updates else None
        self._units = Units(model) if activations else None
        self._budget = budget
        self._step = step
        self._names = {id(p): _plain_name(n) for n, p in model.named_parameters()}
        self._optimizers: weakref.WeakKeyDictionary[torch.optim.Optimizer, _Seen] = (
            weakref.WeakKeyDictionary()
        )
        self._pending: list[tuple[Pending, int, int]] = []
        self._began = time.perf_counter()
        self._own_s = 0.0
        self._last_at: int | None = None
        self._axis_told = False
        self._backwards = 0
        self._steps_before = _last_step(run) if run.resumed else 0
        self._handles = [register_optimizer_step_pre_hook(_Hook(self))]
        if self._updates is not None:
            self._handles.append(register_optimizer_step_post_hook(_Hook(self, after=True)))
        if self._units is not None:
            self._handles.append(register_module_forward_hook(self._units))
        self._listening = [] if optimizer is not None else self._listen_to_backward(model)
        self._closed = False
        run.on_finish(self.close)

    def is_of(self, model: torch.nn.Module) -> bool:
        """Whether it is this model that is watched."""
        return self._model() is model

    def close(self) -> None:
        """Watch no more; what was taken is logged."""
        if self._closed:
            return
        self._closed = True
        for handle in [*self._handles, *self._listening]:
            handle.remove()
        self._handles, self._listening = [], []
        self._write()
        known = _watched.get(id(self._run), [])
        if self in known:
            known.remove(self)
        if not known:
            _watched.pop(id(self._run), None)

    # -- when ------------------------------------------------------------------------------

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step."""
        seen = self._optimizers.get(optimizer)
        size = sum(len(group["params"]) for group in optimizer.param_groups)
        if seen is None or seen.size != size:
            seen = self._look_at(optimizer, size, seen)
        if not seen.parameters:
            return
        while self._listening:  # an optimizer steps, so backward passes need not be counted
            self._listening.pop().remove()
        seen.steps += 1
        if seen.steps < seen.due:
            if self._units is not None:
                self._units.listening = seen.steps + 1 >= seen.due
            return
        begun = time.perf_counter()
        scale = getattr(optimizer, "grad_scale", None)  # set for fused optimizers, by GradScaler
        self._take(seen.parameters, seen.steps, scale)
        if self._updates is not None and self._pending:
            self._updates.before(optimizer, [(self._prefix + n, p) for n, p in seen.parameters])
        took = time.perf_counter() - begun
        seen.due = seen.steps + self._pause(took, seen.steps - seen.began)
        if self._units is not None:
            self._units.listening = seen.steps + 1 >= seen.due

    def after_step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""
        if self._updates is None or not self._updates.waits_for(optimizer):
            return
        begun = time.perf_counter()
        pending = self._pending[-1][0]
        self._updates.after(pending)
        if not pending.is_on_its_way:
            self._write()
        self._own_s += time.perf_counter() - begun

    def _look_at(self, optimizer: torch.optim.Optimizer, size: int, before: _Seen | None) -> _Seen:
        """Which parameters of ours an optimizer has."""
        mine: list[tuple[str, torch.nn.Parameter]] = []
        if self._only is None or self._only() is optimizer:
            model = self._model()
            if model is not None:  # also those that came since
                self._names = {id(p): _plain_name(n) for n, p in model.named_parameters()}
            for group in optimizer.param_groups:
                mine += [(self._names[id(p)], p) for p in group["params"] if id(p) in self._names]
        if before is not None:
            seen = _Seen(mine, size, before.steps, before.due, before.began)
        else:  # looked at on the steps on which it would have been, had it been watched always
            steps = _steps_so_far(optimizer, mine) or self._steps_before
            seen = _Seen(mine, size, steps, steps + 1 + -steps % self._every, steps)
        self._optimizers[optimizer] = seen
        return seen

    def _pause(self, took_s: float, steps: int) -> int:
        """After how many steps to look again."""
        self._own_s += took_s
        if self._budget is None:
            return self._every
        elapsed = time.perf_counter() - self._began
        if self._own_s > _GRACE_S + self._budget * elapsed:
            step_s = max((elapsed - self._own_s) / max(steps, 1), 1e-9)
            least = math.ceil(took_s / (self._budget * step_s))
            if least > self._every:
                self._every = least
                self._run.warn(
                    "watch budget",
                    f"watch takes {took_s * 1e3:.1f} ms a time, so that it logs every {least} "
                    f"steps and not every {self._asked_every}: more would cost more than "
                    f"{self._budget:.0%} of the time; watch(budget=None) has no bound",
                )
        return self._every

    # -- without an optimizer ----------------------------------------------------------------

    def _listen_to_backward(self, model: torch.nn.Module) -> list[Any]:
        """Count backward passes, by one parameter, in case no optimizer ever steps."""
        for parameter in model.parameters():
            if parameter.requires_grad:
                listen: Any = parameter.register_post_accumulate_grad_hook
                return [listen(_Backward(self))]
        return []

    def after_accumulation(self) -> None:
        """A backward pass has reached the first parameter."""
        self._backwards += 1
        if self._backwards <= _PATIENCE:
            return
        if (self._backwards - _PATIENCE - 1) % self._every:
            return
        # The pass is not over: other gradients are still to come.
        engine: Any = torch.autograd.Variable._execution_engine
        engine.queue_callback(self._after_backward)

    def _after_backward(self) -> None:
        model = self._model()
        if self._closed or model is None:
            return
        with _Survived(self._run):
            self._run.warn(
                "watch optimizer",
                "watch: no optimizer steps this model, so its gradients are taken at the end of "
                "backward passes, as they were accumulated by then",
            )
            named = [(_plain_name(name), p) for name, p in model.named_parameters()]
            self._take(named, self._backwards, None)

    # -- what ------------------------------------------------------------------------------

    def _take(
        self,
        parameters: list[tuple[str, torch.nn.Parameter]],
        steps: int,
        scale: torch.Tensor | None,
    ) -> None:
        self._write()
        if self._run.state != "running":
            self.close()
            return
        at = self._step() if self._step is not None else self._run.step
        pending = take(parameters, self._kinds, prefix=self._prefix, bins=self._bins, scale=scale)
        if self._units is not None:
            self._units.give_to(pending, self._prefix)
        self._pending.append((pending, at, steps))
        if not pending.is_on_its_way and self._updates is None:
            self._write()

    def _write(self) -> None:
        """Log what the device has answered: at once on a CPU, at the next look on others."""
        waiting, self._pending = self._pending, []
        for pending, at, steps in waiting:
            row, first_odd = pending.row()
            if self._step is None and at == self._last_at and not self._axis_told:
                # Nobody logs rows between ours, so their count is no axis.
                self._axis_told = True
                for family in FAMILIES:
                    self._run.define_metric(f"{family}/*", step_metric=STEP_KEY)
            self._last_at = at
            if row:
                self._run.log_point({**row, STEP_KEY: steps}, step=at)
            if first_odd is not None:
                self._run.warn(
                    "watch not finite",
                    f"watch: the gradient of {first_odd} has NaN or infinite values at optimizer "
                    f"step {steps}",
                )


def _steps_so_far(
    optimizer: torch.optim.Optimizer, ours: list[tuple[str, torch.nn.Parameter]]
) -> int:
    """How often an optimizer has stepped, where it counts that itself, as Adam does; else 0.

    A training that goes on from a checkpoint has loaded that count.
    """
    counts = (optimizer.state.get(parameter, {}).get("step") for _, parameter in ours)
    return max(
        (int(count) for count in counts if isinstance(count, (int, torch.Tensor))), default=0
    )


def _last_step(run: rltrack.Run) -> int:
    """The last optimizer step of the run before it was resumed."""
    last = run.summary.get(STEP_KEY)
    return last if isinstance(last, int) else 0


class _Seen:
    """What of ours an optimizer steps, and when it is looked at next."""

    def __init__(
        self,
        parameters: list[tuple[str, torch.nn.Parameter]],
        size: int,
        steps: int,
        due: int,
        began: int,
    ) -> None:
        self.parameters = parameters
        self.size = size
        self.steps = steps
        self.due = due
        self.began = began


class _Hook:
    """Called before each step of every optimizer in the process, or after it; does not keep the watch alive."""

    def __init__(self, watching: Watch, *, after: bool = False) -> None:
        self._watch = weakref.ref(watching)
        self._after = after

    def __call__(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        watching = self._watch()
        if watching is not None:
            with _Survived(watching._run):
                if self._after:
                    watching.after_step(optimizer)
                else:
                    watching.before_step(optimizer)


class _Backward:
    """Called when a gradient was accumulated. A copy of the parameter, or a saved one, has none."""

    def __init__(self, watching: Watch | None = None) -> None:
        self._watch = None if watching is None else weakref.ref(watching)

    def __call__(self, parameter: torch.Tensor) -> None:
        watching = self._watch() if self._watch is not None else None
        if watching is not None:
            with _Survived(watching._run):
                watching.after_accumulation()

    def __reduce__(self) -> tuple[type[_Backward], tuple[()]]:
        return _Backward, ()


class _Survived:
    """A fault of ours is one warning, and training goes on; in strict mode it is raised."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, fault: BaseException | None, trace: object) -> bool:
        if not isinstance(fault, Exception) or self._run.settings.strict:
            return False
        told = f"watch failed, and training goes on: {type(fault).__name__}: {fault}"
        self._run.warn("watch", told)
        return True


def _plain_name(name: str) -> str:
    """A parameter's name as the user wrote it: `torch.compile` puts a word into it."""
    return name.replace("_orig_mod.", "")
