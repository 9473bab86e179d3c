"""The part of `Api` that reads and writes reports: texts with panels, as the dashboard shows them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rltrack._names import checked_project
from rltrack.errors import NotFoundError, UsageError
from rltrack.store.documents import ConflictError, Document, Documents
from rltrack.sync.client import joined

if TYPE_CHECKING:
    from rltrack.api.copies import Server

_KIND = "reports"


class _Store(Protocol):
    """Where the reports of a project are kept."""

    def all(self) -> list[Document]: ...

    def put(self, name: str, body: Any, was: str | None) -> Document: ...

    def delete(self, name: str, was: str) -> None: ...


@dataclass
class Report:
    """A report as it was read.

    `title` and `text` may be set, and saved; the text is markdown with panels in it, as the
    dashboard's page of reports describes them.
    """

    project: str
    id: str
    title: str
    text: str
    updated_at: float
    """In seconds since the epoch."""
    author: str | None
    """Who saved it, on a server where one signs in."""
    _store: _Store
    _version: str

    @property
    def name(self) -> str:
        """Its title, in W&B's word."""
        return self.title

    def save(self) -> Report:
        """Save title and text as they are now.

        Raises:
            ConflictError: somebody has saved it since it was read; nothing was changed.
            NotFoundError: it was deleted.
            UsageError: it is longer than 1 MiB.
            StorageError: it cannot be written.
        """
        body = {"title": self.title, "text": self.text}
        saved = self._store.put(self.id, body, self._version)
        self._version, self.updated_at, self.author = saved.version, saved.saved_at, saved.by
        return self

    def delete(self) -> None:
        """Delete it.

        Raises:
            ConflictError: somebody has saved it since it was read; nothing was changed.
            NotFoundError: it was deleted already.
        """
        self._store.delete(self.id, self._version)


class Reports:
    """Reports of projects."""

    root: Path
    _server: Server | None

    def reports(
        self, path: str | None = None, name: str | None = None, per_page: int = 50
    ) -> list[Report]:
        """The reports of a project, those first that were saved last.

        Args:
            path: the project; an entity in front of it is left out. Not needed where there is one.
            name: only those with this title.
            per_page: accepted for W&B's scripts.

        Raises:
            UsageError: it does not say which project.
            NotFoundError: there is no such project on the server.
            StorageError: the server cannot be reached.
        """
        project, store = self._reports_of(path)
        found = [_report(project, document, store) for document in store.all()]
        found.sort(key=lambda report: -report.updated_at)
        return [report for report in found if name is None or report.title == name]

    def report(self, path: str) -> Report:
        """One report.

        Args:
            path: ``project/reports/id``, or ``project/id``.

        Raises:
            NotFoundError: there is none.
            UsageError: the path names none.
        """
        parts = [part for part in path.split("/") if part and part != _KIND]
        if len(parts) < 2:
            raise UsageError(f"{path!r} names no report; say project/reports/id")
        for report in self.reports("/".join(parts[:-1])):
            if report.id == parts[-1]:
                return report
        raise NotFoundError(f"no report {parts[-1]!r} in {'/'.join(parts[:-1])}")

    def create_report(self, project: str, title: str = "Untitled report", text: str = "") -> Report:
        """Write a new report.

        Args:
            project: of it; it must be there.
            title: in one line.
            text: markdown, with panels in blocks of code that are called ``panel``.

        Raises:
            NotFoundError: there is no such project.
            UsageError: it is longer than 1 MiB, or one may not write there.
            StorageError: it cannot be written.
        """
        name, store = self._reports_of(project)
        body = {"title": title, "text": text}
        return _report(name, store.put("r" + secrets.token_hex(5), body, None), store)

    def _reports_of(self, path: str | None) -> tuple[str, _Store]:
        if path is None:
            names = self.projects()  # type: ignore[attr-defined]
            if len(names) != 1:
                told = ", ".join(names) or "none"
                raise UsageError(f"of which project? There are {told}; say reports('project')")
            path = str(names[0])
        if self._server is not None:
            whole = self._server.whole_name(path)
            return whole, _OnServer(self._server, whole)
        name = checked_project(path.rpartition("/")[2])
        return name, _InFolder(Documents(self.root, name, _KIND))


@dataclass(frozen=True)
class _InFolder:
    documents: Documents

    def all(self) -> list[Document]:
        return self.documents.all()[0]

    def put(self, name: str, body: Any, was: str | None) -> Document:
        return self.documents.put(name, body, was=was, new=was is None)

    def delete(self, name: str, was: str) -> None:
        self.documents.delete(name, was=was)


@dataclass(frozen=True)
class _OnServer:
    server: Server
    project: str

    def all(self) -> list[Document]:
        told = self.server.ask("GET", self._address())
        return [Document(**one) for one in told["documents"]]

    def put(self, name: str, body: Any, was: str | None) -> Document:
        told = self._change("PUT", name, was, json={"body": body})
        return Document(**told)

    def delete(self, name: str, was: str) -> None:
        self._change("DELETE", name, was)

    def _change(self, method: str, name: str, was: str | None, **given: Any) -> dict[str, Any]:
        expected = {"if-none-match": "*"} if was is None else {"if-match": f'"{was}"'}
        try:
            return self.server.ask(method, self._address(name), headers=expected, **given)
        except UsageError as refusal:
            told = getattr(refusal.__cause__, "body", None)
            if getattr(refusal.__cause__, "status", None) != 412 or not isinstance(told, dict):
                raise
            now = told.get("document")
            raise ConflictError(str(told["error"]), Document(**now) if now else None) from refusal

    def _address(self, *name: str) -> str:
        return joined("api", "projects", self.project, "documents", _KIND, *name)


def _report(project: str, document: Document, store: _Store) -> Report:
    body = document.body if isinstance(document.body, dict) else {}
    return Report(
        project,
        document.id,
        title=str(body.get("title", "")),
        text=str(body.get("text", "")),
        updated_at=document.saved_at,
        author=document.by,
        _store=store,
        _version=document.version,
    )
