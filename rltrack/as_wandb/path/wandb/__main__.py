"""`python -m wandb`: see `rltrack.as_wandb.cli`."""

import sys

from rltrack.as_wandb.cli import cli

sys.exit(cli())
