"""What the routes of a team's server are asked and answer, besides those of the dashboard."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from rltrack.openapi.schema import Says
from rltrack.openapi.shapes import Count, Object, Texts

#: A size, an offset or a time in nanoseconds: what 63 bits hold.
Big = Annotated[int, Says(minimum=0, maximum=2**63 - 1)]
Role = Literal["owner", "member", "viewer"]
Scope = Literal["read", "write", "admin"]
Days = Annotated[float, Says(exclusiveMinimum=0, maximum=3650)]
Name = Annotated[str, Says(maxLength=200)]
Password = Annotated[str, Says(maxLength=1000)]


# -- health ----------------------------------------------------------------------------------------


class Alive(TypedDict):
    """The process answers."""

    status: Literal["ok"]
    version: str


class Ready(TypedDict):
    """Whether it can work; what fails, and why."""

    status: Literal["ok", "failed"]
    failed: dict[str, str]


# -- what machines send ----------------------------------------------------------------------------


class ClaimBody(TypedDict):
    """When the run was created: that tells it from another one of its id."""

    created_ns: Big


class Claimed(TypedDict):
    """How much of the run is here."""

    project: Annotated[str, Says("The whole name, to be used from now on")]
    page: Annotated[str, Says("Where the run is shown")]
    journal: dict[str, int]
    files: dict[str, int]
    stop: Annotated[str | None, Says("Who asked the training to end")]


class OffsetQuery(TypedDict):
    """Parameters of bytes of a journal."""

    offset: Annotated[int, Says("Of the body", minimum=0, maximum=2**63 - 1)]


class BlobQuery(TypedDict):
    """Parameters of bytes of a content."""

    offset: Annotated[int, Says("Of the body", minimum=0, maximum=2**63 - 1)]
    size: Annotated[int, Says("Of the whole", minimum=0, maximum=2**63 - 1)]


class PlaceQuery(TypedDict):
    """Parameters of a content that gets its place."""

    digest: Annotated[str, Says("Its SHA-256", pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Says("Of the whole", minimum=0, maximum=2**63 - 1)]


class BodyHeaders(TypedDict):
    """Headers of bytes."""

    x_rltrack_digest: NotRequired[
        Annotated[str, Says("SHA-256 of the plain body", pattern="^[0-9a-f]{64}$")]
    ]
    content_encoding: NotRequired[
        Annotated[Literal["identity", "gzip"], Says("How the body is packed")]
    ]


class Size(TypedDict):
    """How many bytes are there, durably."""

    size: Count


class Gap(TypedDict):
    """Nothing was taken: these bytes are there, or others than those that were sent."""

    size: NotRequired[Count]
    error: NotRequired[str]
    hint: NotRequired[str]


class FactsBody(TypedDict):
    """run.json, and the sizes of segments that must be there before it."""

    facts: str
    journal: dict[str, Big]


class Stop(TypedDict):
    """Who asked the training to end."""

    stop: str | None


class DigestsBody(TypedDict):
    """Contents, by SHA-256."""

    digests: Annotated[Texts, Says(maxItems=10_000)]


class Missing(TypedDict):
    """Contents that are to be sent, and how many bytes of each are here."""

    missing: dict[str, int]


class Placed(TypedDict):
    """Whether the content has its place, and which."""

    placed: bool
    path: NotRequired[str]


class NotPlaced(TypedDict):
    """The content has to come first, or does not fit what is there."""

    placed: NotRequired[bool]
    error: NotRequired[str]
    hint: NotRequired[str]


# -- what machines read ----------------------------------------------------------------------------


class SinceQuery(TypedDict):
    """Parameters of lists that follow changes."""

    since: NotRequired[Annotated[int, Says("What an answer said; by default all", minimum=0)]]


class Digests(TypedDict):
    """What lists show of runs; numbers may be NaN and Infinity, as Python writes them."""

    version: int
    now: float
    removed: Texts
    digests: list[Object]


class Parts(TypedDict):
    """run.json as it is, and the sizes of all else."""

    facts: str
    age_s: float
    journal: dict[str, int]
    files: dict[str, int]


class VersionFiles(TypedDict):
    """The files that say what versions there are, and the texts of those that are new."""

    as_of: int
    names: Texts
    texts: dict[str, str]


# -- people ----------------------------------------------------------------------------------------


class Membership(TypedDict):
    """A user or team, and what one is there."""

    name: str
    role: Role


class LinkedProject(TypedDict):
    """What a share link shows."""

    project: str


class Account(TypedDict):
    """Who asks; nobody in particular has no name."""

    name: str | None
    is_admin: bool
    by: str
    scope: Any
    project: str | None
    entities: list[Membership]
    link: LinkedProject | None
    provider: Annotated[str | None, Says("What its button says")]


class LoginBody(TypedDict):
    """A name and its password."""

    name: Name
    password: Password


class Named(TypedDict):
    """Somebody's name."""

    name: str


class SecretBody(TypedDict):
    """The part of a link behind its `#`."""

    secret: Name


class Invitation(TypedDict):
    """What a link is for."""

    kind: Literal["setup", "join", "password"]
    team: str | None
    role: Role | None
    user: str | None


class AcceptBody(TypedDict):
    """The secret, and the name and password that the link is for."""

    secret: Name
    name: NotRequired[str]
    password: NotRequired[Password]


class PasswordBody(TypedDict):
    """The password before, if there is one, and from now on."""

    old: NotRequired[Password]
    new: Password


class Room(TypedDict):
    """What the projects of a user or team take."""

    name: str
    used_bytes: Count
    most_bytes: int | None


class Rooms(TypedDict):
    """One's own, and that of one's teams."""

    entities: list[Room]


class KeyLine(TypedDict):
    """An API key, which is not told."""

    id: str
    name: str
    scope: Scope
    project: str | None
    created_at: float
    expires_at: float | None
    used_at: float | None
    revoked_at: float | None


class Keys(TypedDict):
    """One's keys."""

    keys: list[KeyLine]


class KeyBody(TypedDict):
    """A new key: what it may do, where, and for how long."""

    name: Name
    scope: Scope
    project: NotRequired[Name | None]
    days: NotRequired[Days | None]


class NewKey(TypedDict):
    """A key, told this once."""

    id: str
    name: str
    scope: Scope
    project: str | None
    key: str


class SessionLine(TypedDict):
    """A browser that is signed in."""

    id: str
    created_at: float
    seen_at: float
    address: str
    agent: str
    is_this: bool


class Sessions(TypedDict):
    """One's browsers."""

    sessions: list[SessionLine]


class TeamLine(TypedDict):
    """A team."""

    name: str
    title: str
    role: Role | None


class Teams(TypedDict):
    """The teams that one is in."""

    teams: list[TeamLine]


class TeamBody(TypedDict):
    """A new team."""

    name: str
    title: NotRequired[Name]


class Team(TypedDict):
    """A team and its members."""

    name: str
    title: str
    role: Role | None
    members: list[Membership]
    quota_bytes: int | None
    used_bytes: Count


class RoleBody(TypedDict):
    """What somebody is to be in a team."""

    role: Role


class Link(TypedDict):
    """A link that is used once."""

    url: str


class NameBody(TypedDict):
    """The name of what is to be deleted, once again."""

    name: Name


class ProjectRemoved(TypedDict):
    """How much was in it."""

    runs: Count
    versions: Count


class Access(TypedDict):
    """Who reads a project, and what the one who asks may do."""

    visibility: Literal["private", "public"]
    may_write: bool
    may_own: bool


class AccessBody(TypedDict):
    """Who reads a project."""

    visibility: Literal["private", "public"]


class ShareLine(TypedDict):
    """A link that shows something of a project, without its secret."""

    id: str
    runs: Texts | None
    page: str
    user: str
    created_at: float
    expires_at: float | None
    used_at: float | None
    revoked_at: float | None


class ShareLinks(TypedDict):
    """The links of a project."""

    links: list[ShareLine]


class ShareBody(TypedDict):
    """Which runs a link shows, null for all, and the page that it opens."""

    page: Annotated[str, Says(pattern="^/p/", maxLength=8000)]
    runs: NotRequired[Annotated[Texts, Says(minItems=1, maxItems=1000)] | None]
    days: NotRequired[Days | None]


class ShareMade(TypedDict):
    """A link, whose address is told this once."""

    id: str
    page: str
    url: str


# -- the server ------------------------------------------------------------------------------------


class UserLine(TypedDict):
    """A user."""

    name: str
    is_admin: bool
    has_password: bool
    created_at: float
    seen_at: float | None


class Users(TypedDict):
    """All users."""

    users: list[UserLine]


class AdminBody(TypedDict):
    """Whether somebody administers the server."""

    is_admin: bool


class QuotaLine(TypedDict):
    """What a user or team takes and may take; null is what all may by default."""

    name: str
    kind: Literal["user", "team"]
    quota_bytes: int | None
    used_bytes: Count
    most_bytes: int | None


class Quotas(TypedDict):
    """What everybody takes and may take."""

    default_bytes: int | None
    entities: list[QuotaLine]


class QuotaBody(TypedDict):
    """How much somebody may take; null for the default."""

    bytes: Annotated[int, Says(minimum=0, maximum=2**62 - 1)] | None


class AuditQuery(TypedDict):
    """Parameters of the log."""

    before: NotRequired[Annotated[int, Says("Entries with smaller numbers")]]
    limit: NotRequired[Annotated[int, Says("Up to 1000")]]


class AuditLine(TypedDict):
    """Who did what."""

    id: int
    at: float
    who: str | None
    by: str
    address: str
    action: str
    target: str
    detail: Any


class Audit(TypedDict):
    """The log, the newest first."""

    entries: list[AuditLine]


class ProviderQuery(TypedDict):
    """Parameters of a sign-in."""

    page: NotRequired[Annotated[str, Says("Where to go afterwards")]]


class CallbackQuery(TypedDict):
    """Parameters that the provider gives."""

    state: NotRequired[str]
    code: NotRequired[str]
