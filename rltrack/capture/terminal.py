"""What a terminal shows of a text: a bar that moves is one line, not a thousand.

`Transcript` takes what is written to stdout and stderr, and keeps the lines that come of it: it
follows carriage returns, backspaces, tabs and the sequences that move the cursor or erase, and
drops titles and what full-screen programs draw. Colours are kept beside the text of a line, until
something is written into its middle. Each stream has a cursor of its own, so
a bar on stderr does not run into what is printed beside it; lines of both are counted together,
in the order in which they began.

Lines are as wide as they need to be. The last `CONSOLE_REACH` lines may change, as those that a
terminal still shows; a cursor that is on an older one goes on in a new line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rltrack.journal.records import CONSOLE_REACH

#: Characters of a line that are kept.
LINE_CHARACTERS: Final = 16_384
#: Where "go to the top of the screen" goes, in lines from the last.
_HEIGHT: Final = 24
_TAB: Final = 8
#: Of a sequence whose end has not come.
_MOST_UNFINISHED: Final = 65_536
#: Lines that a change tells of, at most.
_LINES_OF_CHANGE: Final = 500

#: Anything that is not simply the next character of a line, or the end of one.
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<arguments>[0-?]*)[ -/]*(?P<command>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x1b(?!\\)[^\x07\x1b]*)*(?:\x07|\x1b\\)"  # titles, links, images
    r"|\x1b(?P<escape>[0-OQ-WYZ`-~\\])"
    r"|\x1b[ -/]+[0-~]"
    r"|(?P<unfinished>\x1b.*\Z)"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])",
    re.DOTALL,
)
_NUMBERS: Final = re.compile("[0-9;]*")
_LOOK: Final = re.compile("[0-9;:]*")
#: Of what sets colours one after the other and never all back.
_LONGEST_LOOK: Final = 60
_OTHER_SCREEN: Final = frozenset({"?47", "?1047", "?1049"})


@dataclass(frozen=True, slots=True)
class Change:
    """Lines of a stream that are new, or not what they were."""

    number: int
    """Of the first of them."""
    stream: str
    lines: list[str]


class Transcript:
    """The lines that a terminal shows of two streams. Not for two threads at once."""

    def __init__(self) -> None:
        self.count = 0
        """Lines so far."""
        self._lines: dict[int, _Line] = {}
        self._held = 0
        """The first line that is still in `_lines`; all behind it are."""
        self._changed: set[int] = set()
        self._screens: dict[str, _Screen] = {}

    def feed(self, stream: str, text: str) -> None:
        """Take what was written to a stream; sequences may be cut anywhere."""
        screen = self._screens.setdefault(stream, _Screen(stream))
        if screen.unfinished:
            text, screen.unfinished = screen.unfinished + text, ""
        if "\r\n" in text:
            text = text.replace("\r\n", "\n")
        if _CONTROL.search(text) is None and not screen.is_hidden:
            self._feed_plain(screen, text)
            return
        for token in _TOKEN.finditer(text):
            kind = token.lastgroup
            if kind == "unfinished":
                screen.unfinished = token["unfinished"][:_MOST_UNFINISHED]
            elif kind == "command":
                self._command(screen, token["command"], token["arguments"])
            elif screen.is_hidden:
                continue
            elif kind == "text":
                self._write(screen, token["text"])
            elif kind == "control":
                self._control(screen, token["control"])
            elif kind == "escape":
                self._escape(screen, token["escape"])

    def take(self) -> list[Change]:
        """What changed since the last call, in the order of the lines."""
        changes: list[Change] = []
        for number in sorted(self._changed):
            line = self._lines[number]
            last = changes[-1] if changes else None
            if (
                last is not None
                and last.stream == line.stream
                and last.number + len(last.lines) == number
                and len(last.lines) < _LINES_OF_CHANGE
            ):
                last.lines.append(line.coloured())
            else:
                changes.append(Change(number, line.stream, [line.coloured()]))
        self._changed.clear()
        return changes

    def settled(self, *, all_of_them: bool = False) -> list[str]:
        """Lines that can no more change, oldest first; each once, and only after `take` told it."""
        end = self.count if all_of_them else self.count - CONSOLE_REACH
        found = [self._lines.pop(number).shown() for number in range(self._held, end)]
        if found:
            self._held = end
            for screen in self._screens.values():
                screen.forget_before(end)
        return found

    # -- writing -----------------------------------------------------------------------------

    def _feed_plain(self, screen: _Screen, text: str) -> None:
        """Text without anything that a terminal would act upon, apart from newlines."""
        first, *others = text.split("\n")
        if first:
            self._write(screen, first)
        for line in others:
            self._next_line(screen)
            if line:
                self._write(screen, line)

    def _write(self, screen: _Screen, text: str) -> None:
        line = self._line_under(screen)
        if screen.column is None:
            line.colour(None, text, screen.look)
            line.append(text)
        else:
            line.colour(screen.column, text, screen.look)
            screen.column = line.write(screen.column, text)
        self._changed.add(line.number)

    def _line_under(self, screen: _Screen) -> _Line:
        """The line that the cursor is on; begun if there is none."""
        while screen.at >= len(screen.numbers):
            number = self.count
            self.count += 1
            self._lines[number] = _Line(number, screen.stream)
            self._changed.add(number)
            screen.numbers.append(number)
        return self._lines[screen.numbers[screen.at]]

    def _next_line(self, screen: _Screen) -> None:
        if screen.at >= len(screen.numbers):
            self._line_under(screen)  # an empty line
        screen.at += 1
        # Nothing is in a line that was not begun, so what comes is appended.
        screen.column = None if screen.at >= len(screen.numbers) else 0

    def _column(self, screen: _Screen) -> int:
        if screen.column is None:
            under = screen.at < len(screen.numbers)
            screen.column = self._lines[screen.numbers[screen.at]].width if under else 0
        return screen.column

    # -- what a terminal acts upon -----------------------------------------------------------

    def _control(self, screen: _Screen, control: str) -> None:
        if control in "\n\v\f":
            self._next_line(screen)
        elif control == "\r":
            screen.column = 0
        elif control == "\b":
            screen.column = max(0, self._column(screen) - 1)
        elif control == "\t":
            self._line_under(screen)  # it moves only: what stands there stays
            screen.column = min((self._column(screen) // _TAB + 1) * _TAB, LINE_CHARACTERS)

    def _escape(self, screen: _Screen, command: str) -> None:
        if command == "7":
            screen.saved = (screen.at, self._column(screen))
        elif command == "8":
            screen.at, screen.column = screen.saved
        elif command == "c":
            screen.begin_anew()
        elif command == "E":
            self._next_line(screen)

    def _command(self, screen: _Screen, command: str, text: str) -> None:
        if command in "hl":
            if _OTHER_SCREEN & set(text.split(";")):
                screen.is_hidden = command == "h"
            return
        if command == "m" and not screen.is_hidden:
            screen.look = _look_after(screen.look, text)
            return
        if screen.is_hidden or not _NUMBERS.fullmatch(text):
            return
        numbers = [min(int(word or 0), LINE_CHARACTERS) for word in text.split(";")]
        count = max(1, numbers[0])
        column = self._column(screen)
        if command in "AF":
            screen.at = max(0, screen.at - count)
        elif command in "BE":
            screen.at = min(len(screen.numbers), screen.at + count)
        elif command == "C":
            screen.column = min(column + count, LINE_CHARACTERS)
        elif command == "D":
            screen.column = max(0, column - count)
        elif command in "G`":
            screen.column = count - 1
        elif command in "Hf":
            top = max(0, len(screen.numbers) - _HEIGHT)
            screen.at = min(len(screen.numbers), top + count - 1)
            screen.column = max(1, numbers[1]) - 1 if len(numbers) > 1 else 0
        elif command == "s":
            screen.saved = (screen.at, column)
        elif command == "u":
            screen.at, screen.column = screen.saved
        elif command in "JK":
            self._erase(screen, command, numbers[0], column)
        elif command in "PX@" and screen.at < len(screen.numbers):
            line = self._line_under(screen)
            line.shift(column, count, command)
            self._changed.add(line.number)
        if command in "EF":
            screen.column = 0

    def _erase(self, screen: _Screen, command: str, which: int, column: int) -> None:
        if command == "J" and which >= 2:
            screen.begin_anew()
            return
        if screen.at < len(screen.numbers):
            line = self._line_under(screen)
            line.erase(column if which == 0 else 0, column + 1 if which == 1 else None)
            self._changed.add(line.number)
        if command == "J":
            others = screen.numbers[screen.at + 1 :] if which == 0 else screen.numbers[: screen.at]
            for number in others:
                self._lines[number].erase(0, None)
                self._changed.add(number)


class _Screen:
    """Where the cursor of a stream is, and the lines that it can go to."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.numbers: list[int] = []
        self.at = 0
        """The line's place in `numbers`; behind the last: a line that has not begun."""
        self.column: int | None = None
        """None: at the end of the line."""
        self.saved = (0, 0)
        self.is_hidden = False
        """Whether a full-screen program draws on another screen."""
        self.unfinished = ""
        self.look = ""
        """Of what is written next: the arguments of a sequence that sets colours."""

    def begin_anew(self) -> None:
        """Clear the screen: what was on it has scrolled away."""
        self.numbers.clear()
        self.at, self.column, self.saved = 0, None, (0, 0)

    def forget_before(self, number: int) -> None:
        """Lose sight of the lines before that one."""
        gone = sum(1 for one in self.numbers if one < number)
        if not gone:
            return
        del self.numbers[:gone]
        self.at -= gone
        self.saved = (max(0, self.saved[0] - gone), self.saved[1])
        if self.at < 0:  # it was on a line that is gone: go on behind what is left
            self.at, self.column = len(self.numbers), None


class _Line:
    """One line: text, or cells as soon as something is written into a text that is not ASCII.

    A cell is what stands in one column: a character and what combines with it, or nothing where
    the character before it is two columns wide.
    """

    __slots__ = ("_cells", "_coloured", "_cut", "_look", "_text", "number", "stream")

    def __init__(self, number: int, stream: str) -> None:
        self.number = number
        self.stream = stream
        self._text = ""
        self._cells: list[str] | None = None
        self._cut = 0
        self._coloured: str | None = ""
        """The text with its colours; None where they are not known, as after a jump back."""
        self._look = ""
        """Of the end of `_coloured`."""

    def shown(self) -> str:
        """The line as it is seen."""
        text = (self._text if self._cells is None else "".join(self._cells)).rstrip(" ")
        return f"{text} … ({self._cut} characters left out)" if self._cut else text

    def coloured(self) -> str:
        """The line as it is seen, with the sequences that set its colours, if it has any."""
        shown = self.shown()
        if not self._coloured or "\x1b" not in self._coloured or self._cut:
            return shown
        return self._coloured.rstrip(" ") + ("\x1b[0m" if self._look else "")

    def colour(self, column: int | None, text: str, look: str) -> None:
        """Note the colours of a text that is about to be written from a column on, or at the end."""
        known = self._coloured
        if column is not None and column == 0 and text.isascii() and len(text) >= self.width:
            known, self._look = "", ""  # all that stood there is overwritten
        elif known is None or (column is not None and column != self.width):
            self._coloured = None
            return
        elif not known and look:
            known = self._text if self._cells is None else "".join(self._cells)
        if not known and not look:
            self._coloured = ""  # of a line without colours nothing is kept twice
            return
        if look != self._look:
            known += f"\x1b[0;{look}m" if look else "\x1b[0m"
            self._look = look
        known += text
        self._coloured = known if len(known) <= LINE_CHARACTERS else None

    @property
    def width(self) -> int:
        """In columns."""
        if self._cells is None and self._text.isascii():
            return len(self._text)
        return len(self._as_cells())

    def append(self, text: str) -> None:
        """Write at the end."""
        if self._cells is not None:
            self.write(len(self._cells), text)
            return
        room = LINE_CHARACTERS - len(self._text)
        self._cut += max(0, len(text) - room)
        self._text += text[:room]

    def write(self, column: int, text: str) -> int:
        """Write from a column on; answers the column behind it."""
        room = LINE_CHARACTERS - column
        if len(text) > room:
            self._cut += len(text) - room
            text = text[:room]
        if self._cells is None and self._text.isascii() and text.isascii():
            before = self._text[:column].ljust(column)
            end = column + len(text)
            self._text = before + text + self._text[end:]
            return end
        new = list(_cells_of(text))
        end = column + len(new)
        cells = self._as_cells()
        cells += [" "] * (column - len(cells))
        if end < len(cells) and not cells[end]:
            cells[end] = " "  # half of a wide character is none
        if column < len(cells) and not cells[column]:
            cells[column - 1] = " "
        cells[column:end] = new
        return end

    def erase(self, start: int, end: int | None) -> None:
        """Blank the columns from `start` to `end`."""
        if start == 0 and (end is None or end >= self.width):
            self._coloured, self._look = "", ""
        elif start < self.width:
            self._coloured = None
        if end is None or end >= self.width:
            if self._cells is None and self._text.isascii():
                self._text = self._text[:start]
            else:
                del self._as_cells()[start:]
            if start == 0:
                self._cut = 0
        else:
            self.write(start, " " * (end - start))

    def shift(self, column: int, count: int, command: str) -> None:
        """Delete (P), blank (X) or insert (@) some characters."""
        self._coloured = None
        if command == "X":
            self.erase(column, min(column + count, self.width))
        elif command == "P":
            del self._as_cells()[column : column + count]
        elif column < self.width:
            self._as_cells()[column:column] = [" "] * count
            del self._as_cells()[LINE_CHARACTERS:]

    def _as_cells(self) -> list[str]:
        if self._cells is None:
            self._cells = list(_cells_of(self._text))
        return self._cells


def _look_after(look: str, arguments: str) -> str:
    """What is set after a sequence that sets colours; empty where all is as by default."""
    if not _LOOK.fullmatch(arguments):
        return look
    words = arguments.split(";")
    # Whatever came before a 0 counts no more; but a 0 may be a part of a colour, as in 38;5;0.
    if words[0] in ("", "0", "00"):
        look, words = "", words[1:]
    together = ";".join([*([look] if look else []), *words])
    return together if len(together) <= _LONGEST_LOOK else ";".join(words)[:_LONGEST_LOOK]


def _cells_of(text: str) -> Iterator[str]:
    """What stands in each column."""
    from unicodedata import combining, east_asian_width

    cell = ""
    for character in text:
        if cell and (combining(character) or character in "\u200d\ufe0f"):
            cell += character
            continue
        if cell:
            yield from (cell, "") if east_asian_width(cell[0]) in "WF" else (cell,)
        cell = character
    if cell:
        yield from (cell, "") if east_asian_width(cell[0]) in "WF" else (cell,)
