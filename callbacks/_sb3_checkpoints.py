"""Checkpoints of a training as versions of one artifact: ``checkpoint-<run id>``, of type `model`.

`_sb3_state.py` knows what is in one. Here is known where they are, which is the newest whole one,
and to which `learn` of a program each belongs: a program that calls `learn` several times is run
again from its start, and each call must find its own.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import rltrack
from rltrack.artifacts.collection import Collection
from rltrack.callbacks._sb3_sealed import DamagedError
from rltrack.callbacks._sb3_state import Loaded, Saved
from rltrack.errors import ArtifactError, NotFoundError

if TYPE_CHECKING:
    from rltrack.artifacts.artifact import Artifact

TYPE: Final = "model"

#: A checkpoint that is being written is in a folder of this name.
_HALF: Final = ".checkpoint-"
_ABANDONED_S: Final = 3600.0

#: How many trainings of each run have begun in this process.
_begun: WeakKeyDictionary[rltrack.Run, int] = WeakKeyDictionary()


def next_learn(run: rltrack.Run) -> int:
    """Count a training; the first of a run in a process is 0."""
    number = _begun.get(run, 0)
    _begun[run] = number + 1
    return number


class Checkpoints:
    """The checkpoints of one run.

    Args:
        run: that is not disabled.
    """

    def __init__(self, run: rltrack.Run) -> None:
        self._run = run
        self.name = f"checkpoint-{run.id}"
        assert run.folder is not None
        for left in run.folder.glob(f"{_HALF}*"):  # by a process that was killed as it saved
            if time.time() - left.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)

    def add(
        self, save: Callable[[Path], Saved], aliases: list[str], metadata: Mapping[str, Any]
    ) -> Saved:
        """Make a checkpoint the newest version.

        Args:
            save: fills a folder.
            aliases: besides ``latest``.
            metadata: facts, beside those of `save`.
        """
        with self._folder() as folder:
            saved = save(folder / "checkpoint")
            facts = {"num_timesteps": saved.about["num_timesteps"], "exact": saved.exact}
            artifact = rltrack.Artifact(self.name, TYPE, metadata={**metadata, **facts})
            artifact.add_dir(saved.folder, policy="immutable")  # so no byte is written twice
            self._run.log_artifact(artifact, aliases=aliases)
        return saved

    def versions(self) -> list[Artifact]:
        """All that there are, the newest first."""
        folder = self._run.folder
        assert folder is not None
        collection = Collection(folder.parent.parent, self._run.project, self.name)
        found = reversed(collection.versions())
        return [rltrack.Artifact.of_version(collection, version) for version in found]

    def load_newest(
        self, versions: list[Artifact], load: Callable[[Path], Loaded]
    ) -> Loaded | None:
        """Load the first of `versions` that is whole; None if none is.

        Raises:
            MismatchError: it is of another training.
        """
        for version in versions:
            try:
                return self.load(version, load)
            except (DamagedError, ArtifactError, OSError) as damage:
                self._run.warn(
                    f"SB3Callback damaged {version.name}",
                    f"SB3Callback: checkpoint {version.name} cannot be read, and the one before "
                    f"it is taken: {damage}",
                )
        return None

    def load(self, version: Artifact, load: Callable[[Path], Loaded]) -> Loaded:
        """Load one version, and note that the run uses it.

        Raises:
            DamagedError: it is not whole.
        """
        with self._folder() as folder:
            loaded = load(Path(version.download(root=folder)))
        self._run.use_artifact(version)
        return loaded

    def named(self, name: str) -> Artifact:
        """Any run's checkpoint.

        Raises:
            NotFoundError: there is none of this name.
        """
        try:
            return self._run.use_artifact(name, type=TYPE)
        except NotFoundError as missing:
            raise NotFoundError(
                f"SB3Callback(resume={name!r}): {missing}. A name as checkpoint-<run id>:latest "
                "goes on with that run's training; \"auto\" with this run's own"
            ) from missing

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder for the time of the block, on the disk that has the artifacts."""
        assert self._run.folder is not None
        folder = Path(tempfile.mkdtemp(prefix=_HALF, dir=self._run.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
