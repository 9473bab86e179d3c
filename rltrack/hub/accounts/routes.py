"""All routes of accounts, and the work of each."""

from __future__ import annotations

from starlette.routing import Route

from rltrack.hub.accounts import admin, keys, projects, removal, sign_in, teams
from rltrack.hub.accounts.asked import Accounts, Work, endpoint
from rltrack.hub.accounts.oidc import SignIn


def routes(accounts: Accounts) -> list[Route]:
    """What the server has for people, teams, keys and links."""
    team, project = "/api/teams/{team}", "/api/projects/{project:project}"
    provider = SignIn(accounts.config)
    works: list[tuple[str, str, Work]] = [
        ("GET", "/api/account", sign_in.account),
        ("POST", "/api/login", sign_in.login),
        ("POST", "/api/logout", sign_in.logout),
        ("POST", "/api/invitation", sign_in.invitation),
        ("POST", "/api/invitation/accept", sign_in.accept),
        ("GET", "/api/account/room", teams.show_room),
        ("POST", "/api/account/password", sign_in.change_password),
        ("GET", "/api/account/keys", keys.list_keys),
        ("POST", "/api/account/keys", keys.make_key),
        ("DELETE", "/api/account/keys/{id}", keys.revoke_key),
        ("GET", "/api/account/sessions", keys.list_sessions),
        ("DELETE", "/api/account/sessions/{id}", keys.end_session),
        ("GET", "/api/teams", teams.list_teams),
        ("POST", "/api/teams", teams.make_team),
        ("GET", team, teams.show_team),
        ("POST", f"{team}/invitations", teams.invite),
        ("PUT", f"{team}/members/{{user}}", teams.set_role),
        ("DELETE", f"{team}/members/{{user}}", teams.remove),
        ("POST", f"{team}/deletion", removal.delete_team),
        ("POST", f"{project}/deletion", removal.delete_project),
        ("GET", f"{project}/access", projects.show_access),
        ("PUT", f"{project}/access", projects.set_access),
        ("GET", f"{project}/links", projects.list_links),
        ("POST", f"{project}/links", projects.make_link),
        ("DELETE", f"{project}/links/{{id}}", projects.revoke_link),
        ("GET", "/share/{secret}", projects.open_link),
        ("GET", "/api/oidc/start", provider.start),
        ("GET", "/api/oidc/callback", provider.callback),
        ("GET", "/api/admin/users", admin.list_users),
        ("POST", "/api/admin/invitations", admin.invite),
        ("PUT", "/api/admin/users/{user}", admin.change_user),
        ("DELETE", "/api/admin/users/{user}", admin.delete_user),
        ("POST", "/api/admin/users/{user}/password", admin.password_link),
        ("GET", "/api/admin/quotas", admin.list_quotas),
        ("PUT", "/api/admin/quotas/{entity}", admin.set_quota),
        ("GET", "/api/admin/audit", admin.audit_log),
    ]
    return [Route(path, endpoint(accounts, work), methods=[method]) for method, path, work in works]
