"""File descriptors 1 and 2, led through a process that keeps a copy: see `pump.py`.

What sub-processes and C libraries print is heard as well. A terminal stays one to whoever asks: a
pseudo-terminal of its size stands in its place. Where both descriptors lead to one place they
share one channel, so what stands there stays in the order in which it was written, and all of it
counts as stdout.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

from rltrack.capture import pump

_NAMES: Final = {1: "stdout", 2: "stderr"}
#: How long the pump may take to hand over the rest; it takes a millisecond.
_REST_S: Final = 1.0
_CHUNK: Final = 1 << 20
#: Above the numbers that the pump's own descriptors get.
_HIGH: Final = 64
_FIRST_CHANNEL_FD: Final = 10


def is_possible() -> bool:
    """Whether this system and this process can be redirected."""
    return hasattr(os, "posix_spawn") and bool(sys.executable) and any(map(_is_open, _NAMES))


class Redirect:
    """Descriptors 1 and 2 go through the pump, from now until `stop`.

    Args:
        hear: told the name of a stream, and what was written to it; called by `collect`.
        left_out: told of how many bytes there is no copy.

    Raises:
        OSError: no process can be started, or no pipe be made; nothing is changed.
    """

    def __init__(self, hear: Callable[[str, str], None], left_out: Callable[[int], None]) -> None:
        self._hear = hear
        self._tell_left_out = left_out
        self._pid = os.getpid()
        self._rest = b""
        _flush_python()
        groups = _channels()
        self._names = [_NAMES[fds[0]] for fds in groups]
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = [decoder("replace") for _ in groups]
        self._saved = {fd: _dup_high(fd) for fds in groups for fd in fds}
        ends: list[int] = []
        try:
            pairs = [_channel(self._saved[fds[0]]) for fds in groups]
            ends += [fd for pair in pairs for fd in pair]
            self._copy, copy_end = _pipe()
            control_end, self._control = _pipe()
            ends += [copy_end, control_end]
            going = [self._saved[fds[0]] for fds in groups]
            self._pump = _spawn([come for come, _ in pairs], going, control_end, copy_end)
            os.set_blocking(self._copy, False)
            self._ours = {}
            for fds, (_, end) in zip(groups, pairs, strict=True):
                for fd in fds:
                    os.dup2(end, fd)
                    self._ours[fd] = _identity(fd)
        finally:
            for fd in ends:
                os.close(fd)

    def covers(self, stream: TextIO) -> bool:
        """Whether what is written to a Python stream comes by here."""
        try:
            return stream.fileno() in self._ours
        except (OSError, ValueError, AttributeError):
            return False

    def collect(self) -> bool:
        """Take what was copied so far; whether a mark was reached, or the end."""
        while True:
            try:
                data = os.read(self._copy, _CHUNK)
            except BlockingIOError:
                return False
            except OSError:
                return True
            if not data:
                return True
            if self._take(self._rest + data):
                return True

    def _take(self, data: bytes) -> bool:
        offset, marked = 0, False
        while len(data) - offset >= pump.FRAME.size:
            number, length = pump.FRAME.unpack_from(data, offset)
            start = offset + pump.FRAME.size
            if number == pump.LEFT_OUT:
                self._tell_left_out(length)
                length = 0
            elif number == pump.MARK:
                marked = True
            elif start + length > len(data):
                break
            elif text := self._decoders[number].decode(data[start : start + length]):
                self._hear(self._names[number], text)
            offset = start + length
        self._rest = data[offset:]
        return marked

    def stop(self) -> None:
        """Lead the descriptors to where they led before, and take the rest of what was copied.

        One that somebody has led elsewhere since stays as it is. Whoever still writes into ours,
        a sub-process for one, is carried on to the terminal, for as long as that takes.
        """
        if os.getpid() != self._pid:  # a forked child, to which none of it belongs
            return
        _flush_python()
        for fd, saved in self._saved.items():
            with contextlib.suppress(OSError):
                if _identity(fd) == self._ours[fd]:
                    os.dup2(saved, fd)
            os.close(saved)
        with contextlib.suppress(OSError):  # the pump is gone
            os.write(self._control, b"s")
        end = time.monotonic() + _REST_S
        while not self.collect() and time.monotonic() < end:
            _wait_for(self._copy, end - time.monotonic())
        os.close(self._control)
        os.close(self._copy)
        self._reap()

    def _reap(self) -> None:
        """See the pump off, if it has nobody left to serve."""
        for _ in range(20):
            try:
                if os.waitpid(self._pump, os.WNOHANG)[0]:
                    return
            except ChildProcessError:
                return
            time.sleep(0.001)
        _outliving.append(self._pump)

    @staticmethod
    def reap_those_that_outlived() -> None:
        """Of earlier runs' pumps, see off those that have ended by now."""
        for pid in list(_outliving):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    continue
            _outliving.remove(pid)


#: Pumps that a sub-process still writes to.
_outliving: Final[list[int]] = []


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _identity(fd: int) -> tuple[int, int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_rdev


def _channels() -> list[list[int]]:
    """Descriptors that lead to one place, together."""
    groups: dict[tuple[int, int, int], list[int]] = {}
    for fd in _NAMES:
        if _is_open(fd):
            groups.setdefault(_identity(fd), []).append(fd)
    return list(groups.values())


def _channel(original: int) -> tuple[int, int]:
    """Both ends of what stands in the place of a descriptor: where it comes out, and goes in."""
    if not os.isatty(original):
        return _pipe()
    import fcntl
    import termios

    come, end = (_moved_high(fd) for fd in os.openpty())
    settings = termios.tcgetattr(original)
    settings[1] &= ~termios.OPOST  # newlines are translated once, by the terminal itself
    settings[3] &= ~(termios.ECHO | termios.TOSTOP)
    termios.tcsetattr(end, termios.TCSANOW, settings)
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(original, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(end, termios.TIOCSWINSZ, size)
    return come, end


def _pipe() -> tuple[int, int]:
    come, end = os.pipe()
    return _moved_high(come), _moved_high(end)


def _dup_high(fd: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)


def _moved_high(fd: int) -> int:
    moved = _dup_high(fd)
    os.close(fd)
    return moved


def _spawn(coming: list[int], going: list[int], control: int, copy: int) -> int:
    """Start the pump."""
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_DUP2, control, pump.CONTROL_FD)]
    actions.append((os.POSIX_SPAWN_DUP2, copy, pump.COPY_FD))
    arguments = []
    for number, fd in enumerate(fd for pair in zip(coming, going, strict=True) for fd in pair):
        actions.append((os.POSIX_SPAWN_DUP2, fd, _FIRST_CHANNEL_FD + number))
        arguments.append(str(_FIRST_CHANNEL_FD + number))
    script = str(Path(pump.__file__))
    command = [sys.executable, "-I", "-S", script, *arguments]
    # Its own 0, 1 and 2 would keep what they lead to open for ever.
    actions += [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
    return os.posix_spawn(sys.executable, command, dict(os.environ), file_actions=actions)


def _flush_python() -> None:
    """What was printed before goes where it was meant to."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
            if stream is not None:
                stream.flush()


def _wait_for(fd: int, seconds: float) -> None:
    import select

    select.select((fd,), (), (), max(0.0, seconds))
