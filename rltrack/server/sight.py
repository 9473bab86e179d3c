"""What somebody sees of what a server has: all of it, but on a team's server."""

from __future__ import annotations

from typing import Final, Protocol

from starlette.requests import Request


class Sight(Protocol):
    """What one who asks may see and do."""

    @property
    def name(self) -> str | None:
        """Who they are, where one signs in."""

    def runs_of(self, project: str) -> frozenset[str] | None:
        """The ids of the runs that they see of a project; None: all."""

    def may_write(self, project: str) -> bool:
        """Whether they may add runs to a project, which need not be there yet."""


class _Everything:
    name = None

    def runs_of(self, project: str) -> frozenset[str] | None:
        return None

    def may_write(self, project: str) -> bool:
        return True


EVERYTHING: Final[Sight] = _Everything()


def sight_of(request: Request) -> Sight:
    """What the one who asks sees."""
    found: Sight = request.scope.get("state", {}).get("sight", EVERYTHING)
    return found


def lists(sight: Sight, project: str) -> bool:
    """Whether a project is among those that they see."""
    runs = sight.runs_of(project)
    return runs is None or bool(runs)
