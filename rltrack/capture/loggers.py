"""Loggers of Python whose records are kept in the run's log, printed or not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from rltrack.errors import UsageError


def capture_loggers(asked: Iterable[str], write: Callable[[str], None]) -> Callable[[], None]:
    """Have what loggers record written, until the answer is called.

    Args:
        asked: ``name=LEVEL`` of each, as in ``root=INFO``.
        write: given each record, as `logging.basicConfig` would show it.

    Raises:
        UsageError: there is no such level.
    """
    handlers = []
    for one in asked:
        name, _, level = one.rpartition("=")
        if not name:
            name, level = level, "NOTSET"
        try:
            handler = _Handler(write, int(level) if level.isdigit() else level.upper())
        except ValueError:
            raise UsageError(
                f"capture_loggers={one!r}: there is no level {level!r}, but DEBUG, INFO, WARNING, "
                "ERROR and CRITICAL"
            ) from None
        handlers.append((logging.getLogger(name), handler))
    for logger, handler in handlers:
        logger.addHandler(handler)

    def stop() -> None:
        for logger, handler in handlers:
            logger.removeHandler(handler)

    return stop


class _Handler(logging.Handler):
    """Hands over what it is given."""

    def __init__(self, write: Callable[[str], None], level: int | str) -> None:
        super().__init__(level)
        self._write = write
        self.setFormatter(logging.Formatter(logging.BASIC_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.format(record))
        except Exception:  # as every handler does: a message that cannot be formatted, for one
            self.handleError(record)
