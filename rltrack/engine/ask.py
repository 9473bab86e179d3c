"""Ask one query of a process of its own: from what it may read to what it answers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rltrack.errors import QueryError
from rltrack.extras import require
from rltrack.media.table_frames import data_frame
from rltrack.media.table_kinds import arrow

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_HEAD_BYTES: Final = 5
_TIMED_OUT: Final = 124
#: How long a process that was started before waits for its query.
PATIENCE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class View:
    """Where the rows of a view come from."""

    sql: str
    """A query over files, by `read_parquet`."""
    files: Sequence[str] = ()
    """All that it reads."""


def _half_of_memory() -> int:
    """At most 4 GiB, and at most half of the machine's."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        whole = 8 << 30
    return min(4 << 30, whole // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a query may take."""

    timeout_s: float = 60.0
    """Of computing; a reader that takes its time does not count."""
    memory_bytes: int = field(default_factory=_half_of_memory)
    temp_bytes: int = 8 << 30
    """On disk, for what does not fit into memory."""
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)


@contextlib.contextmanager
def ask(
    text: str,
    views: Mapping[str, Mapping[str, str]],
    provide: Callable[[Sequence[str], Path], Mapping[str, View]],
    limits: Limits | None = None,
    *,
    workers: Workers | None = None,
) -> Iterator[Answer]:
    """Run one query; its process ends with the block.

    Args:
        text: one statement that reads, in DuckDB's SQL.
        views: the columns and their types of each view that it may name. One called ``table``
            needs no quotes, though SQL has a word of that name.
        provide: given the names of the views that it does name, and a folder that goes with the
            query: where their rows come from.
        limits: what it may take.
        workers: processes that have been started before.

    Raises:
        QueryError: it is wrong, is not one that reads, or took more than it may. Also raised
            while the answer is read.
        MissingExtraError: DuckDB or PyArrow is not installed.
    """
    arrow()
    require("duckdb", extra="sql")
    limits = limits or Limits()
    with workers.take() if workers is not None else _Worker() as worker:
        worker.tell(
            {
                "query": text,
                "views": views,
                "timeout_s": limits.timeout_s,
                "memory_bytes": limits.memory_bytes,
                "temp_bytes": limits.temp_bytes,
                "threads": limits.threads,
            }
        )
        worker.asked(text, limits, list(views))
        _, needed = worker.receive()
        found = provide(json.loads(needed), worker.folder)
        worker.tell(
            {
                "views": {name: view.sql for name, view in found.items()},
                "files": [file for view in found.values() for file in view.files],
            }
        )
        yield Answer(worker)


class Answer:
    """The rows of an answer, as they come."""

    def __init__(self, worker: _Worker) -> None:
        self._worker = worker
        with self._stream(worker.receive()[1]) as first:
            self.schema: pa.Schema = first.schema

    def _stream(self, payload: bytes) -> Any:
        return arrow().ipc.open_stream(payload)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while (received := self._worker.receive())[0] == b"B":
            with self._stream(received[1]) as stream:
                yield from stream

    def table(self) -> pa.Table:
        """All rows; sums of ints as int64, where they fit."""
        return whole_numbers(arrow().Table.from_batches(list(self), self.schema))

    def frame(self) -> pd.DataFrame:
        """All rows as a DataFrame; ints with holes are ``Int64``, so that none becomes a float."""
        return data_frame(self.table())


def whole_numbers(table: pa.Table) -> pa.Table:
    """Columns of 128-bit ints, such as sums of ints are in DuckDB, as int64 where they fit."""
    pa = arrow()
    for place, column in enumerate(table.schema):
        if column.type == pa.decimal128(38, 0):
            with contextlib.suppress(pa.ArrowInvalid):
                narrow = table.column(place).cast(pa.int64())
                table = table.set_column(place, pa.field(column.name, pa.int64()), narrow)
    return table


class Workers:
    """Processes that wait for a query, so that it need not wait for them.

    Starting Python, DuckDB and PyArrow takes longer than most queries.

    Args:
        count: how many wait.
        patience_s: how long; then their memory is free again.
    """

    def __init__(self, count: int = 1, patience_s: float = PATIENCE_S) -> None:
        self._count = count
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._waiting: list[_Worker] = []
        weakref.finalize(self, _end_all, self._waiting)

    def take(self) -> _Worker:
        """One for a query."""
        with self._lock:
            self._forget_ended()
            return self._waiting.pop(0) if self._waiting else _Worker()

    def prepare(self) -> None:
        """Start one, if none waits: there may be a query soon."""
        with self._lock:
            self._forget_ended()
            if len(self._waiting) < self._count:
                self._waiting.append(_Worker(self._patience_s))

    def _forget_ended(self) -> None:
        for worker in [worker for worker in self._waiting if not worker.is_there]:
            self._waiting.remove(worker)
            worker.end()

    def close(self) -> None:
        """End those that wait; none will any more."""
        with self._lock:
            self._count = 0
            _end_all(self._waiting)


def _end_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().end()


class _Worker:
    """The process of one query."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._text = ""
        self._limits = Limits()
        self._views: Sequence[str] = ()
        # The process ends when this one does, and then removes the folder.
        self.folder = Path(tempfile.mkdtemp(prefix="rltrack-sql-"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rltrack.engine.worker", str(self.folder), str(patience_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the one who asks, who then ends it
        )

    def asked(self, text: str, limits: Limits, views: Sequence[str]) -> None:
        """Say what was asked, for messages."""
        self._text, self._limits, self._views = text, limits, views

    @property
    def is_there(self) -> bool:
        """Whether it still waits."""
        return self._process.poll() is None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def tell(self, message: dict[str, Any]) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        # If it has ended, it said why, or its status does: `receive` tells.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame: its kind, and what is in it.

        Raises:
            QueryError: it is an error, or the worker has ended.
        """
        assert self._process.stdout is not None
        head = self._process.stdout.read(_HEAD_BYTES)
        size = int.from_bytes(head[1:], "little")
        payload = self._process.stdout.read(size)
        if len(head) < _HEAD_BYTES or len(payload) < size:
            raise self._ended()
        if head[:1] == b"E":
            raise self._refused(json.loads(payload))
        return head[:1], payload

    def _ended(self) -> QueryError:
        assert self._process.stderr is not None
        said = self._process.stderr.read().decode(errors="replace").strip()
        status = self._process.wait()
        if status == _TIMED_OUT:
            return self._timed_out()
        why = said.splitlines()[-1] if said else f"exit status {status}"
        memory = self._limits.memory_bytes / 2**30
        return QueryError(
            f"the query's process ended on its own ({why}); it may use {memory:.1f} GiB of memory"
        )

    def _timed_out(self) -> QueryError:
        return QueryError(
            f"the query took more than {self._limits.timeout_s:g} s and was stopped; "
            "ask for less, or give it more time (--timeout, timeout_s=)"
        )

    def _refused(self, error: dict[str, Any]) -> QueryError:
        if error.get("timed_out"):
            return self._timed_out()
        return QueryError(self._in_one_line(error["message"], error.get("quoted", [])))

    def _in_one_line(self, message: str, quoted: Sequence[int]) -> str:
        """What DuckDB says, in one line, with the place in the query.

        Args:
            message: of DuckDB.
            quoted: where the worker has put quotes around a name.
        """
        kind, brace, rest = message.partition("{")
        try:
            facts = json.loads(brace + rest)
            message, kind = facts["exception_message"], facts["exception_type"]
        except (ValueError, KeyError, TypeError):
            return " ".join(message.partition("\n\n")[0].split())
        # It may go on with advice about extensions and settings, which are locked.
        told = message.partition("\n\n")[0].partition("\nThis limit")[0]
        if facts.get("type") == "Table" and facts.get("error_subtype") == "MISSING_ENTRY":
            told = f"there is no table {facts['name']}; there are {', '.join(self._views)}"
            if len(self._views) == 1:
                told = (
                    f"there is no table {facts['name']}; the one that there is is {self._views[0]}"
                )
        line = f"{kind} error: {' '.join(told.split())}"
        position = facts.get("position")
        if position is None or not str(position).isdigit():
            return line
        place = int(position) - 2 * sum(at < int(position) for at in quoted)
        before = self._text.encode(errors="replace")[:place].decode(errors="replace")
        row, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        return f"{line} (line {row}, column {column})"


def _environment() -> dict[str, str]:
    """What the worker needs of ours: where modules are, and how texts are; none of our secrets."""
    kept = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"]
    kept += ["SYSTEMROOT", "TEMP", "TMP", "VIRTUAL_ENV"]
    found = {name: os.environ[name] for name in kept if name in os.environ}
    found["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return found
