"""The media of several runs at once: `POST /api/projects/{project}/media`.

    {"runs": ["id", …]}

answers

    {"runs": [{"run": "id", "media": [as in a run's own answer], "histograms": ["key", …]}],
     "missing": [ids of runs that are not there]}
"""

from __future__ import annotations

from typing import Any, Final

from rltrack.server.answers import Refusal, describe_media, keys_of_objects
from rltrack.server.histograms import histogram_keys
from rltrack.store.project import Project
from rltrack.store.run import RunReader

MAX_RUNS: Final = 100


def _described(project: Project, run: RunReader) -> dict[str, Any]:
    keys = keys_of_objects(run)
    return {"media": describe_media(project, run, keys), "histograms": histogram_keys(run, keys)}


def media_answer(project: Project, body: Any) -> dict[str, Any]:
    """What some runs have logged besides numbers.

    Raises:
        Refusal: the question is no list of runs.
    """
    runs = body.get("runs") if isinstance(body, dict) else None
    if (
        not isinstance(runs, list)
        or len(runs) > MAX_RUNS
        or not all(isinstance(run_id, str) for run_id in runs)
    ):
        raise Refusal(400, f"runs={runs!r}", f"send a list of up to {MAX_RUNS} run ids")
    found = project.find(runs)
    return {
        "runs": [
            {
                "run": run_id,
                **_described(project, run),
            }
            for run_id, run in found.items()
            if run is not None
        ],
        "missing": [run_id for run_id, run in found.items() if run is None],
    }
