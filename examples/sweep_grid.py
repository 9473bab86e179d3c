"""Try every value of a parameter, without a server.

    python examples/sweep_grid.py          a second
    rltrack sweep                          lists the sweep, `rltrack sweep ID` its trials

You will see one line a trial, and at the end the trial with the least loss. Start the program with
`--sweep ID` in as many terminals as you like, also on other machines that see the folder: they
share the trials out, and one that is killed leaves its trial to the others.

Needs: pip install 'rltrack[sweeps]'
"""

import argparse

import rltrack

parser = argparse.ArgumentParser()
parser.add_argument("--sweep", help="go on with this one")
options = parser.parse_args()


def train() -> None:
    """One trial; agents call it once for each."""
    with rltrack.init() as run:
        a = run.config.a
        for step in range(10):
            run.log({"loss": (a - 3) ** 2 + 1 / (step + 1)})


sweep_id = options.sweep or rltrack.sweep(
    {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"a": {"values": [1, 2, 3, 4, 5]}},
    },
    project="sweep-grid",
)
rltrack.agent(sweep_id, train)

sweep = rltrack.Api().sweep(sweep_id)
print(sweep.dataframe()[["trial", "state", "a", "loss"]])
best = sweep.best_run()
assert best is not None
print(f"the best is a = {best.config['a']}, with a loss of {best.summary['loss']:.2f}")
