"""`api.Run`: one run, as it stands in the folder."""

from __future__ import annotations

from rltrack.api.wandb import InWandbsWords


class Run(InWandbsWords):
    """One run, as it stands in the folder. What is read is as of the moment of reading.

    Found by `Api.runs` and `Api.run`.
    """

    def move(self, project: str) -> Run:
        """Put the run into another project; the run there.

        Raises:
            UsageError: it goes on, or that project has one of its id.
        """
        there = self._project.sibling(project)
        self._listed.move_to(there)
        there.refresh()
        listed = there.get(self.id)
        assert listed is not None
        return Run(there, listed)

    def delete(
        self, delete_artifacts: bool = False, *, force: bool = False, forever: bool = False
    ) -> int:
        """Move the run into the trash, from which `rltrack restore` puts it back.

        Args:
            delete_artifacts: also the versions that it made, with their aliases; those do not come
                back.
            force: also if it goes on.
            forever: free its space at once.

        Returns:
            How many bytes are free now: 0, unless `forever`.

        Raises:
            UsageError: it goes on.
        """
        versions = self.logged_artifacts() if delete_artifacts else []
        freed = self._listed.trash(self._project.root, force=force, forever=forever)
        for artifact in versions:
            artifact.delete(delete_aliases=True)
        return freed

    def __repr__(self) -> str:
        return f"<rltrack.api.Run {self.path} {self.name!r} {self.state}>"
