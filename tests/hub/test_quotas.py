"""What comes in is counted, and refused when it is too much; it goes where its sender may write."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from rltrack._names import folder_name
from tests.hub.team import Team, local, record, team_at

SEGMENT = "0a1b2c3d-000001.rlj"


def send(client: httpx.Client, project: str, data: bytes, run: str = "r1") -> httpx.Response:
    """Bytes of a journal, as a machine sends them."""
    base = f"/api/sync/{project.replace('/', '%2F')}/{run}"
    claimed = client.post(base, json={"created_ns": 5})
    if claimed.status_code != 200:
        return claimed
    at = claimed.json()["journal"].get(SEGMENT, 0)
    return client.post(f"{base}/journal/{SEGMENT}?offset={at}", content=data)


def test_a_run_without_an_entity_is_its_keys_users(team: Team) -> None:
    """The gate and the route mean the same project by it."""
    machine = team.program("max")
    assert send(machine, "walk", b"abc").status_code == 200

    assert (team.root / folder_name("max/walk") / "r1").is_dir()
    assert not (team.root / "walk").exists()


@pytest.mark.parametrize(
    "project", ["otto/mine", "nobody/x", "max/..", "lab/../otto/mine", "Max/x"]
)
def test_nobody_sends_into_projects_of_others(team: Team, project: str) -> None:
    before = sorted(team.root.iterdir())

    assert send(team.program("max"), project, b"abc").status_code == 404
    assert send(team.program("ann", "read"), "lab/walk", b"abc").status_code == 403
    assert sorted(team.root.iterdir()) == before


def test_a_full_quota_takes_no_more_until_something_goes(root: Path) -> None:
    """Others go on; what was deleted makes room, once somebody asks for it."""
    with team_at(local(root, quota_bytes=3000)) as team:
        machine, admin = team.program("max"), team.sign_in("root1")
        assert send(machine, "max/big", b"x" * 5000).status_code == 200
        refused = send(machine, "max/big", b"x")
        assert refused.status_code == 413
        assert "of 3000" in refused.json()["error"]
        assert send(team.program("ann"), "lab/walk", b"x").status_code == 200
        told = {one["name"]: one for one in admin.get("/api/admin/quotas").json()["entities"]}
        assert told["max"]["used_bytes"] >= 5000
        assert admin.put("/api/admin/quotas/max", json={"bytes": 10**6}).status_code == 200


def test_what_is_there_is_measured_before_somebody_is_refused(root: Path) -> None:
    """What was sent twice counts once in the end."""
    record(root, "max/walk", "one")
    with team_at(local(root, quota_bytes=10**6)) as team:
        machine, admin = team.program("max"), team.sign_in("root1")
        for _ in range(3):  # the same bytes again and again
            base = "/api/sync/max%2Ftwice/r1"
            assert machine.post(base, json={"created_ns": 5}).status_code == 200
            url = f"{base}/journal/{SEGMENT}?offset=0"
            assert machine.post(url, content=b"y" * 400_000).status_code == 200
        told = {one["name"]: one for one in admin.get("/api/admin/quotas").json()["entities"]}
        assert send(machine, "max/more", b"x").status_code == 200

    assert told["max"]["quota_bytes"] is None
