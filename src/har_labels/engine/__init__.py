"""One run: plan, check, write, verify, roll back.

Hides the order of reads and writes by which no label is lost to another writer, a fault or a kill (contract §5).
Its face: `run.Run`.
"""
