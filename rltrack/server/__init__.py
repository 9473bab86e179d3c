"""The dashboard's server: HTTP over `rltrack.store`, and the built page.

`app.py` has the routes, `answers.py` what they say, `frame.py` the bytes of charts, `changes.py`
the streams of "what changed", `guard.py` who may ask, and `run.py` starts it all. The page is
built from `rltrack/dashboard` into `static/`.
"""

from rltrack.extras import require

for _module in ("numpy", "starlette", "uvicorn"):
    require(_module, extra="dashboard")
