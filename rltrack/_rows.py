"""The careful way to write a row: any values, each in the form that a journal has for it.

A value without a form costs only itself: its key is told, and the rest of the row is kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rltrack._logged import STEP_KEY, TIME_KEY, flat_values, nanoseconds
from rltrack._values import Unstorable, is_on_device, plain
from rltrack.folder import RunFolder
from rltrack.journal.null import Journal
from rltrack.journal.records import Json, MediaStored, Prepared, Row, RowFlag
from rltrack.media.base import Logging, Media
from rltrack.media.direct import as_media, is_direct
from rltrack.media.groups import group
from rltrack.settings import Settings

if TYPE_CHECKING:
    from rltrack._device import DeviceRows
    from rltrack.media.kept import Keep, KeptTables
    from rltrack.media.store import MediaStore


class RowWriter:
    """Writes rows that are not all plain numbers.

    Args:
        folder: of the run; None records nothing.
        settings: `strict` raises for a value without a form, after the rest of its row was written.
        warn: told once of each kind of fault.
        clock: nanoseconds since the epoch.
        keep: has a version of an artifact made of a table; see `KeptTables`.
    """

    def __init__(
        self,
        folder: RunFolder | None,
        *,
        settings: Settings,
        warn: Callable[[str, str], None],
        clock: Callable[[], int],
        keep: Keep | None = None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._warn = warn
        self._clock = clock
        self._keep = keep
        self._media: MediaStore | None = None
        self._device: DeviceRows | None = None
        self._tables: KeptTables | None = None

    def write(
        self,
        journal: Journal,
        data: Mapping[str, Any],
        step: int,
        flags: RowFlag,
        time_ns: int | None = None,
    ) -> None:
        """Append one row.

        Raises:
            TypeError: in strict mode, a value has no form.
            ValueError: a mapping contains itself.
        """
        values: dict[str, Json] = {}
        refused: list[str] = []
        far: dict[str, Any] = {}
        for name, value in flat_values(data).items():
            if name == STEP_KEY:
                continue
            if is_on_device(value):
                values[name] = None  # keeps its place among the others
                far[name] = value
                continue
            try:
                if name == TIME_KEY:
                    time_ns = nanoseconds(value)
                else:
                    values[name] = self.stored(journal, name, step, value)
            except (Unstorable, RecursionError) as why:
                refused.append(f"{name!r}: {why}")
        now = time_ns or self._clock()
        if far:
            self._write_later(journal, Row(step, now, values, flags), far)
        elif values:
            self._append(journal, Row(step, now, values, flags))
        if refused:
            told = f"log: {'; '.join(refused)}; the rest of the row is kept"
            if self._settings.strict:
                raise TypeError(told)
            self._warn(f"value {' '.join(refused)}", told)

    def _append(self, journal: Journal, row: Row) -> None:
        with journal.lock:
            if not journal.write_row(row.values, row.step, row.time_ns, row.flags):
                journal.write(row)

    def _write_later(self, journal: Journal, row: Row, far: Mapping[str, Any]) -> None:
        def write(near: Mapping[str, Any]) -> None:
            try:
                values = {**row.values, **{name: plain(value) for name, value in near.items()}}
                self._append(journal, Row(row.step, row.time_ns, values, row.flags))
            except Exception as fault:  # on a thread of ours, where nobody could catch it
                self._warn("device", f"log: a row from the GPU is lost: {fault!r}")

        from rltrack._device import CudaCopy, DeviceRows

        if self._device is None:
            self._device = DeviceRows()
        self._device.put(CudaCopy(far), write)

    def flush(self, timeout_s: float) -> None:
        """Wait for rows that are on their way from a GPU, `timeout_s` at most."""
        if self._device is not None and not self._device.flush(timeout_s):
            self._warn("device", f"rows from the GPU have not arrived within {timeout_s:g} s")

    def stored(self, journal: Journal, name: str, step: int, value: Any) -> Json:
        """A value as the journal has it; of media the reference to a file that is written now.

        Raises:
            Unstorable: it has no form.
        """
        if type(value) is Prepared:
            return value
        if isinstance(value, Media):
            return self._store_media(journal, name, step, value)
        try:
            made = as_media(value)
        except Exception as fault:  # of the library that draws it
            raise Unstorable(f"its {type(value).__qualname__} cannot be drawn: {fault}") from fault
        if made is not None:
            return self._store_media(journal, name, step, made)
        if isinstance(value, (list, tuple)) and value and _is_media(value[0]):
            # A list of other things than media alone is no group: each is stored by itself.
            if not all(map(_is_media, value)):
                return [self.stored(journal, name, step, item) for item in value]
            items = [self.stored(journal, name, step, item) for item in value]
            self._look_at_sizes(name, items)
            return group(items)
        return plain(value)

    def _look_at_sizes(self, name: str, items: list[Json]) -> None:
        """Warn once of pictures of several sizes in one list: they are kept, and hard to compare."""
        sizes = {
            (one["width"], one["height"])
            for one in items
            if isinstance(one, dict) and one.get("_type") == "image-file" and "width" in one
        }
        if len(sizes) > 1:
            told = ", ".join(f"{width}x{height}" for width, height in sorted(sizes)[:3])
            self._warn(
                "sizes", f"log({name!r}): the pictures of the list have several sizes: {told}"
            )

    def _store_media(self, journal: Journal, name: str, step: int, media: Media) -> Json:
        if self._folder is None:
            return {"_type": media.type_name}
        if self._tables is None and media.kind == "table" and self._keep is not None:
            from rltrack.media.kept import KeptTables

            self._tables = KeptTables(self._folder.media, self._keep)
        if self._media is None:
            from rltrack.media.store import QUEUE_BYTES, MediaStore

            self._media = MediaStore(
                self._folder.media,
                functools.partial(self._record, journal),
                clock=self._clock,
                queue_bytes=self._settings.media_queue_bytes or QUEUE_BYTES,
                overflow=self._settings.media_overflow or "block",
                warn=self._warn,
            )
        put = functools.partial(self._media.put, name, step)
        keep = self._tables.logged if self._tables is not None else None
        return media.logged(Logging(self._media, name, step, put, self._warn, keep))

    def _record(self, journal: Journal, stored: MediaStored) -> None:
        journal.write(stored)
        if self._tables is not None:
            self._tables.stored(stored)

    def close(self, timeout_s: float) -> None:
        """Wait for rows and files that are being written, `timeout_s` at most."""
        self.flush(timeout_s)
        if self._media is not None:
            self._media.close(timeout_s)
        if self._tables is not None:
            self._tables.close(timeout_s)


def _is_media(value: Any) -> bool:
    return isinstance(value, Media) or is_direct(value)
