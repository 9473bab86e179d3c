"""The journal: what a run writes, and what every reader reads.

Here live the records, their bytes, the writer in the training process and the reader of
everybody else. Nothing here knows what a metric means, and nothing needs more than the
standard library. Read `records.py` first, then `format.py`.
"""
