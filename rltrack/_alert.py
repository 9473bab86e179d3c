"""Alerts: on the terminal, beside the run, and to wherever the settings say.

`Alerts.send` prints and records at once. What goes over a network goes through a bounded queue
and a thread, with timeouts; a server that does not answer is one warning, and nothing of it ever
reaches the training.
"""

from __future__ import annotations

import enum
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rltrack._terminal import say
from rltrack.errors import UsageError
from rltrack.settings import Settings

if TYPE_CHECKING:
    from rltrack._lifecycle import Lifecycle

#: How soon an alert of the same title is sent again, if nobody says otherwise.
WAIT_S: Final = 60.0
TIMEOUT_S: Final = 10.0
#: Alerts that wait to be sent.
_MOST_WAITING: Final = 100
#: How long the end of a run waits until its last alerts are out.
_FINISH_S: Final = 5.0


class AlertLevel(enum.Enum):
    """How bad it is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


#: What a note of the run is called that an alert makes.
_NOTE_LEVELS: Final = {
    AlertLevel.INFO: "info",
    AlertLevel.WARN: "warning",
    AlertLevel.ERROR: "error",
}


class Alerts:
    """The alerts of one run.

    Args:
        run: it.
        clock: seconds, for `wait_duration`.
    """

    def __init__(self, run: Lifecycle, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._sent_at: dict[str, float] = {}
        self._senders = senders(run.settings)
        self._is_child = False
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        # A signal's handler may alert in the middle of an alert: neither makes it wait for itself.
        self._lock = threading.RLock()
        self._queue: queue.SimpleQueue[Mapping[str, str] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def send(
        self,
        title: str,
        text: str,
        level: AlertLevel | str | None = None,
        wait_duration: float | timedelta | None = None,
    ) -> bool:
        """Tell of something; False if an alert of that title was sent a moment ago.

        Raises:
            UsageError: an argument is not what it may be.
        """
        level = checked_level(level)
        if not isinstance(title, str) or not isinstance(text, str):
            raise UsageError(f"alert(title={title!r}, text={text!r}): both must be text")
        wait_s = _seconds(wait_duration)
        now = self._clock()
        if os.getpid() != self._pid:  # a forked child, which has no other thread
            self._is_child = True
            self._begin()
        with self._lock:
            before = self._sent_at.get(title)
            if before is not None and now - before < wait_s:
                return False
            self._sent_at[title] = now
        if not self._run.settings.silent:
            say(f"alert ({level.value}): {title}" + (f": {text}" if text else ""))
        self._run.note(_NOTE_LEVELS[level], text, title=title)
        if self._senders:
            self._enqueue({"title": title, "text": text, "level": level.value} | self._of_run())
        return True

    def _of_run(self) -> dict[str, str]:
        run = self._run
        return {"run": run.name, "run_id": run.id, "project": run.project, "url": run.url or ""}

    def _enqueue(self, alert: Mapping[str, str]) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._deliver, name="rltrack-alert", daemon=True
                )
                self._thread.start()
                if not self._is_child:
                    self._run.on_finish(self._finish)
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put(alert)
        else:
            self._run.warn(
                "alerts", f"more than {_MOST_WAITING} alerts wait to be sent; some are not"
            )
        if self._is_child:  # it may end at any moment, and nobody would say so
            self._finish()

    def _deliver(self) -> None:
        while (alert := self._queue.get()) is not None:
            for name, send in self._senders.items():
                try:
                    send(alert)
                except Exception as fault:  # servers answer in any way
                    self._run.warn(
                        f"alert {name}", f"an alert could not be sent by {name} ({_why(fault)})"
                    )

    def _finish(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._queue.put(None)
        thread.join(_FINISH_S)
        if thread.is_alive():
            self._run.warn("alerts unsent", f"alerts were not sent within {_FINISH_S:g} s")


def checked_level(level: AlertLevel | str | None) -> AlertLevel:
    """A level by its name, in any case.

    Raises:
        UsageError: there is none of that name.
    """
    if level is None:
        return AlertLevel.INFO
    name = str(getattr(level, "value", level)).upper()
    try:
        return AlertLevel({"WARNING": "WARN"}.get(name, name))
    except ValueError:
        names = ", ".join(one.value for one in AlertLevel)
        raise UsageError(f"alert(level={level!r}): there are {names}") from None


def _seconds(wait: float | timedelta | None) -> float:
    if wait is None:
        return WAIT_S
    seconds = wait.total_seconds() if isinstance(wait, timedelta) else wait
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise UsageError(f"alert(wait_duration={wait!r}) must be seconds, or a timedelta")
    return float(seconds)


class _Refused(Exception):
    """What we do not do, in words that hold no secret."""


def _why(fault: Exception) -> str:
    """What went wrong. The text of most faults may hold the address, and that a secret."""
    if isinstance(fault, _Refused):
        return str(fault)
    for name in ("reason", "strerror", "smtp_code"):
        if why := getattr(fault, name, None):
            return f"{type(fault).__name__}: {why}"
    return type(fault).__name__


# -- where they go -------------------------------------------------------------------------------

Sender = Callable[[Mapping[str, str]], None]


def senders(settings: Settings) -> dict[str, Sender]:
    """How alerts leave the machine, by name; none, unless the settings say so."""
    found: dict[str, Sender] = {}
    if webhook := settings.alert_webhook:
        found["webhook"] = lambda alert: _post(webhook, alert)
    if slack := settings.alert_slack:
        found["Slack"] = lambda alert: _post(slack, {"text": _as_slack(alert)})
    if addresses := settings.alert_email:
        server = settings.alert_smtp or "smtp://localhost"
        found["e-mail"] = lambda alert: _mail(server, addresses, alert)
    return found


def _post(address: str, content: Mapping[str, str]) -> None:
    from urllib.request import Request, urlopen

    if not address.startswith(("http://", "https://")):
        raise _Refused("its address begins with neither http:// nor https://")
    data = json.dumps(content).encode()
    request = Request(address, data, {"Content-Type": "application/json"}, method="POST")
    with urlopen(request, timeout=TIMEOUT_S) as answer:
        answer.read(1 << 16)


def _as_slack(alert: Mapping[str, str]) -> str:
    def plain(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    head = f"*{plain(alert['title'])}* ({alert['level']}, {plain(alert['project'])}/{plain(alert['run'])})"
    return f"{head}\n{plain(alert['text'])}"


def _mail(server: str, addresses: tuple[str, ...], alert: Mapping[str, str]) -> None:
    import smtplib
    import ssl
    from email.message import EmailMessage
    from urllib.parse import unquote, urlsplit

    found = urlsplit(server)
    message = EmailMessage()
    subject = f"[rltrack] {alert['level']}: {alert['title']}"
    message["Subject"] = " ".join(subject.split())  # a header is one line
    user = unquote(found.username or "")
    host = found.hostname or "localhost"
    message["From"] = user if "@" in user else f"rltrack@{host}"
    message["To"] = ", ".join(addresses)
    about = f"run {alert['run']} ({alert['run_id']}) of project {alert['project']}"
    message.set_content(f"{alert['text']}\n\n{about}\n{alert['url']}\n")
    by_tls = found.scheme == "smtps"
    is_here = host in ("localhost", "127.0.0.1", "::1")
    trusted = ssl.create_default_context()
    if not by_tls and (is_here or not user):
        # Nothing is at stake but that somebody reads along, and without it anybody could.
        trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
    port = found.port or (465 if by_tls else 25)
    with (
        smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=trusted)
        if by_tls
        else smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    ) as connection:
        connection.ehlo_or_helo_if_needed()
        if not by_tls and connection.has_extn("starttls"):
            connection.starttls(context=trusted)
        elif not by_tls and user and not is_here:
            raise _Refused("the server offers no TLS, and a password is not sent without it")
        if user:
            connection.login(user, unquote(found.password or ""))
        connection.send_message(message)
