"""What a server tells of its requests: numbers for Prometheus, and a line of a log for each.

    GET /metrics    in Prometheus' text format, for an administrator's key

A line says who asked for what, how it ended and how long it took. It holds no secret: neither keys
nor cookies nor what stands behind the ``?`` of an address, and of paths with a secret the route.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import secrets
import sys
import time
import traceback
from typing import Any, Final, Literal, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rltrack.store.project import Catalog

LogFormat = Literal["off", "text", "json"]

_ID: Final = re.compile(r"[0-9A-Za-z_.:-]{1,64}")
_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Numbers:
    """The counters of one server.

    Args:
        catalog: of its projects.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter(
            "rltrack_requests", "Requests that were answered", labels, registry=self.registry
        )
        self.seconds = Histogram(
            "rltrack_request_seconds",
            "Time until an answer had gone out; streams are left out",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.received = Counter(
            "rltrack_received_bytes", "Bytes of the bodies of requests", registry=self.registry
        )
        self.sent = Counter(
            "rltrack_sent_bytes", "Bytes of the bodies of answers", registry=self.registry
        )
        self.streams = Gauge(
            "rltrack_streams", "Pages that listen to changes", registry=self.registry
        )
        runs = Gauge(
            "rltrack_runs",
            "Runs by state, as the list of projects last saw them",
            ("state",),
            registry=self.registry,
        )
        for state in ("running", "finished", "failed", "crashed", "killed", "preempted"):
            runs.labels(state).set_function(functools.partial(self._count, state))

    def _count(self, state: str) -> int:
        states: list[dict[Any, int]] = [one.states for one in self._catalog.last_overviews()]
        return sum(found.get(state, 0) for found in states)

    def routes(self) -> list[Route]:
        """The route of the numbers."""

        def metrics(request: Request) -> Response:
            """Numbers for Prometheus."""
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return [Route("/metrics", metrics)]


class Observed:
    """Counts and logs the requests of an application.

    Args:
        app: what answers.
        numbers: counts.
        log: how lines are written, if they are.
        file: where they go.
    """

    def __init__(
        self, app: ASGIApp, numbers: Numbers, log: LogFormat = "off", file: TextIO | None = None
    ) -> None:
        self._app = app
        self._numbers = numbers
        self._log = log
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        is_stream = scope["path"].endswith("/changes")
        began = time.perf_counter()
        status, came, went = 500, 0, 0

        async def count_received() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            return message

        async def count_sent(message: Message) -> None:
            nonlocal status, went
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            else:
                went += len(message.get("body", b""))
            await send(message)

        fault: str | None = None
        if is_stream:
            self._numbers.streams.inc()
        try:
            await self._app(scope, count_received, count_sent)
        except Exception:
            fault = traceback.format_exc()
            raise
        finally:
            took = time.perf_counter() - began
            state = scope.get("state") or {}
            route = state.get("route") or "none"
            if is_stream:
                self._numbers.streams.dec()
            else:
                self._numbers.seconds.labels(scope["method"], route).observe(took)
            self._numbers.requests.labels(scope["method"], route, status).inc()
            self._numbers.received.inc(came)
            self._numbers.sent.inc(went)
            if self._log != "off":
                who = state.get("who")
                self._write(
                    {
                        "time": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
                        "level": "error" if status >= 500 else "info",
                        "request": request_id,
                        "method": scope["method"],
                        "path": route if "{secret}" in route else scope["path"],
                        "route": route,
                        "status": status,
                        "ms": round(took * 1e3, 1),
                        "received": came,
                        "sent": went,
                        "user": getattr(who, "name", None),
                        "address": scope["client"][0] if scope.get("client") else None,
                        **({"fault": fault} if fault else {}),
                    }
                )

    def _write(self, told: dict[str, Any]) -> None:
        if self._log == "json":
            line = json.dumps(told, ensure_ascii=False)
        else:
            path = told["path"].encode("unicode_escape").decode()  # one line, whatever was asked
            line = (
                f"{told['time']} {told['method']} {path} {told['status']} {told['ms']} ms "
                f"{told['user'] or '-'} {told['request']}"
            )
            if "fault" in told:
                line += f"\n{told['fault']}"
        # One write a line: lines of several threads and processes do not mix.
        file = self._file or sys.stderr
        file.write(f"{line}\n")
        file.flush()
