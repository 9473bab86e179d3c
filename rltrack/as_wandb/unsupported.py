"""What W&B has and rltrack has not, and what to use instead."""

from __future__ import annotations

import difflib
from typing import Final

import rltrack
from rltrack.errors import UnsupportedError

_FRAMEWORK: Final = "call rltrack.log() in a callback of that framework"

#: By the last part of the name: `sklearn` is both `wandb.sklearn` and `wandb.integration.sklearn`.
_INSTEAD: Final = {
    "EvalTable": "log a rltrack.Table",
    "agents": "rltrack.agent() runs the trials of a sweep",
    "automations": "`Run.alert`, and the settings alert_webhook and alert_slack",
    "catboost": _FRAMEWORK,
    "controller": "rltrack.sweep() and rltrack.agent() search without a controller",
    "diffusers": "log the images yourself, as rltrack.Image",
    "docker": "rltrack needs no container",
    "dspy": _FRAMEWORK,
    "fastai": _FRAMEWORK,
    "huggingface": "transformers' own WandbCallback works: TrainingArguments(report_to='wandb')",
    "jupyter": "a run shows itself in a notebook: it is the last line of a cell, or run.display()",
    "keras": "keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rltrack.log(logs))",
    "kfp": "call rltrack.init() in each step, with dir= on a disk that they share",
    "launch": "start the program yourself; rltrack starts none on other machines",
    "lightgbm": _FRAMEWORK,
    "lightning": "lightning.pytorch.loggers.WandbLogger works",
    "metaflow": "call rltrack.init() in each step",
    "openai": _FRAMEWORK,
    "prodigy": _FRAMEWORK,
    "profiler": "torch.profiler's trace is a file: rltrack.save() keeps it",
    "proto": "rltrack.Api reads runs; the journal is told in rltrack/journal/format.py",
    "reports": "`rltrack ui` draws what runs have in common",
    "sacred": _FRAMEWORK,
    "sagemaker": "call rltrack.init(dir=…) with a folder that SageMaker keeps",
    "sagemaker_auth": "nothing: there is nothing to log in to",
    "sandbox": "start the program yourself; rltrack starts none on other machines",
    "sklearn": "rltrack.plot draws confusion matrices, ROC and PR curves",
    "tensorflow": "rltrack.init(sync_tensorboard=True)",
    "trigger": "run.on_finish(function)",
    "ultralytics": _FRAMEWORK,
    "visualize": "rltrack.plot",
    "weave": "log a rltrack.Table",
    "workspaces": "`rltrack ui` keeps what a page shows in its address",
    "xgboost": _FRAMEWORK,
}


def unsupported(name: str, module: str = "wandb") -> UnsupportedError:
    """The error of asking a module for a name that is not there."""
    return UnsupportedError(f"module {module!r} has no attribute {name!r}: {_told(name)}")


def no_module(name: str) -> ModuleNotFoundError:
    """The error of importing a module of W&B's that is not there."""
    # Without `name`, which would say to ``from wandb import x`` that it may tell in its own words.
    return ModuleNotFoundError(f"no module {name!r}: {_told(name)}")


def _told(name: str) -> str:
    last = name.rpartition(".")[2]
    if (instead := _INSTEAD.get(last)) is not None:
        return f"rltrack has none; instead: {instead}"
    if near := difflib.get_close_matches(last, rltrack.__all__, n=1, cutoff=0.75):
        return f"did you mean {near[0]!r}?"
    return "rltrack has none; what it has is in dir(rltrack) and dir(rltrack.Run)"
