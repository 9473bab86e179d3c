"""What tags are called."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rltrack.importers.tensorboard_names import Names, part_of_group

FOLDERS = st.lists(st.sampled_from(["a", "b", "eval", "train"]), min_size=1, max_size=3)
TAGS = st.sampled_from(["x", "y/z", "eval/x", "b/eval/x", "a/b/eval/x", "x/text_summary"])


@example([(["a"], "x"), (["a", "a", "eval"], "x"), (["a", "a", "eval"], "eval/x")])
@given(st.lists(st.tuples(FOLDERS, TAGS), max_size=30))
def test_two_tags_never_have_one_name_and_each_keeps_its_own(
    asked: list[tuple[list[str], str]],
) -> None:
    """Whatever the order in which they come: a run cannot give a name back."""
    names = Names()
    given: dict[tuple[str, str], str] = {}
    for parts, tag in asked:
        folder = "/".join(["", "log", *parts])
        name = names.name(folder, tag)
        assert given.setdefault((folder, tag), name) == name

    assert len(set(given.values())) == len(given)


@given(FOLDERS, TAGS)
def test_a_tag_of_one_folder_alone_is_called_as_it_is(parts: list[str], tag: str) -> None:
    assert Names().name("/".join(["", *parts]), tag) == tag.removesuffix("/text_summary")


@pytest.mark.parametrize(
    ("below", "tag", "part"),
    [
        ("loss_train", "loss", "train"),
        ("losses_all_train", "losses/all", "train"),
        ("losses/all/train", "losses/all", "train"),
        ("loss_", "loss", None),
        ("lossy", "loss", None),
        ("eval", "loss", None),
    ],
)
def test_folders_of_add_scalars(below: str, tag: str, part: str | None) -> None:
    assert part_of_group(below, tag) == part


def test_folders_of_add_hparams() -> None:
    names = Names()
    names.know("/log")

    assert names.home("/log/1795433810.1505332") == "/log"
    assert names.home("/log/run_1") == "/log/run_1"
    assert names.home("/elsewhere/1795433810.1505332") == "/elsewhere/1795433810.1505332"
