"""Tables of runs: asked by columns, they answer what a look at each run would."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rltrack.errors import UsageError
from rltrack.store.aggregate import aggregate
from rltrack.store.language import parse_filter
from rltrack.store.query import compile_filters, field_reader, orders_of, place_of, sort_runs
from rltrack.store.run import RunDigest
from rltrack.store.table import RunTable


def digest(number: int, **facts: Any) -> RunDigest:
    values: dict[str, Any] = {
        "id": f"r{number}",
        "project": "p",
        "name": f"run {number}",
        "state": "finished",
        "created_at": float(number // 2),
        "ended_at": None,
        "heartbeat_at": 0.0,
        "host": "h",
        "group": None,
        "job_type": None,
        "tags": (),
        "notes": None,
        "last_step": None,
        "row_count": 0,
        "lost_rows": 0,
        "damage": (),
        "config": {},
        "summary": {},
        "aggregates": {},
        "axes": {},
    }
    return RunDigest(**(values | facts))


VALUES = (
    st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, math.nan, math.inf, True, False, None, "a", "b", "1", 2**60, 2**60 + 1])
    | st.lists(st.integers(0, 2), max_size=2)
    | st.dictionaries(st.sampled_from(["y"]), st.integers(0, 2), max_size=1)
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> RunTable:
    runs = []
    for number in range(draw(st.integers(0, 12))):
        facts: dict[str, Any] = {
            "config": draw(
                st.dictionaries(st.sampled_from(["x", "seed", "z"]), VALUES, max_size=3)
            ),
            "summary": draw(st.dictionaries(st.just("loss"), VALUES, max_size=1)),
            "tags": tuple(draw(st.lists(st.sampled_from(["a", "b"]), max_size=2))),
            "group": draw(st.sampled_from([None, "a", "b"])),
        }
        if numbers := draw(st.lists(st.sampled_from([1.0, 2.0, math.nan]), max_size=3)):
            array = np.array(numbers)
            facts["aggregates"] = {"return": aggregate(np.arange(len(array)), array)}
        runs.append(digest(number, **facts))
    return RunTable(runs)


FIELDS = st.sampled_from(
    ["config.x", "config.x.y", "summary.loss", "tags", "group", "created_at", "max(return)", "name"]
)
OPERANDS = st.integers(-3, 3) | st.sampled_from([0.5, True, None, "a", "run 1", 2**60])
TESTS = (
    st.tuples(st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), OPERANDS)
    | st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(OPERANDS, max_size=2))
    | st.tuples(st.just("$exists"), st.booleans())
    | st.tuples(st.just("$regex"), st.sampled_from(["a", "^r"]))
)
LEAVES = st.builds(
    lambda field, tests: {field: dict(tests)},
    FIELDS.filter(lambda name: name != "created_at") ,
    st.lists(TESTS, min_size=1, max_size=2),
)  # fmt: skip
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda sign, parts: {sign: parts},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


@given(tables(), FILTERS)
def test_a_mask_says_of_each_run_what_the_filter_says(
    table: RunTable, filters: dict[str, Any]
) -> None:
    """One meaning, whether a run is asked or a table."""
    fits = compile_filters(filters)
    assert fits.mask(table).tolist() == [fits(run) for run in table.runs]


@given(tables(), st.lists(st.tuples(st.sampled_from("+-"), FIELDS), min_size=1, max_size=3))
def test_an_order_puts_each_run_where_it_belongs(
    table: RunTable, orders: list[tuple[str, str]]
) -> None:
    """By the first field, then the next, then creation; those without a field last, either way."""
    expected = sorted(table.runs, key=lambda run: (run.created_at, run.id))
    for sign, field in reversed(orders):
        read = field_reader(field)
        placed = [run for run in expected if place_of(read(run)) is not None]
        placed.sort(key=lambda run: place_of(read(run)) or ("", 0), reverse=sign == "-")
        expected = placed + [run for run in expected if place_of(read(run)) is None]
    found = sort_runs(table.runs, [sign + field for sign, field in orders])

    assert [run.id for run in found] == [run.id for run in expected]


@given(tables(), FILTERS, st.integers(1, 5))
def test_pages_have_no_holes_and_no_repeats(
    table: RunTable, filters: dict[str, Any], size: int
) -> None:
    """Whatever the filter."""
    places = table.query(compile_filters(filters), orders_of("-config.x"))
    paged = [
        at for first in range(0, len(table) + size, size) for at in places[first : first + size]
    ]

    assert paged == places.tolist()
    assert len(set(paged)) == len(paged)


@given(tables(), tables(), FILTERS)
def test_a_table_that_changed_answers_like_a_new_one(
    table: RunTable, later: RunTable, filters: dict[str, Any]
) -> None:
    """Columns that were made before take what is new of a run."""
    fits, orders = compile_filters(filters), orders_of(["-config.x", "group"])
    table.query(fits, orders)
    for run in later.runs:
        table.put(run)
    for run in table.runs[:1]:
        table.remove(run.id)
    fresh = RunTable(table.runs)

    assert table.query(fits, orders).tolist() == fresh.query(fits, orders).tolist()


def test_groups_by_fields_and_by_everything_but_the_seed() -> None:
    """An experiment is found by itself: its runs differ in the seed alone."""
    runs = [
        digest(number, config={"lr": lr, "seed": seed, "net": {"width": 64}}, group="a")
        for number, (lr, seed) in enumerate([(1, 0), (2, 0), (1, 1), (2, 1), (1.0, 2)])
    ]
    table = RunTable(runs)

    found = table.groups_by_config(["seed"])
    assert [(values, group) for values, group in found] == [
        ({"lr": 1, "net.width": 64}, [0, 2]),
        ({"lr": 2, "net.width": 64}, [1, 3]),
        ({"lr": 1.0, "net.width": 64}, [4]),
    ]
    by_seed = table.groups([("config.seed", field_reader("config.seed"))])
    assert [group for _, group in by_seed] == [[0, 1], [2, 3], [4]]


# -- the language ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("state = finished", {"state": {"$eq": "finished"}}),
        ("config.lr < 1e-3", {"config.lr": {"$lt": 1e-3}}),
        ("config.lr<=.5 and config.n == 3", {"$and": [{"config.lr": {"$lte": 0.5}}, {"config.n": {"$eq": 3}}]}),
        ('tags has "base line"', {"tags": {"$eq": "base line"}}),
        ("name ~ '^ppo' or name !~ x", {"$or": [{"name": {"$regex": "^ppo"}}, {"name": {"$not": {"$regex": "x"}}}]}),
        ("max(eval/mean_reward) >= 400", {"max(eval/mean_reward)": {"$gte": 400}}),
        ("not exists(config.x)", {"$nor": [{"config.x": {"$exists": True}}]}),
        ("config.a in (1, true, none, word)", {"config.a": {"$in": [1, True, None, "word"]}}),
        ("config.a not in (-1)", {"config.a": {"$nin": [-1]}}),
        ('"config.my key" != 2', {"config.my key": {"$ne": 2}}),
        ('max("a b") > 1', {"max(a b)": {"$gt": 1}}),
        ("(state = a or state = b) AND NOT group = c", {
            "$and": [
                {"$or": [{"state": {"$eq": "a"}}, {"state": {"$eq": "b"}}]},
                {"$nor": [{"group": {"$eq": "c"}}]},
            ]
        }),
    ],
)  # fmt: skip
def test_a_text_is_the_dict_that_it_says(text: str, expected: dict[str, Any]) -> None:
    """So both forms mean the same."""
    assert parse_filter(text) == expected
    compile_filters(text)


def test_an_age_is_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds, minutes, hours, days, weeks."""
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    assert parse_filter("created_at > 2h ago") == {"created_at": {"$gt": 1_000_000.0 - 7200}}


@pytest.mark.parametrize(
    ("text", "told", "place"),
    [
        ("lr < 3", "did you mean config.lr", 0),
        ("stat = finished", "did you mean state", 0),
        ("config.lr 3", "expected an operator", 10),
        ("config.lr <", "expected a value", 11),
        ("config.lr < 3 config.x = 1", "expected `and`", 14),
        ("(state = a", "expected ')'", 10),
        ("config.a in 3", "expected '('", 12),
        ("state = finished and", "expected a field", 20),
        ('name = "open', "no part of a filter", 7),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, told: str, place: int) -> None:
    """With what to write instead."""
    with pytest.raises(UsageError) as mistake:
        parse_filter(text)
    message, shown, arrow = str(mistake.value).split("\n")
    assert told in message
    assert shown.strip() == text
    assert arrow.index("^") - 2 == place


@given(st.text(max_size=30))
def test_any_text_is_a_filter_or_a_mistake(text: str) -> None:
    """Never another fault."""
    try:
        compile_filters(text)
    except UsageError:
        return
