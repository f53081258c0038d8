"""One run: plan, check, write, verify, roll back.

Hides when labels are read and written, so that no label is lost to another writer, a fault or a kill (contract §5).
Its face: `run.Run`.
"""
