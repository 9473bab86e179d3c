"""Callbacks that record what a framework's own training loop does.

Each file holds one framework's, imports rltrack and that framework, and nothing of the
others. What is not a callback of a host's loop lives in `rltrack.hooks`. Installed as
`rltrack.callbacks`; `SB3Callback` loads Stable-Baselines3 when it is first asked for.
"""
