"""What a text in a metrics file stands for, where it isn't just itself (contract §3).

DVCLive and scripts for SageMaker write NaN as a text, and NumPy 2 prints its numbers as `np.float64(0.93)`.
"""

from __future__ import annotations

import re
from typing import Any

from har_labels.inputs.metric_files import Unfit
from har_labels.inputs.yaml import DEEPEST
from har_labels.model.unusable import Unusable

_NOT_FINITE = re.compile(r"\s*[-+]?\.?(?:nan|inf(?:inity)?)\s*", re.IGNORECASE)
# Python's own form of a number or an array. Of NumPy's it may be a part of the text, as in a list that was printed.
_PRINTED = re.compile(
    r"""(?x)
    .* (?<![\w.]) (?:np|numpy|jnp|jax|cupy|cp) \. (?:float|int|uint|complex|bool|str|longdouble|bfloat|datetime|array)\w* \( .*
    | \s* [-+]? (?:np|numpy|math) \. (?:True_|False_|nan|inf) \s*
    | \s* (?:[A-Za-z_]\w*\.)* (?:array|tensor|Tensor|EagerTensor|Array|DeviceArray|Parameter|Decimal|Fraction
      | (?:float|int|uint|bfloat|complex)\d+ | Timestamp | timedelta | Timedelta | datetime | date) \( .* \) \s*
    | \s* <(?:tf\.Tensor|tf\.Variable|class|function|bound\ method|built-in)\b .* > \s*
    | \s* <[\w.]+ (?:\ .*)? \ at\ 0x[0-9a-f]+ > \s*
    """,
    re.DOTALL,
)
_LONGEST_PRINTED = 100_000
# Longer than `-numpy.False_`, with blanks around it.
_LONGEST_WORD = 20


def meant_by(text: str) -> object:
    """The value that `text` stands for: NaN and infinity as numbers, what Python printed as Unusable, else itself."""
    if (len(text) < _LONGEST_WORD or len(text.strip()) < _LONGEST_WORD) and _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    end = text.rstrip()[-1:]
    if (
        (end in {")", ">"} or "(" in text or len(text) < _LONGEST_WORD)
        and len(text) <= _LONGEST_PRINTED
        and _PRINTED.fullmatch(text)
    ):
        return Unusable(
            "it is a text that Python printed, such as `np.float64(0.93)`, and no number",
            "Write `float(value)`, or `value.item()`, into the file.",
        )
    return text


def settle(document: dict[str, object] | list[object]) -> None:
    """Puts in place of each text what it stands for; looks at one level at a time.

    Raises Unfit if lists and mappings are nested too deep.
    """
    level: list[dict[str, object] | list[object]] = [document]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _settled(each)]
    if level:
        raise Unfit(f"is nested more than {DEEPEST} deep")


def _settled(one: dict[str, object] | list[object]) -> list[dict[str, object] | list[object]]:
    """Settles the texts of one list or mapping; returns the lists and mappings in it."""
    inner: list[dict[str, object] | list[object]] = []
    places: Any = one  # each kind has its own keys
    for key, value in one.items() if isinstance(one, dict) else enumerate(one):
        if isinstance(value, str):
            if (meant := meant_by(value)) is not value:
                places[key] = meant
        elif isinstance(value, dict | list):
            inner.append(value)
    return inner
