"""What of W&B's `Api` is about its cloud: it is refused by its name, with what to do instead."""

from __future__ import annotations

from typing import Final

from rltrack.errors import UnsupportedError

_NO_USERS: Final = "there are no users here: whoever can read the folder can read the runs"
_NO_QUEUE: Final = "nothing is queued: start the program yourself, or `rltrack agent` for a sweep"
_NO_REGISTRY: Final = "artifacts are by project: `Api.artifact_collections`, `link_artifact`"
_NO_AUTOMATION: Final = "`Run.alert`, with the settings alert_webhook, alert_slack and alert_email"

_INSTEAD: Final = {
    "api_key": "there is nothing to log in to",
    "automation": _NO_AUTOMATION,
    "automations": _NO_AUTOMATION,
    "create_automation": _NO_AUTOMATION,
    "create_registry": _NO_REGISTRY,
    "create_run_queue": _NO_QUEUE,
    "create_team": _NO_USERS,
    "create_user": _NO_USERS,
    "delete_automation": _NO_AUTOMATION,
    "integrations": _NO_AUTOMATION,
    "job": _NO_QUEUE,
    "list_jobs": _NO_QUEUE,
    "organization": _NO_USERS,
    "queued_run": _NO_QUEUE,
    "registries": _NO_REGISTRY,
    "registry": _NO_REGISTRY,
    "run_queue": _NO_QUEUE,
    "slack_integrations": _NO_AUTOMATION,
    "team": _NO_USERS,
    "update_automation": _NO_AUTOMATION,
    "upsert_run_queue": _NO_QUEUE,
    "user": _NO_USERS,
    "users": _NO_USERS,
    "webhook_integrations": _NO_AUTOMATION,
}


def refused(name: str) -> UnsupportedError:
    """The error of asking `Api` for something that it does not have."""
    if (instead := _INSTEAD.get(name)) is not None:
        return UnsupportedError(f"Api.{name} is of W&B's cloud, and rltrack has none: {instead}")
    return UnsupportedError(f"Api has no {name!r}; what it has is in dir(rltrack.Api)")
