"""How the database's schema came to be: Alembic's steps, one file each, in `versions/`.

A step that was released never changes. `tests/hub/test_database.py` sees to it that all of
them together give the tables of `models.py`.
"""
