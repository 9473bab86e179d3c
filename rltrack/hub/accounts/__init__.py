"""The routes of people: signing in, keys, teams, links, and what administrators do.

`asked.py` first: how each is written. `routes.py` lists them all; what each needs stands in
`rltrack.hub.gate.RULES`, and its work in the file of its subject.
"""
