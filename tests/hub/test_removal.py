"""Projects and teams are deleted by their owners, who say the name once again."""

from __future__ import annotations

from sqlalchemy import select

from rltrack.hub.models import ProjectAccess
from tests.hub.team import Team, at


def test_a_project_goes_into_the_trash_and_its_team_after_it(team: Team) -> None:
    """Links to it end, it is told of in the log, and its runs can be put back."""
    ann, member, admin = team.sign_in("ann"), team.sign_in("max"), team.sign_in("root1")
    link = ann.post(at("lab/walk", "/links"), json={"page": "/p/lab%2Fwalk"}).json()["url"]
    name, other = {"name": "lab/walk"}, {"name": "lab/wa"}
    assert member.post(at("lab/walk", "/deletion"), json=name).status_code == 403
    assert ann.post(at("lab/walk", "/deletion"), json=other).status_code == 400
    assert ann.post("/api/teams/lab/deletion", json={"name": "lab"}).status_code == 409

    done = ann.post(at("lab/walk", "/deletion"), json=name)
    assert (done.status_code, done.json()) == (200, {"runs": 2, "versions": 0})
    assert ann.get(at("lab/walk", "/runs")).status_code == 404
    assert team.client().get(link).status_code == 404
    assert ann.post(at("lab/open", "/deletion"), json={"name": "lab/open"}).status_code == 200
    with team.database.read() as session:
        assert session.scalar(select(ProjectAccess).where(ProjectAccess.name == "lab/open")) is None
    [entry, *_] = admin.get("/api/admin/audit").json()["entries"]
    assert (entry["action"], entry["target"]) == ("project.delete", "lab/open")
    assert ann.post(at("lab/walk", "/restore"), json={"runs": ["one"]}).json()["done"] == ["one"]
    assert ann.post(at("lab/walk", "/deletion"), json=name).status_code == 200

    assert member.post("/api/teams/lab/deletion", json={"name": "lab"}).status_code == 403
    assert ann.post("/api/teams/lab/deletion", json={"name": "lab"}).status_code == 200
    assert ann.get("/api/teams/lab").status_code == 404
    assert ann.post("/api/teams", json={"name": "lab"}).status_code == 409
