"""What others have recorded, as runs.

Here live the readers of other tools' files and what makes runs of them. Nothing here listens
to a training that goes on in this process: that is `rltrack.hooks`, which may use these readers.

`recorded.py` brings a run of any tool here; `texts.py`, `mlflow.py`, `trackio.py` and `aim.py` tell
it what there is.

TensorBoard: `tensorboard_events.py` reads event files, `tensorboard_values.py` tells what an
event holds, `tensorboard_names.py` how that is called, `tensorboard_recorder.py` writes it
into a run; `tensorboard_sources.py` finds the runs of a log folder, and `tensorboard.py` imports
them.
"""
