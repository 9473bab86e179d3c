"""`HuggingFaceCallback`: what a `Trainer` of transformers logs, as a run.

    Trainer(model, args, train_dataset=data, callbacks=[HuggingFaceCallback()]).train()

`Trainer` has a logger for W&B built in, which it uses where W&B is installed and
``report_to`` names it; this one is added by hand, and stands beside others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

import rltrack

GLOBAL_STEP: Final = "train/global_step"

#: What the trainer says once, at the end, of the training as a whole.
_OF_THE_WHOLE: Final = (
    *("train_runtime", "train_samples_per_second", "train_steps_per_second"),
    *("train_loss", "total_flos"),
)


class HuggingFaceCallback(TrainerCallback):
    """Record what a `Trainer` logs, its arguments and the model's config.

    The names are those of transformers' own W&B callback: ``train/loss``, ``eval/loss``,
    ``test/loss``, at the trainer's ``global_step``. What is said of the training as a whole, as
    ``train_runtime``, is in the summary. Only the first process of a distributed training records.
    The run goes on after `train`, for `evaluate` and `predict`; it ends with the program, or by
    `rltrack.finish`.

    Args:
        run: where to record; by default the run that is going on, or else a new one.
        log_model: make each checkpoint that the trainer saves a version of the artifact
            ``model-<run id>``.
        **init: for `rltrack.init`, if a run is begun: ``project``, ``name``, ``config``…
    """

    def __init__(
        self, run: rltrack.Run | None = None, *, log_model: bool = False, **init: Any
    ) -> None:
        self._given = run
        self._log_model = log_model
        self._init = init
        self._run: rltrack.Run | None = None
        self._run_is_ours = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Find a run, or begin one, and note what was chosen."""
        if not state.is_world_process_zero:
            return
        if state.is_hyper_param_search and self._run is not None and self._run_is_ours:
            self._run.finish()  # each trial is a run
        run = self._find_run(state.trial_name or args.run_name)
        try:
            run.define_metric("*", GLOBAL_STEP)
            run.config.update(_choices(args, kwargs.get("model")), allow_val_change=True)
        except Exception as fault:
            run.survive("HuggingFaceCallback: noting what was chosen", fault)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Record one row."""
        if not state.is_world_process_zero or not logs:
            return
        run = self._find_run(args.run_name)  # it may be `evaluate`, without a training
        try:
            row = {_named(key): logs[key] for key in logs if key not in _OF_THE_WHOLE}
            if row:
                run.log_point({**row, GLOBAL_STEP: state.global_step}, step=state.global_step)
            if whole := {key: logs[key] for key in logs if key in _OF_THE_WHOLE}:
                run.summary.update(whole)
        except Exception as fault:
            run.survive("HuggingFaceCallback: logging", fault)

    def on_predict(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        """Record what `predict` measured."""
        self.on_log(args, state, control, metrics)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Make a version of the checkpoint that was just saved."""
        run = self._run
        if run is None or not self._log_model:
            return
        try:
            folder = f"checkpoint-{state.global_step}"
            facts = {"global_step": state.global_step, "epoch": state.epoch}
            artifact = rltrack.Artifact(f"model-{run.id}", "model", metadata=facts)
            artifact.add_dir(os.path.join(args.output_dir or "", folder))
            run.log_artifact(artifact)
        except Exception as fault:
            run.survive("HuggingFaceCallback: keeping a checkpoint", fault)

    def _find_run(self, name: str | None) -> rltrack.Run:
        if self._run is not None and self._run.state == "running":
            return self._run
        found = self._given or (None if self._init else rltrack.run)
        self._run_is_ours = found is None
        self._run = found or rltrack.init(**({"name": name} if name else {}) | self._init)
        return self._run


def _named(key: str) -> str:
    """``eval_loss`` as ``eval/loss``; what has no such beginning is the training's."""
    kind, _, rest = key.partition("_")
    return f"{kind}/{rest}" if kind in ("eval", "test") and rest else f"train/{key}"


def _choices(args: TrainingArguments, model: Any) -> dict[str, Any]:
    """The arguments of the training over the config of the model, where a name is in both."""
    chosen: dict[str, Any] = {}
    config = getattr(model, "config", None)
    if config is not None:
        chosen |= config.to_dict()
    chosen |= args.to_dict()
    if hasattr(model, "num_parameters"):
        chosen["model/num_parameters"] = model.num_parameters()
    return chosen
