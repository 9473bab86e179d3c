"""Whether a run goes on, and what it came to.

The journal's `Finished` is the truth, and `run.json` stands in where the disk refused that
record. Without either, the run goes on as long as one of its processes lives. A process on
another host, or in another container, cannot be seen: its heartbeat speaks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from typing import Final

from rltrack.folder import RunFacts, State
from rltrack.journal.process import is_alive
from rltrack.journal.records import WriterOpened

#: The mtime of `run.json` moves every 5 s; network file systems show it late.
HEARTBEAT_TIMEOUT_S: Final = 60.0


def without_a_word(facts: RunFacts | None) -> State:
    """What a run is whose processes are gone, and which did not say how it ended."""
    return "preempted" if facts is not None and facts.preempting else "crashed"


class Processes:
    """The processes that write a run.

    Args:
        now: seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._by_writer: dict[str, WriterOpened] = {}
        self._gone: set[WriterOpened] = set()

    def opened(self, writer: str, process: WriterOpened) -> None:
        """A process began to write."""
        if not process.edits:
            self._by_writer[writer] = process

    def first(self) -> WriterOpened | None:
        """The process that began the run."""
        return min(self._by_writer.values(), key=lambda opened: opened.time_ns, default=None)

    def any_alive(
        self, facts: RunFacts | None, heartbeat_at: float, *, but: Container[str] = ()
    ) -> bool:
        """Whether one of them still lives, as far as that can be told from here.

        Args:
            facts: of `run.json`, for a run whose journal names no process.
            heartbeat_at: mtime of `run.json`, in seconds since the epoch.
            but: writers that are not asked for.
        """
        asked: Iterable[WriterOpened] = [
            process for writer, process in self._by_writer.items() if writer not in but
        ]
        if not self._by_writer and facts is not None:
            asked = [WriterOpened(facts.created_ns, facts.host, facts.pid, facts.process)]
        out_of_sight = False
        for process in asked:
            alive = process not in self._gone and is_alive(
                process.host, process.pid, process.process
            )
            if alive:
                return True
            if alive is None:
                out_of_sight = True
            else:
                self._gone.add(process)  # it does not come back: its name holds its start
        return out_of_sight and self._now() - heartbeat_at <= HEARTBEAT_TIMEOUT_S
