"""Reading runs: journals as NumPy columns, merged rows, exact series and their thinning.

Here lives what `Api` and the dashboard's server share. Nothing here writes into a run's
folder, and nothing knows of HTTP or pandas. Read `run.py` first, then `columns.py` and
`merge.py`; `series.py` and `thin.py` make charts of them, `project.py` keeps many runs,
`sql.py` asks them, `archive.py` and `unarchive.py` carry them elsewhere.
"""

from rltrack.extras import require

require("numpy", extra="analysis")
