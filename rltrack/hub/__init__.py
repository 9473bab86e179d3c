"""What only a team's server has: who may ask, and a place for what others' machines send.

`app.py` puts it together with the dashboard of `rltrack.server`, which goes on reading an
ordinary folder of runs. `config.py` says what can be set, `database.py` opens the database
(`models.py`: its tables; `migrations/`: how they came to be), `gate.py` decides who may ask
what, and `accounts/` are the routes of people, keys, teams and links. `receive.py` takes in runs
from other machines, into a `storage.py`. Read `app.py` first.
"""

from rltrack.extras import require

for _module in ("sqlalchemy", "alembic", "argon2", "starlette", "uvicorn"):
    require(_module, extra="server")
