"""Alerts: told at once, sent by whatever the settings name, and never in the way of the training."""

from __future__ import annotations

import contextlib
import datetime as dt
import email
import email.policy
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

import rltrack
from rltrack import AlertLevel
from rltrack.folder import run_folders
from rltrack.journal.records import Noted
from rltrack.store.run import RunReader


class Webhook:
    """A server of the user's."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers = 200
        self.waits = threading.Event()
        self.waits.set()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.waits.wait(30)
                length = int(self.headers["Content-Length"])
                assert self.headers["Content-Type"] == "application/json"
                webhook.got.append(json.loads(self.rfile.read(length)))
                self.send_response(webhook.answers)
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/hook/s3cret"

    def until(self, count: int) -> list[dict[str, Any]]:
        end = time.monotonic() + 10
        while len(self.got) < count and time.monotonic() < end:
            time.sleep(0.01)
        return self.got


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    thread = threading.Thread(target=webhook.server.serve_forever, args=(0.01,))
    thread.start()
    yield webhook
    webhook.waits.set()
    webhook.server.shutdown()
    webhook.server.server_close()
    thread.join()


def started(root: Path, **settings: Any) -> rltrack.Run:
    return rltrack.init(
        project="p", id="r", name="bold-otter-1", settings={"quiet": True} | settings
    )


def notes(root: Path) -> list[Noted]:
    (found,) = run_folders(root, "p")
    reader = RunReader(found)
    reader.refresh()
    return reader.notes()


def test_an_alert_is_printed_and_kept_beside_the_run(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without any setting; by the module, as W&B's scripts do it."""
    with started(root):
        rltrack.alert("low reward", "it fell to -3", AlertLevel.WARN)
        rltrack.alert(title="done")

    assert capsys.readouterr().err.splitlines()[:2] == [
        "rltrack: alert (WARN): low reward: it fell to -3",
        "rltrack: alert (INFO): done",
    ]
    assert [(note.level, note.title, note.message) for note in notes(root)] == [
        ("warning", "low reward", "it fell to -3"),
        ("info", "done", ""),
    ]


def test_a_title_is_not_repeated_for_a_while(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A minute, or as long as the call says; other titles are others."""
    with started(root) as run:
        for title in ("same", "same", "other"):
            run.alert(title, "text")
        run.alert("same", "text", wait_duration=0)
        run.alert("same", "text", wait_duration=dt.timedelta(hours=1))

    titles = [line.split(": ")[2] for line in capsys.readouterr().err.splitlines()]
    assert titles == ["same", "other", "same"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"title": 5, "text": ""}, "must be text"),
        ({"title": "t", "level": "LOUD"}, "there are INFO, WARN, ERROR"),
        ({"title": "t", "wait_duration": -1}, "must be seconds, or a timedelta"),
        ({"title": "t", "wait_duration": "1 s"}, "must be seconds, or a timedelta"),
    ],
)
def test_a_wrong_argument_is_told(root: Path, arguments: dict[str, Any], words: str) -> None:
    """It is the caller's mistake."""
    with started(root) as run, pytest.raises(rltrack.UsageError, match=words):
        run.alert(**arguments)


def test_a_disabled_run_alerts_nobody(webhook: Webhook, capsys: pytest.CaptureFixture[str]) -> None:
    """And raises nothing."""
    with rltrack.init(mode="disabled", settings={"alert_webhook": webhook.address}) as run:
        run.alert("title", "text", "LOUD")

    assert webhook.got == []
    assert capsys.readouterr().err == ""


def test_a_webhook_gets_what_happened_and_where(root: Path, webhook: Webhook) -> None:
    """As JSON; the last alert is out when the run has ended."""
    with started(root, alert_webhook=webhook.address) as run:
        run.alert("läuft", "näher", level="error")

    (got,) = webhook.got
    assert got | {"url": None} == {
        "title": "läuft",
        "text": "näher",
        "level": "ERROR",
        "run": "bold-otter-1",
        "run_id": "r",
        "project": "p",
        "url": None,
    }


def test_slack_gets_text_that_it_shows_as_it_is(root: Path, webhook: Webhook) -> None:
    """Where <, > and & would otherwise be links."""
    with started(root, alert_slack=webhook.address) as run:
        run.alert("a < b & c", "<!channel>", level=AlertLevel.WARN)

    assert webhook.got == [{"text": "*a &lt; b &amp; c* (WARN, p/bold-otter-1)\n&lt;!channel&gt;"}]


def test_a_server_that_does_not_answer_keeps_nobody_waiting(root: Path, webhook: Webhook) -> None:
    """A call takes no longer than it does to print."""
    webhook.waits.clear()
    run = started(root, alert_webhook=webhook.address)
    begun = time.monotonic()
    for number in range(20):
        run.alert(f"alert {number}", "text")
    assert time.monotonic() - begun < 5
    webhook.waits.set()
    run.finish()

    assert [got["title"] for got in webhook.got] == [f"alert {number}" for number in range(20)]


def test_more_alerts_than_can_wait_are_left_out_and_told(root: Path, webhook: Webhook) -> None:
    """Memory must not fill with them."""
    webhook.waits.clear()
    run = started(root, alert_webhook=webhook.address, silent=True)
    for number in range(150):
        run.alert(f"alert {number}", "text")
    webhook.waits.set()
    run.finish()

    assert 100 <= len(webhook.got) <= 102
    warnings = [note.message for note in notes(root) if note.title is None]
    assert warnings == ["more than 100 alerts wait to be sent; some are not"]


@pytest.mark.parametrize("failure", ["refused", "error", "nobody", "no address"])
def test_a_failure_is_one_warning_without_the_address(
    root: Path, webhook: Webhook, capsys: pytest.CaptureFixture[str], failure: str
) -> None:
    """Whoever knows the address of a webhook may post to it."""
    address = webhook.address
    if failure == "error":
        webhook.answers = 404
    elif failure == "refused":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{free.getsockname()[1]}/hook/s3cret"
    elif failure == "nobody":
        address = "http://nobody.invalid/hook/s3cret"
    else:
        address = "file:///hook/s3cret"
    with started(root, alert_webhook=address) as run:
        run.alert("one", "text")
        run.alert("two", "text")

    told = capsys.readouterr().err
    assert told.count("warning:") == 1
    assert "an alert could not be sent by webhook" in told
    assert "s3cret" not in told
    assert rltrack.Api(root).run("p/r").state == "finished"


def test_a_signal_may_alert_in_the_middle_of_an_alert(root: Path, webhook: Webhook) -> None:
    """As those do that tell of a preemption."""
    run = started(root, alert_webhook=webhook.address, silent=True)
    before = signal.signal(signal.SIGALRM, lambda *_: run.alert("signal", wait_duration=0))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for _ in range(300):
            run.alert("loop", wait_duration=0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    run.finish()

    assert {"loop", "signal"} <= {note.title for note in notes(root)}


def test_a_forked_child_alerts(root: Path, webhook: Webhook) -> None:
    """The thread that sends is not in it."""
    run = started(root, alert_webhook=webhook.address, silent=True)
    run.alert("parent")
    webhook.until(1)
    pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            run.alert("child")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    run.finish()

    assert [got["title"] for got in webhook.got] == ["parent", "child"]
    assert {note.title for note in notes(root)} == {"parent", "child"}


# -- e-mail --------------------------------------------------------------------------------


class Mailbox:
    """A mail server of the user's."""

    def __init__(self) -> None:
        self.mails: list[tuple[Envelope, Any, bool]] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        mail = email.message_from_bytes(content, policy=email.policy.default)
        self.mails.append((envelope, mail, session.ssl is not None))
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, way: str, who: Any) -> Any:
        self.logins.append((who.login, who.password))
        return AuthResult(success=who.password == b"pass:word")


@contextlib.contextmanager
def serving(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def certificate(tmp_path: Path, missing: Callable[[str, str], NoReturn]) -> ssl.SSLContext:
    """Of a server that nobody vouches for."""
    if shutil.which("openssl") is None:
        missing("openssl", "openssl")
    paths = (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-out", paths[0], "-keyout", paths[1]),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*paths)
    return context


def test_an_e_mail_says_what_happened_and_where(root: Path) -> None:
    """To each address, with a subject of one line."""
    mailbox = Mailbox()
    with (
        serving(mailbox) as port,
        started(
            root,
            alert_email="a@example.org,b@example.org",
            alert_smtp=f"smtp://127.0.0.1:{port}",
            silent=True,
        ) as run,
    ):
        run.alert("zwei\nZeilen", "größer")
        run.finish()

    ((envelope, mail, _),) = mailbox.mails
    assert envelope.rcpt_tos == ["a@example.org", "b@example.org"]
    assert mail["Subject"] == "[rltrack] INFO: zwei Zeilen"
    assert mail.get_content().splitlines()[:3] == [
        *("größer", "", "run bold-otter-1 (r) of project p")
    ]


def test_a_password_goes_over_tls_where_the_server_offers_it(
    root: Path, certificate: ssl.SSLContext
) -> None:
    """It is asked before a login; with the password as it was before it was put into an address."""
    mailbox = Mailbox()
    with (
        serving(
            mailbox,
            tls_context=certificate,
            authenticator=mailbox.authenticate,
            auth_required=True,
        ) as port,
        started(
            root,
            alert_email="a@example.org",
            alert_smtp=f"smtp://me%40example.org:pass%3Aword@127.0.0.1:{port}",
            silent=True,
        ) as run,
    ):
        run.alert("title", "text")
        run.finish()

    ((envelope, _, by_tls),) = mailbox.mails
    assert by_tls
    assert envelope.mail_from == "me@example.org"
    assert mailbox.logins == [(b"me@example.org", b"pass:word")]


def test_a_server_that_nobody_vouches_for_gets_no_mail_by_smtps(
    root: Path, certificate: ssl.SSLContext, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who says TLS means it."""
    mailbox = Mailbox()
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"smtps://me:secret@127.0.0.1:{listener.getsockname()[1]}"

    def shake_hands() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as connection:
            certificate.wrap_socket(connection, server_side=True)

    thread = threading.Thread(target=shake_hands)
    thread.start()
    with started(root, alert_email="a@example.org", alert_smtp=address) as run:
        run.alert("title", "text")
    thread.join()
    listener.close()

    told = capsys.readouterr().err
    assert "could not be sent by e-mail (SSLCertVerificationError" in told
    assert "secret" not in told
    assert mailbox.mails == []
