"""Values that are files: what they are, and the worker that writes them.

Here live the types that users log and their encoders; nothing here knows of runs or rows.
Read `base.py` first, then `store.py`.
"""
