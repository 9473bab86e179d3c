"""Read runs back: `rltrack.Api`.

    api = rltrack.Api()
    for run in api.runs("cartpole", filters={"config.seed": {"$lt": 3}}, order="-created_at"):
        print(run.name, run.summary["rollout/ep_rew_mean"])
        frame = run.history()

Everything is read from the folder, while it is being written or after, and exactly: there is
no sampling unless `samples=` asks for it.

`entry.py` is `Api`, the way in. A `Run` is made of layers, each a file that stands on the one before:
`recorded.py` (what it is), `files.py` (what it keeps), `rows.py` (what it logged), `wandb.py` (the
same in W&B's words), `run.py`.
"""

from rltrack.api.entry import Api
from rltrack.api.files import File
from rltrack.api.run import Run
from rltrack.api.runs import Runs

__all__ = ["Api", "File", "Run", "Runs"]
