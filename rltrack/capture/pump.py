"""A process that stands between the program and its terminal: what `console="redirect"` starts.

It runs as a script, with the standard library alone, and does what `tee` does: what comes in on a
channel goes out to where the channel led before, and a copy goes to the program itself.

It is nobody's child: a program that waits for all its children must not wait for it. It is a
process and no thread, since a thread would need Python's lock to read: a C library that
holds it while it prints more than a pipe takes would wait for ever. And what a dying program said
last still comes to the terminal, for this process ends only when nobody can write any more.

    fd 3        control: an ``s`` asks for a mark behind all that was written so far
    fd 4        the copy: frames of channel u8 | length u32 | bytes, little-endian
    argv        for each channel two descriptors: where it comes in, and where it goes out
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import sys
import termios
from collections import deque
from typing import Final

CONTROL_FD: Final = 3
COPY_FD: Final = 4
FRAME: Final = struct.Struct("<BI")
#: Instead of a channel: all that was written before the ``s`` stands before this frame.
MARK: Final = 255
#: Instead of a channel: so many bytes were left out of the copy; no bytes follow.
LEFT_OUT: Final = 254
#: Instead of a channel: the first frame, with the number of this process in the place of a length.
HELLO: Final = 253
#: What waits for a program that does not take its copy.
MOST_WAITING: Final = 8 << 20
_CHUNK: Final = 1 << 16


class Pump:
    """Carries the channels until all of them are at their end."""

    def __init__(self, channels: dict[int, int]) -> None:
        self._channels = channels
        self._numbers = {come: number for number, come in enumerate(channels)}
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._left_out = 0
        self._copies = True
        self._poll = select.poll()
        for come in channels:
            self._poll.register(come, select.POLLIN)
        self._poll.register(CONTROL_FD, select.POLLIN)
        os.set_blocking(COPY_FD, False)

    def run(self) -> None:
        """Until nobody can write to a channel any more."""
        while self._channels:
            if self._copies:
                self._poll.register(COPY_FD, select.POLLOUT if self._waiting else 0)
            for fd, event in self._poll.poll():
                if fd == COPY_FD:
                    self._send() if event & select.POLLOUT else self._end_copies()
                elif fd == CONTROL_FD:
                    self._obey()
                elif fd in self._channels:
                    self._carry(fd)
        if self._copies:
            os.set_blocking(COPY_FD, True)
            self._send()

    def _carry(self, come: int) -> None:
        """Pass on what has come in on a channel."""
        data = carry(come, self._channels[come])
        if not data:
            self._poll.unregister(come)
            del self._channels[come]
        elif self._copies:
            self._keep(self._numbers[come], data)

    def _keep(self, number: int, data: bytes) -> None:
        if self._waiting_bytes + len(data) > MOST_WAITING:
            self._left_out += len(data)
            return
        if self._left_out:
            self._push(FRAME.pack(LEFT_OUT, self._left_out))
            self._left_out = 0
        self._push(FRAME.pack(number, len(data)) + data)

    def _push(self, frame: bytes) -> None:
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)

    def _send(self) -> None:
        """Hand over what waits, as far as it is taken."""
        try:
            while self._waiting:
                frame = self._waiting.popleft()
                self._waiting_bytes -= len(frame)
                sent = os.write(COPY_FD, frame)
                if sent < len(frame):
                    self._waiting.appendleft(frame[sent:])
                    self._waiting_bytes += len(frame) - sent
        except BlockingIOError:
            self._waiting.appendleft(frame)
            self._waiting_bytes += len(frame)
        except OSError:
            self._end_copies()

    def _obey(self) -> None:
        asked = os.read(CONTROL_FD, 1)
        if not asked:  # the program is gone, or has taken all that it wants
            self._poll.unregister(CONTROL_FD)
            self._end_copies()
            return
        more = select.poll()
        for come in self._channels:
            more.register(come, select.POLLIN)
        while ready := [fd for fd, _ in more.poll(0) if fd in self._channels]:
            for fd in ready:
                self._carry(fd)
                if fd not in self._channels:
                    more.unregister(fd)
        if self._left_out:
            self._push(FRAME.pack(LEFT_OUT, self._left_out))
            self._left_out = 0
        self._push(FRAME.pack(MARK, 0))

    def _end_copies(self) -> None:
        if self._copies:
            self._copies = False
            self._waiting.clear()
            self._poll.unregister(COPY_FD)
            os.close(COPY_FD)


def carry(come: int, go: int) -> bytes:
    """Pass on what has come in, and answer it; nothing, when nobody can write there any more."""
    try:
        data = os.read(come, _CHUNK)
    except OSError:  # the other end of a pseudo-terminal is gone
        return b""
    _write_all(go, data)
    return data


def _write_all(fd: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(fd, data) :]
    except BlockingIOError:  # somebody made the terminal non-blocking
        select.select((), (fd,), (), 1.0)
        if data:
            _write_all(fd, data)
    except OSError:
        pass  # the terminal is gone; the program must not learn of it by waiting


def _follow_size(channels: dict[int, int]) -> None:
    """Give pseudo-terminals the size of the window that they stand for."""
    for come, go in channels.items():
        try:
            fcntl.ioctl(come, termios.TIOCSWINSZ, fcntl.ioctl(go, termios.TIOCGWINSZ, bytes(8)))
        except OSError:
            continue


def main() -> None:
    """Be the pump."""
    # Ctrl-C and the like are meant for the program; this ends when that has.
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGTTOU"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    fds = [int(word) for word in sys.argv[1:]]
    channels = dict(zip(fds[::2], fds[1::2], strict=True))
    if os.fork():
        os._exit(0)
    os.write(COPY_FD, FRAME.pack(HELLO, os.getpid()))
    signal.signal(signal.SIGWINCH, lambda *_: _follow_size(channels))
    Pump(channels).run()


if __name__ == "__main__":
    main()
