"""Lines at the bottom of a terminal that are drawn anew, and lines that scroll by above them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TextIO


class Block:
    """Draws them; where there is no terminal, only what scrolls by is printed.

    Args:
        out: where to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._drawn: list[str] = []
        self.is_live = out.isatty()
        """Whether there is a terminal."""

    def print(self, lines: Sequence[str]) -> None:
        """Print lines above what is drawn."""
        if lines:
            drawn = self._drawn
            self._erase()
            self._out.writelines(f"{line}\n" for line in lines)
            self._write(drawn)

    def draw(self, lines: Sequence[str]) -> None:
        """Draw lines in the place of those that were drawn before."""
        if not self.is_live:
            return
        width, height = shutil.get_terminal_size()
        fitting = ["".join(filter(str.isprintable, line))[: width - 1] for line in lines]
        fitting = fitting[: height - 1]
        if fitting != self._drawn:
            self._erase()
            self._write(fitting)

    def _erase(self) -> None:
        if self._drawn:
            self._out.write(f"\x1b[{len(self._drawn)}F\x1b[J")
            self._drawn = []

    def _write(self, lines: list[str]) -> None:
        self._out.writelines(f"{line}\n" for line in lines)
        self._out.flush()
        self._drawn = lines
