"""What brings runs to a server: bytes by their offset, files by their digest, again and again.

`launch.py` starts a process beside the training and asks it how far it is; `python -m
rltrack.sync` is that process, `rltrack sync` does the same by hand. Both drive a `Shipment`
(`shipment.py`: one run, step by step), which speaks through `client.py` and says where it is in
`state.py`. Nothing here writes into a run's journal. Read `shipment.py` first.
"""
