"""The start of `har-labels`, `python -m har_labels` and `entrypoint`: only the work that must precede slow imports.

Only modules that cost no start-up time are imported here.
"""

import gc
import os
import signal
import sys


def start() -> int:
    """Runs the command and returns its exit code."""
    # Imports leave no garbage, and collecting takes a tenth of a short step; main enables it again.
    gc.disable()
    # As PID 1 the process ignores SIGTERM unless a handler is installed. Before main installs its own nothing is written: exit.
    for cancel in (signal.SIGINT, signal.SIGTERM):
        signal.signal(cancel, lambda number, _: os._exit(128 + number))
    from har_labels.main import main

    return main()


if __name__ == "__main__":
    sys.exit(start())
