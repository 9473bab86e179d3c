"""Clients that are slow, or silent, do not hold connections for ever.

uvicorn waits for the head of a request, for the rest of a body that was refused, and for somebody
to read an answer as long as that takes. Here each wait ends:

    the head of a request       all of it within `head_s`, and in `head_bytes`
    its body                    all of it within `body_s`; else 408
    what is left of a body      once it was answered: within `head_s`
    an answer                   some of it must go out in each `answer_s`
    the next request            within five seconds, which is uvicorn's own

A connection that ends so costs a client that is honest nothing: it asks again.
"""

from __future__ import annotations

import asyncio
import http
import json
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: So much of an answer goes out at least while it is waited for, or all that is left.
_PROGRESS_BYTES: Final = 16 << 10


@dataclass(frozen=True, slots=True)
class Patience:
    """How long connections are waited for.

    Args:
        head_s: for the head of a request.
        head_bytes: of which it is at most.
        body_s: for its body: who needs longer for one sends too much at once.
        answer_s: for somebody who reads nothing.
    """

    head_s: float = 20.0
    head_bytes: int = 64 << 10
    body_s: float = 300.0
    answer_s: float = 30.0


PATIENCE: Final = Patience()


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with ends to its waits.

    Args:
        patience: how long each is.
        arguments: of uvicorn's.
    """

    def __init__(self, patience: Patience, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._patience = patience
        self._has_head = False
        """Of a request whose body has not come whole."""
        self._heads = 0
        self._head_bytes = 0
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    # -- what comes in -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there, who should ask something."""
        super().connection_made(transport)
        self._wait_for_more()

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        heads, in_body = self._heads, self._has_head
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._has_head:
            if self._late is None:
                self._late = self.loop.call_later(self._patience.body_s, self._refuse_body)
            return
        if in_body or self._heads != heads:
            return
        self._head_bytes += len(data)
        if self._head_bytes > self._patience.head_bytes:
            self._refuse(431, "the head of the request is too long", "send less")
        elif self._late is None:
            self._wait_for_more()

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        self._has_head, self._head_bytes = True, 0
        self._heads += 1
        self._came()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is, too."""
        self._has_head = False
        self._came()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It was answered; perhaps before its body had come."""
        super().on_response_complete()
        if self._has_head:
            self._wait_for_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._came()
        self._is_read()
        super().connection_lost(exc)

    def _wait_for_more(self) -> None:
        self._came()
        self._late = self.loop.call_later(self._patience.head_s, self.transport.close)

    def _refuse_body(self) -> None:
        if self.cycle.response_started:
            self.transport.close()
        else:
            self._refuse(408, "the body took too long", "send it again, or less at once")

    def _refuse(self, status: int, error: str, hint: str) -> None:
        """Answer in the place of the application, and end the connection."""
        body = json.dumps({"error": error, "hint": hint}).encode()
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    # -- what goes out -----------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """What waits to be read is a lot."""
        super().pause_writing()
        self._wait_for_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It was read."""
        self._is_read()
        super().resume_writing()

    def _wait_for_reader(self, size: int) -> None:
        self._unread = self.loop.call_later(self._patience.answer_s, self._look, size)

    def _look(self, before: int) -> None:
        size = self.transport.get_write_buffer_size()
        if before - size < _PROGRESS_BYTES:
            self.transport.abort()  # `close` would wait for it to be read
        else:
            self._wait_for_reader(size)

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
