"""One run, read while it is being written or after.

    refresh     polls the journal for what is new, and looks whether the run still lives
    digest      what a list of runs shows, computed once for each state of the run
    points      the values of a key, merged and in order
    seal        turns what can no more change into columns on disk
    release     gives the memory of the rows back; they are read again when asked for

`content.py` has what was read; here is what it means for the run, and how it stays true.
A run is settled once nobody seems to write to it any more. Then `refresh` costs nothing, and
no file is open; `reopen_if_changed` sees a run of another host come back.
All methods may be called from any thread.
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

from rltrack._names import name_of_folder
from rltrack.errors import JournalError, MissingExtraError, SegmentError
from rltrack.folder import RunFacts, RunFolder, State
from rltrack.journal.book import RecordBook
from rltrack.journal.branches import Cuts
from rltrack.journal.definitions import STEP
from rltrack.journal.records import ArtifactLinked, MediaStored, Noted
from rltrack.store.aggregate import Aggregate
from rltrack.store.console import KEPT_LINES, ConsoleLine, LiveConsole, read_console
from rltrack.store.content import Content, StreamName, tell_damage
from rltrack.store.merge import Merged
from rltrack.store.seal import PART_VALUES, seal
from rltrack.store.state import Processes, without_a_word
from rltrack.store.stream import Points
from rltrack.store.tail import RunTail

__all__ = ["RunDigest", "RunReader", "StreamName"]

#: Values of a run that has ended, beyond which its columns are made by whoever reads it first:
#: half as much again as that reading takes, and from then on it opens at once.
WORTH_SEALING: Final = 1 << 19
#: What a run that goes on is sealed of at least: many small parts are slow to read.
LEAST_PART_VALUES: Final = 1 << 15

#: What says that there are too many open files, or too little memory: the journal is no way out.
_LIMITS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

_FACTS: Final = tuple(one.name for one in dataclasses.fields(RunFacts))

_Answer = TypeVar("_Answer")
_log = logging.getLogger("rltrack.store")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDigest:
    """What a list of runs shows of one. Times are in seconds since the epoch."""

    id: str
    project: str
    name: str
    state: State
    created_at: float
    ended_at: float | None
    """When it ended; of a crashed run, its last sign of life."""
    heartbeat_at: float
    host: str
    group: str | None
    job_type: str | None
    tags: tuple[str, ...]
    notes: str | None
    last_step: int | None
    row_count: int
    lost_rows: int
    damage: tuple[str, ...]
    config: dict[str, Any]
    summary: dict[str, Any]
    aggregates: Mapping[str, Aggregate]
    """What each numeric key of the history amounts to; sorted by key."""
    axes: Mapping[str, str]
    """The default x axis of each numeric key of which it is not the step."""
    sweep: str | None = None
    """The sweep that the run is a trial of."""
    hidden: tuple[str, ...] = ()
    """Numeric keys of the history of which no chart is made by itself."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Numeric keys of the history, sorted."""
        return tuple(self.aggregates)


class RunReader:
    """Reads one run's folder.

    Args:
        folder: of the run; its name is the run's id, that of its parent the project.
        now: seconds since the epoch.
        may_seal: write columns into the run's folder while it is read, so that a long run needs
            no more memory than a short one.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        now: Callable[[], float] = time.time,
        may_seal: bool = False,
    ) -> None:
        self.folder = folder
        self.id = name_of_folder(folder.path.name)
        self.project = name_of_folder(folder.path.parent.name)
        self.lock = threading.RLock()
        self.revision = 0
        """Counts up with every change that a reader could see."""
        self.used_at = 0.0
        """When points were last asked for, on `time.monotonic`'s clock."""
        self._now = now
        self._may_seal = may_seal
        self._facts: RunFacts | None = None
        self._facts_trouble: str | None = None
        self._heartbeat_ns = -1
        self._reset()

    def _reset(self) -> None:
        """Forget what was read of the journal."""
        self._known: Content | None = None
        self._cuts = Cuts()
        self._processes = Processes(self._now)
        self._use_segments = True
        self._state: State | None = None
        self._settled = False
        self._held_bytes = 0
        self._held_changed = False
        self._released = False
        self._digest: RunDigest | None = None
        self._expected: RunDigest | None = None
        self._console: LiveConsole | None = None

    @property
    def _content(self) -> Content:
        """What was read of the journal; begun at the first look."""
        if self._known is None:
            self._known = Content(
                self.folder,
                self._facts.created_ns if self._facts else 0,
                self._processes.opened,
                use_segments=self._use_segments,
                cuts=self._cuts,
            )
        return self._known

    @property
    def _book(self) -> RecordBook:
        return self._content.book

    def open(self) -> RunReader:
        """This reader: a run that is only listed opens one."""
        return self

    # -- keeping up ------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Read what is new; whether anything is."""
        with self.lock:
            if self._settled:
                return False
            self.folder.catch_up()
            changed = self._read_facts()
            changed = self._poll(final=False) or changed
            changed = self._look() or changed
            if changed:
                self._digest = None
                self.revision += 1
            return changed

    def reopen_if_changed(self) -> bool:
        """See whether a settled run goes on, or is another by now; whether anything changed."""
        with self.lock:
            self.folder.catch_up()
            if not self._settled or not self._read_facts():
                return False
            if self._settled and (self._facts is None or self._facts.state != "running"):
                self._digest = None  # its process wrote how it ended after it said so
                self._content.look_again()
                if self._poll(final=True):  # or somebody gave it another name
                    self._content.close()
                self.revision += 1
                return True
            self._reset()
            return self.refresh()

    @property
    def is_settled(self) -> bool:
        """Whether nobody can write to the run any more, and all of it was read."""
        return self._settled

    def peek(self) -> tuple[State, float]:
        """State and last sign of life; a finished run's journal is not read for it."""
        with self.lock:
            if self._state is None:
                self._read_facts()
                facts = self._facts
                if facts is not None and facts.state != "running":
                    return facts.state, (facts.ended_ns or facts.created_ns) / 1e9
            self.refresh()
            digest = self.digest()
            return digest.state, digest.ended_at or digest.heartbeat_at

    def _read_facts(self) -> bool:
        mtime_ns = self._mtime_ns()
        if mtime_ns in (-1, self._heartbeat_ns):
            return False
        self._heartbeat_ns = mtime_ns
        try:
            facts = _checked(self.folder.read_facts())
        except FileNotFoundError:
            return False
        except (JournalError, OSError) as trouble:
            # The run is shown with what its journal says; it must not hide others.
            self._facts, self._facts_trouble = None, str(trouble)
            return True
        if self._facts is not None and self._facts.created_ns != facts.created_ns:
            self._reset()  # another run in the same place
        self._facts, self._facts_trouble = facts, None
        return True

    def _mtime_ns(self) -> int:
        try:
            return self.folder.run_json.stat().st_mtime_ns
        except OSError:
            return -1

    def _poll(self, *, final: bool) -> bool:
        """Take what is new in the journal; whether anything is."""
        if self._content.is_all_sealed and self._facts and self._facts.state != "running":
            return False  # its process said that it is done, and nobody else began to write
        most = PART_VALUES if self._may_seal else None
        changed = False
        while True:
            changed = self._content.poll(final=final, most_values=most) or changed
            if self._content.is_broken:
                # A row came that belongs among those that are sealed.
                self._begin_again(use_segments=False)
                changed, most = True, None
            elif not self._content.is_full:
                return changed
            elif not self._seal(final=False):
                most = None  # nothing can be sealed now; reading must go on all the same

    def _seal(self, *, final: bool) -> bool:
        """Seal what can be; whether the content was begun again, from what is sealed now."""
        try:
            if not seal(self._content, final=final):
                return False
        except (OSError, MissingExtraError) as refusal:  # a folder that is read-only, a full disk
            _log.info("%s is not sealed: %s", self.folder.path, refusal)
            return False
        self._begin_again(use_segments=True)
        return True

    def _begin_again(self, *, use_segments: bool) -> None:
        self._content.close()
        self._known = None
        self._use_segments = use_segments

    def _look(self) -> bool:
        """See whether the run still lives; whether its state is another."""
        before = self._state
        finished = self._book.finished
        alive = self._processes.any_alive(self._facts, self._heartbeat_at, but=self._book.done)
        if finished is not None:
            self._state = _known_state(finished.state)
        elif self._facts is not None and self._facts.state != "running":
            self._state = self._facts.state
        else:
            self._state = "running" if alive else without_a_word(self._facts)
        changed = self._state != before
        if not alive:
            # Once more: it may have written between the poll and its end.
            changed = self._poll(final=True) or changed
            if self._book.finished is not finished:
                return self._look() or changed
            if self._content.trouble is None:
                self._settle()
        return changed

    def seal_held(self) -> None:
        """Write columns of what a run that goes on has in memory, or forget what is in some."""
        with self.lock:
            worth = self._content.value_count >= LEAST_PART_VALUES
            if worth and self._may_seal and not self._settled and self._seal(final=False):
                self._poll(final=False)
            else:
                self._content.forget_sealed()

    def _settle(self) -> None:
        self._settled = True
        if self._may_seal and self._content.value_count >= WORTH_SEALING and self._seal(final=True):
            self._poll(final=True)
        self._held_bytes = self._content.nbytes
        self._content.close()  # a thousand runs must not hold a thousand files open

    @property
    def _heartbeat_at(self) -> float:
        return self._heartbeat_ns / 1e9

    # -- sealing ---------------------------------------------------------------------------

    @property
    def is_sealed(self) -> bool:
        """Whether all of a settled run lies in columns on disk."""
        manifest = self._content.manifest
        return manifest is not None and manifest.settled and self._content.value_count == 0

    def seal(self) -> bool:
        """Write a settled run's columns, where they are not there already; whether it was done.

        What is read is the same before and after. A folder that cannot be written is left alone.
        """
        with self.lock:
            if self._state is None:
                self.refresh()
            if not self._settled or self.is_sealed:
                return False
            if self._released:
                self._reload()
            digest, state = self._digest, self._state
            if not self._seal(final=True):
                return False
            self._poll(final=True)
            self._settle()
            self._digest, self._state = digest, state
            return self.is_sealed

    # -- what it is ------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state as of the last refresh."""
        return self.digest().state

    def digest(self) -> RunDigest:
        """What a list of runs shows, as of the last refresh."""
        with self.lock:
            if self._state is None:
                self.refresh()
            if self._digest is None:
                self._digest = self._trusting(lambda content: self._digested())
            return self._digest

    def expect(self, digest: RunDigest) -> None:
        """What an earlier process found at the end of the run: not found out again if it is still the end."""
        with self.lock:
            self._expected = digest

    def _digested(self) -> RunDigest:
        expected, self._expected = self._expected, None
        if (
            expected
            and self.is_settled
            and expected.row_count == self._content.row_count("default")
        ):
            return expected
        return self._describe()

    def _describe(self) -> RunDigest:
        # Not `asdict`, which copies: a list of many live runs is described every second.
        facts = {name: getattr(self._facts, name) for name in _FACTS} if self._facts else {}
        facts |= self._book.facts.values()
        state = self._state or "crashed"
        content = self._content
        return RunDigest(
            id=self.id,
            project=self.project,
            name=str(facts.get("name") or self.id),
            state=state,
            created_at=self.created_ns / 1e9,
            ended_at=self._ended_at(state),
            heartbeat_at=self._heartbeat_at,
            host=self._host(),
            group=_text(facts.get("group")),
            job_type=_text(facts.get("job_type")),
            tags=tuple(str(tag) for tag in facts.get("tags") or ()),
            notes=_text(facts.get("notes")),
            last_step=content.last_step("default"),
            row_count=content.row_count("default"),
            lost_rows=max(
                self._facts.lost_rows if self._facts else 0,
                sum(note.lost_rows for note in self._book.notes),
            ),
            damage=self._what_is_damaged(),
            config=self._book.config.values(),
            summary=self._summed_up(content),
            aggregates=(aggregates := content.aggregates()),
            axes={
                key: axis
                for key in aggregates
                if (axis := self._book.definitions.axis(key)) != STEP
            },
            sweep=_text(facts.get("sweep")),
            hidden=tuple(key for key in aggregates if self._book.definitions.is_hidden(key)),
        )

    def _summed_up(self, content: Content) -> dict[str, Any]:
        latest = content.latest()
        definitions = self._book.definitions
        if not definitions.sums_up():
            return self._book.merged_summary(latest)
        aggregates = content.aggregates()
        last = {key: value for key, (_, value) in latest.items()}
        summed = definitions.summed_up(last, aggregates.get, self._first_number)
        # What a metric amounts to is as new as its last value.
        stamps = {key: latest[key][0] for key in latest}
        return self._book.merged_summary(
            {
                key: (stamps.get(key) or stamps[key.rpartition(".")[0]], summed[key])
                for key in summed
            }
        )

    def _first_number(self, key: str) -> float:
        points = self._content.points(key, "default")
        return float(points.numbers()[1][0]) if points else math.nan

    def _what_is_damaged(self) -> tuple[str, ...]:
        told = [trouble for trouble in (self._facts_trouble, self._content.trouble) if trouble]
        return (*told, *map(str, self._content.damage))

    @property
    def created_ns(self) -> int:
        """When the run began, in nanoseconds since the epoch; the journal is not read for it."""
        with self.lock:
            if self._heartbeat_ns < 0:
                self._read_facts()
        if self._facts is not None:
            return self._facts.created_ns
        first = self._processes.first()
        return first.time_ns if first else max(self._heartbeat_ns, 0)

    def _host(self) -> str:
        first = self._processes.first()
        return self._facts.host if self._facts else first.host if first else ""

    def _ended_at(self, state: State) -> float | None:
        if state == "running":
            return None
        if self._book.finished is not None:
            return self._book.finished.time_ns / 1e9
        if self._facts is not None and self._facts.ended_ns:
            return self._facts.ended_ns / 1e9
        return max(self._heartbeat_at, self._content.last_time_ns() / 1e9)

    def default_axis(self, key: str) -> str:
        """The x axis over which a metric is drawn, if nobody says otherwise."""
        with self.lock:
            return self._book.definitions.axis(key)

    def metadata(self) -> dict[str, Any]:
        """How the run came to be: command, host, versions, git."""
        with self.lock:
            return self._book.metadata.values()

    def artifacts(self) -> list[ArtifactLinked]:
        """Versions of artifacts that the run made and used, in that order."""
        with self.lock:
            links = list(self._book.artifacts)
        _, entity, own = self.project.rpartition("/")
        if not entity:
            return links
        # Where it was recorded, no entity stood in front of the project.
        return [
            dataclasses.replace(link, artifact=f"{self.project}/{link.artifact[len(own) + 1 :]}")
            if link.artifact.startswith(f"{own}/") and link.artifact.count("/") == 1
            else link
            for link in links
        ]

    def notes(self) -> list[Noted]:
        """What the user should see beside the run, oldest first; the traceback of its end, too."""
        with self.lock:
            notes = list(self._book.notes)
            finished = self._book.finished
            if finished is not None and finished.traceback:
                notes.append(Noted(finished.time_ns, "warning", finished.traceback))
            return sorted(notes, key=lambda note: note.time_ns)

    def console(self, *, last: int | None = None) -> Iterable[ConsoleLine]:
        """What the run printed, as a terminal shows it, oldest first.

        Args:
            last: only so many lines, the newest. While the run goes on, up to `KEPT_LINES` are
                kept for the next call, which reads only what is new.
        """
        inherited = self._inherited()
        if last is not None and last <= KEPT_LINES and self.state == "running":
            with self.lock:
                if self._console is None:
                    self._console = LiveConsole(self.folder, without=inherited)
                kept = self._console
            return kept.lines(last)
        self._console = None
        lines = read_console(self.folder, without=inherited)
        return lines if last is None else deque(lines, maxlen=max(0, last))

    def tail(self) -> RunTail:
        """Follows the run from its first row and line on, while it goes on."""
        return RunTail(self.folder, without=self._inherited())

    def _inherited(self) -> frozenset[str]:
        """Writers of the run that this one was forked from."""
        with self.lock:
            if self._state is None:
                self.refresh()
            return frozenset(self._book.inherited)

    def stored(self, path: str) -> MediaStored | None:
        """What the journal says of a file that a row refers to; None: nothing yet."""
        with self.lock:
            return self._book.stored.get(path)

    # -- points ----------------------------------------------------------------------------

    def rows(self, stream: StreamName = "default") -> Merged:
        """The rows of a stream, merged and in order."""
        return self._trusting(lambda content: content.rows(stream))

    def points(self, key: str, stream: StreamName = "default") -> Points | None:
        """The points of a key, merged and in order; None if it was never logged."""
        return self._trusting(lambda content: content.points(key, stream))

    def cut_writers(self) -> tuple[tuple[str, int], ...]:
        """The writers of which rows are hidden, each with the last step that is shown."""
        return self._trusting(lambda content: self._cuts.state)

    def logged_keys(self, stream: StreamName = "default") -> list[str]:
        """The keys of a stream, in the order in which they were first logged."""
        return self._trusting(lambda content: content.keys(stream))

    def ask(self, question: Callable[[Content], _Answer]) -> _Answer:
        """Ask the content something; again, from the journal, if what is sealed is damaged."""
        return self._trusting(question)

    def _trusting(self, question: Callable[[Content], _Answer]) -> _Answer:
        with self.lock:
            self.used_at = time.monotonic()
            if self._state is None:
                self.refresh()
            if self._released:
                self._reload()
            try:
                answer = question(self._content)
            except SegmentError as damage:
                self.distrust(damage)
                answer = question(self._content)
            self._held_changed = True
            return answer

    def distrust(self, damage: SegmentError) -> None:
        """Read all again from the journal, since something that is sealed cannot be read.

        Raises:
            OSError: what keeps it from being read is a limit of this process, and no damage.
        """
        if isinstance(damage.__cause__, OSError) and damage.__cause__.errno in _LIMITS:
            raise damage.__cause__
        with self.lock:
            tell_damage(damage)
            self._expected = None
            settled = self._settled
            self._begin_again(use_segments=False)
            self._poll(final=settled)
            if settled:
                self._content.close()

    # -- memory ----------------------------------------------------------------------------

    @property
    def nbytes(self) -> int:
        """Memory that the rows take, about."""
        if not self._settled:
            return self._content.nbytes
        # Counted when somebody asks, and not with each question: of ten thousand metrics, it takes
        # longer than an answer. While the run is busy, what was counted before will do.
        if self._held_changed and self.lock.acquire(blocking=False):
            try:
                self._held_changed = False
                self._held_bytes = self._content.nbytes
            finally:
                self.lock.release()
        return self._held_bytes

    def release(self) -> None:
        """Give the rows of a settled run back; the digest stays, and points are read again."""
        with self.lock:
            if not self._settled or self._released:
                return
            self.digest()
            self._content.release()
            self._held_bytes = 0
            self._released = self._content.value_count == 0 and not self.is_sealed

    def _reload(self) -> None:
        """Read the rows again that were given back."""
        self._released = False
        self._begin_again(use_segments=self._use_segments)
        self._poll(final=True)
        self._held_bytes = self._content.nbytes
        self._content.close()


def _known_state(state: str) -> State:
    """A state of a newer rltrack is some end, and not a good one."""
    return state if state in get_args(State) else "failed"  # type: ignore[return-value]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _checked(facts: RunFacts) -> RunFacts:
    """`facts`, if each is of its type.

    Raises:
        JournalError: one is not; `run.json` was edited by hand, or is something else.
    """
    wanted: dict[str, type | tuple[type, ...]] = {
        "name": str,
        "created_ns": int,
        "state": str,
        "host": str,
        "pid": int,
        "process": str,
        "tags": list,
        "ended_ns": (int, type(None)),
        "lost_rows": int,
    }
    for name, kind in wanted.items():
        if not isinstance(getattr(facts, name), kind):
            raise JournalError(f"run.json cannot be read: {name} is {getattr(facts, name)!r}")
    if facts.state not in get_args(State):
        raise JournalError(f"run.json cannot be read: there is no state {facts.state!r}")
    return facts
