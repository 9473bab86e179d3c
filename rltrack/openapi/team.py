"""What goes in and out of the routes of a team's server, besides those of the dashboard."""

from __future__ import annotations

from typing import Final

from rltrack.openapi import shapes
from rltrack.openapi import team_shapes as team
from rltrack.openapi.operation import BYTES, ONE, Media, Operation, Operations

_SYNC: Final = "/api/sync/{project:project}"
_RUN: Final = f"{_SYNC}/{{run}}"
_TEAM: Final = "/api/teams/{team}"
_USER: Final = "/api/admin/users/{user}"
#: What sending may meet: another run of that id, a run that was deleted, a body that was harmed
#: on the way, a full disk.
_SENDING: Final = (400, 409, 410, 413, 507)
_BODY: Final = (408, 415, 422)

OPERATIONS: Final[Operations] = {
    ("GET", "/healthz"): Operation(answer=team.Alive),
    ("GET", "/readyz"): Operation(answer=team.Ready, also={503: team.Ready}),
    ("GET", "/metrics"): Operation(answer=Media(("text/plain",))),
    # -- what machines send
    ("POST", _RUN): Operation(
        answer=team.Claimed, body=team.ClaimBody, refuses=(*_SENDING, *_BODY)
    ),
    ("POST", f"{_RUN}/journal/{{segment}}"): Operation(
        answer=team.Size,
        body=BYTES,
        query=team.OffsetQuery,
        headers=team.BodyHeaders,
        also={409: team.Gap},
        refuses=(*_SENDING, *_BODY),
    ),
    ("PUT", f"{_RUN}/facts"): Operation(
        answer=team.Stop, body=team.FactsBody, refuses=(*_SENDING, *_BODY)
    ),
    ("DELETE", f"{_RUN}/stop"): Operation(answer=team.Stop, refuses=_SENDING),
    ("POST", f"{_SYNC}/blobs/missing"): Operation(
        answer=team.Missing, body=team.DigestsBody, refuses=(*_SENDING, *_BODY)
    ),
    ("POST", f"{_SYNC}/blobs/{{digest}}"): Operation(
        answer=team.Size,
        body=BYTES,
        query=team.BlobQuery,
        headers=team.BodyHeaders,
        also={409: team.Gap},
        refuses=(*_SENDING, *_BODY),
    ),
    ("PUT", f"{_RUN}/files/{{path:path}}"): Operation(
        answer=team.Placed,
        body=BYTES,
        query=team.PlaceQuery,
        headers=team.BodyHeaders,
        also={409: team.NotPlaced},
        refuses=(*_SENDING, *_BODY),
    ),
    ("PUT", f"{_SYNC}/artifacts/{{path:path}}"): Operation(
        answer=team.Placed,
        body=BYTES,
        query=team.PlaceQuery,
        headers=team.BodyHeaders,
        also={409: team.NotPlaced},
        refuses=(*_SENDING, *_BODY),
    ),
    # -- what machines read
    ("GET", f"{ONE}/digests"): Operation(answer=team.Digests, query=team.SinceQuery),
    ("GET", f"{ONE}/runs/{{run}}/parts"): Operation(answer=team.Parts),
    ("GET", f"{ONE}/runs/{{run}}/journal/{{segment}}"): Operation(answer=BYTES),
    ("GET", f"{ONE}/versions"): Operation(answer=team.VersionFiles, query=team.SinceQuery),
    ("GET", f"{ONE}/blobs/{{digest}}"): Operation(answer=BYTES),
    # -- signing in
    ("GET", "/api/account"): Operation(answer=team.Account),
    ("POST", "/api/login"): Operation(answer=team.Named, body=team.LoginBody),
    ("POST", "/api/logout"): Operation(answer=shapes.Nothing, body=shapes.Nothing),
    ("POST", "/api/invitation"): Operation(
        answer=team.Invitation, body=team.SecretBody, refuses=(404,)
    ),
    ("POST", "/api/invitation/accept"): Operation(
        answer=team.Named, body=team.AcceptBody, refuses=(404, 409)
    ),
    ("GET", "/api/oidc/start"): Operation(
        answer=None, status=303, query=team.ProviderQuery, refuses=(403,)
    ),
    ("GET", "/api/oidc/callback"): Operation(
        answer=None, status=303, query=team.CallbackQuery, refuses=(403, 409)
    ),
    # -- one's own account
    ("POST", "/api/account/password"): Operation(answer=shapes.Nothing, body=team.PasswordBody),
    ("GET", "/api/account/room"): Operation(answer=team.Rooms),
    ("GET", "/api/account/keys"): Operation(answer=team.Keys),
    ("POST", "/api/account/keys"): Operation(
        answer=team.NewKey, body=team.KeyBody, refuses=(404, 409)
    ),
    ("DELETE", "/api/account/keys/{id}"): Operation(answer=shapes.Nothing),
    ("GET", "/api/account/sessions"): Operation(answer=team.Sessions),
    ("DELETE", "/api/account/sessions/{id}"): Operation(answer=shapes.Nothing),
    # -- teams
    ("GET", "/api/teams"): Operation(answer=team.Teams),
    ("POST", "/api/teams"): Operation(answer=team.Named, body=team.TeamBody, refuses=(409,)),
    ("GET", _TEAM): Operation(answer=team.Team),
    ("POST", f"{_TEAM}/invitations"): Operation(answer=team.Link, body=team.RoleBody),
    ("PUT", f"{_TEAM}/members/{{user}}"): Operation(
        answer=shapes.Nothing, body=team.RoleBody, refuses=(409,)
    ),
    ("DELETE", f"{_TEAM}/members/{{user}}"): Operation(answer=shapes.Nothing, refuses=(409,)),
    ("POST", f"{_TEAM}/deletion"): Operation(
        answer=shapes.Nothing, body=team.NameBody, refuses=(409,)
    ),
    # -- projects
    ("POST", f"{ONE}/deletion"): Operation(
        answer=team.ProjectRemoved, body=team.NameBody, refuses=(409,)
    ),
    ("GET", f"{ONE}/access"): Operation(answer=team.Access),
    ("PUT", f"{ONE}/access"): Operation(answer=team.AccessBody, body=team.AccessBody),
    ("GET", f"{ONE}/links"): Operation(answer=team.ShareLinks),
    ("POST", f"{ONE}/links"): Operation(answer=team.ShareMade, body=team.ShareBody),
    ("DELETE", f"{ONE}/links/{{id}}"): Operation(answer=shapes.Nothing),
    ("GET", "/share/{secret}"): Operation(answer=None, status=303),
    # -- the server
    ("GET", "/api/admin/users"): Operation(answer=team.Users),
    ("POST", "/api/admin/invitations"): Operation(answer=team.Link, body=shapes.Nothing),
    ("PUT", _USER): Operation(answer=shapes.Nothing, body=team.AdminBody, refuses=(409,)),
    ("DELETE", _USER): Operation(answer=shapes.Nothing, refuses=(409,)),
    ("POST", f"{_USER}/password"): Operation(answer=team.Link, body=shapes.Nothing),
    ("GET", "/api/admin/quotas"): Operation(answer=team.Quotas),
    ("PUT", "/api/admin/quotas/{entity}"): Operation(answer=shapes.Nothing, body=team.QuotaBody),
    ("GET", "/api/admin/audit"): Operation(answer=team.Audit, query=team.AuditQuery),
}
