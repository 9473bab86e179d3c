"""SQL in a process of its own, which reads what it is given and nothing else.

Here live the process (`worker.py`) and how it is asked (`ask.py`); what there is to ask about is
told by those who ask: `store/sql_views.py` for a project, `media/table_query.py` for a table.
Read `worker.py` first.
"""
