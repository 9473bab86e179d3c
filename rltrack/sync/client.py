"""A server's answers, as values and two kinds of errors: try again, or do not."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from rltrack._credentials import Connection
from rltrack._version import __version__
from rltrack.errors import Error
from rltrack.extras import require

if TYPE_CHECKING:
    import httpx

#: A server that says nothing for so long is not there.
_TIMEOUT_S: Final = 30.0
_CONNECT_S: Final = 10.0
_WORTH_PACKING_BYTES: Final = 512
#: Among what cannot be helped by another try, these can: they tell of the moment.
_PASSING: Final = frozenset({408, 422, 425, 429})
_DIGEST: Final = "x-rltrack-digest"


class SyncError(Error):
    """A server did not take what it was sent."""


class LaterError(SyncError):
    """It may in a while: it is not there, busy, full, or what was sent was harmed on the way.

    Args:
        told: what happened.
        after_s: how long the server asks to be left alone.
    """

    def __init__(self, told: str, after_s: float | None = None) -> None:
        super().__init__(told)
        self.after_s = after_s


class RefusedError(SyncError):
    """It never will, unless somebody changes something.

    Args:
        told: what happened, and what to do.
        status: of HTTP.
        body: of the answer.
    """

    def __init__(self, told: str, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(told)
        self.status = status
        self.body = body


class Client:
    """Asks one server. Any number of threads may.

    Args:
        connection: the server, and the key.

    Raises:
        MissingExtraError: httpx is not installed.
    """

    def __init__(self, connection: Connection) -> None:
        require("httpx", extra="online")
        import httpx

        headers = {"user-agent": f"rltrack/{__version__}"}
        if connection.api_key:
            headers["authorization"] = f"Bearer {connection.api_key}"
        self.server = connection.server
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_S),
            follow_redirects=False,  # a key is for one server
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | None = None,
        query: Mapping[str, str | int] | None = None,
        conflict: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request.

        Args:
            method: of HTTP.
            path: below the server's address; see `joined`.
            json: what is sent, or
            data: bytes that are.
            query: parameters.
            conflict: a 409 that carries no error is an answer like others.
            headers: others than those that every request has.

        Raises:
            LaterError: try again.
            RefusedError: do not.
        """
        import httpx

        headers = {**(headers or {})}
        if data is not None:
            headers |= {
                "content-type": "application/octet-stream",
                _DIGEST: hashlib.sha256(data).hexdigest(),
            }
            data, coding = _packed(data)
            headers |= coding
        try:
            answer = self._http.request(
                method,
                self.server + path,
                json=json,
                content=data,
                params=query,
                headers=headers,
            )
        except httpx.HTTPError as fault:
            told = str(fault) or type(fault).__name__
            raise LaterError(f"{self.server} cannot be reached ({told})") from fault
        except httpx.InvalidURL as mistake:
            raise RefusedError(f"{self.server} is no address: {mistake}", 0, {}) from mistake
        return self._understood(answer, conflict)

    def fetch(self, path: str, target: Path, *, offset: int = 0) -> int:
        """Put what is at an address behind the first bytes of a file.

        Args:
            path: below the server's address.
            target: the file; it is made where it is not there.
            offset: how many bytes of it are here already; what is behind them is written anew.

        Returns:
            The size of the file.

        Raises:
            LaterError: try again: what came so far is there.
            RefusedError: do not.
            OSError: the file cannot be written.
        """
        import httpx

        # Behind the last byte there is nothing to ask for, which is no fault.
        headers = {"range": f"bytes={offset}-"} if offset else {}
        try:
            with self._http.stream("GET", self.server + path, headers=headers) as answer:
                if answer.status_code == 416:
                    return offset
                if not answer.is_success:
                    answer.read()
                    self._understood(answer, conflict=False)
                with target.open("r+b" if offset else "wb") as file:
                    file.seek(offset if answer.status_code == 206 else 0)
                    for piece in answer.iter_bytes():
                        file.write(piece)
                    file.truncate()
                    return file.tell()
        except httpx.HTTPError as fault:
            told = str(fault) or type(fault).__name__
            raise LaterError(f"{self.server} cannot be reached ({told})") from fault

    def _understood(self, answer: httpx.Response, conflict: bool) -> dict[str, Any]:
        try:
            body = answer.json()
        except ValueError:
            body = None
        if answer.is_success and isinstance(body, dict):
            return body
        said = body if isinstance(body, dict) else {}
        if conflict and answer.status_code == 409 and body and "error" not in said:
            return said
        told = "; ".join(str(said[name]) for name in ("error", "hint") if said.get(name))
        told = told or f"the answer was {answer.status_code} {answer.reason_phrase}"
        if answer.status_code >= 500 or answer.status_code in _PASSING:
            raise LaterError(f"{self.server}: {told}", _seconds(answer.headers.get("retry-after")))
        if not 400 <= answer.status_code < 500:
            told = (
                f"no server of rltrack's answers there ({answer.status_code}); see `rltrack login`"
            )
        raise RefusedError(f"{self.server}: {told}", answer.status_code, said)


def joined(*parts: str) -> str:
    """A path of the server's, of which each part stays one."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _packed(data: bytes) -> tuple[bytes, dict[str, str]]:
    """What goes over the wire: journals shrink to a third, videos do not."""
    if len(data) >= _WORTH_PACKING_BYTES:
        small = gzip.compress(data, compresslevel=1, mtime=0)
        if len(small) < 0.9 * len(data):
            return small, {"content-encoding": "gzip"}
    return data, {}


def _seconds(text: str | None) -> float | None:
    try:
        return min(max(float(text or ""), 0.0), 3600.0)
    except ValueError:
        return None
