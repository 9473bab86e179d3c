"""`watch`, on real torch models: what is logged is what the optimizer used, and nothing is disturbed."""

from __future__ import annotations

import copy
import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import rltrack
from rltrack.errors import UsageError
from rltrack.hooks._watch_histogram import count_by_exponent, histogram
from rltrack.hooks.watch import _watched, unwatch, watch

Rows = list[dict[str, Any]]


@pytest.fixture(name="run")
def a_run(root: Path) -> rltrack.Run:
    return rltrack.init(project="p", settings={"silent": True, "provenance": False})


def rows_of(run: rltrack.Run) -> Rows:
    run.finish()
    found: Rows = rltrack.Api().run(run.path).history(pandas=False)
    return [row for row in found if "optimizer_step" in row]


def warnings_of(run: rltrack.Run) -> list[str]:
    from rltrack.folder import RunFolder
    from rltrack.store.run import RunReader

    assert run.folder is not None
    reader = RunReader(RunFolder(run.folder))
    reader.refresh()
    return [note.message for note in reader.notes()]


def network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)).to(dtype)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, scale: float = 1.0) -> None:
    optimizer.zero_grad()
    inputs = torch.randn(16, 3, dtype=next(model.parameters()).dtype)
    (model(inputs).pow(2).mean() * scale).backward()
    optimizer.step()


def gradient_of(parameter: Any) -> torch.Tensor:
    gradient = parameter.grad
    assert isinstance(gradient, torch.Tensor)
    return gradient


def total(found: dict[str, Any]) -> int:
    return int(sum(found["values"])) + int(found.get("not_finite", 0))


def inside(found: dict[str, Any], values: np.ndarray[Any, Any]) -> bool:
    """Whether the counts are those of NumPy in the same bins."""
    finite = values[np.isfinite(values)]
    counts, _ = np.histogram(finite, bins=found["bins"])
    return bool(counts.tolist() == found["values"])


# -- histograms ------------------------------------------------------------------------------------


@given(
    st.lists(
        st.floats(width=32)
        | st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e-45, 3e38, -1.0, 1.0]),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
)
def test_counts_by_powers_of_two_are_exact(values: list[float], dtype: torch.dtype) -> None:
    """Each value is between the edges of its bin; NaN and infinities are counted apart."""
    tensor = torch.tensor(values, dtype=torch.float64).to(dtype)
    other = torch.ones(5, dtype=dtype)
    (counted,) = count_by_exponent([("a", tensor), ("b", other)])
    found = [histogram(line, dtype) for line in counted.counts.numpy()]
    assert all(one.text is None or json.loads(one.text) == one for one in found)

    array = tensor.double().numpy()
    bins, counts = np.array(found[0]["bins"]), found[0]["values"]
    assert len(bins) == len(counts) + 1
    assert np.all(np.diff(bins) > 0)
    assert found[0].get("not_finite", 0) == np.count_nonzero(~np.isfinite(array))
    assert total(found[0]) == len(values)
    middle = next(at for at, edge in enumerate(bins) if edge > 0) - 1
    for value in array[np.isfinite(array)]:
        smallest = torch.finfo(dtype).smallest_normal
        if abs(value) < smallest:
            at = middle
        elif value > 0:
            at = int(np.searchsorted(bins, value, side="right")) - 1
        else:
            at = int(np.searchsorted(bins, value, side="left")) - 1
        counts[at] -= 1
    assert not any(counts)
    assert found[1]["values"][-1] == 5


def test_a_large_tensor_is_counted_like_a_small_one() -> None:
    """They take different ways."""
    tensor = torch.randn(100_000)
    (large,) = count_by_exponent([("a", tensor)])
    (small,) = count_by_exponent(
        [(str(at), part) for at, part in enumerate(tensor.view(100, 1000))]
    )
    assert torch.equal(large.counts[0], small.counts.sum(0))


# -- what is logged --------------------------------------------------------------------------------


def test_gradients_are_those_that_the_optimizer_uses(run: rltrack.Run) -> None:
    """W&B's names, one row each `log_freq` steps, at the step of the row that the loop logs."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []
    watch(model, log="all", log_freq=2)
    for _ in range(6):
        optimizer.zero_grad()
        model(torch.randn(16, 3)).pow(2).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        seen.append(
            {
                name: (gradient_of(p).numpy().copy(), p.detach().numpy().copy())
                for name, p in model.named_parameters()
            }
        )
        optimizer.step()
        run.log({"loss": 1.0})
    rows = rows_of(run)

    assert [row["optimizer_step"] for row in rows] == [1, 3, 5]
    assert [row["_step"] for row in rows] == [0, 2, 4]
    for row, at in zip(rows, (0, 2, 4), strict=True):
        for name, (gradient, value) in seen[at].items():
            assert total(row[f"gradients/{name}"]) == gradient.size
            assert inside(row[f"parameters/{name}"], value)


def test_norms_are_the_norms(run: rltrack.Run) -> None:
    """Of each gradient, and of all of them together."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log="norms", log_freq=1)
    step(model, optimizer)
    expected = {n: float(gradient_of(p).norm()) for n, p in model.named_parameters()}
    (row,) = rows_of(run)

    assert {n: row[f"gradient_norm/{n}"] for n in expected} == pytest.approx(expected)
    together = math.sqrt(sum(norm**2 for norm in expected.values()))
    assert row["gradient_norm/total"] == pytest.approx(together)
    assert not any(key.startswith("gradients/") for key in row)


def test_updates_are_relative_to_the_weights(run: rltrack.Run) -> None:
    """What the step added, divided by what was there."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    watch(model, log=None, log_freq=1, updates=True)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    step(model, optimizer)
    (row,) = rows_of(run)

    for name, parameter in model.named_parameters():
        norm = float(before[name].norm())
        moved = float((parameter.detach() - before[name]).norm())
        assert row[f"parameter_norm/{name}"] == pytest.approx(norm)
        assert row[f"update_ratio/{name}"] == pytest.approx(moved / norm)


def test_dead_units_are_those_that_are_zero_for_the_whole_batch(run: rltrack.Run) -> None:
    """Of a layer of which half of the units are switched off."""
    model = network()
    first: Any = model[0]
    with torch.no_grad():
        first.bias[:4] = -1e6
        first.bias[4:] = 1e6
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    watch(model, log_freq=1, activations=True)
    for _ in range(2):
        step(model, optimizer)

    assert [row["dead_units/1"] for row in rows_of(run)] == [0.5, 0.5]


def test_linear_bins_on_request(run: rltrack.Run) -> None:
    """As W&B has them, 64 between the least and the greatest."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log_freq=1, bins=64)
    step(model, optimizer)
    gradient = gradient_of(model[0].weight).numpy()
    (row,) = rows_of(run)

    found = row["gradients/0.weight"]
    assert len(found["values"]) == 64
    assert (found["bins"][0], found["bins"][-1]) == pytest.approx((gradient.min(), gradient.max()))
    assert total(found) == gradient.size


def test_what_is_not_finite_is_counted_and_named(run: rltrack.Run) -> None:
    """Once as a warning, with the parameter and the step; each time as a number."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    watch(model, log_freq=1)
    step(model, optimizer)
    step(model, optimizer, scale=math.inf)
    rows = rows_of(run)

    assert "gradients_not_finite" not in rows[0]
    assert rows[1]["gradients_not_finite"] > 0
    assert any("gradient of 0.weight" in told and "step 2" in told for told in warnings_of(run))


# -- models and loops of all kinds -----------------------------------------------------------------


def test_accumulated_gradients_are_taken_once_an_update(run: rltrack.Run) -> None:
    """Not once a backward pass."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log="norms", log_freq=1)
    for _ in range(3):
        optimizer.zero_grad()
        for _ in range(4):
            (model(torch.randn(16, 3)).pow(2).mean() / 4).backward()
        optimizer.step()

    assert [row["optimizer_step"] for row in rows_of(run)] == [1, 2, 3]


def test_scaled_gradients_are_unscaled_and_skipped_steps_are_skipped(run: rltrack.Run) -> None:
    """GradScaler: what is logged is what the optimizer uses."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    watch(model, log="norms", log_freq=1)
    for at in range(3):
        optimizer.zero_grad()
        loss = model(torch.ones(16, 3)).pow(2).mean() * (math.inf if at == 1 else 1.0)
        scaler.scale(loss).backward()
        if at == 0:
            expected = float(gradient_of(model[0].weight).norm()) / 1024
        scaler.step(optimizer)
        scaler.update()
    rows = rows_of(run)

    assert [row["optimizer_step"] for row in rows] == [1, 2]
    assert rows[0]["gradient_norm/0.weight"] == pytest.approx(expected)


def test_a_compiled_model_has_the_names_of_its_own(run: rltrack.Run) -> None:
    """And it is compiled once."""
    model = network()
    compiled: Any = torch.compile(model, backend="eager")
    optimizer = torch.optim.SGD(compiled.parameters(), lr=0.1)
    watch(compiled, log_freq=1)
    torch._dynamo.utils.counters.clear()
    for _ in range(3):
        step(compiled, optimizer)
    rows = rows_of(run)

    assert len(rows) == 3
    assert "gradients/0.weight" in rows[0]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 1
    assert not torch._dynamo.utils.counters["graph_break"]


def test_several_models_have_prefixes_and_optimizers_of_their_own(run: rltrack.Run) -> None:
    """A GAN: two models, two optimizers, backward passes through both."""
    generator, critic = network(), nn.Linear(1, 1)
    of_generator = torch.optim.SGD(generator.parameters(), lr=0.1)
    of_critic = torch.optim.SGD(critic.parameters(), lr=0.1)
    watch([generator, critic], log="norms", log_freq=1)
    for _ in range(2):
        of_critic.zero_grad()
        critic(generator(torch.randn(4, 3)).detach()).mean().backward()
        of_critic.step()
        of_generator.zero_grad()
        critic(generator(torch.randn(4, 3))).mean().backward()
        of_generator.step()
    rows = rows_of(run)

    assert len(rows) == 4
    assert sum("gradient_norm/graph_0.0.weight" in row for row in rows) == 2
    assert sum("gradient_norm/graph_1.weight" in row for row in rows) == 2


def test_shared_and_frozen_parameters(run: rltrack.Run) -> None:
    """Shared ones are logged once, frozen ones not at all."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(3, 3)
            self.two = nn.Linear(3, 3)
            self.two.weight = self.one.weight
            self.frozen = nn.Linear(3, 3).requires_grad_(False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.frozen(self.two(self.one(x)))
            return out

    model = Tied()
    watch(model, log_freq=1)
    step(model, torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1))
    (row,) = rows_of(run)

    names = {key for key in row if key.startswith("gradients/")}
    assert names == {"gradients/one.weight", "gradients/one.bias", "gradients/two.bias"}


def test_sparse_gradients_count_their_zeros(run: rltrack.Run) -> None:
    """An embedding of a thousand rows, of which two were used."""
    model = nn.Embedding(1000, 4, sparse=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log_freq=1)
    model(torch.tensor([3, 7])).sum().backward()
    optimizer.step()
    (row,) = rows_of(run)

    found = row["gradients/weight"]
    assert total(found) == 4000
    assert found["values"][0] == 3992
    assert found["values"][-1] == 8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_floats(run: rltrack.Run, dtype: torch.dtype) -> None:
    """Half as wide, and twice."""
    model = network(dtype)
    watch(model, log=["gradients", "norms"], log_freq=1)
    step(model, torch.optim.SGD(model.parameters(), lr=0.1))
    (row,) = rows_of(run)

    assert total(row["gradients/0.weight"]) == 24
    assert row["gradient_norm/total"] > 0


def test_a_loop_without_an_optimizer(run: rltrack.Run) -> None:
    """Gradients that are used by hand are taken when the backward pass has ended."""
    model = network()
    watch(model, log="norms", log_freq=10)
    norms = []
    for _ in range(100):
        model(torch.randn(16, 3)).pow(2).mean().backward()
        norms.append([float(gradient_of(p).norm()) for p in model.parameters()])
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(0.01 * gradient_of(parameter))
                parameter.grad = None
    rows = rows_of(run)

    assert [row["optimizer_step"] for row in rows] == [65, 75, 85, 95]
    names = [f"gradient_norm/{name}" for name, _ in model.named_parameters()]
    assert [rows[0][name] for name in names] == pytest.approx(norms[64])
    assert any("no optimizer steps this model" in told for told in warnings_of(run))


def test_only_the_optimizer_that_was_given(run: rltrack.Run) -> None:
    """Others that have the same parameters are not looked at."""
    model = network()
    first = torch.optim.SGD(model.parameters(), lr=0.1)
    second = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log="norms", log_freq=1, optimizer=second)
    for optimizer in (first, first, second):
        step(model, optimizer)

    assert len(rows_of(run)) == 1


def test_parameters_that_come_later_are_watched_too(run: rltrack.Run) -> None:
    """A layer that is unfrozen half way."""
    model = network()
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    watch(model, log="norms", log_freq=1)
    step(model, optimizer)
    optimizer.add_param_group({"params": list(model[0].parameters())})
    step(model, optimizer)
    rows = rows_of(run)

    assert "gradient_norm/0.weight" not in rows[0]
    assert "gradient_norm/0.weight" in rows[1]


def test_a_training_that_logs_nothing_else_has_an_axis(run: rltrack.Run) -> None:
    """Rows do not fall onto one step, unseen: they are drawn over the optimizer's steps."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log="norms", log_freq=1)
    for _ in range(4):
        step(model, optimizer)
    rows = rows_of(run)

    assert [row["optimizer_step"] for row in rows] == [1, 2, 3, 4]
    from rltrack.folder import RunFolder
    from rltrack.store.run import RunReader

    assert run.folder is not None
    reader = RunReader(RunFolder(run.folder))
    reader.refresh()
    assert reader.default_axis("gradient_norm/0.weight") == "optimizer_step"


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        (torch.optim.Adam, [1, 4, 7, 10]),  # it counts its steps, and its state is loaded
        (torch.optim.SGD, [1, 4, 7]),  # it counts none: on from the last that was logged
    ],
)
def test_steps_go_on_where_a_resumed_run_was(run: rltrack.Run, kind: Any, then: list[int]) -> None:
    """Six steps, of which the first and the fourth are logged; and then five more."""
    model = network()
    optimizer = kind(model.parameters(), lr=1e-3)
    watch(model, log="norms", log_freq=3, run=run)
    for _ in range(6):
        step(model, optimizer)
    kept = optimizer.state_dict()
    run.finish()

    again = rltrack.init(project="p", id=run.id, resume="must", settings={"silent": True})
    optimizer = kind(model.parameters(), lr=1e-3)
    optimizer.load_state_dict(kept)
    watch(model, log="norms", log_freq=3, run=again)
    for _ in range(5):
        step(model, optimizer)

    assert [row["optimizer_step"] for row in rows_of(again)] == then


def test_rows_stand_where_the_caller_says(run: rltrack.Run) -> None:
    """As a callback does, which knows the timesteps."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    steps = iter([2048, 4096])
    watch(model, log="norms", log_freq=1, step=lambda: next(steps))
    step(model, optimizer)
    step(model, optimizer)

    assert [row["_step"] for row in rows_of(run)] == [2048, 4096]


DDP = """
import os, sys
import torch, torch.distributed as dist
import rltrack
from rltrack.hooks.watch import watch
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
torch.manual_seed(0)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
if rank == 0:
    run = rltrack.init(project="p", id="ddp", settings={"silent": True})
    watch(model, log="norms", log_freq=1)
for at in range(3):
    optimizer.zero_grad()
    (model(torch.ones(1, 2)) * (rank + 1)).sum().backward()
    optimizer.step()
if rank == 0:
    run.finish()
dist.destroy_process_group()
"""


def test_distributed_gradients_are_those_after_they_were_averaged(
    root: Path, tmp_path: Path
) -> None:
    """Ranks give 1 and 2, so that each uses 1.5."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DDP, str(rank), str(tmp_path / "meet")], env=environment
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    rows: Rows = rltrack.Api().run("p/ddp").history(pandas=False)

    assert len(rows) == 3
    assert rows[0]["gradient_norm/module.weight"] == pytest.approx(1.5 * math.sqrt(2))


# -- nothing is disturbed --------------------------------------------------------------------------


def test_weights_are_the_same_with_and_without(run: rltrack.Run) -> None:
    """Bit for bit, whatever is logged."""

    def train(watched: bool) -> bytes:
        model = network()
        optimizer = torch.optim.Adam(model.parameters())
        if watched:
            watch(model, log=["all", "norms"], log_freq=1, updates=True, activations=True)
        torch.manual_seed(1)
        for _ in range(5):
            step(model, optimizer)
        return b"".join(p.detach().numpy().tobytes() for p in model.parameters())

    assert train(True) == train(False)


def test_a_watched_model_is_saved_and_copied_as_ever(run: rltrack.Run) -> None:
    """No hook of ours hangs on a module, and a copy is not watched."""
    model = network()
    watch(model, log_freq=1, log_graph=True, activations=True)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    copied = copy.deepcopy(model)
    step(copied, torch.optim.SGD(copied.parameters(), lr=0.1))

    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert vars(model).keys() == vars(network()).keys()
    assert rows_of(run) == []


def test_watching_again_replaces_and_unwatch_ends_it(run: rltrack.Run) -> None:
    """As often as one likes, in a notebook for one."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        watch(model, log="norms", log_freq=1)
    step(model, optimizer)
    unwatch(model)
    unwatch(model)
    step(model, optimizer)

    assert len(rows_of(run)) == 1
    assert _watched == {}


def test_as_a_context_manager(run: rltrack.Run) -> None:
    """It ends with the block."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, log="norms", log_freq=1) as graph:
        step(model, optimizer)
    step(model, optimizer)

    assert [node.kind for node in graph.nodes] == ["Sequential", "Linear", "ReLU", "Linear"]
    assert len(rows_of(run)) == 1


def test_a_finished_run_is_left_alone(run: rltrack.Run) -> None:
    """Training goes on, without hooks."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log_freq=1)
    run.finish()
    step(model, optimizer)

    assert _watched == {}


def test_a_fault_of_ours_is_one_warning(run: rltrack.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not an exception in `optimizer.step`."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def fails() -> int:
        raise RuntimeError("the clock is broken")

    watch(model, log_freq=1, step=fails)
    step(model, optimizer)
    step(model, optimizer)
    run.finish()

    assert sum("the clock is broken" in told for told in warnings_of(run)) == 1


def test_the_layers_are_logged_with_their_shapes(run: rltrack.Run) -> None:
    """Of the first forward pass, whatever part of the model it calls."""
    model = network()
    graph = watch(model, log=None, log_graph=True)
    model(torch.randn(5, 3))

    assert [(n.name, n.kind, n.inputs, n.outputs) for n in graph.nodes[:3]] == [
        ("0", "Linear", [[5, 3]], [[5, 8]]),
        ("1", "ReLU", [[5, 8]], [[5, 8]]),
        ("2", "Linear", [[5, 8]], [[5, 1]]),
    ]
    assert graph.edges == [("0", "1"), ("1", "2")]
    assert graph.nodes[0].flops == 2 * 5 * 8 * 3
    assert graph.nodes[0].parameters == 32
    run.finish()
    stored = rltrack.Api().run(run.path).summary["graph_0"]
    assert [node["name"] for node in stored["nodes"]] == ["0", "1", "2", ""]


class Residual(torch.nn.Module):
    """What hooks on modules do not see: a functional relu, an addition, a piece of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 4)
        self.second = torch.nn.Linear(4, 4)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        hidden = torch.relu(self.first(x))
        made: torch.Tensor = self.second(hidden) + x
        return made[:, : x.size(1) - 1]


def test_what_flows_past_layers_is_in_the_graph(run: rltrack.Run) -> None:
    """By `torch.fx`, on a copy: forward is run once more, and nothing of the user's sees it."""
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), Residual(), torch.nn.Linear(3, 1))
    residual = model[1]
    assert isinstance(residual, Residual)
    graph = watch(model, log=None, log_graph=True)
    torch.manual_seed(1)
    model(torch.randn(2, 4))
    after = torch.rand(1)
    torch.manual_seed(1)
    torch.randn(2, 4)

    assert set(graph.edges) == {
        ("0", "1.first"),
        ("1.first", "relu"),
        ("relu", "1.second"),
        ("1.second", "add"),
        ("0", "add"),
        ("add", "2"),
    }
    assert {node.name: node.kind for node in graph.nodes if node.name in ("relu", "add")} == {
        "relu": "relu",
        "add": "add",
    }
    assert residual.calls == 1
    assert torch.equal(after, torch.rand(1))
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())


class Asking(torch.nn.Module):
    """A forward that depends on values, of which there is no one graph."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Linear(2, 2)
        self.other = torch.nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.other(self.one(x)) if x.sum() > 0 else self.other(x)
        return made


def test_a_forward_that_asks_for_values_has_the_graph_of_its_pass(run: rltrack.Run) -> None:
    """As hooks saw it."""
    model = Asking()
    graph = watch(model, log=None, log_graph=True)
    model(torch.ones(1, 2))

    assert graph.edges == [("one", "other")]


def test_a_budget_stretches_the_interval_and_says_so(
    run: rltrack.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two percent of the time, beyond a grace."""
    monkeypatch.setattr("rltrack.hooks.watch._GRACE_S", 0.0)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(model, log="all", log_freq=1)
    for _ in range(100):
        step(model, optimizer)

    assert len(rows_of(run)) < 60
    assert any("logs every" in told and "not every 1" in told for told in warnings_of(run))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"log": "weights"}, "there are 'gradients'"),
        ({"log_freq": 0}, "log_freq=0"),
        ({"bins": 0}, "bins=0"),
    ],
)
def test_wrong_arguments_are_told(run: rltrack.Run, arguments: Any, told: str) -> None:
    """At the call."""
    with pytest.raises(UsageError, match=told):
        watch(network(), **arguments)


def test_what_is_no_model_is_told(run: rltrack.Run) -> None:
    """As W&B does."""
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module.*int"):
        watch(3)  # type: ignore[arg-type]


def test_a_model_without_parameters_is_told_and_left(run: rltrack.Run) -> None:
    """Training goes on."""
    watch(nn.ReLU())
    run.finish()
    assert any("ReLU has no parameters" in told for told in warnings_of(run))


def test_without_a_run_there_is_nothing_to_log_to(root: Path) -> None:
    """The call says what to do."""
    with pytest.raises(UsageError, match="init"):
        watch(network())
    unwatch(network())
