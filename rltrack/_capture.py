"""What a run records without being asked: started in one place, and undone in one place.

    provenance     where it comes from       capture/provenance.py
    system         what the machine does     capture/system.py
    console        what it prints            capture/console.py
    loggers        what they are told        capture/loggers.py
    code           of `Settings.code_dir`    _code.py

A part that cannot start is told once, and the run goes on without it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakKeyDictionary

from rltrack.settings import Settings

if TYPE_CHECKING:
    from rltrack._run import Run
    from rltrack.capture.console import Console

#: Of runs that print, or are told that they do.
_consoles: Final[WeakKeyDictionary[Run, Console]] = WeakKeyDictionary()


def start(run: Run, settings: Settings, folder: Path) -> Callable[[], None]:
    """Begin to record what `settings` ask for.

    Args:
        run: it.
        settings: of the run, all of them.
        folder: where the process is.

    Returns:
        What the end of the run must call, when everything else of it has ended.
    """
    stops: list[Callable[[], None]] = []
    for begin in (_console, _loggers, _provenance, _code, _system):
        try:
            if stop := begin(run, settings, folder):
                stops.append(stop)
        except Exception as fault:  # a fault of ours must not keep a training from starting
            if settings.strict:
                raise
            run.warn(begin.__name__, f"{begin.__name__[1:]} is not recorded: {fault!r}")

    def stop_all() -> None:
        for stop in reversed(stops):  # the console last: what the others say is in it
            try:
                stop()
            except Exception as fault:
                run.warn(f"stop {fault!r}", f"recording could not be ended: {fault!r}")

    return stop_all


def _console(run: Run, settings: Settings, folder: Path) -> Callable[[], None] | None:
    if run.run_folder is None or settings.console in (None, "off"):
        return None
    console = _open_console(run, "redirect" if settings.console == "redirect" else "wrap")
    return lambda: console.stop(_traceback_of(run.left_by))


def _traceback_of(error: BaseException | None) -> str:
    if error is None or isinstance(error, SystemExit):
        return ""
    import traceback

    return "".join(traceback.format_exception(error))


def _open_console(run: Run, mode: Literal["wrap", "redirect", "told"]) -> Console:
    from rltrack.capture.console import Console

    assert run.run_folder is not None
    # Of many processes that record one run, each has a file.
    name = "output.log" if run.is_owner else f"output-{os.getpid()}.log"
    _consoles[run] = console = Console(
        run.record,
        run.run_folder.files / name,
        mode=mode,
        trouble=lambda message: run.warn("console", message),
    )
    return console


def write_logs(run: Run, text: str) -> None:
    """Record text among what a run prints, or alone if that is not recorded."""
    if run.run_folder is None:
        return
    if (console := _consoles.get(run)) is None:
        console = _open_console(run, "told")
        run.on_finish(console.stop)
    console.write(text if text.endswith("\n") else f"{text}\n")


def _loggers(run: Run, settings: Settings, folder: Path) -> Callable[[], None] | None:
    if run.run_folder is None or not settings.capture_loggers:
        return None
    from rltrack.capture.loggers import capture_loggers

    return capture_loggers(settings.capture_loggers, run.write_logs)


def _provenance(run: Run, settings: Settings, folder: Path) -> Callable[[], None] | None:
    files = run.run_folder
    if files is None or not settings.provenance:
        return None
    from rltrack.capture.provenance import Provenance, Wanted

    wanted = Wanted(
        git=not settings.disable_git,
        patch=not settings.disable_code,
        packages=bool(settings.save_requirements),
        code=bool(settings.save_code),
    )
    return Provenance(
        run.note_metadata,
        folder,
        files=files.files if run.is_owner else None,
        wanted=wanted,
        without=files.path.parent.parent,
        guesses=lambda: _seeds_in(run.config),
        named={
            name: value
            for name in ("host", "username", "program")
            if (value := getattr(settings, name))
        },
        notebook=settings.notebook_name,
    ).close


def _seeds_in(config: Mapping[str, Any]) -> Iterator[object]:
    """What a config calls a seed, at its top or one level below."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from (inner for name, inner in value.items() if "seed" in str(name).lower())
        elif "seed" in key.lower():
            yield value


def _code(run: Run, settings: Settings, folder: Path) -> Callable[[], None] | None:
    if settings.save_code and settings.code_dir and run.is_owner:
        run.log_code(settings.code_dir)
    return None


def _system(run: Run, settings: Settings, folder: Path) -> Callable[[], None] | None:
    # Of many processes that record one run, one samples: names of two would be one line.
    if run.run_folder is None or settings.disable_stats or not run.is_owner:
        return None
    from rltrack.capture.system import Sampler

    return Sampler(
        run.log_system,
        run.note_metadata,
        trouble=lambda message: run.note("info", message),
        interval_s=settings.stats_interval_s or 10.0,
        disk_paths=settings.stats_disk_paths or (_mount_point(run.run_folder.path),),
        gpu_ids=settings.stats_gpu_ids,
    ).stop


def _mount_point(path: Path) -> str:
    while not os.path.ismount(path) and path != path.parent:
        path = path.parent
    return str(path)
