"""Who asks, and what they may do with which project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from rltrack._names import checked_project
from rltrack.errors import UsageError
from rltrack.hub.models import Role, Scope

Level = Literal["read", "write", "own"]

_HEIGHT: Final[dict[str, int]] = {"none": 0, "read": 1, "write": 2, "own": 3}
_OF_ROLE: Final[dict[Role, int]] = {"viewer": 1, "member": 2, "owner": 3}
_OF_SCOPE: Final[dict[Scope, int]] = {"read": 1, "write": 2, "admin": 3}
_ENTITY: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,37}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Link:
    """A share link that the browser has opened."""

    id: str
    project: str
    runs: frozenset[str] | None
    """None: all of the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Somebody who asks the server for something.

    ``request.scope["state"]["who"]`` of every request that comes through the `Gate`.
    """

    name: str | None = None
    """Of the user; None: nobody has signed in."""
    id: int | None = None
    by: str = "nobody"
    """What they signed in with: ``session <id>``, ``key <id>``, ``open`` without accounts."""
    is_admin: bool = False
    """Of the whole server; a key only if its scope is "admin"."""
    scope: Scope = "admin"
    only_project: str | None = None
    """The one project that a key opens."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """By entity: the user's own, and teams."""
    link: Link | None = None

    @property
    def is_signed_in(self) -> bool:
        """Whether it is somebody."""
        return self.name is not None

    @property
    def is_everybody(self) -> bool:
        """Whether the server has no accounts."""
        return self.by == "open"

    @property
    def manages_account(self) -> bool:
        """Whether they may make keys, and change what the account is."""
        return self.is_signed_in and self.scope == "admin" and self.only_project is None

    def full_name(self, project: str) -> str:
        """A project's name with its entity, which is the user where nobody says."""
        if "/" in project or self.name is None or self.is_everybody:
            return project
        return f"{self.name}/{project}"

    def may(self, level: Level, project: str, *, is_public: bool = False) -> bool:
        """Whether they have a right on a whole project."""
        return self._height(project, is_public) >= _HEIGHT[level] or (
            level == "read"
            and self.link is not None
            and self.link.project == project
            and self.link.runs is None
        )

    def runs_of(self, project: str, *, is_public: bool = False) -> frozenset[str] | None:
        """The ids of the runs that they see of a project; None: all."""
        if self.may("read", project, is_public=is_public):
            return None
        if self.link is not None and self.link.project == project:
            return self.link.runs
        return frozenset()

    def _height(self, project: str, is_public: bool) -> int:
        if self.is_everybody:
            return _HEIGHT["own"]
        if self.only_project not in (None, project):
            return _HEIGHT["none"]
        role = self.roles.get(entity_of(project) or "")
        height = _OF_ROLE[role] if role is not None else _HEIGHT["read" if is_public else "none"]
        if self.is_admin:
            height = _HEIGHT["own"]
        return min(height, _OF_SCOPE[self.scope])


def entity_of(project: str) -> str | None:
    """The user or team of ``entity/project``; None if the name is none of a server's."""
    entity, slash, rest = project.partition("/")
    if not slash or not _ENTITY.fullmatch(entity) or rest in (".", ".."):
        return None
    try:
        checked_project(rest)
    except UsageError:
        return None
    return entity


def checked_entity(name: object) -> str:
    """A name for a user or team.

    Raises:
        UsageError: it may not be one.
    """
    if not isinstance(name, str) or not _ENTITY.fullmatch(name) or name in _RESERVED:
        raise UsageError(
            f"name {name!r} cannot be a user's or team's; take up to 39 lower-case letters, digits, "
            "- and _, with a letter or digit at both ends"
        )
    return name


#: Words that stand at the same place in addresses, or that mean nobody.
_RESERVED: Final = frozenset(
    (
        *("admin", "api", "artifacts", "assets", "everybody", "local", "login", "me", "new"),
        *("nobody", "none", "p", "public", "root", "rltrack", "server", "settings", "share"),
        *("sweeps", "system", "team", "teams", "user", "users"),
    )
)
