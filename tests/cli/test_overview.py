"""What a newcomer sees, and who mistypes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rltrack.cli import _parser, main
from rltrack.cli.overview import grouped, texts_of


def test_the_help_has_each_command_once_and_in_a_group(typed: Callable[..., str]) -> None:
    """A new command needs a place in it."""
    texts = texts_of(_parser())
    groups = grouped(texts)
    with pytest.raises(SystemExit):
        typed("--help")

    assert sorted(name for commands in groups.values() for name in commands) == sorted(texts)
    assert grouped({"new": "does"})["more"] == {"new": "does"}


def test_a_commands_help_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """And says how it is called."""
    with pytest.raises(SystemExit) as end:
        main(["show", "--help"])

    assert end.value.code == 0
    assert re.match(r"usage: rltrack show .*run", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("sohw", "did you mean 'show'?"),
        ("xyzzy", "`rltrack --help` lists them"),
        ("offline", "`rltrack init --mode offline`"),
        ("clean", "`rltrack gc`"),
    ],
)
def test_a_word_that_is_no_command_is_told(
    typed: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the one that was meant; W&B's with what to use instead."""
    assert main([typed]) == 2
    assert told in capsys.readouterr().err
    assert main([]) == 2
    assert "begin:" in capsys.readouterr().out
