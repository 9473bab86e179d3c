"""Sweeps: many trials of one program, and which parameters each of them gets.

What lives here: the schema of a sweep, its methods of search, the ledger of its trials in a plain
folder, and agents that run them. What never will: anything that a run needs to record itself.
Read `schema.py` first, then `ledger.py`: what agents agree on without a server.
"""
