"""One run on its way to a server: its journal, its facts, its files, its artifacts.

Each `advance` does what there is to do at this moment, and may be called as often as one likes:
while the run goes on, after it was killed, years later, from two machines. It asks the server
first what it has (`claim`), and sends from there.

Order
    1. run.json is read, and then the journal is sent as far as it is written: so what the facts
       tell of is in what was sent before them.
    2. The facts follow; while the training lives they are its heartbeat, too.
    3. Files follow in between, so much at once that the heartbeat never waits for them.

A run whose process is gone without a word is said to be crashed by whoever sends it, since only
here that can be seen. Its own run.json stays as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from rltrack._names import name_of_folder
from rltrack.errors import JournalError
from rltrack.folder import RunFacts, RunFolder
from rltrack.journal.extent import written, written_for_good
from rltrack.journal.process import is_alive
from rltrack.journal.reader import SUFFIX
from rltrack.store.state import HEARTBEAT_TIMEOUT_S, without_a_word
from rltrack.sync.client import Client, LaterError, RefusedError, joined
from rltrack.sync.parcels import Parcels
from rltrack.sync.pieces import Pieces

HEARTBEAT_S: Final = 5.0
#: How long files may hold up the next look at the journal.
_FILES_S: Final = 1.0


class _Moment(NamedTuple):
    """A run, at the time when it was looked at."""

    facts: str
    """The text of run.json as the server is to have it."""
    created_ns: int
    is_over: bool
    is_gone: bool
    """Its process is gone for sure: nothing that is half written becomes whole."""


class Shipment:
    """Brings one run to a server.

    Args:
        folder: of the run.
        client: asks the server.
        project: the run's project there; by default its own, of the key's user.
        clock: seconds, for the heartbeat.
    """

    def __init__(
        self,
        folder: RunFolder,
        client: Client,
        project: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.run_id = name_of_folder(folder.path.name)
        self.project = project or name_of_folder(folder.path.parent.name)
        """Its whole name, as soon as the server has said it."""
        self.url: str | None = None
        self.is_over = False
        """Whether the run had ended when it was looked at last."""
        self.is_complete = False
        """Whether it had, and the server had all of it."""
        self._client = client
        self._clock = clock
        self._pieces = Pieces(clock)
        self._parcels = Parcels(folder, client, self._pieces)
        self._claimed = False
        self._there: dict[str, int] = {}  # bytes of each segment that the server has
        self._whole: dict[str, int] = {}  # bytes of each segment that are written here
        self._told: str | None = None
        self._beat_at = 0.0

    @property
    def sent_bytes(self) -> int:
        """What the server has of the run."""
        return sum(self._there.values()) + self._parcels.sent_bytes

    @property
    def left_bytes(self) -> int:
        """What it has not, of what there is."""
        left = sum(max(0, size - self._there.get(name, 0)) for name, size in self._whole.items())
        return left + self._parcels.left_bytes

    @property
    def left_out(self) -> dict[str, str]:
        """Files that cannot be sent, and why."""
        return self._parcels.left_out

    def advance(self) -> bool:
        """Send what there is.

        Returns:
            Whether there is more to be sent right now.

        Raises:
            LaterError: the server is not there; nothing is lost by it.
            RefusedError: the server will not take the run.
            FileNotFoundError: the run's folder is gone.
        """
        try:
            return self._advance()
        except RefusedError as refusal:
            if refusal.status != 404 or not self._claimed:
                raise
            # The run was deleted there, or the server was set back: which, the claim will say.
            self._claimed = False
            self._told = None
            return True

    def _advance(self) -> bool:
        moment = self._look()
        self.is_over = moment.is_over
        self.is_complete = False
        if not self._claimed:
            try:
                self._claim(moment)
            except LaterError:
                self._measure(moment)  # so that it is known how much waits
                raise
        self._measure(moment)
        self._send_journal(moment)
        self._send_facts(moment)
        until = self._clock() + _FILES_S
        more = True
        while more and self._clock() < until:
            more = self._parcels.send(self.project, self.run_id, look_now=moment.is_over)
        self.is_complete = moment.is_over and not more
        return more

    # -- the run ---------------------------------------------------------------------------

    def _look(self) -> _Moment:
        beat_at = self.folder.run_json.stat().st_mtime
        text = self.folder.run_json.read_text(encoding="utf-8", errors="replace")
        try:
            facts = self.folder.read_facts()
        except JournalError as damage:
            raise RefusedError(f"{damage}; nothing of it was sent", 0, {}) from damage
        alive = is_alive(facts.host, facts.pid, facts.process)
        if facts.state != "running":
            return _Moment(text, facts.created_ns, is_over=True, is_gone=alive is False)
        if alive is None:  # on another host: its heartbeat speaks for it
            alive = time.time() - beat_at <= HEARTBEAT_TIMEOUT_S
        if alive:
            return _Moment(text, facts.created_ns, is_over=False, is_gone=False)
        return _Moment(_as_crashed(facts, text, beat_at), facts.created_ns, True, True)

    def _claim(self, moment: _Moment) -> None:
        answer = self._client.ask("POST", self._path(), json={"created_ns": moment.created_ns})
        self.project = str(answer["project"])
        self.url = self._client.server + str(answer["page"])
        self._there = {str(name): int(size) for name, size in answer["journal"].items()}
        self._parcels.are_there(answer["files"])
        self._pass_on(answer["stop"], moment)
        self._claimed = True

    def _path(self, *more: str) -> str:
        return joined("api", "sync", self.project, self.run_id, *more)

    # -- the journal -----------------------------------------------------------------------

    def _measure(self, moment: _Moment) -> None:
        """See how far each segment is written."""
        try:
            names = sorted(os.listdir(self.folder.journal))
        except FileNotFoundError:
            names = []
        for name in names:
            if name.endswith(SUFFIX):
                with self._opened(name) as fd:
                    known = self._whole.get(name, 0)
                    if fd is None or os.fstat(fd).st_size == max(known, self._there.get(name, 0)):
                        self._whole[name] = max(known, self._there.get(name, 0))
                    elif moment.is_gone:
                        self._whole[name] = written_for_good(fd, known)
                    else:
                        self._whole[name] = written(fd, known)

    @contextlib.contextmanager
    def _opened(self, segment: str) -> Iterator[int | None]:
        try:
            fd = os.open(self.folder.journal / segment, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # the folder was removed, and the writer brings it back
            yield None
            return
        try:
            yield fd
        finally:
            os.close(fd)

    def _send_journal(self, moment: _Moment) -> None:
        for name, size in self._whole.items():
            if self._there.get(name, 0) < size:
                with self._opened(name) as fd:
                    while fd is not None and self._there.get(name, 0) < size:
                        self._send_piece(fd, name, size)
                        if not moment.is_over:
                            self._send_facts(moment)

    def _send_piece(self, fd: int, name: str, size: int) -> None:
        offset = self._there.get(name, 0)
        data = os.pread(fd, min(self._pieces.bytes, size - offset), offset)
        with self._pieces.timed():
            answer = self._client.ask(
                "POST",
                self._path("journal", name),
                data=data,
                query={"offset": offset},
                conflict=True,
            )
        # Whatever it says counts: a server that was set back to a backup has less.
        self._there[name] = int(answer["size"])

    # -- facts -----------------------------------------------------------------------------

    def _send_facts(self, moment: _Moment) -> None:
        """Tell the facts if they are others, and that the training lives if it is time."""
        due = not moment.is_over and self._clock() >= self._beat_at
        if moment.facts == self._told and not due:
            return
        answer = self._client.ask(
            "PUT", self._path("facts"), json={"facts": moment.facts, "journal": self._there}
        )
        self._told = moment.facts
        self._beat_at = self._clock() + HEARTBEAT_S
        self._pass_on(answer["stop"], moment)

    def _pass_on(self, stop: object, moment: _Moment) -> None:
        """Ask the training to stop, if somebody asked on the server."""
        if not isinstance(stop, str):
            return
        if not moment.is_over:
            try:
                self.folder.ask_to_stop(stop)
            except OSError:
                return  # again with the next heartbeat
        self._client.ask("DELETE", self._path("stop"))


def _as_crashed(facts: RunFacts, text: str, beat_at: float) -> str:
    said = json.loads(text)
    said |= {"state": without_a_word(facts), "ended_ns": int(beat_at * 1e9)}
    return json.dumps(said, indent=1)
