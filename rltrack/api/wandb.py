"""Names that W&B's runs have besides: what they read is what the layers below read."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rltrack._values import finite
from rltrack.api.drafts import Drafts
from rltrack.api.files import File
from rltrack.api.rows import WithRows
from rltrack.errors import StorageError, UnsupportedError, UsageError
from rltrack.settings import resolve


@dataclass(frozen=True)
class HistoryExports:
    """What `download_history_exports` wrote."""

    paths: list[Path]
    contains_live_data: bool
    """Whether the run went on, so that there may be rows by now which are not in it."""
    errors: dict[Path, str] | None = None


class InWandbsWords(WithRows):
    """A run, under further names of W&B's."""

    def save(self) -> None:
        """The old name of `update`."""
        self.update()

    def load(self, force: bool = False) -> dict[str, Any]:
        """Forget what was changed and not recorded; config and summary as they are in the folder."""
        self._drafts = Drafts()
        return {"config": self.config, "summaryMetrics": self.summary}

    load_full_data = load

    @property
    def rawconfig(self) -> dict[str, Any]:
        """The config; W&B's has keys of its own beside."""
        return dict(self.config)

    @property
    def json_config(self) -> str:
        """The config as W&B keeps it: JSON in which each value is in a dict."""
        return json.dumps({key: {"value": finite(value)} for key, value in self.config.items()})

    @property
    def summary_metrics(self) -> dict[str, Any]:
        """The summary as a dict that stands alone."""
        return dict(self.summary)

    @property
    def entity(self) -> str:
        """Whose run it is: that of the settings, or on a server the user or team."""
        return self._project.name.rpartition("/")[0] or resolve().entity or ""

    @property
    def username(self) -> str | None:
        """Who ran it, where the run recorded that."""
        name = self.metadata.get("username")
        return None if name is None else str(name)

    @property
    def heartbeat_at(self) -> float:
        """When the run last gave a sign of life, in seconds since the epoch."""
        return self._listed.heartbeat_at

    def beta_scan_history(
        self,
        keys: Sequence[str] | None = None,
        page_size: int = 1000,
        min_step: int | None = None,
        max_step: int | None = None,
        use_cache: bool = True,
    ) -> Iterator[dict[str, Any]]:
        """`scan_history`, under the name that W&B gave its faster one."""
        return self.scan_history(keys, page_size, min_step, max_step)

    def download_history_exports(
        self, download_dir: str | os.PathLike[str], require_complete_history: bool = True
    ) -> HistoryExports:
        """Write the rows to a Parquet file, ``<id>.parquet``, in a folder.

        Args:
            download_dir: the folder; a file of that name in it is replaced.
            require_complete_history: refuse a run that goes on.

        Raises:
            UsageError: the run goes on, and all of its rows are required.
            StorageError: the file cannot be written.
            MissingExtraError: PyArrow is not installed.
        """
        from rltrack._names import folder_name
        from rltrack.store.export import export_run

        live = self.state == "running"
        if live and require_complete_history:
            raise UsageError(
                f"run {self.path} goes on; say require_complete_history=False for its rows so far"
            )
        path = Path(download_dir, f"{folder_name(self.id)}.parquet")
        exported = export_run(self._reader, path, "parquet", replace=True)
        return HistoryExports([Path(exported.file)], live)

    def upload_file(self, path: str | os.PathLike[str], root: str = ".") -> File:
        """Keep a file beside the run, which may have ended.

        Args:
            path: of the file; a file of its name in the run is replaced.
            root: its name in the run is its path from there.

        Raises:
            UsageError: there is no such file, or it is not below `root`.
            StorageError: it cannot be written.
        """
        self._refuse_copy("upload_file")
        source = Path(root, path).absolute()
        if not source.is_file():
            raise UsageError(f"upload_file({os.fspath(path)!r}): there is no file {source}")
        name = os.path.relpath(os.path.realpath(source), os.path.realpath(root))
        if name.split(os.sep)[0] == os.pardir:
            raise UsageError(f"upload_file({os.fspath(path)!r}): it is not below root={root!r}")
        target = Path(self.folder, "files", name)
        part = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part)
            os.replace(part, target)
        except OSError as refusal:
            raise StorageError(f"{target} cannot be written ({refusal.strerror})") from refusal
        return self.file(Path(name).as_posix())

    def wait_until_finished(self, poll_s: float = 0.5, timeout_s: float | None = None) -> None:
        """Return once the run has ended, in whatever way.

        Args:
            poll_s: from one look to the next.
            timeout_s: how long to wait; by default as long as it takes.

        Raises:
            TimeoutError: it took longer.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while self.state == "running":
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"run {self.path} goes on after {timeout_s:g} s")
            time.sleep(poll_s)

    def stop(self) -> None:
        """Ask the training to end, as Ctrl-C in its terminal would; it looks every second.

        Raises:
            UsageError: it does not go on.
            StorageError: its folder cannot be written, so it cannot be asked.
        """
        if self.state != "running":
            raise UsageError(f"{self.path} is not running: it is {self.state}")
        self._listed.ask_to_stop()

    def update_state(self, state: str) -> bool:
        """Refused: how a run ended is what happened, and nothing waits here for an agent.

        Raises:
            UnsupportedError: always; it says what to do instead.
        """
        raise UnsupportedError(
            f"update_state({state!r}): the state of {self.path} is what its journal says, "
            f"{self.state}; rltrack.init(id={self.id!r}, resume='must') goes on with it, and a tag "
            "says what you think of it"
        )

    def to_html(self, height: int = 420, hidden: bool = False) -> str:
        """The run as HTML, for a notebook."""
        rows: Mapping[str, Any] = {"state": self.state, **self.summary}
        cells = "".join(
            f"<tr><td>{_html(key)}</td><td>{_html(rows[key])}</td></tr>" for key in rows
        )
        return f"<b>{_html(self.name)}</b> {_html(self.path)}<table>{cells}</table>"

    _repr_html_ = to_html


def _html(value: object) -> str:
    import html

    return html.escape(str(value))
