"""Hooks that record what existing code does without being told.

Each file holds one library's, is a context manager or a wrapper, and undoes itself when the
run finishes; nothing here belongs to a framework's callback system: that is
`rltrack.callbacks`. Installed as `rltrack.hooks`.
"""
