"""`rltrack login`, `rltrack logout` and `rltrack sync`: runs that go to a server."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rltrack._terminal import say
from rltrack.cli.output import print_json, root_of
from rltrack.cli.parser import Commands
from rltrack.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from rltrack._credentials import Connection
    from rltrack.folder import RunFolder
    from rltrack.sync.client import Client
    from rltrack.sync.shipper import Shipper
    from rltrack.sync.state import SyncState

#: With `--follow`, from one look for new runs to the next.
_LOOK_S: Final = 2.0
#: How long a server that cannot be reached is waited for.
_PATIENCE_S: Final = 60.0

_EPILOG: Final = """\
It may be called as often as one likes, also for runs that go on: the server is asked what it has,
and gets what it has not. Nothing is doubled, and nothing that a process died over is lost.

examples:
  rltrack sync --all
  rltrack sync rltrack-runs/cartpole/a1b2c3d4
  rltrack sync cartpole/a1b2c3d4 --project team/cartpole
  rltrack sync --all --follow
"""


def add_to(commands: Commands) -> None:
    """Add `login`, `logout` and `sync`."""
    login = commands.add("login", _login, "send runs to a server, as the user of a key")
    login.add_argument(
        "url", nargs="?", help="address of the server (default: that of the settings)"
    )
    login.add_argument("--key", help="the key; better typed when asked, or piped in")

    logout = commands.add("logout", _logout, "forget the key of a server")
    logout.add_argument(
        "url", nargs="?", help="address of the server (default: that of the settings)"
    )

    sync = commands.add("sync", _sync, "send runs to the server", prints_json=True)
    sync.formatter_class = argparse.RawDescriptionHelpFormatter
    sync.epilog = _EPILOG
    sync.add_argument("run", nargs="*", help="folders of runs or projects, or project/id")
    sync.add_argument("--all", action="store_true", help="all runs of the folder of all projects")
    sync.add_argument(
        "--follow",
        action="store_true",
        help="go on until the runs have ended; with --all, also with new ones, until Ctrl-C",
    )
    sync.add_argument("--server", metavar="URL", help="(default: that of the settings)")
    sync.add_argument(
        "--project", metavar="ENTITY/PROJECT", help="where they go (default: your own of that name)"
    )
    sync.add_argument(
        "--wait",
        type=float,
        default=_PATIENCE_S,
        metavar="SECONDS",
        help="how long to wait for a server that does not answer (default 60)",
    )


# -- login -----------------------------------------------------------------------------------------


def _login(options: argparse.Namespace) -> int:
    from rltrack._credentials import Connection, keep
    from rltrack.sync.client import Client, RefusedError

    server = _server_of(options.url)
    key = options.key or _asked_key(server)
    with Client(Connection(server, key)) as client:
        try:
            user = client.ask("GET", "/api/account").get("name")
        except RefusedError as refusal:
            if refusal.status != 401:
                raise
            user = None
    if not isinstance(user, str):
        raise UsageError(
            f"{server} does not know this key; its page makes one, under your name, and nothing "
            "was changed here"
        )
    path = keep(server, key, user)
    _choose(server)
    print(f"logged in to {server} as {user}; the key is in {path}, which only you can read")
    print("runs are sent there from now on; RLTRACK_MODE=offline keeps one here")
    return 0


def _asked_key(server: str) -> str:
    if not sys.stdin.isatty():
        key = sys.stdin.readline().strip()
    else:
        print(f"Make a key on {server} under your name, and paste it here; it is not shown.")
        key = getpass.getpass("key: ").strip()
    if not key:
        raise UsageError("login: no key, so nothing was kept; --key or a pipe gives one, too")
    return key


def _choose(server: str | None) -> None:
    """Write the server into the user's settings file, or take it out of it."""
    from rltrack.cli.settings import with_setting, without_setting
    from rltrack.settings import user_file

    path = user_file(os.environ)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    text = (
        without_setting(text, "server") if server is None else with_setting(text, "server", server)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _logout(options: argparse.Namespace) -> int:
    from rltrack._credentials import forget
    from rltrack.settings import from_file

    server = _server_of(options.url)
    known = forget(server)
    if from_file(os.environ).server == server:
        _choose(None)
    told = "is forgotten here; on the server it goes on to be one until it is revoked there"
    print(f"the key of {server} {told}" if known else f"no key of {server} was kept")
    return 0


def _server_of(url: str | None) -> str:
    from rltrack.settings import checked_server, resolve

    if url is not None:
        return checked_server(url if "://" in url else f"https://{url}")
    server = resolve().server
    if server is None:
        raise UsageError("which server? say `rltrack login https://rltrack.example.org`")
    return server


# -- sync ------------------------------------------------------------------------------------------


def _sync(options: argparse.Namespace) -> int:
    from rltrack.sync.client import Client

    there = _connection(options.server)
    root = root_of(options)
    if bool(options.run) == options.all:
        raise UsageError("say which runs, or --all")
    folders = list(_all_folders(root) if options.all else _named_folders(options.run, root))
    if not folders and not (options.all and options.follow):
        raise NotFoundError(f"no runs in {root}; --dir says another folder")
    with Client(there) as client:
        if options.follow:
            done = _follow(folders, client, options, root)
        else:
            done = {folder.path: _send(folder, client, options) for folder in folders}
    return _report(done, as_json=options.json)


def _connection(server: str | None) -> Connection:
    from rltrack._credentials import connection
    from rltrack.settings import Settings, resolve

    chosen = resolve()
    if server is not None:
        # A key of the settings is for their server.
        key = chosen.api_key if chosen.server in (None, server.rstrip("/")) else None
        chosen = Settings(server=server, api_key=key)
    there = connection(chosen)
    if there is None:
        raise UsageError("no server is configured; `rltrack login URL`, or --server")
    return there


def _all_folders(root: Path) -> Iterator[RunFolder]:
    from rltrack.folder import projects, run_folders

    for project in projects(root):
        yield from sorted(run_folders(root, project), key=lambda folder: folder.path)


def _named_folders(names: list[str], root: Path) -> Iterator[RunFolder]:
    from rltrack.folder import RUN_JSON, RunFolder, run_folder

    for name in names:
        path = Path(name).absolute()
        found = next(
            (
                inside
                for pattern in (RUN_JSON, f"[!.]*/{RUN_JSON}", f"[!.]*/[!.]*/{RUN_JSON}")
                if (inside := sorted(path.glob(pattern)))
            ),
            None,
        )
        if found is not None:
            yield from (RunFolder(inside.parent) for inside in found)
        else:
            project, _, run_id = name.rpartition("/")
            own = run_folder(root, project or "x", run_id)
            known = [
                folder
                for folder in _all_folders(root)
                if (folder == own if project else folder.path.name == own.path.name)
            ]
            if len(known) != 1:
                raise NotFoundError(
                    f"{name!r} is no folder of a run or project, and {len(known)} runs of {root} "
                    "have that id; `rltrack ls` lists them"
                )
            yield known[0]


def _shipper(folder: RunFolder, client: Client, options: argparse.Namespace) -> Shipper:
    from rltrack.sync.shipper import Shipper
    from rltrack.sync.state import read_state

    before = read_state(folder.path)
    known = before.project if before is not None and before.server == client.server else None
    return Shipper(folder, client, options.project or known, told=_Told(folder, options.json))


def _send(folder: RunFolder, client: Client, options: argparse.Namespace) -> SyncState:
    """Send a run; where another process is at it that has it all soon, wait for that."""
    from rltrack.sync.state import SyncState, lock, read_state

    end = time.monotonic() + options.wait
    while True:
        with lock(folder.path) as mine:
            if mine:
                return _shipper(folder, client, options).send_what_is_there(patience_s=options.wait)
        state = read_state(folder.path) or SyncState(server=client.server)
        if time.monotonic() > end or not _has_ended(folder):
            if not options.json:
                say(f"{folder.path}: process {state.pid} is sending it already")
            return state
        time.sleep(0.1)


def _has_ended(folder: RunFolder) -> bool:
    from rltrack.errors import JournalError

    try:
        return folder.read_facts().state != "running"
    except (FileNotFoundError, JournalError):
        return True


def _follow(
    folders: list[RunFolder], client: Client, options: argparse.Namespace, root: Path
) -> dict[Path, SyncState]:
    """Send runs side by side until they have ended; with --all until Ctrl-C."""
    from concurrent.futures import Future, ThreadPoolExecutor

    from rltrack.sync.state import lock

    done: dict[Path, SyncState] = {}
    shippers: dict[Path, Shipper] = {}

    def follow(folder: RunFolder) -> SyncState:
        with lock(folder.path) as mine:
            if not mine:
                return _send(folder, client, options)
            shippers[folder.path] = shipper = _shipper(folder, client, options)
            return shipper.follow(patience_s=options.wait)

    with ThreadPoolExecutor(64, "rltrack-sync") as pool:
        going: dict[Path, Future[SyncState]] = {}
        try:
            while True:
                for folder in _all_folders(root) if options.all else folders:
                    if folder.path not in going and folder.path not in done:
                        going[folder.path] = pool.submit(follow, folder)
                for path in [path for path, one in going.items() if one.done()]:
                    done[path] = going.pop(path).result()
                if not going and not options.all:
                    return done
                time.sleep(_LOOK_S if options.all else 0.1)
        except KeyboardInterrupt:
            for shipper in list(shippers.values()):
                shipper.stop()
            pool.shutdown(cancel_futures=True)
            return done | {path: one.result() for path, one in going.items() if not one.cancelled()}


class _Told:
    """Says how far a run is, on a terminal."""

    def __init__(self, folder: RunFolder, silent: bool) -> None:
        self._name = f"{folder.path.parent.name}/{folder.path.name}"
        self._silent = silent or not (sys.stderr and sys.stderr.isatty())
        self._error: str | None = None

    def __call__(self, state: SyncState) -> None:
        if state.error != self._error and state.phase == "waiting" and not self._silent:
            say(f"{self._name}: {state.error}; trying again")
        self._error = state.error


def _report(done: dict[Path, SyncState], *, as_json: bool) -> int:
    good = [state for state in done.values() if _is_good(state)]
    if as_json:
        print_json([_described(path, state) for path, state in done.items()])
        return int(len(good) < len(done))
    for path, state in done.items():
        name = f"{path.parent.name}/{path.name}"
        told = "complete" if state.phase == "complete" else "up to date, and goes on"
        if not _is_good(state):
            told = f"{state.phase}: {state.error or state.told}"
        elif state.error:
            told += f", but {state.error}"
        print(f"{name}  {told}  {state.url or ''}".rstrip())
    sent = sum(state.sent_bytes for state in done.values())
    print(f"{len(good)} of {len(done)} runs are on the server, {sent / 2**20:,.1f} MiB")
    return int(len(good) < len(done))


def _is_good(state: SyncState) -> bool:
    return state.phase == "complete" or (state.phase == "sending" and not state.left_bytes)


def _described(path: Path, state: SyncState) -> dict[str, Any]:
    return {
        "folder": str(path),
        "phase": state.phase,
        "server": state.server,
        "project": state.project,
        "url": state.url,
        "sent_bytes": state.sent_bytes,
        "left_bytes": state.left_bytes,
        "error": state.error,
    }
