"""What a run keeps besides rows: code, files, artifacts. `Run` adds what is logged."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rltrack._lifecycle import Lifecycle
from rltrack.errors import NotFoundError, StorageError, UsageError
from rltrack.journal.records import ArtifactLinked

if TYPE_CHECKING:
    from rltrack._saved import SavedFiles
    from rltrack.artifacts.artifact import Artifact


class Keeping(Lifecycle):
    """The part of `Run` that keeps files."""

    __slots__ = ("_saved",)

    _saved: SavedFiles | None

    @property
    def step(self) -> int:
        """The index of the next row."""
        raise NotImplementedError

    def _each_second(self) -> None:
        if self._saved is not None:
            self._saved.refresh()

    # -- code ------------------------------------------------------------------------------

    def log_code(
        self,
        root: str | os.PathLike[str] | None = ".",
        name: str | None = None,
        include_fn: Callable[..., bool] | None = None,
        exclude_fn: Callable[..., bool] | None = None,
    ) -> Artifact | None:
        """Keep the code of a folder, in ``files/code/`` and as an artifact of type ``code``.

        Args:
            root: the folder.
            name: of the artifact; by default ``source-<project>-<program>``.
            include_fn: given a path, or a path and `root`: whether that file is code; by default
                Python files, notebooks and the like.
            exclude_fn: the same: whether it is not kept after all.

        Returns:
            The artifact; None if nothing was kept.
        """
        self._refuse_if_finished("log_code")
        from rltrack._code import log_code

        return log_code(self, root or ".", name, include_fn, exclude_fn)

    # -- files -----------------------------------------------------------------------------

    def save(
        self,
        glob_str: str | os.PathLike[str] | None = None,
        base_path: str | os.PathLike[str] | None = None,
        policy: str = "live",
        glob: bool = True,
    ) -> bool | list[str]:
        """Keep files beside the run.

        Args:
            glob_str: a path, or a pattern with ``*``, ``?`` and ``**``. Files that come later are
                not seen; call it again.
            base_path: paths below it stay as they are below the run's files. By default the
                current folder; of a file elsewhere only its last folder stays.
            policy: ``live`` follows the file until the run ends, ``now`` keeps it as it is,
                ``end`` as it is when the run ends.
            glob: whether `glob_str` is a pattern, and not a path.

        Returns:
            Where the files are kept; none, if nothing fits. False if the run is disabled.

        Raises:
            UsageError: `policy` is unknown, or `glob_str` leads out of `base_path`.
        """
        self._refuse_if_finished("save")
        from rltrack._saved import SavedFiles, checked_base, checked_policy

        if self._folder is None:
            return False
        if glob_str is None:
            return []
        pattern = os.fspath(glob_str)
        if isinstance(pattern, bytes):
            raise UsageError("save() takes a path as text, and not as bytes")
        chosen, base = checked_policy(policy), checked_base(pattern, base_path)
        if self._saved is None:
            self._saved = SavedFiles(self._folder.files, self._warn)
            self.on_finish(self._saved.close)
        return self._saved.save(pattern, base, chosen, is_glob=glob)

    def restore(
        self,
        name: str,
        run_path: str | None = None,
        replace: bool = False,
        root: str | os.PathLike[str] | None = None,
    ) -> IO[str] | None:
        """Get a file back that a run saved, for example a checkpoint of a run that is resumed.

        Args:
            name: of the file, as `save` kept it.
            run_path: ``project/id`` or an id of this project; by default this run.
            replace: take the place of a file that is there; else that one is opened.
            root: where it is written; by default the current folder.

        Returns:
            The file, open to be read as text; its ``name`` is its path. None if the run is
            disabled.

        Raises:
            NotFoundError: there is no such run, or it has no such file.
        """
        if self._folder is None:
            return None
        folder = _folder_of(run_path, self._root, self.project) if run_path else self._folder
        return restored(folder, name, replace, root)

    @property
    def _root(self) -> Path:
        assert self._folder is not None
        return self._folder.path.parent.parent

    # -- artifacts -------------------------------------------------------------------------

    def log_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
    ) -> Artifact:
        """Make a version of an artifact, as something that this run made.

        Args:
            artifact_or_path: an `Artifact`, a file, a folder, or a reference with ``://``.
            name: of a file or folder; by default ``run-<id>-<its name>``.
            type: of a file or folder; by default ``unspecified``.
            aliases: besides ``latest``.
            tags: labels of the version.

        Returns:
            The artifact, with its version. If it could not be kept, one warning says why.

        Raises:
            UsageError: a name, an alias or a tag may not be one.
            ArtifactError: another type has this name, or contents are gone.
        """
        self._refuse_if_finished("log_artifact")
        artifact = self._artifact_of(artifact_or_path, name, type)
        self._log_artifact(artifact, aliases, tags)
        return artifact

    def _artifact_of(
        self, given: Artifact | str | os.PathLike[str], name: str | None, type: str | None
    ) -> Artifact:
        from rltrack.artifacts.artifact import Artifact
        from rltrack.artifacts.names import safe_name

        if isinstance(given, Artifact):
            if name is not None or (type is not None and type != given.type):
                raise UsageError("name= and type= are those of the artifact; leave them out")
            return given
        path = os.fspath(given)
        last = path.rstrip("/").rsplit("/", 1)[-1]
        made = Artifact(name or safe_name(f"run-{self.id}-{last}"), type or "unspecified")
        if "://" in path:
            made.add_reference(path)
        elif os.path.isdir(path):
            made.add_dir(path)
        elif os.path.isfile(path):
            made.add_file(path)
        else:
            raise UsageError(f"log_artifact({path!r}): there is no such file or folder")
        return made

    def _log_artifact(
        self,
        artifact: Artifact,
        aliases: Sequence[str] | str | None,
        tags: Sequence[str] | str | None,
    ) -> None:
        from rltrack.artifacts.names import checked_aliases

        chosen, labels = checked_aliases(aliases), checked_aliases(tags, "tag")
        if self._folder is None:
            return
        try:
            if artifact.is_draft():
                artifact.log_into(
                    self._root,
                    self.project,
                    aliases=chosen,
                    tags=labels,
                    run=self.path,
                    step=self.step,
                )
            elif chosen or labels:
                artifact.aliases = [*artifact.aliases, *chosen]
                artifact.tags = [*artifact.tags, *labels]
                artifact.save()
        except StorageError as refusal:
            if self._settings.strict:
                raise
            self._warn(f"artifact {artifact.name}", f"artifact {artifact.name} is lost: {refusal}")
            return
        self._record_artifact("logged", artifact, chosen)

    def _keep_table(self, key: str, files: Mapping[str, Path], incremental: bool) -> None:
        """Make a version of ``run-<id>-<key>``, if its rows are not those of the newest."""
        from rltrack.artifacts.artifact import Artifact
        from rltrack.artifacts.names import safe_name

        try:
            artifact = Artifact(
                safe_name(f"run-{self.id}-{key}"), "run_table", incremental=incremental
            )
            for name, path in files.items():
                artifact.add_file(path, name, policy="immutable")
            self._log_artifact(artifact, None, None)
        except Exception as fault:  # on the worker that writes media, where nobody could catch it
            self._warn(f"table {key}", f"table {key!r} is logged, and is no artifact: {fault}")

    def _record_artifact(
        self, role: str, artifact: Artifact, aliases: Sequence[str], use_as: str | None = None
    ) -> None:
        self._journal.write(
            ArtifactLinked(
                self._clock(),
                role,
                artifact.qualified_name,
                artifact.type,
                artifact.digest,
                list(aliases),
                use_as,
            )
        )

    def use_artifact(
        self,
        artifact_or_name: Artifact | str,
        type: str | None = None,
        aliases: Sequence[str] | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Say that this run uses an artifact, and get it.

        Args:
            artifact_or_name: ``name:alias`` or ``project/name:alias``, without alias the latest;
                or an `Artifact`, which is logged first if it is not yet.
            type: which it must be of.
            aliases: accepted for W&B's scripts.
            use_as: what it is used as, beside the run.

        Raises:
            NotFoundError: there is none.
            ArtifactError: it is of another type.
        """
        self._refuse_if_finished("use_artifact")
        from rltrack.artifacts import place
        from rltrack.artifacts.artifact import Artifact, find
        from rltrack.artifacts.names import address

        root = place.root() if self._folder is None else self._root
        if isinstance(artifact_or_name, Artifact):
            artifact = artifact_or_name
            if artifact.is_draft():
                self._log_artifact(artifact, aliases, None)
            alias = None if artifact.is_draft() else artifact.version
        else:
            artifact = find(root, artifact_or_name, project=self.project, type=type)
            alias = address(artifact_or_name).alias
        if alias is not None and self._folder is not None:
            self._note_use(artifact, alias, use_as)
        return artifact

    def _note_use(self, artifact: Artifact, alias: str, use_as: str | None) -> None:
        from rltrack.artifacts.artifact import used

        try:
            used(artifact, self.path, use_as)
        except StorageError as refusal:  # to read it is what the training wants
            self._warn("use_artifact", f"the use of {artifact.name} is not recorded: {refusal}")
        self._record_artifact("used", artifact, [alias], use_as)

    def link_artifact(
        self, artifact: Artifact, target_path: str, aliases: Sequence[str] | None = None
    ) -> Artifact | None:
        """Let a collection, perhaps of another project, show a version; a draft is logged first.

        Args:
            artifact: it.
            target_path: ``collection`` or ``project/collection``.
            aliases: of the link, besides ``latest``.

        Returns:
            The version of that collection; None if the run is disabled.
        """
        self._refuse_if_finished("link_artifact")
        if self._folder is None:
            return None
        if artifact.is_draft():
            self._log_artifact(artifact, None, None)
        return artifact.link(target_path, aliases)

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Add files to a version that many processes make; `finish_artifact` completes it.

        Args:
            artifact_or_path: see `log_artifact`; the name must be the same in each process.
            name: see `log_artifact`.
            type: see `log_artifact`.
            aliases: of the version.
            distributed_id: the same in each process; by default the run's group.

        Raises:
            UsageError: there is neither group nor `distributed_id`.
        """
        self._refuse_if_finished("upsert_artifact")
        from rltrack.artifacts.drafts import add_part
        from rltrack.artifacts.names import checked_aliases

        artifact = self._artifact_of(artifact_or_path, name, type)
        key = self._distributed(distributed_id)
        if self._folder is not None:
            add_part(artifact, self._root, self.project, key, checked_aliases(aliases))
        return artifact

    def finish_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | None = None,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Make the version of what all processes added with `upsert_artifact`, and of this.

        Args:
            artifact_or_path: see `upsert_artifact`.
            name: see `upsert_artifact`.
            type: see `upsert_artifact`.
            aliases: of the version.
            distributed_id: see `upsert_artifact`.
        """
        self._refuse_if_finished("finish_artifact")
        from rltrack.artifacts.drafts import gather
        from rltrack.artifacts.names import checked_aliases

        artifact = self._artifact_of(artifact_or_path, name, type)
        key = self._distributed(distributed_id)
        if self._folder is None:
            return artifact
        with gather(artifact, self._root, self.project, key) as more:
            self._log_artifact(artifact, [*more, *checked_aliases(aliases)], None)
        return artifact

    def _distributed(self, distributed_id: str | None) -> str:
        chosen = distributed_id or self.group
        if not chosen:
            raise UsageError(
                "many processes make one artifact: give each init(group=…) of one name, or "
                "distributed_id="
            )
        return chosen

    # -- models ----------------------------------------------------------------------------

    def log_model(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        aliases: Sequence[str] | None = None,
    ) -> Artifact:
        """`log_artifact` of a model's file or folder, of type ``model``."""
        return self.log_artifact(path, name=name, type="model", aliases=aliases)

    def use_model(self, name: str) -> str:
        """Get a model that was logged.

        Args:
            name: ``name:alias`` or ``project/name:alias``.

        Returns:
            Its file; of a model of several, their folder.

        Raises:
            NotFoundError: there is none.
            ArtifactError: it is no model.
        """
        artifact = self.use_artifact(name)
        if "model" not in artifact.type.lower():
            raise UsageError(f"{name!r} is of type {artifact.type!r}, and no model; use_artifact")
        folder = artifact.download()
        files = artifact.files()
        return os.path.join(folder, files[0].path) if len(files) == 1 else folder

    def link_model(
        self,
        path: str | os.PathLike[str],
        registered_model_name: str,
        name: str | None = None,
        aliases: Iterable[str] | None = None,
    ) -> Artifact | None:
        """`log_model`, and `link_artifact` into the collection of that name."""
        artifact = self.log_model(path, name)
        return self.link_artifact(artifact, registered_model_name, list(aliases or ()))


def _folder_of(run_path: str, root: Path, project: str | None) -> Any:
    from rltrack.folder import run_folder

    *above, run_id = run_path.strip("/").split("/")
    chosen = above[-1] if above else project
    if chosen is None:
        raise UsageError(f"restore(run_path={run_path!r}): say project/id")
    folder = run_folder(root, chosen, run_id)
    if not folder.run_json.exists():
        raise NotFoundError(f"there is no run {chosen}/{run_id} in {root}")
    return folder


def restored(folder: Any, name: str, replace: bool, root: str | os.PathLike[str] | None) -> IO[str]:
    """Copy a file of a run's, and open the copy.

    Raises:
        NotFoundError: the run has no such file.
        UsageError: the name leads out of the folder.
    """
    import shutil

    source = folder.files / name
    if ".." in Path(name).parts or os.path.isabs(name):
        raise UsageError(f"restore({name!r}): the name of a saved file was expected")
    if not source.is_file():
        known = sorted(
            p.relative_to(folder.files).as_posix() for p in folder.files.rglob("*") if p.is_file()
        )
        there = f"it has {', '.join(known[:10])}" if known else "it has none"
        raise NotFoundError(f"run {folder.path.name} has no saved file {name!r}; {there}")
    target = Path(root or ".") / name
    if replace or not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        shutil.copy2(source, part)
        os.replace(part, target)
    return target.open(encoding="utf-8", errors="replace")


def restore_without_run(
    name: str,
    run_path: str | None = None,
    replace: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> IO[str]:
    """`Run.restore` while no run goes on.

    Raises:
        UsageError: `run_path` is missing.
        NotFoundError: there is no such run, or it has no such file.
    """
    from rltrack.artifacts import place
    from rltrack.settings import resolve

    if run_path is None:
        raise UsageError("restore() without a run that goes on needs run_path='project/id'")
    return restored(_folder_of(run_path, place.root(), resolve().project), name, replace, root)
