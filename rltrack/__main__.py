"""`python -m rltrack` is the `rltrack` command."""

import sys

from rltrack.cli import main

sys.exit(main())
