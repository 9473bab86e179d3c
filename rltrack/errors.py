"""Everything that rltrack raises on purpose.

Error:
    ├── UsageError              the call was wrong: a bad id, project, tag, mode
    │   ├── NotInitializedError     log(), config… before init()
    │   └── RunFinishedError        log(), config… after finish()
    ├── ConfigError             a config value would change without leave
    ├── NotFoundError           no such project, run, metric or file
    ├── MissingExtraError       an optional dependency is not installed
    ├── UnsupportedError        a name of W&B's that has no counterpart here
    ├── StorageError            the run's folder cannot be written (only raised in strict mode, or by init)
    ├── JournalError            bytes that are not a journal
    │   ├── FormatVersionError      a journal of a newer rltrack
    │   ├── DamageError             bytes that were a journal once
    │   └── SegmentError            derived columns that cannot be read: they are made again
    ├── MediaError              a value that cannot be stored as media
    ├── SweepError              trials that fail one after the other, or a search that cannot go on
    ├── QueryError              SQL that cannot be run, or took more than it may
    ├── ArtifactError           an artifact that cannot be kept, or is damaged
    │   ├── ArtifactFinalizedError  files of a version that was logged do not change
    │   └── ArtifactNotLoggedError  what only a logged version has
    └── ArchiveError            a file of exported runs that is damaged, or is none

`Error`, `UsageError` and `ConfigError` are public names of `rltrack`; the rest are reached
through `rltrack.errors`. A message says what was asked, what was found, and what to do next.
"""

from __future__ import annotations


class Error(Exception):
    """Base of all errors that rltrack raises on purpose."""


class UsageError(Error, ValueError):
    """The call was wrong; nothing was recorded by it."""


class NotInitializedError(UsageError):
    """A module-level function was called while no run is active."""


class RunFinishedError(UsageError):
    """The run has ended; start a new one."""


class ConfigError(Error):
    """A config value would change without `allow_val_change`."""


class NotFoundError(Error, LookupError):
    """What was asked for is not in the folder."""


class MissingExtraError(Error, ImportError):
    """An optional dependency is missing; the message says what to type."""


class UnsupportedError(Error, AttributeError):
    """W&B has something of that name, and rltrack has not; the message says what to use instead."""


class StorageError(Error, OSError):
    """The run's folder cannot be written."""


class JournalError(Error):
    """Bytes that cannot be read as a journal."""


class FormatVersionError(JournalError):
    """The journal was written by a newer rltrack than this one."""


class DamageError(JournalError):
    """Bytes in the middle of a journal that fail their checksum."""


class SegmentError(JournalError):
    """A file of derived columns is missing or damaged; nothing is lost, the journal has it all."""


class MediaError(Error, ValueError):
    """A value that cannot be stored as an image, a video, and so on."""


class SweepError(Error):
    """An agent cannot go on: its trials fail one after the other, or their parameters run out."""


class QueryError(Error):
    """SQL that is wrong, that does more than read, or that took more than it may."""


class ArtifactError(Error, ValueError):
    """An artifact that cannot be kept, or whose files are not what they were."""


class ArtifactFinalizedError(ArtifactError):
    """The files of a version that was logged do not change; `Artifact.new_draft` makes the next."""


class ArtifactNotLoggedError(ArtifactError):
    """Only a version that was logged has this; `Run.log_artifact` makes it one."""


class ArchiveError(Error):
    """A file of exported runs that is damaged, that is none, or that has what no run has."""


def __getattr__(name: str) -> type[Exception]:
    if name in ("AuthenticationError", "CommError", "WandbCoreNotAvailableError"):
        import importlib

        # W&B's, for scripts that say `import rltrack as wandb`; they stand above.
        found: type[Exception] = getattr(importlib.import_module("rltrack.as_wandb.faults"), name)
        return found
    raise AttributeError(f"module 'rltrack.errors' has no attribute {name!r}")
