"""The process in which one query of a user runs, locked in: `python -m rltrack.engine.worker`.

It is told what to do on its standard input, a JSON text a line, and answers on its standard
output in frames: a letter, the length as u32, and so many bytes.

    > {"query", "views", limits}
    < N  the views that the query names, as JSON
    > {"views": the SQL of each, "files": all that these read}
    < B  a record batch, as an Arrow stream of its own; the first one may have no rows
    < F  the end, or at any time instead: E  an error, as JSON

The query reaches nothing but the files that it was given: DuckDB's file system is closed but for
these, extensions cannot be loaded, settings are locked, and only statements that read are run.
When its standard input ends, whoever asked is gone: it removes their folder, and ends. Who is not
gone ends it, once all is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Protocol

from rltrack.engine.spelling import quoted, sql_list

#: How long the engine may take to stop once it was asked to.
_GRACE_S: Final = 3.0
_BATCH_ROWS: Final = 1 << 16
#: Statements that others make of one, as PIVOT does, must begin with one of these.
_READING_WORDS: Final = ("pivot", "with", "from", "select", "(")
_FIRST_WORD: Final = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*(\w+|\S)?", re.DOTALL)
_EXPLAIN: Final = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\s+(?:analyze\s+)?", re.DOTALL | re.IGNORECASE
)


class _Refused(Exception):
    """The query is not one that may run."""


class _Connection(Protocol):
    """What is used of DuckDB's."""

    def execute(self, query: str, parameters: object = ...) -> object: ...
    def sql(self, query: str) -> Any: ...
    def extract_statements(self, query: str) -> list[Any]: ...
    def get_table_names(self, query: str) -> set[str]: ...
    def interrupt(self) -> None: ...


def main(folder: str, patience_s: float) -> None:
    """Answer one query.

    Args:
        folder: of the one who asks; removed if they are gone.
        patience_s: how long a query may be in coming.
    """
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what a library prints is no answer
    asked = sys.stdin.buffer
    engines = _engine(folder), _scratch()  # before anything is asked: a process may wait for it
    if sys.platform != "win32" and not select.select([asked], [], [], patience_s)[0]:
        _leave(folder)
    request = _next(asked, folder)
    clock = _Clock(request["timeout_s"])
    try:
        _answer(request, engines, asked, answers, clock, folder)
    except _Refused as refusal:
        _send(answers, b"E", json.dumps({"message": str(refusal)}).encode())
    except Exception as error:  # of DuckDB: there is no telling which
        told = {"message": str(error), "quoted": request.get("quoted", [])}
        if clock.is_over:
            told = {"timed_out": True}
        _send(answers, b"E", json.dumps(told).encode())
    clock.stop()
    _watch(asked, folder)  # until they have read it all, the folder is theirs


def _next(asked: BinaryIO, folder: str) -> dict[str, Any]:
    line = asked.readline()
    if not line.endswith(b"\n"):
        _leave(folder)
    found: dict[str, Any] = json.loads(line)
    return found


def _leave(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _answer(
    request: dict[str, Any],
    engines: tuple[_Connection, _Connection],
    asked: BinaryIO,
    answers: BinaryIO,
    clock: _Clock,
    folder: str,
) -> None:
    connection, scratch = engines
    _prepare(connection, request)
    clock.interrupts(connection)
    query, request["quoted"] = _quoted(request["query"], request["views"])
    needed = _needed(scratch, query, request["views"])
    with clock.paused():
        _send(answers, b"N", json.dumps(needed).encode())
        given = _next(asked, folder)
    # From here on nothing more is asked; so the input's end is heard while the query runs.
    threading.Thread(target=_watch, args=(asked, folder), daemon=True).start()
    for name, body in given["views"].items():
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {body}")
    _lock(connection, given["files"])
    for batch in _batches(connection, query):
        with clock.paused():  # a reader that takes its time does not use up the query's
            _send(answers, b"B", batch)
    _send(answers, b"F", b"")


def _watch(asked: BinaryIO, folder: str) -> None:
    """Wait until nobody asks any more, and leave nothing behind."""
    while asked.read(1):
        pass
    _leave(folder)


def _send(answers: BinaryIO, kind: bytes, payload: bytes | memoryview) -> None:
    rest = memoryview(kind + len(payload).to_bytes(4, "little") + payload)
    while rest:
        rest = rest[answers.write(rest) :]


# -- the engine ------------------------------------------------------------------------------------


def _engine(folder: str) -> _Connection:
    """In which the query will run."""
    import duckdb
    import pyarrow as pa  # in which it answers

    assert pa

    connection: _Connection = duckdb.connect(
        ":memory:",
        config={
            "errors_as_json": True,
            "python_enable_replacements": False,  # variables of Python are no tables
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_persistent_secrets": False,
            "allow_unsigned_extensions": False,
            "temp_directory": os.path.join(folder, "spill"),
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _scratch() -> _Connection:
    """In which it is looked at before."""
    import duckdb

    connection: _Connection = duckdb.connect(
        ":memory:", config={"errors_as_json": True, "threads": 1}
    )
    return connection


def _prepare(connection: _Connection, request: dict[str, Any]) -> None:
    connection.execute(f"SET memory_limit = '{request['memory_bytes']}B'")
    connection.execute(f"SET max_temp_directory_size = '{request['temp_bytes']}B'")
    connection.execute(f"SET threads = {request['threads']}")
    for name, columns in request["views"].items():
        connection.execute(f"CREATE VIEW {quoted(name)} AS {_nothing(columns)}")


def _quoted(query: str, views: dict[str, Any]) -> tuple[str, list[int]]:
    """The query with quotes around the view ``table``, and where they are, in bytes.

    To SQL it is a word of its own, with which no query that reads begins a table's name.
    """
    if "table" not in views:
        return query, []
    import duckdb

    data = query.encode(errors="replace")
    try:
        tokens = duckdb.tokenize(query)
    except Exception:  # what is wrong with it is told when it runs
        return query, []
    places = [place for place, _ in tokens if data[place : place + 5].lower() == b"table"]
    ends = {place: data[place + 5 : place + 6] for place in places}
    words = [place for place in places if not (ends[place].isalnum() or ends[place] == b"_")]
    for place in reversed(words):
        data = data[:place] + b'"table"' + data[place + 5 :]
    return data.decode(), [place + 2 * number for number, place in enumerate(words)]


def _needed(connection: _Connection, query: str, views: dict[str, Any]) -> list[str]:
    """The views that a query names.

    Args:
        connection: nothing is in it.
        query: as it came.
        views: all that it may name.

    Raises:
        _Refused: it is not one statement that reads.
    """
    # Tables in the place of the views: of a view, the engine names what is behind it.
    for name, columns in views.items():
        typed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
        connection.execute(f"CREATE TABLE {quoted(name)} ({typed})")
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise _Refused(f"one statement is run at a time, and there are {len(statements)}")
    kind = statements[0].type.name
    word = (_FIRST_WORD.match(query) or [None, None])[1] or ""
    if kind == "EXPLAIN":
        explained = connection.extract_statements(_EXPLAIN.sub("", query, count=1))
        allowed = [statement.type.name for statement in explained] == ["SELECT"]
    else:
        allowed = kind == "SELECT" or (kind == "MULTI" and word.lower() in _READING_WORDS)
    if not allowed:
        raise _Refused(
            f"{word.upper() or kind} is not run: queries read, with SELECT, WITH, FROM, VALUES, "
            "PIVOT, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN"
        )
    try:
        named = {name.lower() for name in connection.get_table_names(query)}
    except Exception:  # what is wrong with it is told when it runs; PIVOT has no names at all
        return list(views)
    return [name for name in views if name in named]


def _nothing(columns: dict[str, str]) -> str:
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
    return f"SELECT {nulls} WHERE false"


def _lock(connection: _Connection, files: list[str]) -> None:
    connection.execute(f"SET allowed_paths = {sql_list(files)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _batches(connection: _Connection, query: str) -> Iterator[memoryview]:
    import pyarrow as pa

    try:
        result = connection.sql(query)
    except Exception:
        connection.execute(query)  # fails likewise, and says where in the query
        raise
    if result is None:
        raise _Refused("the query gives no rows")
    reader = result.to_arrow_reader(_BATCH_ROWS)
    yield _packed(pa, reader.schema, None)
    for batch in reader:
        yield _packed(pa, reader.schema, batch)


def _packed(pa: Any, schema: Any, batch: Any) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        if batch is not None:
            writer.write_batch(batch)
    return memoryview(sink.getvalue())


# -- time ------------------------------------------------------------------------------------------


class _Clock:
    """Interrupts the engine when the query's time is over, and ends the process if that fails."""

    def __init__(self, limit_s: float) -> None:
        self.is_over = False
        self._limit_s = limit_s
        self._connection: _Connection | None = None
        self._is_paused = False
        threading.Thread(target=self._run, daemon=True).start()

    def interrupts(self, connection: _Connection) -> None:
        """Say what is to be interrupted."""
        self._connection = connection

    def stop(self) -> None:
        """The query is done."""
        self._is_paused = True
        self._connection = None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """While nothing is computed."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False

    def _run(self) -> None:
        used, last = 0.0, time.monotonic()
        while used < self._limit_s + _GRACE_S:
            time.sleep(min(0.05, max(self._limit_s - used, 0.005)))
            now = time.monotonic()
            used += 0.0 if self._is_paused else now - last
            last = now
            if used >= self._limit_s:
                self.is_over = True
                if self._connection is not None:
                    self._connection.interrupt()
        os._exit(124)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
