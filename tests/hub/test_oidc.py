"""Signing in with a provider of identities."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import rltrack
from rltrack.hub.accounts.oidc import Provider
from tests.hub.provider import CLIENT, SECRET
from tests.hub.team import Team, local, team_at


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """The address of a provider, in a process of its own."""
    program = str(Path(__file__).with_name("provider.py"))
    process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def team(root: Path, issuer: str) -> Iterator[Team]:
    config = local(
        root, oidc_issuer=issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET, oidc_name="Lab"
    )
    with team_at(config) as team:
        yield team


def sign_in(client: httpx.Client, issuer: str, page: str = "/", **claims: Any) -> httpx.Response:
    """Go to the provider and back; the last answer of our server."""
    httpx.get(f"{issuer}/be", params={"claims": json.dumps(claims)}).raise_for_status()
    there = client.get("/api/oidc/start", params={"page": page}).headers["location"]
    back = httpx.get(there).headers["location"]
    return client.get(back)


def test_whoever_the_provider_lets_in_has_an_account(team: Team, issuer: str) -> None:
    """Made the first time, with a name that is free; the same one ever after."""
    who = {"sub": "17", "preferred_username": "Ann@lab.example"}
    for _ in range(2):
        client = team.client()
        answer = sign_in(client, issuer, "/p/lab%2Fwalk?x=1", **who)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == "/p/lab%2Fwalk?x=1"
        account = client.get("/api/account").json()
        assert account["name"] == "ann-2"  # ann is somebody else
        assert account["is_admin"] is False
        assert account["provider"] == "Lab"


def test_a_user_adds_the_identity_to_their_account(team: Team, issuer: str) -> None:
    ann = team.sign_in("ann")
    sign_in(ann, issuer, sub="18")
    later = team.client()
    sign_in(later, issuer, sub="18", preferred_username="whatever")

    assert later.get("/api/account").json()["name"] == "ann"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 3600},
        {"forged": True},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_a_token_that_is_not_right_lets_nobody_in(
    team: Team, issuer: str, claims: dict[str, Any]
) -> None:
    client = team.client()
    answer = sign_in(client, issuer, sub="19", **claims)

    assert answer.status_code == 403
    assert client.get("/api/account").json()["name"] is None


def test_only_the_browser_that_went_comes_back_and_once(team: Team, issuer: str) -> None:
    """Else somebody could sign others in as themselves, and read what they then record."""
    httpx.get(f"{issuer}/be", params={"claims": json.dumps({"sub": "20"})}).raise_for_status()
    eve, victim = team.client(), team.client()
    back = httpx.get(eve.get("/api/oidc/start").headers["location"]).headers["location"]
    victim.get("/api/oidc/start")

    assert victim.get(back).status_code == 403
    assert victim.get("/api/account").json()["name"] is None
    assert eve.get(back).status_code == 303
    assert eve.get(back).status_code == 403


@pytest.mark.parametrize("page", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_page_afterwards_is_one_of_this_server(team: Team, issuer: str, page: str) -> None:
    assert sign_in(team.client(), issuer, page, sub="21").headers["location"] == "/"


def test_a_provider_in_plain_text_is_refused(root: Path) -> None:
    """Whoever is in between could be anybody."""
    with pytest.raises(rltrack.UsageError, match="https"):
        Provider(local(root, oidc_issuer="http://sso.example"))
