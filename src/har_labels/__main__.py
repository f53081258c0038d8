"""Starts the step: what has to stand before the first heavy import. `har-labels`, `python -m har_labels`, the entrypoint.

Nothing is imported here but what costs nothing.
"""

import gc
import os
import signal
import sys


def start() -> int:
    """Runs the command and returns its exit code."""
    # Imports leave no garbage, and looking for some costs a tenth of a short step; main switches it on again.
    gc.disable()
    # Process 1 is deaf to SIGTERM unless it says otherwise. Before main takes over nothing is written yet: end at once.
    for cancel in (signal.SIGINT, signal.SIGTERM):
        signal.signal(cancel, lambda number, _: os._exit(128 + number))
    from har_labels.main import main

    return main()


if __name__ == "__main__":
    sys.exit(start())
