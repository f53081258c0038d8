"""har-labels changes the labels of artifacts in a Harness Artifact Registry, as one CI step.

    environment → platform → settings → entries → plan → outcomes → report → outputs, summary, exit code
                 which CI?   checked    asked    values   HTTP      values   each CI's own files

The folders are rooms. Each imports only from those below it, while the values flow as drawn above:

    main        the order of events, and the only place where an exception ends
    engine      one run: plan, check, write, verify, roll back
    request     inputs, manifests, policies, plan files and metrics files to which labels on which artifacts
    inputs      environment and command line to validated settings, with all problems reported at once
    platforms   GitHub, Harness, terminal: the inputs, log and results of each
    registry    the registry's API over HTTP: requests, answers, paging, retries of reads
    report      outcomes to verdict (status, counts, exit code), outputs, JSON, Markdown, diff
    templates   `{{ }}`, `require` and `where`: an expression language with limits
    model       labels and their arithmetic, goals, outcomes, addresses
    clock       monotonic time, deadline, cancellation, pace, backoff
    files       reading with a size limit, atomic writing
    errors      every way a run can fail, with its exit code
    text        making untrusted text harmless; spelling inputs for the current CI

The docstring of each room names its face; CONTRIBUTING.md has the tour; tests/docs checks the order of imports.
"""

__version__ = "0.1.0"
