"""What is recorded without being asked for: where the run comes from, and how it ends.

Each module watches one thing, holds no run, and undoes what it changed.
"""
