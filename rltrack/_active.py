"""The runs that go on in this process, and the end of the process, which is theirs too."""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from typing import IO, Any, Final, NoReturn

from rltrack._run import Run
from rltrack.artifacts import place
from rltrack.capture.exit import ExitWatch
from rltrack.capture.signals import TerminationWatch
from rltrack.capture.threads import ThreadWatch
from rltrack.errors import NotInitializedError

#: Runs that are going on, oldest first. The last that did not ask to be apart is `rltrack.run`.
live: Final[list[Run]] = []
_current: Final[list[Run]] = []


def add(run: Run, *, beside: bool) -> None:
    """Take a run that has begun.

    Args:
        run: it.
        beside: the module's functions go on meaning another, if there is one.
    """
    live.append(run)
    if run.folder is not None:
        place.begin(run.folder.parent.parent)
    run.after_end(forget_finished)
    if not beside or not _current:
        _current.append(run)
    _watch_exit()


def current() -> Run | None:
    """The run that module-level functions mean; None before `init` and after `finish`."""
    if _current and _current[-1].is_finished:
        forget_finished()
    return _current[-1] if _current else None


def forget_finished() -> None:
    """Let go of runs that have ended; without any, Python's hooks are what they were."""
    live[:] = [run for run in live if not run.is_finished]
    _current[:] = [run for run in _current if run in live]
    if not live:
        place.end()
        _leave_exit()


def finish_all(exit_code: int | None = None) -> None:
    """End every run, the youngest first."""
    for run in reversed(list(live)):
        run.finish(exit_code)
    forget_finished()


# -- functions of the module -------------------------------------------------------------------


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """`Run.log` of the run that is going on."""
    (current() or missing("log()")).log(data, step, commit)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """`Run.finish` of the run that is going on; without one, nothing."""
    if run := current():
        run.finish(exit_code, quiet)


def mark_preempting() -> None:
    """`Run.mark_preempting` of the run that is going on."""
    (current() or missing("mark_preempting()")).mark_preempting()


def save(
    glob_str: str | os.PathLike[str] | None = None,
    base_path: str | os.PathLike[str] | None = None,
    policy: str = "live",
    glob: bool = True,
) -> bool | list[str]:
    """`Run.save` of the run that is going on."""
    return (current() or missing("save()")).save(glob_str, base_path, policy, glob)


def restore(
    name: str,
    run_path: str | None = None,
    replace: bool = False,
    root: str | os.PathLike[str] | None = None,
) -> IO[str] | None:
    """`Run.restore` of the run that is going on; without one, of the run that `run_path` names."""
    run = current()
    if run is not None:
        return run.restore(name, run_path, replace, root)
    from rltrack._keeping import restore_without_run

    return restore_without_run(name, run_path, replace, root)


def later(name: str) -> Any:
    """A method of the run that is going on, as a function of the module.

    Args:
        name: of the method.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(current() or missing(f"{name}()"), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`Run.{name}` of the run that is going on."
    return call


alert = later("alert")
log_code = later("log_code")
log_artifact = later("log_artifact")
use_artifact = later("use_artifact")
link_artifact = later("link_artifact")
upsert_artifact = later("upsert_artifact")
finish_artifact = later("finish_artifact")
log_model = later("log_model")
use_model = later("use_model")
link_model = later("link_model")


def missing(what: str) -> NoReturn:
    """There is no run.

    Raises:
        NotInitializedError: always.
    """
    raise NotInitializedError(f"You must call rltrack.init() before rltrack.{what}")


class Pending:
    """`rltrack.config` and `.summary` while no run goes on.

    Whoever keeps one, by ``from rltrack import config`` at the top of a file, has that of the
    run that is going on when it is used. Without a run, every use is an error.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _of_run(self, used: str) -> Any:
        run = current()
        return getattr(run, self._name) if run else missing(f"{self._name}{used}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and current() is None:
            raise AttributeError(name)  # asked by `inspect`, `copy` and the like
        return getattr(self._of_run(f".{name}"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._of_run(f".{name}"), name, value)

    def __getitem__(self, key: str) -> Any:
        return self._of_run(f"[{key!r}]")[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._of_run(f"[{key!r}]")[key] = value

    def __delitem__(self, key: str) -> None:
        del self._of_run(f"[{key!r}]")[key]

    def __contains__(self, key: object) -> bool:
        return key in self._of_run("")

    def __iter__(self) -> Any:
        return iter(self._of_run(""))

    def __len__(self) -> int:
        return len(self._of_run(""))

    def __repr__(self) -> str:
        run = current()
        return repr(getattr(run, self._name)) if run else f"<rltrack.{self._name} before init>"


_pending: Final = {name: Pending(name) for name in ("config", "summary")}


def attribute(name: str) -> Any:
    """`rltrack.run`, `.config` and `.summary`."""
    run = current()
    if name == "run":
        return run
    return getattr(run, name) if run else _pending[name]


# -- the end of the process --------------------------------------------------------------------


def _tell_of_thread(fault: BaseException) -> None:
    import traceback

    told = "".join(traceback.format_exception(fault))
    for run in live:
        run.note("error", f"an exception ended a thread:\n{told}")


def _end_by_termination() -> bool:
    ended = [run.end_by_termination() for run in reversed(list(live))]
    return all(ended)


_exit_watch = ExitWatch()
_thread_watch = ThreadWatch(_tell_of_thread)
_termination_watch = TerminationWatch(_end_by_termination)
_registered: list[bool] = []


def _watch_exit() -> None:
    if not _registered:
        _registered.append(True)
        atexit.register(_end_all)
    _exit_watch.start()
    _thread_watch.start()
    _termination_watch.start()


def _leave_exit() -> None:
    _exit_watch.stop()
    _thread_watch.stop()
    _termination_watch.stop()


def _end_all() -> None:
    error = _exit_watch.error()
    for run in reversed(list(live)):
        if not run.is_finished:
            run.end_with(error)
    _leave_exit()
