"""The process that sends one run while it goes on: ``python -m rltrack.sync FOLDER``.

`launch.py` starts it. The server and the key come in the environment, never on the command line,
which everybody on the machine can read.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from rltrack._credentials import connection
from rltrack.errors import Error
from rltrack.folder import RunFolder
from rltrack.settings import Settings
from rltrack.sync.client import Client
from rltrack.sync.launch import API_KEY, PROJECT, SERVER
from rltrack.sync.shipper import Shipper
from rltrack.sync.state import SyncState, lock, write_state

_LOCK_LOOK_S: Final = 1.0


def main(path: str) -> int:
    """Send a run until it has ended and all of it is there; 0 if it is."""
    # Ctrl-C and a closed terminal are meant for the training.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(5)  # the training comes first
    folder = RunFolder(Path(path))
    there = connection(Settings(server=os.environ[SERVER], api_key=os.environ.get(API_KEY)))
    assert there is not None
    try:
        while folder.path.exists():
            with lock(folder.path) as mine:
                if mine:
                    with Client(there) as client:
                        shipper = Shipper(folder, client, os.environ.get(PROJECT))
                        return int(shipper.follow().phase != "complete")
            # Another one is at it: that of the training before, or `rltrack sync`. When it ends,
            # what came since is sent by this one.
            time.sleep(_LOCK_LOOK_S)
    except Error as fault:
        write_state(folder.path, SyncState(server=there.server, phase="refused", error=str(fault)))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
