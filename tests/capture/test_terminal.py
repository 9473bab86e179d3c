"""What a terminal shows of a text: our lines against those of a real terminal emulator."""

from __future__ import annotations

import contextlib
import io
import re
import time

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress
from tqdm import tqdm

from rltrack.capture.terminal import LINE_CHARACTERS, Transcript
from rltrack.journal.records import CONSOLE_REACH

#: What programs write to a terminal, and what cuts it into pieces.
WORDS = st.sampled_from(
    [
        *("a", "bc", "50%|█████     |", "你好", "é", "  ", "\t"),
        *("\n", "\r", "\r\n", "\b", "\a"),
        *(
            "\x1b[A",
            "\x1b[2A",
            "\x1b[B",
            "\x1b[C",
            "\x1b[2D",
            "\x1b[G",
            "\x1b[4G",
            "\x1b[E",
            "\x1b[F",
        ),
        *("\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[P", "\x1b[2X", "\x1b[@"),
        *("\x1b[31m", "\x1b[0m", "\x1b[?25l", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\"),
    ]
)


def shown(*pieces: str, stream: str = "stdout") -> list[str]:
    """The lines that come of a text."""
    transcript = Transcript()
    for piece in pieces:
        transcript.feed(stream, piece)
    transcript.take()
    return transcript.settled(all_of_them=True)


class Paper(pyte.Screen):
    """A terminal on which the cursor goes down to the line below the last one, and no further.

    As it does on every terminal that is full. Where there is room, one that is sent to the bottom
    leaves lines empty, which no log should have.
    """

    last = -1
    """The last line that something was written on, or that was left by a newline."""

    def draw(self, data: str) -> None:
        self.last = max(self.last, self.cursor.y)
        super().draw(data)

    def tab(self) -> None:
        self.last = max(self.last, self.cursor.y)
        super().tab()

    def linefeed(self) -> None:
        self.last = max(self.last, self.cursor.y)
        super().linefeed()

    def cursor_down(self, count: int | None = None) -> None:
        self.cursor.y = min(self.cursor.y + (count or 1), self.last + 1)


def on_a_terminal(text: str) -> list[str]:
    """The lines that a terminal of its own shows, which translates newlines as a kernel does."""
    screen = Paper(200, 100)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(text)
    return [line.rstrip() for line in screen.display]


def without_empty_end(lines: list[str]) -> list[str]:
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


@given(st.lists(WORDS, max_size=40))
def test_lines_are_those_that_a_terminal_shows(words: list[str]) -> None:
    """Whatever programs write: the log of a run is what its user saw."""
    text = "".join(words)

    assert without_empty_end(shown(text)) == without_empty_end(on_a_terminal(text))


@given(st.lists(WORDS, max_size=30), st.data())
def test_how_a_text_is_cut_into_writes_changes_nothing(
    words: list[str], data: st.DataObject
) -> None:
    """A write may end in the middle of a sequence."""
    text = "".join(words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    assert shown(*pieces) == shown(text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_plain_text_is_kept_as_it_is(text: str) -> None:
    """In any script."""
    assert shown(f"{text}\nend\n") == [text.rstrip(" "), "end"]


def test_a_bar_of_tqdm_is_one_line() -> None:
    """Not one for each time that it moved."""
    tqdm.monitor_interval = 0  # a thread that stays
    stream = io.StringIO()
    for _ in tqdm(range(50), file=stream, mininterval=0, ascii=False, ncols=60):
        time.sleep(0.0005)
    assert stream.getvalue().count("\r") > 20

    (line,) = shown(stream.getvalue())

    assert line.startswith("100%|")
    assert "50/50" in line


def test_nested_bars_of_tqdm_are_a_line_each() -> None:
    """They move up and down with the cursor."""
    tqdm.monitor_interval = 0
    stream = io.StringIO()
    for _ in tqdm(range(3), file=stream, mininterval=0, desc="outer", ncols=60):
        for _ in tqdm(range(4), file=stream, mininterval=0, desc="inner", leave=False, ncols=60):
            tqdm.write("said", file=stream)

    lines = shown(stream.getvalue())

    assert [line for line in lines if line.startswith("outer")][-1].startswith("outer: 100%")
    assert lines.count("said") == 12
    assert len(lines) < 20


def test_bars_of_rich_are_a_line_each() -> None:
    """Which draws them anew each time, from the top."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with Progress(console=console, refresh_per_second=100) as progress:
        tasks = [progress.add_task(name, total=20) for name in ("first", "second")]
        for _ in range(20):
            for task in tasks:
                progress.advance(task)
            progress.refresh()
        console.print("said meanwhile")

    lines = without_empty_end(shown(stream.getvalue()))

    assert lines[0] == "said meanwhile"
    assert [line.split()[0] for line in lines[1:]] == ["first", "second"]
    assert all("100%" in line for line in lines[1:])


def test_streams_have_a_cursor_each() -> None:
    """A bar on stderr is not torn apart by what is printed beside it."""
    transcript = Transcript()
    for step in range(3):
        transcript.feed("stderr", f"\r{step}/2")
        transcript.feed("stdout", f"step {step}\n")
    transcript.take()

    assert transcript.settled(all_of_them=True) == ["2/2", "step 0", "step 1", "step 2"]


def test_only_what_changed_is_told_again() -> None:
    """A bar that moves costs one line a batch, and not all of them."""
    transcript = Transcript()
    transcript.feed("stdout", "one\ntwo\n10%")
    assert [(c.number, c.lines) for c in transcript.take()] == [(0, ["one", "two", "10%"])]

    transcript.feed("stdout", "\r20%")

    assert [(c.number, c.lines) for c in transcript.take()] == [(2, ["20%"])]
    assert transcript.take() == []


def test_a_line_far_up_is_not_changed_any_more() -> None:
    """A bar that many lines have passed goes on below them; so memory stays bounded."""
    transcript = Transcript()
    transcript.feed("stderr", "\r10%")
    transcript.feed("stdout", "line\n" * (2 * CONSOLE_REACH))
    transcript.take()
    settled = transcript.settled()
    transcript.feed("stderr", "\r20%")
    transcript.take()
    rest = transcript.settled(all_of_them=True)

    assert settled[0] == "10%"
    assert rest[-1] == "20%"
    assert len(settled) + len(rest) == 2 * CONSOLE_REACH + 2


def test_a_line_without_an_end_is_cut_and_says_so() -> None:
    """Dots for a week must not fill the memory."""
    (line,) = shown(*["." * 1000] * 100)

    assert len(line) < LINE_CHARACTERS + 100
    assert line.endswith(f"… ({100_000 - LINE_CHARACTERS} characters left out)")


def test_what_a_full_screen_program_draws_is_no_output() -> None:
    """`nvtop` leaves nothing on the terminal either."""
    assert shown("before\n\x1b[?1049h\x1b[Hdrawn\x1b[2J\x1b[?1049lafter\n") == ["before", "after"]


@pytest.mark.parametrize(
    "text", ["\x1b", "\x1b[", "\x1b[12", "\x1b]0;title", "\x1bP" + "q" * 100_000]
)
def test_a_sequence_that_never_ends_is_not_shown(text: str) -> None:
    """And takes no more memory than a little."""
    transcript = Transcript()
    transcript.feed("stdout", "before")
    for _ in range(5):
        transcript.feed("stdout", text)

    with contextlib.suppress(IndexError):
        assert transcript.take()[0].lines[0].startswith("before")
    assert max(len(screen.unfinished) for screen in transcript._screens.values()) <= 65_536


def coloured(*pieces: str) -> list[str]:
    """The lines that are recorded of a text."""
    transcript = Transcript()
    for piece in pieces:
        transcript.feed("stdout", piece)
    return [line for change in transcript.take() for line in change.lines]


def test_colours_are_recorded_and_a_line_without_any_is_as_it_was() -> None:
    """They hold until they are set back, over the ends of lines, too."""
    assert coloured("plain\n", "a \x1b[1;31mred\x1b[0m b\n") == [
        "plain",
        "a \x1b[0;1;31mred\x1b[0m b",
    ]
    assert coloured("\x1b[32mon\ne", "\x1b[mnd") == [
        "\x1b[0;32mon\x1b[0m",
        "\x1b[0;32me\x1b[0mnd",
    ]


def test_a_bar_that_is_drawn_anew_has_the_colours_of_what_is_seen() -> None:
    """What is written into the middle of a line takes its colours away, and never its text."""
    assert coloured("\x1b[31m10%\x1b[0m\r\x1b[32m20%\x1b[0m") == ["\x1b[0;32m20%\x1b[0m"]
    assert coloured("\x1b[31m10%\x1b[0m\r\x1b[2K\x1b[32m2%") == ["\x1b[0;32m2%\x1b[0m"]
    assert coloured("\x1b[31mabcdef\x1b[0m\rX") == ["Xbcdef"]
    assert shown("\x1b[31m10%\x1b[0m\r\x1b[32m20%\x1b[0m") == ["20%"]


@given(st.lists(st.sampled_from(["ab", "\x1b[31m", "\x1b[0m", "\r", "\n", "\x1b[K", "é", "\b"])))
def test_without_its_colours_a_recorded_line_is_what_a_terminal_shows(pieces: list[str]) -> None:
    """Whatever is written."""
    plain = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured(*pieces)]
    assert [line.rstrip(" ") for line in plain] == shown(*pieces)
