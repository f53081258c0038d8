"""har-labels changes the labels of artifacts in a Harness Artifact Registry, as one CI step.

    environment → platform → settings → entries → plan → outcomes → report → outputs, summary, exit code
                 which CI?   checked    asked    values   HTTP      values   each CI's own files

A run goes through the rooms from top to bottom, and each imports only from those below it:

    main        the order of events, and the only place where an exception ends
    engine      one run: plan, check, write, verify, roll back
    request     which labels on which artifacts are asked for: inputs, manifests, policies, plan files, metrics
    inputs      environment and command line to checked settings, all problems at once
    platforms   GitHub, Harness, terminal: the inputs, log and results of each
    registry    the registry's API over HTTP: requests, answers, paging, retries of reads
    report      outcomes to verdict, outputs, JSON, Markdown and diff
    templates   `{{ }}`, `require` and `where`: a bounded expression language
    model       the values that all rooms share: labels, goals, outcomes, addresses
    clock       monotonic time, deadline, cancel, pace, backoff
    files       reading with a limit, writing whole or not at all
    errors      every way a run can fail, with its exit code
    text        text in messages: that of others made harmless, inputs in ours spelt for their reader

The docstring of each room names its face; CONTRIBUTING.md has the tour, and tests/docs keeps this order true.
"""

__version__ = "0.1.0"
