"""The console of a run: what stdout and stderr show, as lines in the journal and a file.

    overheard ──► deque ──► thread, each 0.2 s ──► Transcript ──► ConsoleLogged, in the journal
    (streams.py or redirect.py)                             └──► files/output.log

Who prints appends to a deque and goes on. The thread makes lines of it, so the death of the
process costs what it printed in its last 0.2 seconds. `files/output.log` gets a line when it can no
more change, and the last ones when the run ends.

    wrap      `sys.stdout` and `sys.stderr` are overheard; what sub-processes and C libraries write
              is not. It is the default: nothing lies between the program and its terminal.
    redirect  file descriptors 1 and 2 go through a process of ours, so all is recorded.
    told      nothing is overheard; only what `write` is told is recorded.

More than `BURST_CHARACTERS` at once, or than `CHARACTERS_PER_S` for long, is shown on the terminal
and left out of the record, with a line that says how much.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TextIO

from rltrack.capture.streams import listen, unlisten
from rltrack.capture.terminal import Transcript
from rltrack.journal.records import ConsoleLogged

if TYPE_CHECKING:
    from rltrack.capture.redirect import Redirect

INTERVAL_S: Final = 0.2
#: How often lines are recorded again that only changed, as a progress bar does.
REWRITE_INTERVAL_S: Final = 5.0
CHARACTERS_PER_S: Final = 1 << 20
BURST_CHARACTERS: Final = 8 << 20
#: A line takes as long as so many characters.
LINE_COST: Final = 50
#: A run that prints more fills a disk with it.
MOST_CHARACTERS: Final = 1 << 30
#: How long a thread that is in the middle of a batch is waited for.
_STOP_S: Final = 2.0


class Console:
    """Records what the process prints, from now until `stop`.

    Args:
        record: takes the lines; called by a thread of its own, and by `stop`.
        output: the file that gets the text; it is appended to.
        mode: see above.
        trouble: told once what cannot be recorded, and why.
        most_characters: of the whole run.
        clock: nanoseconds since the epoch.
    """

    def __init__(
        self,
        record: Callable[[ConsoleLogged], None],
        output: Path,
        *,
        mode: Literal["wrap", "redirect", "told"] = "wrap",
        trouble: Callable[[str], None] = lambda message: None,
        most_characters: int = MOST_CHARACTERS,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._record = record
        self._trouble = trouble
        self._clock = clock
        self._output = _Output(output)
        self._waiting: deque[tuple[str, str]] = deque()
        self._allowed = BURST_CHARACTERS
        self._left_out = 0
        self._most = self._room = most_characters
        self._transcript = Transcript()
        self._recorded = 0
        self._recorded_at = 0.0
        self._fed_at = time.monotonic()
        self._batch = threading.Lock()
        self._failed = False
        self._pid = os.getpid()
        self._stopped = threading.Event()
        self._redirect: Redirect | None = None
        if mode == "redirect":
            self._start_redirect()
        if mode != "told" and (refused := listen(self._hear, self._is_not_covered)):
            trouble(f"{' and '.join(refused)} cannot be recorded: it lets nobody set its `write`")
        self._thread = threading.Thread(target=self._run, name="rltrack-console", daemon=True)
        self._thread.start()

    def _start_redirect(self) -> None:
        try:
            from rltrack.capture import redirect  # there are no terminals on Windows

            if not redirect.is_possible():
                raise OSError("this system cannot do that")
            self._redirect = redirect.Redirect(self._hear, self._leave_out, self._lose_redirect)
        except (OSError, ImportError) as refusal:
            self._trouble(
                f"console='redirect' is not possible here ({refusal}); what Python prints is "
                "recorded, and what sub-processes print is not"
            )

    def _lose_redirect(self) -> None:
        with self._batch:
            if self._redirect is not None:
                self._redirect.collect()
                self._redirect = None
        if not self._stopped.is_set():
            listen(self._hear)
            self._trouble(
                "the process that recorded the console is gone; what Python prints is recorded "
                "from now on, and what sub-processes print is not"
            )

    def _is_not_covered(self, stream: TextIO) -> bool:
        return self._redirect is None or not self._redirect.covers(stream)

    def write(self, text: str) -> None:
        """Record text as if it had been printed."""
        if os.getpid() == self._pid:  # in a forked child nobody is there who would take it
            self._hear("stdout", text)

    # -- in the thread that prints -----------------------------------------------------------

    def _hear(self, stream: str, text: str) -> None:
        allowed = self._allowed
        cost = len(text) + LINE_COST * text.count("\n")
        if cost > allowed:
            kept = len(text) * allowed // cost
            self._left_out += len(text) - kept
            text, cost = text[:kept], allowed
        self._allowed = allowed - cost
        if text:
            self._waiting.append((stream, text))

    def _leave_out(self, count: int) -> None:
        self._left_out += count

    # -- in the thread of its own ------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL_S):
            self._take_batch(last=False)

    def _take_batch(self, *, last: bool) -> None:
        """Record what was printed; a fault of ours ends the recording, and nothing else."""
        with self._batch:
            if self._failed:
                self._waiting.clear()
                self._allowed = BURST_CHARACTERS
                return
            try:
                if self._redirect is not None and not last:
                    self._redirect.collect()
                self._feed()
                self._write(last=last)
            except Exception as fault:  # a disk that is full, in strict mode, among others
                self._end(f"{type(fault).__name__}: {fault}")

    def _feed(self) -> None:
        waiting, transcript = self._waiting, self._transcript
        pieces: list[str] = []
        current = ""
        while waiting:
            stream, text = waiting.popleft()
            if pieces and stream != current:
                transcript.feed(current, "".join(pieces))
                pieces = []
            current = stream
            pieces.append(text)
        if pieces:
            transcript.feed(current, "".join(pieces))
        now = time.monotonic()
        more = int((now - self._fed_at) * CHARACTERS_PER_S)
        self._allowed, self._fed_at = min(BURST_CHARACTERS, max(0, self._allowed) + more), now
        left_out, self._left_out = self._left_out, 0
        if left_out:
            transcript.feed(
                "stderr",
                f"\nrltrack: {left_out:,} characters were printed here that are not recorded: "
                f"more than {CHARACTERS_PER_S >> 20} MiB a second came\n",
            )

    def _write(self, *, last: bool) -> None:
        transcript = self._transcript
        now = time.monotonic()
        only_rewritten = transcript.count == self._recorded
        if only_rewritten and not last and now - self._recorded_at < REWRITE_INTERVAL_S:
            return
        changes = transcript.take()
        if changes:
            self._recorded, self._recorded_at = transcript.count, now
        time_ns = self._clock()
        for change in changes:
            text = "\n".join(change.lines)
            self._room -= len(text)
            self._record(ConsoleLogged(time_ns, change.stream, text, change.number))
        self._output.add(transcript.settled(all_of_them=last), last=last)
        if self._room < 0:
            self._end(f"more than {self._most:,} characters were printed")

    def _end(self, why: str) -> None:
        self._failed = True
        self._trouble(f"the console is recorded no further: {why}")

    # -- the end -----------------------------------------------------------------------------

    def stop(self, last_words: str = "") -> None:
        """Leave the streams as they were found, and record the rest.

        Args:
            last_words: what will be printed to stderr when nobody listens any more.
        """
        unlisten(self._hear)
        if os.getpid() != self._pid:
            return
        self._stopped.set()
        with self._batch:
            if self._redirect is not None:
                self._redirect.stop()
        if last_words:
            self._hear("stderr", last_words)
        if self._thread is not threading.current_thread():
            self._thread.join(_STOP_S)
        self._take_batch(last=True)


class _Output:
    """The text as a file; made with its first line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, lines: list[str], *, last: bool) -> None:
        """Append lines; the last ones without those that are empty at the end."""
        while last and lines and not lines[-1]:
            lines.pop()
        if not lines:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Halves of characters, by which Python writes bytes that are no text, are told as such.
        with open(self._path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(lines) + "\n")
