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
import select
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from rltrack.capture import pump

_NAMES: Final = {1: "stdout", 2: "stderr"}
#: How long the pump may take to begin; it takes 20 ms, or what a network's disk takes.
_START_S: Final = 10.0
#: How long the pump may take to hand over the rest; it takes a millisecond.
_REST_S: Final = 1.0
_CHUNK: Final = 1 << 20
#: Above the numbers that the pump's own descriptors get.
_HIGH: Final = 64
_FIRST_CHANNEL_FD: Final = 10


def is_possible() -> bool:
    """Whether this system and this process can be redirected."""
    return hasattr(os, "posix_spawn") and bool(sys.executable) and any(map(_is_ours, _NAMES))


class Redirect:
    """Descriptors 1 and 2 go through the pump, from now until `stop`.

        1. The pump says that it is there before anything is led to it: no print waits for a
           process that cannot start.
        2. Should somebody kill it, a thread learns of it at once, leads the descriptors back, and
           carries what sub-processes still write. Nobody's write fails for it, since this process
           can read what they write to, too.
        3. A forked child keeps its 1 and 2, and nothing else of it.

    Args:
        hear: told the name of a stream, and what was written to it; called by `collect`.
        left_out: told of how many bytes there is no copy.
        lost: told that the pump is gone, on a thread; there is nothing to stop any more then.

    Raises:
        OSError: no process can be started, or no pipe be made; nothing is changed.
    """

    def __init__(
        self,
        hear: Callable[[str, str], None],
        left_out: Callable[[int], None],
        lost: Callable[[], None],
    ) -> None:
        self._hear = hear
        self._tell_left_out = left_out
        self._tell_lost = lost
        self._pid = os.getpid()
        self._rest = b""
        self._ending = threading.Lock()
        self._is_ended = False
        _flush_python()
        groups = _channels()
        self._names = [_NAMES[fds[0]] for fds in groups]
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = [decoder("replace") for _ in groups]
        self._fds: list[int] = []
        """What is open for it."""
        self._saved: dict[int, int] = {}
        self._ways: dict[int, int] = {}
        """Where what is written comes out, and where it went before."""
        self._ours: dict[int, tuple[int, int, int]] = {}
        ends: list[int] = []
        try:
            self._start(groups, ends)
        except BaseException:
            self._close()
            raise
        finally:
            for fd in ends:
                os.close(fd)
        _let_go_in_children(self)
        threading.Thread(target=self._watch, name="rltrack-redirect", daemon=True).start()

    def _start(self, groups: list[list[int]], ends: list[int]) -> None:
        """Start the pump, and lead everything to it; in `ends` are the ends that it has then."""
        for fd in [fd for fds in groups for fd in fds]:
            self._saved[fd] = self._kept(_dup_high(fd))
        ways = []
        for fds in groups:
            come, end = _channel(self._saved[fds[0]])
            self._ways[self._kept(come)] = self._saved[fds[0]]
            ends.append(end)
            ways += [(fd, end) for fd in fds]
        copy, copy_end = _pipe()
        self._copy = self._kept(copy)
        ends.append(copy_end)
        control_end, control = _pipe()
        self._control = self._kept(control)
        ends.append(control_end)
        started = _spawn(self._ways, control_end, copy_end)
        ends.remove(copy_end)
        os.close(copy_end)  # so that the death of the pump is the end of what can be read
        self._pump = self._greeted(started)
        for fd, end in ways:
            os.dup2(end, fd)
            self._ours[fd] = _identity(fd)

    def _kept(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def _greeted(self, started: int) -> int:
        """The number of the pump's process, when that is there; who started it has ended then."""
        _wait_for(self._copy, _START_S)
        os.set_blocking(self._copy, False)
        greeting = b""
        with contextlib.suppress(BlockingIOError):
            greeting = os.read(self._copy, pump.FRAME.size)
        if not greeting:
            os.kill(started, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # the program waits for all its children
            os.waitpid(started, 0)
        if len(greeting) != pump.FRAME.size or greeting[0] != pump.HELLO:
            raise OSError(f"{sys.executable} does not run what it is given")
        return int(pump.FRAME.unpack(greeting)[1])

    def covers(self, stream: TextIO) -> bool:
        """Whether what is written to a Python stream comes by here."""
        try:
            return not self._is_ended and stream.fileno() in self._ours
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
        if not self._lead_back():  # the pump is gone
            return
        with contextlib.suppress(OSError):
            os.write(self._control, b"s")
        end = time.monotonic() + _REST_S
        while not self.collect() and time.monotonic() < end:
            _wait_for(self._copy, end - time.monotonic())
        self._close()
        # Orphans come to the first process of a container, and this may be it.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pump, os.WNOHANG)

    def _lead_back(self) -> bool:
        """Lead the descriptors back; False if that was done before."""
        with self._ending:
            if self._is_ended:
                return False
            self._is_ended = True
            for fd, saved in self._saved.items():
                with contextlib.suppress(OSError):
                    if _identity(fd) == self._ours[fd]:
                        os.dup2(saved, fd)
        return True

    def _close(self) -> None:
        _live.discard(self)
        while self._fds:
            os.close(self._fds.pop())

    def let_go(self) -> None:
        """In a forked child: nothing of it must be open longer than in the process itself."""
        self._is_ended = True
        self._close()

    def _watch(self) -> None:
        """Wait for the end of the pump. If it is none of ours, do its work."""
        poll = select.poll()
        poll.register(self._copy, 0)
        poll.poll()
        if not self._lead_back():
            return
        # Whoever is told may wait for a print that waits for what follows.
        telling = threading.Thread(target=self._tell_lost, name="rltrack-lost", daemon=True)
        telling.start()
        poll.unregister(self._copy)
        for come in self._ways:
            poll.register(come, select.POLLIN)
        left = len(self._ways)
        while left:
            for come, _ in poll.poll():
                if not pump.carry(come, self._ways[come]):
                    poll.unregister(come)
                    left -= 1
        telling.join()
        self._close()


_live: Final[weakref.WeakSet[Redirect]] = weakref.WeakSet()
_watches_forks: Final[list[bool]] = []


def _let_go_in_children(redirect: Redirect) -> None:
    _live.add(redirect)
    if not _watches_forks:
        _watches_forks.append(True)
        os.register_at_fork(after_in_child=_be_a_child)


def _be_a_child() -> None:
    for one in list(_live):
        one.let_go()


def _is_ours(fd: int) -> bool:
    """Whether a descriptor is the stream that it should be.

    Where it was closed, a file has got its number: a journal, perhaps.
    """
    try:
        return bool(getattr(sys, f"__{_NAMES[fd]}__").fileno() == fd)
    except (OSError, ValueError, AttributeError):  # there was none, or it was closed
        return False


def _identity(fd: int) -> tuple[int, int, int]:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino, found.st_rdev


def _channels() -> list[list[int]]:
    """Descriptors that lead to one place, together."""
    groups: dict[tuple[int, int, int], list[int]] = {}
    for fd in _NAMES:
        if _is_ours(fd):
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


def _spawn(ways: Mapping[int, int], control: int, copy: int) -> int:
    """Start what starts the pump, and ends at once."""
    actions: list[tuple[Any, ...]] = [(os.POSIX_SPAWN_DUP2, control, pump.CONTROL_FD)]
    actions.append((os.POSIX_SPAWN_DUP2, copy, pump.COPY_FD))
    arguments = []
    for number, fd in enumerate(fd for way in ways.items() for fd in way):
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
    poll = select.poll()  # `select` knows no descriptor above 1023
    poll.register(fd, select.POLLIN)
    poll.poll(max(0.0, seconds) * 1000)
