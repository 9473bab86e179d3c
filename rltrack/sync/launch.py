"""What the training knows of its run's copy: it starts who sends it, and at the end it waits a while.

That process is in a session of its own, so what ends the training does not end it: Ctrl-C, a
closed terminal, SIGKILL. Nothing here touches the network, and `log` never gets here.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rltrack._credentials import Connection, connection
from rltrack._terminal import say
from rltrack.sync.state import SyncState, read_state, write_state

if TYPE_CHECKING:
    from rltrack._run import Run

#: In the environment of the process that sends.
SERVER: Final = "RLTRACK_SYNC_SERVER"
API_KEY: Final = "RLTRACK_SYNC_API_KEY"
PROJECT: Final = "RLTRACK_SYNC_PROJECT"

_LOOK_S: Final = 0.05
#: What takes less is not worth a line.
_PATIENCE_S: Final = 1.0
#: A server that cannot be reached at all is not waited for as long.
_SILENCE_S: Final = 5.0
_TERMINAL_S: Final = 0.2
_LOG_S: Final = 10.0


def send(run: Run) -> None:
    """Have a run sent to the server of its settings, if there is one; a fault is one warning."""
    there = connection(run.settings)
    if there is None or run.disabled or not run.is_owner:
        return
    try:
        sending = Sending(run, there, run.settings.finish_wait_s or 30.0)
    except OSError as refusal:
        run.survive("starting the process that sends the run", refusal)
        return
    run.is_shown_at(sending.url)
    run.after_end(sending.wait)

    def tell_trouble() -> None:
        if trouble := sending.trouble:
            run.warn("sync", f"the server takes nothing of this run, which is recorded: {trouble}")

    run.each_second(tell_trouble)


class Sending:
    """A run that is being sent, seen from the training.

    Args:
        run: it.
        there: the server.
        wait_s: how long the end of the run waits for the rest.
    """

    def __init__(self, run: Run, there: Connection, wait_s: float) -> None:
        assert run.folder is not None
        self._folder = run.folder
        self._settings = run.settings
        self._wait_s = wait_s
        project = f"{run.settings.entity}/{run.project}" if run.settings.entity else None
        self._page = there.page(project or run.project, run.id)
        write_state(
            run.folder, SyncState(server=there.server, url=self._page, project=project), sends=False
        )
        environ = dict(os.environ)
        # Not by the folder it is started in, which may have a folder named rltrack.
        package = str(Path(__file__).parents[2])
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (package, environ.get("PYTHONPATH"))))
        environ[SERVER] = there.server
        for name, value in ((API_KEY, there.api_key), (PROJECT, project)):
            environ.pop(name, None)
            if value:
                environ[name] = value
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rltrack.sync", str(run.folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
        )
        _started.append(self._process)

    def url(self) -> str:
        """The run's page: as the server said, once it did."""
        state = read_state(self._folder)
        return state.url if state is not None and state.url else self._page

    @property
    def trouble(self) -> str | None:
        """Why the server takes nothing, if it does not."""
        state = read_state(self._folder)
        return state.error if state is not None and state.phase == "refused" else None

    def wait(self) -> None:
        """Wait until the server has everything, but not for ever; Ctrl-C ends the wait only."""
        try:
            state = self._wait()
        except KeyboardInterrupt:
            state = read_state(self._folder)
        if self._settings.silent or (state is not None and state.phase == "complete"):
            if state is not None and state.error and not self._settings.silent:
                say(f"warning: {state.error}")
            return
        why = f" ({state.error})" if state is not None and state.error else ""
        goes_on = self._process.poll() is None
        still = "it is being sent on; " if goes_on else ""
        say(
            f"the server has not got all of the run yet{why}; nothing is lost. {still}"
            f"`rltrack sync {self._folder}` sends what is missing"
        )

    def _wait(self) -> SyncState | None:
        began = answered_at = time.monotonic()
        line = _Line(self._settings.silent or self._settings.quiet or False)
        try:
            while True:
                ended = self._process.poll() is not None
                state = read_state(self._folder)
                if state is not None and state.phase in ("complete", "refused"):
                    return state
                waited = time.monotonic() - began
                if ended or waited > self._wait_s:
                    return state
                if state is None or state.phase != "waiting":
                    answered_at = time.monotonic()
                elif time.monotonic() - answered_at > _SILENCE_S:
                    return state  # nobody is there: the training's next step matters more
                if state is not None and waited > _PATIENCE_S:
                    line.show(state, self._wait_s - waited)
                time.sleep(_LOOK_S)
        finally:
            line.close()


class _Line:
    """How much is left: on a terminal one line that changes, in a log one now and then."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._is_terminal = bool(sys.stderr and sys.stderr.isatty())
        self._next_at = 0.0
        self._shown = False

    def show(self, state: SyncState, seconds_left: float) -> None:
        now = time.monotonic()
        if self._silent or now < self._next_at:
            return
        self._next_at = now + (_TERMINAL_S if self._is_terminal else _LOG_S)
        total = max(state.sent_bytes + state.left_bytes, 1)
        told = (
            f"sending the run: {state.sent_bytes / 2**20:,.1f} of {total / 2**20:,.1f} MiB, "
            f"waiting up to {seconds_left:.0f} s more (Ctrl-C ends the wait, not the sending)"
        )
        if state.phase == "waiting":
            told = f"{state.error}; {told}"
        if not self._is_terminal:
            say(told)
            return
        self._shown = True
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"\r\x1b[Krltrack: {told}")
            sys.stderr.flush()

    def close(self) -> None:
        if self._shown:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()


#: Never dropped: a `Popen` that is, while its process lives, warns.
_started: Final[list[subprocess.Popen[bytes]]] = []
