"""What holds of every run, whatever happened to it."""

from __future__ import annotations

import re

from ci.runner_model import commands_in
from ci.steps import Done
from har_labels.errors import exit_codes

# Without the defect: that none of these tests may find.
EXIT_CODES = frozenset(int(code) for codes in exit_codes() for code in codes.split(",")) - {1}
OWN_COMMANDS = frozenset({"add-mask", "group", "endgroup", "error", "warning", "notice", "debug"})
_HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")


def check_orderly(done: Done) -> None:
    """An exit code of the table; one stable line for each failure, none without; nothing harmful on either stream."""
    assert done.code in EXIT_CODES, done.log
    assert bool(done.errors) == (done.code != 0), done.log
    assert len(done.stable_lines) == done.err.count("har-labels: error ")
    assert "Traceback" not in done.log
    assert not (found := _HARMFUL.search(done.log)), (found, done.log)
    commands = {command.name for stream in (done.out, done.err) for command in commands_in(stream)}
    assert commands <= (OWN_COMMANDS if done.ci in {"github", "hybrid"} else set()), done.log
    if "exit-code" in done.outputs:
        assert done.outputs["exit-code"] == str(done.code)
