"""The journal: what a run writes, and what every reader reads.

Here live the records, their bytes, the writer in the training process and the reader of
everybody else; and what records that are no rows come to (`book.py`, `definitions.py`,
`branches.py`), which the next process of a run asks as well as its readers do. Nothing here
needs more than the standard library. Read `records.py` first, then `format.py`.
"""
