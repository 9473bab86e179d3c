"""Who sees a project, and links that show some of it to whoever has them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from rltrack._names import checked_run_id
from rltrack.errors import UsageError
from rltrack.hub import tokens
from rltrack.hub.accounts.asked import DAY_S, Asked
from rltrack.hub.gate import LINK_COOKIE
from rltrack.hub.models import Entity, ProjectAccess, ShareLink
from rltrack.hub.who import entity_of
from rltrack.server.answers import Refusal

_MOST_RUNS: Final = 1000


def show_access(asked: Asked) -> dict[str, Any]:
    """Whether everybody may read it, and what the one who asks may do."""
    project, sight = asked.path("project"), asked.request.scope["state"]["sight"]
    with asked.accounts.database.read() as session:
        row = session.get(ProjectAccess, project)
        return {
            "visibility": row.visibility if row is not None else "private",
            "may_write": sight.may("write", project),
            "may_own": sight.may("own", project),
        }


def set_access(asked: Asked) -> dict[str, Any]:
    """Let everybody read it, or those only who are in its team."""
    visibility = asked.one_of("visibility", ("private", "public"))
    project = asked.path("project")
    with asked.accounts.database.write() as session:
        row = session.get(ProjectAccess, project)
        if row is None:
            entity = session.scalar(select(Entity.id).where(Entity.name == entity_of(project)))
            if entity is None:
                raise Refusal(404, f"no project {project!r}", "its user or team is not there")
            row = ProjectAccess(name=project, entity=entity, created_at=asked.accounts.now())
            session.add(row)
        row.visibility = visibility
        asked.note(session, "project.visibility", project, visibility=visibility)
    asked.accounts.changed()
    return {"visibility": visibility}


def list_links(asked: Asked) -> dict[str, Any]:
    """The links that show something of a project, or did."""
    with asked.accounts.database.read() as session:
        rows = session.execute(
            select(ShareLink, Entity.name)
            .join(Entity, Entity.id == ShareLink.user)
            .where(ShareLink.project == asked.path("project"))
            .order_by(ShareLink.created_at.desc())
        )
        return {"links": [{**_told(row), "user": user} for row, user in rows]}


def make_link(asked: Asked) -> dict[str, Any]:
    """A link to some runs, and the page that it opens; its secret is told this once."""
    project, page = asked.path("project"), asked.text("page", most=8000)
    if not page.startswith("/p/") or "\\" in page or not page.isprintable():
        raise Refusal(400, f"page={page[:60]!r}", "it is an address below /p/ of this server")
    secret = tokens.new_secret()
    with asked.accounts.database.write() as session:
        row = ShareLink(
            id=tokens.new_id(),
            secret=tokens.hashed(secret),
            project=project,
            runs=_runs(asked),
            page=page,
            user=asked.user,
            created_at=asked.accounts.now(),
            expires_at=asked.days("days"),
        )
        session.add(row)
        asked.note(session, "link.make", project, link=row.id, runs=row.runs)
        return {**_told(row), "user": asked.who.name, "url": f"{asked.base}/share/{secret}"}


def revoke_link(asked: Asked) -> dict[str, Any]:
    """A link shows nothing from now on."""
    with asked.accounts.database.write() as session:
        row = _link(session, asked.path("id"), asked.path("project"))
        row.revoked_at = row.revoked_at or asked.accounts.now()
        asked.note(session, "link.revoke", row.project, link=row.id)
    asked.accounts.changed()
    return {}


def open_link(asked: Asked) -> Response:
    """Remember a link in the browser, and go to its page."""
    secret = asked.path("secret")
    if asked.accounts.identities.link(secret) is None:
        raise Refusal(404, "this link has ended, or never was", "ask for a new one")
    with asked.accounts.database.write() as session:
        row = session.scalar(select(ShareLink).where(ShareLink.secret == tokens.hashed(secret)))
        assert row is not None
        row.used_at = asked.accounts.now()
        page = row.page
        asked.note(session, "link.open", row.project, link=row.id)
    answer = RedirectResponse(page, 303, {"cache-control": "no-store"})
    asked.set_cookie(answer, LINK_COOKIE, secret, 30 * DAY_S)
    return answer


def _runs(asked: Asked) -> list[str] | None:
    runs = asked.body.get("runs")
    if runs is None:
        return None
    if not isinstance(runs, list) or not 0 < len(runs) <= _MOST_RUNS:
        raise Refusal(400, "runs is no list", f"send up to {_MOST_RUNS} ids, or null for all runs")
    try:
        return [checked_run_id(run) for run in runs]
    except UsageError as mistake:
        raise Refusal(400, str(mistake), "send the ids of runs") from None


def _link(session: Session, link_id: str, project: str) -> ShareLink:
    row = session.get(ShareLink, link_id)
    if row is None or row.project != project:
        raise Refusal(404, f"no link {link_id!r} to {project}", "the project's page lists them")
    return row


def _told(row: ShareLink) -> dict[str, Any]:
    return {
        "id": row.id,
        "runs": row.runs,
        "page": row.page,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
        "revoked_at": row.revoked_at,
    }
