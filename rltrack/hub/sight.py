"""What somebody sees of a team's server."""

from __future__ import annotations

from rltrack.hub.identity import Identities
from rltrack.hub.who import Level, Who, entity_of


class HubSight:
    """What one who asks may see and do; see `rltrack.server.sight`.

    Args:
        who: who asks.
        identities: knows what is public; None: there are no accounts.
    """

    def __init__(self, who: Who, identities: Identities | None) -> None:
        self.who = who
        self._identities = identities

    @property
    def name(self) -> str | None:
        """Who they are; None: nobody who has signed in."""
        return self.who.name

    def runs_of(self, project: str) -> frozenset[str] | None:
        """The ids of the runs that they see of a project; None: all."""
        runs = self.who.runs_of(project)
        if runs is not None and self._is_public(project):
            return self.who.runs_of(project, is_public=True)
        return runs

    def may_write(self, project: str) -> bool:
        """Whether they may add runs to a project, which need not be there yet."""
        return self.may("write", project)

    def may(self, level: Level, project: str) -> bool:
        """Whether they have a right on a project."""
        if not self.who.is_everybody and entity_of(project) is None:
            return False
        return self.who.may(level, project)

    def _is_public(self, project: str) -> bool:
        return self._identities is not None and self._identities.is_public(project)
