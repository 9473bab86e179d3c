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
        from rltrack.store.edit import move

        move(self._project.root, self._listed.folder, project)
        there = self._project.sibling(project)
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
        from rltrack.store.trash import delete, free

        versions = self.logged_artifacts() if delete_artifacts else []
        trashed = delete(self._project.root, self._listed.folder, force=force)
        for artifact in versions:
            artifact.delete(delete_aliases=True)
        return free(trashed) if forever else 0

    def __repr__(self) -> str:
        return f"<rltrack.api.Run {self.path} {self.name!r} {self.state}>"
