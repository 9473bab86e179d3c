"""Start a team's server in the foreground, for `rltrack server`."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
from collections.abc import Callable
from typing import Final

from rltrack._terminal import say
from rltrack.hub.app import create_hub, set_up_link
from rltrack.hub.config import HubConfig
from rltrack.server.page import HOW_TO_BUILD, STATIC, is_built
from rltrack.server.run import Server, listen, url_of

_SWITCH_S: Final = 0.001
#: What `mallopt` of glibc is told, by the numbers of <malloc.h>.
_ALLOCATOR: Final = {
    -8: 2,  # M_ARENA_MAX
    -3: 64 << 10,  # M_MMAP_THRESHOLD
    -1: 128 << 10,  # M_TRIM_THRESHOLD
}
_GARBAGE: Final = (50_000, 20, 50)
_MOST_FILES: Final = 65_536
#: What was asked already may take this long when the server is to stop.
_GRACE_S: Final = 20.0


def serve(config: HubConfig, port: int, *, on_started: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        config: what is served.
        port: the port to listen on; 0 is any.
        on_started: told the server's address once it is served.

    Raises:
        UsageError: the address cannot be listened on, or the database not be opened.
    """
    _many_small_requests()
    _memory_that_comes_back()
    _many_open_files()
    with listen(config.host, port, tried=1) as listening:
        if not is_built(STATIC):
            say(f"the page was not built: {HOW_TO_BUILD}")
        address = config.public_url or url_of(config.host, listening)
        app = create_hub(config)
        gc.freeze()  # what lives as long as the server is not looked through again

        def started() -> None:
            on_started(address)
            if (link := set_up_link(app, address)) is not None:
                say(f"this server has no users; make the first at {link}")

        server = Server(app, started, config.trusted_proxies, grace_s=_GRACE_S)
        with contextlib.suppress(KeyboardInterrupt):  # raised again once the server has stopped
            server.run(sockets=[listening])


def _many_small_requests() -> None:
    """Python as a server of many live runs wants it: by default it took a quarter more time."""
    # A thread that computes gives way sooner: small requests, each of which changes threads,
    # would wait for it some milliseconds each time.
    sys.setswitchinterval(_SWITCH_S)
    # Rows of live runs are many objects that stay; cycles among what requests leave are few.
    gc.set_threshold(*_GARBAGE)


def _memory_that_comes_back() -> None:
    """Let the allocator give back what answers took: by default a server of 500 runs kept twice as much.

    Each thread would allocate from a part of its own, and keep what is free in it; and what is as
    large as an answer would come from there, too, once some of it had been freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it; else nothing is done
    if mallopt is not None:
        for option, value in _ALLOCATOR.items():
            mallopt(option, value)


def _many_open_files() -> None:
    """Each live run is an open file, and each machine and page a connection; often 1024 are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # some systems have a limit of their own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
