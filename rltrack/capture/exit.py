"""How the process is being left: the code of an exit, or the exception that ended it.

Python's exit hooks are told nothing. What is known, and when, at the end of a script:

    1. Its outermost frame is left, by a return or by an exception; a frame that is held says
       which. So an exit that somebody caught, and went on, is told from one that ended it.
    2. Python flushes `sys.stderr`, while that exception still lives: here the code of a
       ``raise SystemExit(n)`` is read. It stands nowhere else. With ``python -m`` and ``-c`` nothing
       is flushed. Python 3.12 tells of a frame that an exception leaves, so it is read at 1; on
       3.11, `rltrack run -m` catches it on its way (`note`), and of a plain ``python -m`` only what
       the outermost code itself says is known: ``raise SystemExit(3)`` and not
       ``raise SystemExit(main())``, which counts as one without a code.
    3. An exception other than SystemExit is printed, and stands in `sys.last_value`.
    4. The exit hooks run, ours among them.

The code of `sys.exit` is noted on its way, since Python forgets it before 2. Both `sys.exit` and
the stream are only watched while runs are going on, and are then what they were.
"""

from __future__ import annotations

import contextlib
import gc
import opcode
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final, NoReturn

_RETURNS: Final = frozenset(
    code
    for name, code in opcode.opmap.items()
    if name.startswith("RETURN_") and "GENER" not in name
)


def in_notebook() -> bool:
    """Whether cells are run one by one, in Jupyter or IPython."""
    # That somebody imported it is not enough: programs of all kinds do.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None


#: What `note` was told.
_told: Final[list[SystemExit]] = []


def note(error: SystemExit) -> None:
    """Tell with which exit the program is being left, by who sees it on its way."""
    _told[:] = [SystemExit(error.code)]


class ExitWatch:
    """Notes how the program is left between `start` and `stop`."""

    def __init__(self) -> None:
        self._original = sys.exit
        self._noted: SystemExit | None = None
        self._seen: SystemExit | None = None
        self._outermost: FrameType | None = None
        self._program: FrameType | None = None
        self._stream: Any = None
        self._flush: Callable[[], None] | None = None
        self._unwinding = _Unwinding()

    def start(self) -> None:
        """Begin to watch; what was noted before is forgotten."""
        if sys.exit != self._exit:
            self._original = sys.exit
            sys.exit = self._exit
        self._noted = self._seen = None
        if threading.current_thread() is threading.main_thread():
            self._outermost = _outermost_frame()
            self._program = _program_frame()
            self._watch_stream()
            if _is_not_flushed(self._outermost):
                self._unwinding.start(self._outermost)

    def stop(self) -> None:
        """Leave `sys.exit` and the stream as they were found, unless somebody wrapped them after us."""
        if sys.exit == self._exit:
            sys.exit = self._original
        self._leave_stream()
        self._unwinding.stop()
        self._outermost = self._program = None

    def error(self) -> BaseException | None:
        """What ends the process, in its exit hooks; None for a program that came to its end."""
        # In a notebook an exception ends a cell, and the program goes on.
        if hasattr(sys, "ps1") or in_notebook():
            return None
        uncaught: BaseException | None = getattr(sys, "last_value", None)
        if self._outermost is None:  # runs were started by threads only
            return uncaught or self._noted
        if _has_returned(self._outermost):
            return None
        if (
            seen := self._unwinding.seen or self._seen or (_told[0] if _told else None)
        ) is not None:
            return seen
        if uncaught or self._noted or self._program is None:
            return uncaught or self._noted
        return _said(self._program)

    def _exit(self, status: object = None, /) -> NoReturn:
        self._noted = SystemExit(status)
        self._original(status)  # type: ignore[arg-type]

    # -- the flush at the end ----------------------------------------------------------------

    def _watch_stream(self) -> None:
        stream = sys.stderr
        if stream is None or stream is self._stream:
            return
        self._leave_stream()
        flush = stream.flush
        with contextlib.suppress(AttributeError, TypeError):  # its attributes cannot be set
            stream.flush = self._look_and_flush  # type: ignore[method-assign]
            self._stream, self._flush = stream, flush

    def _leave_stream(self) -> None:
        stream, self._stream = self._stream, None
        if getattr(stream, "__dict__", {}).get("flush") == self._look_and_flush:
            del stream.flush
            if stream.flush != self._flush:  # it had one of its own
                stream.flush = self._flush
        self._flush = None

    def _look_and_flush(self) -> None:
        if (flush := self._flush) is not None:
            flush()
        outermost = self._outermost
        if (
            outermost is None
            or threading.current_thread() is not threading.main_thread()
            or _outermost_frame() is outermost
        ):
            return
        if not _has_returned(outermost):
            self._seen = self._exit_in_flight()

    def _exit_in_flight(self) -> SystemExit | None:
        """The SystemExit that nothing but the interpreter itself holds."""
        exits = [one for one in gc.get_objects() if issubclass(type(one), SystemExit)]
        for found in exits:
            # One that was caught and kept is held by what it was kept in.
            held = any(by is not exits for by in gc.get_referrers(found) if not _is_frame(by))
            if found is not self._noted and not held:
                return found  # type: ignore[no-any-return]
        return None


def _is_frame(found: object) -> bool:
    return type(found) is FrameType


def _outermost_frame() -> FrameType:
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def _has_returned(frame: FrameType) -> bool:
    """Whether the frame, which is not running any more, was left by a return."""
    return frame.f_code.co_code[frame.f_lasti] in _RETURNS


# -- without a flush -----------------------------------------------------------------------------


class _Unwinding:
    """Sees the exception by which a frame is left, where Python tells of that: since 3.12."""

    def __init__(self) -> None:
        self.seen: SystemExit | None = None
        self._code: CodeType | None = None
        self._tool: int | None = None

    def start(self, frame: FrameType) -> None:
        """Begin to watch a frame."""
        self.seen, self._code = None, frame.f_code
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None or self._tool is not None:
            return
        # 3 and 4 are nobody's by name; a tool that has one keeps it.
        free = [tool for tool in (3, 4) if monitoring.get_tool(tool) is None]
        if free:
            self._tool = free[0]
            monitoring.use_tool_id(self._tool, "rltrack")
            event = monitoring.events.PY_UNWIND
            monitoring.register_callback(self._tool, event, self._look)
            monitoring.set_events(self._tool, event)

    def stop(self) -> None:
        """Leave no trace of it."""
        tool, self._tool = self._tool, None
        if tool is not None:
            monitoring: Any = getattr(sys, "monitoring", None)
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, monitoring.events.PY_UNWIND, None)
            monitoring.free_tool_id(tool)

    def _look(self, code: CodeType, _at: int, error: BaseException) -> None:
        if code is self._code and isinstance(error, SystemExit):
            self.seen = SystemExit(error.code)


def _is_not_flushed(outermost: FrameType) -> bool:
    """Whether the program was started by ``-m`` or ``-c``."""
    name = outermost.f_code.co_filename
    return name == "<string>" or outermost.f_code.co_name == "_run_module_as_main"


def _program_frame() -> FrameType | None:
    """The outermost code of the program itself; the frames around it are those of `runpy`."""
    frame: FrameType | None = sys._getframe(1)
    found = None
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__":
            found = frame
        frame = frame.f_back
    return found


def _said(frame: FrameType) -> SystemExit | None:
    """The exit that a frame was left by, if its last line is ``raise SystemExit(3)``."""
    import dis

    skipped = ("PUSH_NULL", "PRECALL", "CACHE")
    done = [one for one in dis.get_instructions(frame.f_code) if one.offset <= frame.f_lasti]
    *_, name, value, call, last = [None] * 4 + [one for one in done if one.opname not in skipped]
    if last is None or last.opname != "RAISE_VARARGS" or call is None:
        return None
    if call.argval == "SystemExit":
        return SystemExit()
    if name is None or name.argval != "SystemExit" or value is None or call.opname != "CALL":
        return None
    if value.opname == "LOAD_CONST":
        return SystemExit(value.argval)
    if value.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
        return SystemExit(frame.f_globals.get(value.argval))
    return None
