"""`wandb.integration.sb3.WandbCallback`: `SB3Callback` with W&B's arguments.

W&B's logs no metric itself: a script that has it sets ``sync_tensorboard=True`` and a
``tensorboard_log`` beside it. Here that works as well, and what both would record is recorded once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from stable_baselines3.common.logger import TensorBoardOutputFormat

import rltrack
from rltrack.as_wandb.terminal import termwarn
from rltrack.callbacks.sb3 import SB3Callback
from rltrack.errors import NotInitializedError, UsageError


class WandbCallback(SB3Callback):
    """Record a training of Stable-Baselines3, in W&B's words.

    Args:
        verbose: SB3's.
        model_save_path: folder in which ``model.zip`` is kept up to date; its content is saved
            with the run.
        model_save_freq: calls of the callback from one save to the next; 0 saves at the end.
        gradient_save_freq: optimizer steps from one look at the policy to the next; 0 for none.
        log: what such a look takes: ``gradients``, ``parameters``, ``all`` or None.

    Raises:
        NotInitializedError: there is no run.
        UsageError: `model_save_freq` without `model_save_path`.
    """

    def __init__(
        self,
        verbose: int = 0,
        model_save_path: str | None = None,
        model_save_freq: int = 0,
        gradient_save_freq: int = 0,
        log: Literal["gradients", "parameters", "all"] | None = "all",
    ) -> None:
        if rltrack.run is None:
            raise NotInitializedError("You must call wandb.init() before WandbCallback()")
        if log not in ("gradients", "parameters", "all", None):
            termwarn(
                "`log` must be one of `None`, 'gradients', 'parameters', or 'all', falling back to 'all'"
            )
            log = "all"
        if model_save_path is None and model_save_freq:
            raise UsageError(
                f"WandbCallback(model_save_freq={model_save_freq}): say where, as model_save_path="
            )
        super().__init__(
            rltrack.run,
            gradients=gradient_save_freq if log in ("gradients", "all") else 0,
            parameters=gradient_save_freq if log in ("parameters", "all") else 0,
            verbose=verbose,
        )
        self.model_save_freq = model_save_freq
        self.model_save_path = model_save_path
        self.gradient_save_freq = gradient_save_freq
        self.log = log
        if model_save_path is not None:
            Path(model_save_path).mkdir(parents=True, exist_ok=True)
            self.path = str(Path(model_save_path, "model.zip"))

    def _join_logger(self, run: rltrack.Run) -> None:
        if not self._told_by_tensorboard(run):
            super()._join_logger(run)

    def _told_by_tensorboard(self, run: rltrack.Run) -> bool:
        """Whether all that SB3's logger records reaches the run through TensorBoard's writer."""
        formats = self.model.logger.output_formats
        if not any(isinstance(format, TensorBoardOutputFormat) for format in formats):
            return False
        from rltrack.hooks.tensorboard import hears

        return hears(run)

    def _on_step(self) -> bool:
        if self.model_save_freq > 0 and self.n_calls % self.model_save_freq == 0:
            self.save_model()
        return super()._on_step()

    def _on_training_end(self) -> None:
        if self.model_save_path is not None:
            self.save_model()
        super()._on_training_end()

    def save_model(self) -> None:
        """Save the model into its file, and the file with the run."""
        self.model.save(self.path)
        save: Any = getattr(self._run, "save", None)
        if save is not None:
            self._attempt("saving the model", lambda: save(self.path, self.model_save_path))
