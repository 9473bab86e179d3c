"""Streams of "what changed", as server-sent events.

One watch for each thing that is watched (a project, or the list of projects) looks at the
folder while somebody listens, and sleeps for ever otherwise. Each listener gets at most four
notices a second, each with all that changed since its last one.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

LOOK_S: Final = 0.1
NOTICE_S: Final = 0.25
KEEP_ALIVE_S: Final = 15.0
_PATIENCE_S: Final = 5.0
_log: Final = logging.getLogger("rltrack.server")

#: Looks, and says the version thereafter.
Look = Callable[[], Awaitable[int]]
#: What a listener is told who knows the version, and the version that it knows thereafter.
Tell = Callable[[int], Awaitable[tuple[int, dict[str, object]]]]
#: What one listener may know of a notice; None: nothing.
See = Callable[[dict[str, object]], dict[str, object] | None]


class Watch:
    """Looks at one thing again and again while somebody listens.

    Args:
        look: refreshes what is watched.
        tell: what changed after a version, as `look` found it.
        look_s: pause between two looks.
    """

    def __init__(self, look: Look, tell: Tell, look_s: float = LOOK_S) -> None:
        self._look = look
        self._tell = tell
        self._look_s = look_s
        self._listeners: list[asyncio.Event] = []
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens."""
        return not self._listeners

    @property
    def is_looking(self) -> bool:
        """Whether the folder is being looked at."""
        return self._looking is not None

    async def events(self, see: See = lambda told: told) -> AsyncIterator[str]:
        """The stream of one listener, as far as it may `see`; the present version comes at once."""
        woken = asyncio.Event()
        self._listeners.append(woken)
        try:
            known = await self._look()
            see({"version": known, "runs": []})
            yield _event({"version": known, "runs": []})
            if self._looking is None:
                self._looking = asyncio.create_task(self._keep_looking())
            while not self._closed:
                woken.clear()
                version, told = await self._tell(known)
                if version != known:
                    known = version
                    if (visible := see(told)) is not None:
                        yield _event(visible)
                        await asyncio.sleep(NOTICE_S)
                    continue
                try:
                    await asyncio.wait_for(woken.wait(), KEEP_ALIVE_S)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._listeners.remove(woken)
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _keep_looking(self) -> None:
        known = 0
        while True:
            await asyncio.sleep(self._look_s)
            try:
                version = await self._look()
            except Exception:  # streams that are silent for ever would look like a quiet training
                _log.exception("looking for changes failed; trying again")
                await asyncio.sleep(_PATIENCE_S)
                continue
            if version != known:
                known = version
                self._wake()

    def close(self) -> None:
        """End all streams: the server stops."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for woken in self._listeners:
            woken.set()


def _event(data: dict[str, object]) -> str:
    return f"event: change\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
