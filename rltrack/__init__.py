"""rltrack: an experiment tracker for reinforcement learning, on your own disk.

    import rltrack

    with rltrack.init(project="cartpole", config={"learning_rate": 3e-4}) as run:
        run.log({"train/loss": 0.5})

Read `_run.py` first: a run appends to a journal, and all else reads journals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rltrack._active import (
    alert,
    finish,
    finish_artifact,
    link_artifact,
    link_model,
    log,
    log_artifact,
    log_code,
    log_model,
    mark_preempting,
    restore,
    save,
    upsert_artifact,
    use_artifact,
    use_model,
)
from rltrack._init import define_metric, init, login, setup, teardown
from rltrack._run import Run
from rltrack._version import __version__
from rltrack.errors import ConfigError, Error, UsageError
from rltrack.settings import Settings

if TYPE_CHECKING:
    from rltrack._alert import AlertLevel
    from rltrack._config import Config
    from rltrack._summary import Summary
    from rltrack.api import Api
    from rltrack.artifacts.artifact import Artifact, ArtifactTTL
    from rltrack.media.annotations import Classes
    from rltrack.media.audio import Audio
    from rltrack.media.figures import Bokeh, Plotly
    from rltrack.media.graph import Graph
    from rltrack.media.histogram import Histogram
    from rltrack.media.html import Html
    from rltrack.media.image import Image
    from rltrack.media.molecule import Molecule
    from rltrack.media.object3d import Object3D, box3d
    from rltrack.media.table import Table
    from rltrack.media.table_many import JoinedTable, PartitionedTable
    from rltrack.media.text import Markdown, Text
    from rltrack.media.video import Video
    from rltrack.plot.chart import plot_table
    from rltrack.sweeps.calls import agent, sweep

    run: Run | None
    config: Config
    summary: Summary
    # Nothing in rltrack imports a hook, not even for its types: see `rltrack.hooks.watch`.
    watch: Callable[..., Any]
    unwatch: Callable[..., None]

__all__ = [
    "AlertLevel",
    "Api",
    "Artifact",
    "ArtifactTTL",
    "Audio",
    "Bokeh",
    "Classes",
    "ConfigError",
    "Error",
    "Graph",
    "Histogram",
    "Html",
    "Image",
    "JoinedTable",
    "Markdown",
    "Molecule",
    "Object3D",
    "PartitionedTable",
    "Plotly",
    "Run",
    "Settings",
    "Table",
    "Text",
    "UsageError",
    "Video",
    "__version__",
    "agent",
    "alert",
    "box3d",
    "config",
    "define_metric",
    "finish",
    "finish_artifact",
    "init",
    "link_artifact",
    "link_model",
    "log",
    "log_artifact",
    "log_code",
    "log_model",
    "login",
    "mark_preempting",
    "plot",
    "plot_table",
    "restore",
    "run",
    "save",
    "setup",
    "summary",
    "sweep",
    "teardown",
    "unwatch",
    "upsert_artifact",
    "use_artifact",
    "use_model",
    "watch",
]

#: Names that load more than the standard library, with where they are.
_LATER = {
    "AlertLevel": "rltrack._alert",
    "Api": "rltrack.api",
    "Artifact": "rltrack.artifacts.artifact",
    "ArtifactTTL": "rltrack.artifacts.artifact",
    "Audio": "rltrack.media.audio",
    "Bokeh": "rltrack.media.figures",
    "Classes": "rltrack.media.annotations",
    "Graph": "rltrack.media.graph",
    "Histogram": "rltrack.media.histogram",
    "Html": "rltrack.media.html",
    "Image": "rltrack.media.image",
    "JoinedTable": "rltrack.media.table_many",
    "Markdown": "rltrack.media.text",
    "Molecule": "rltrack.media.molecule",
    "Object3D": "rltrack.media.object3d",
    "PartitionedTable": "rltrack.media.table_many",
    "Plotly": "rltrack.media.figures",
    "Text": "rltrack.media.text",
    "Table": "rltrack.media.table",
    "Video": "rltrack.media.video",
    "box3d": "rltrack.media.object3d",
    "agent": "rltrack.sweeps.calls",
    "sweep": "rltrack.sweeps.calls",
    "plot": "rltrack.plot",
    "plot_table": "rltrack.plot.chart",
    "unwatch": "rltrack.hooks.watch",
    "watch": "rltrack.hooks.watch",
}


def __getattr__(name: str) -> Any:
    if name in ("run", "config", "summary"):
        from rltrack import _active

        return _active.attribute(name)
    if name in _LATER:
        import importlib

        found: Any = importlib.import_module(_LATER[name])
        if _LATER[name] != f"rltrack.{name}":
            found = getattr(found, name)
        globals()[name] = found  # so that Python finds it by itself the next time
        return found
    if not name.startswith("__"):  # which `inspect` and the like ask for
        import importlib

        # Not imported by name, since it stands above: it imports rltrack.
        return importlib.import_module("rltrack.as_wandb.names").attribute(name)
    raise AttributeError(f"module 'rltrack' has no attribute {name!r}")
