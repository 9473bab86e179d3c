"""`RltrackLogger`: what a Lightning `Trainer` logs, as a run.

    Trainer(logger=RltrackLogger(project="mnist")).fit(model)

Lightning logs on its rank 0 alone, at its own ``global_step``, which counts optimizer steps.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import torch
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning_utilities.core.rank_zero import rank_zero_only

import rltrack

#: Under this name Lightning's users know the axis of its own W&B logger.
GLOBAL_STEP: Final = "trainer/global_step"


class RltrackLogger(Logger):
    """Record what a `LightningModule` logs, and its hyperparameters.

    Each call of Lightning is a row of its own at its ``global_step``, so what `validate` and
    `test` log after `fit` stands beside the last step and replaces nothing. Checkpoints of a
    trainer without ``default_root_dir`` go into the run's folder. Anything else of a run is
    reached by `experiment`: ``self.logger.experiment.log({"image": rltrack.Image(...)})``.
    Checkpoints may be versions of the artifact ``model-<run id>`` as well, with the alias ``best``.

    The run goes on after `fit`, for `test`; it ends with the program, or by `rltrack.finish`.

    Args:
        run: where to record; by default the run that is going on, or else a new one, begun with
            the first thing to record.
        log_model: make artifacts of checkpoints: True of those that are left at the end, ``all`` of
            each as it is saved.
        prefix: put before the name of each metric, with a ``/``.
        **init: for `rltrack.init`, if a run is begun: ``project``, ``name``, ``config``…

    Raises:
        UsageError: both `run` and arguments for another are given.
    """

    def __init__(
        self,
        run: rltrack.Run | None = None,
        *,
        log_model: Literal["all"] | bool = False,
        prefix: str = "",
        **init: Any,
    ) -> None:
        super().__init__()
        if run is not None and init:
            raise rltrack.UsageError(
                f"RltrackLogger(run=…, {', '.join(init)}=…): a run that is there already takes no "
                "arguments for a new one; leave one of them out"
            )
        self._run = run
        self._init = init
        self._prefix = f"{prefix}/" if prefix else ""
        self._log_model = log_model
        self._savers: list[ModelCheckpoint] = []
        self._kept: dict[str, float] = {}

    @property
    @rank_zero_experiment
    def experiment(self) -> rltrack.Run:
        """The run; on other ranks than 0 something that takes every call and does nothing."""
        if self._run is None:
            going_on = None if self._init else rltrack.run
            self._run = going_on or rltrack.init(**self._init)
        return self._run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log one row.

        Args:
            metrics: names to values.
            step: Lightning's ``global_step``; by default the next row of the run.
        """
        run = self.experiment
        try:
            row = {f"{self._prefix}{name}": value for name, value in metrics.items()}
            if step is None:
                run.log(row)
            else:
                run.log_point({**row, GLOBAL_STEP: step}, step=step)
        except Exception as fault:
            run.survive("RltrackLogger: logging metrics", fault)

    @rank_zero_only
    def log_hyperparams(
        self, params: Mapping[str, Any] | Namespace, *args: object, **kwargs: object
    ) -> None:
        """Put them into the run's config.

        Args:
            params: names to values.
            *args: accepted as other loggers do.
            **kwargs: the same.
        """
        run = self.experiment
        try:
            run.config.update(params, allow_val_change=True)
        except Exception as fault:
            run.survive("RltrackLogger: noting hyperparameters", fault)

    @rank_zero_only
    def log_graph(self, model: torch.nn.Module, input_array: torch.Tensor | None = None) -> None:
        """Do nothing: ``watch(model, log_graph=True)`` records how a model is built."""

    @rank_zero_only
    def watch(
        self,
        model: torch.nn.Module,
        log: str | None = "gradients",
        log_freq: int = 100,
        log_graph: bool = True,
    ) -> None:
        """Record gradients and parameters, as `rltrack.watch` does.

        Args:
            model: what learns.
            log: ``gradients``, ``parameters``, ``norms`` or ``all``.
            log_freq: optimizer steps from one look to the next.
            log_graph: record how the model is built, too.
        """
        rltrack.watch(model, log=log, log_freq=log_freq, log_graph=log_graph, run=self.experiment)

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Keep what was just saved, or remember who saved it."""
        if self._log_model == "all":
            self._keep(checkpoint_callback)
        elif self._log_model and checkpoint_callback not in self._savers:
            self._savers.append(checkpoint_callback)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Keep the checkpoints that are left, if the training ended well."""
        for saver in self._savers if status == "success" else ():
            self._keep(saver)

    @rank_zero_only
    def _keep(self, saver: ModelCheckpoint) -> None:
        """Make a version of each checkpoint that is not one yet; the best one last."""
        run = self.experiment
        scores = {path: float(score) for path, score in saver.best_k_models.items()}
        paths = [*scores, saver.last_model_path, saver.best_model_path]
        try:
            for path in sorted(
                dict.fromkeys(paths), key=lambda path: path == saver.best_model_path
            ):
                saved_s = os.stat(path).st_mtime if path and os.path.isfile(path) else 0.0
                if saved_s <= self._kept.get(path, 0.0):
                    continue
                facts = {"original_filename": os.path.basename(path), "score": scores.get(path)}
                artifact = rltrack.Artifact(f"model-{run.id}", "model", metadata=facts)
                artifact.add_file(path, "model.ckpt")
                run.log_artifact(artifact, aliases=["best"] * (path == saver.best_model_path))
                self._kept[path] = saved_s
        except Exception as fault:
            run.survive("RltrackLogger: keeping a checkpoint", fault)

    @property
    def save_dir(self) -> str | None:
        """The folder of all runs: below it Lightning puts checkpoints into that of this run."""
        folder = self._folder()
        return None if folder is None else os.fspath(folder.parent.parent)

    @property
    def name(self) -> str | None:
        """The project, as its folder is called."""
        folder = self._folder()
        return None if folder is None else folder.parent.name

    @property
    def version(self) -> str | None:
        """The run's id, as its folder is called."""
        folder = self._folder()
        return None if folder is None else folder.name

    def _folder(self) -> Path | None:
        run = self.experiment
        return run.folder if isinstance(run, rltrack.Run) else None  # other ranks have none
