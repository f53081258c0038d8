"""The tree of the error classes in the docstring of src/har_labels/errors.py."""

from __future__ import annotations

import re
import textwrap

from har_labels.errors import HarLabelsError, all_codes, exit_codes_of

_TREE = re.compile(r"^    HarLabelsError\n(?:    [│├└].*\n)*", re.MULTILINE)
_WIDTH = 110


def with_tree(text: str) -> str:
    """The source of errors.py with a generated tree: groups by exit code, below each the classes with a code."""
    groups = sorted(HarLabelsError.__subclasses__(), key=lambda group: group.exit_code)
    lines = [line for group in groups for line in _group(group, is_last=group is groups[-1])]
    tree = "".join(f"    {line}\n" for line in ("HarLabelsError", *lines))
    return _TREE.sub(lambda _: tree, text, count=1)


def _group(group: type[HarLabelsError], *, is_last: bool) -> list[str]:
    first, rail = ("└── ", "    ") if is_last else ("├── ", "│   ")
    below = [kind.__name__ for kind in all_codes() if issubclass(kind, group) and kind is not group]
    names = textwrap.wrap(" ".join(below), _WIDTH - 4)
    return [f"{first}{group.__name__} ".ljust(24) + exit_codes_of(group), *(f"{rail}    {line}" for line in names)]
