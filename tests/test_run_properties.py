"""Whatever is logged, chosen and named comes back: properties of names, steps and config."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rltrack
from rltrack._names import checked_project, checked_run_id, folder_name, name_of_folder

_texts = st.text(max_size=40)


@given(_texts)
def test_a_folder_gives_back_the_name_that_it_was_made_of(name: str) -> None:
    """And is one that every system takes: nothing in it leads out of its parent."""
    try:
        folder = folder_name(name)
    except rltrack.UsageError:
        return

    assert name_of_folder(folder) == name
    assert not set('/\\:*?"<>|\0') & set(folder)
    assert folder not in (".", "..")


@given(_texts, _texts)
def test_two_names_have_two_folders(one: str, other: str) -> None:
    """Else two runs would be one."""
    try:
        folders = {folder_name(one), folder_name(other)}
    except rltrack.UsageError:
        return

    assert len(folders) == len({one, other})


@given(_texts)
def test_a_name_is_taken_or_refused_in_words(name: str) -> None:
    """Nothing else happens to it."""
    for check in (checked_run_id, checked_project):
        with contextlib.suppress(rltrack.UsageError):
            assert check(name) == name


# -- steps ---------------------------------------------------------------------------------

_calls = st.lists(
    st.tuples(
        st.none() | st.integers(-3, 8),
        st.none() | st.booleans(),
        st.dictionaries(st.sampled_from("abc"), st.integers(0, 99) | st.just("text"), max_size=2),
    ),
    max_size=15,
)


class Model:
    """What `log` promises, in the fewest words."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.step = 0
        self.open = -1

    def log(self, values: dict[str, Any], step: int | None, commit: bool | None) -> None:
        if step is None:
            at = self.step
            if commit is False:
                self.open = at if values else self.open
            elif values or self.open == at:
                self.step += 1
        else:
            at = step
            if at >= self.step:
                self.step = at + bool(commit)
                self.open = at
        if values:
            self.rows.setdefault(at, {}).update(values)


@settings(max_examples=60)
@given(_calls)
def test_no_value_is_lost_for_its_step(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[int | None, bool | None, dict[str, Any]]],
) -> None:
    """Steps in any order, rows in any number of calls: of each key and step the last value is read."""
    folder = tmp_path_factory.mktemp("runs")
    run = rltrack.init(
        project="p", id="r", dir=folder, reinit="create_new", settings={"silent": True}
    )
    model = Model()
    for step, commit, values in calls:
        run.log(values, step=step, commit=commit)
        model.log(values, step, commit)
        assert run.step == model.step
    run.finish()

    rows = rltrack.Api(folder).run("p/r").history(pandas=False)
    found = {
        row["_step"]: {key: value for key, value in row.items() if not key.startswith("_")}
        for row in rows
    }
    assert found == model.rows
    assert len(rows) == len(found)


# -- config --------------------------------------------------------------------------------

_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False)
    | st.text(alphabet=st.characters(codec="utf-8"), max_size=10)
)
_keys = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=8)
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(_keys, _values, max_size=4), st.dictionaries(_keys, _values, max_size=3))
def test_a_config_is_read_as_it_was_chosen(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any], more: dict[str, Any]
) -> None:
    """Types, nesting and all; what is changed with leave is read as it was changed."""
    folder = tmp_path_factory.mktemp("runs")
    run = rltrack.init(
        project="p",
        id="r",
        dir=folder,
        config=config,
        reinit="create_new",
        settings={"silent": True},
    )
    run.config.update(more, allow_val_change=True)
    run.finish()

    read = rltrack.Api(folder).run("p/r").config
    assert read == dict(run.config) == config | more
    for key, value in (config | more).items():
        assert type(read[key]) is type(value)


@settings(max_examples=30)
@given(st.lists(st.floats(allow_nan=True) | st.integers(-9, 9), min_size=1, max_size=8))
def test_a_resumed_run_is_the_run_that_was_left(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    """At any place: history, summary and step are those of a run that was never left."""
    folder = tmp_path_factory.mktemp("runs")

    def begin(run_id: str) -> rltrack.Run:
        run = rltrack.init(
            project="p",
            id=run_id,
            dir=folder,
            resume="allow",
            reinit="create_new",
            settings={"silent": True},
        )
        run.define_metric("a", summary="min,mean,first,copy")
        return run

    whole = begin("whole")
    for value in values:
        whole.log({"a": value})
        part = begin("parts")
        part.log({"a": value})
        part.finish()
    whole.finish()

    api = rltrack.Api(folder)
    summaries = [
        repr({key: _rounded(value) for key, value in found.items()})
        for found in (dict(whole.summary), dict(part.summary))
    ] + [
        repr({key: _rounded(value) for key, value in sorted(api.run(f"p/{name}").summary.items())})
        for name in ("whole", "parts")
    ]
    assert summaries[0] == summaries[1]
    assert summaries[2] == summaries[3]
    histories = [
        [(row["_step"], repr(row["a"])) for row in api.run(f"p/{name}").history(pandas=False)]
        for name in ("whole", "parts")
    ]
    assert histories[0] == histories[1]
    assert whole.step == part.step


def _rounded(value: Any) -> Any:
    if isinstance(value, float) and math.isfinite(value) and value:
        return float(f"{value:.9g}")
    return value
