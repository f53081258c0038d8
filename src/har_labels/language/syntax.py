"""From source to Jinja2's syntax tree, within limits: the only module that calls Jinja2.

It is imported when the first placeholder is met: labels without `{{` never load Jinja2.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from har_labels.display import shown
from har_labels.language.values import ExpressionError

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

LONGEST_SOURCE = 4096
_OPENING = re.compile(r"\{[{%#]")
# Jinja2's parser recurses: some 15 frames for a bracket, one for each of `not`, `-`, `+` and `if`.
_DEEPEST_BRACKETS = 20
_MOST_PREFIXES = 100
# What is meant by a sign behind the end of an expression.
_WAYS_ON = {
    "=": "`==` compares; a text stands in quotes: `'stage=prod' in current`.",
    ",": "Write one expression a line. Harness joins a YAML list with commas before a step sees it: use a block (`|`).",
}


def template_tree(source: str) -> list[str | nodes.Expr]:
    """The texts and the expressions of a template, in order. Raises ExpressionError if it can't be read."""
    if not _OPENING.search(source):
        return [source]
    _check_length(source)
    with _jinja_errors() as environment:
        from jinja2.parser import Parser

        _check_tokens(environment, source, None)
        return list(_parts(Parser(environment, source).parse()))


def expression_tree(source: str) -> nodes.Expr:
    """The one expression that `source` is. Raises ExpressionError if it is anything else."""
    if source.lstrip().startswith("{{"):
        raise ExpressionError("it has `{{ }}` around it", "Leave the braces away: `require` is an expression already.")
    _check_length(source)
    with _jinja_errors() as environment:
        from jinja2.parser import Parser

        _check_tokens(environment, source, "variable")
        parser = Parser(environment, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            left = str(parser.stream.current.value)
            raise ExpressionError(f"it goes on with `{shown(left)}` after its end", _WAYS_ON.get(left, ""))
        return tree


def _check_length(source: str) -> None:
    length = len(source.encode(errors="surrogatepass"))
    if length > LONGEST_SOURCE:
        raise ExpressionError(f"it has {length:,} bytes, and an expression may have {LONGEST_SOURCE:,}")


@cache
def _environment() -> Environment:
    from jinja2 import Environment

    return Environment(autoescape=True, keep_trailing_newline=True)


@contextmanager
def _jinja_errors() -> Iterator[Environment]:
    """Jinja2's parser, whose every complaint becomes an ExpressionError."""
    from jinja2 import TemplateSyntaxError

    try:
        with warnings.catch_warnings():
            # An escape such as `\d` in a string stays as it is, and Python would warn of it.
            warnings.simplefilter("ignore")
            yield _environment()
    except TemplateSyntaxError as error:
        told = str(error.message).replace("end of print statement", "}}")
        raise ExpressionError(f"it can't be read: {shown(told)}") from None
    except (ValueError, SyntaxError, RecursionError):
        # Digits of other scripts that only Jinja2's lexer takes for a number, and nesting.
        raise ExpressionError(
            "it can't be read: it has something like a number that isn't one, or is nested too deep"
        ) from None


def _check_tokens(environment: Environment, source: str, state: str | None) -> None:
    """Refuse statements and comments, which leave no trace in the tree, and what would exhaust the parser."""
    brackets = prefixes = 0
    for _line, kind, text in environment.lexer.tokeniter(source, None, state=state):
        if kind in {"block_begin", "comment_begin", "raw_begin"}:
            raise ExpressionError(
                "statements `{% %}` and comments `{# #}` are not allowed",
                "Leave them away, or write `{{ '{%' }}` for the text.",
            )
        brackets += (text in ("(", "[", "{")) - (text in (")", "]", "}")) if kind == "operator" else 0
        prefixes += text in ("not", "if", "-", "+") and kind in {"name", "operator"}
        if brackets > _DEEPEST_BRACKETS or prefixes > _MOST_PREFIXES:
            raise ExpressionError("it is nested too deep", "Make the expression simpler.")


def _parts(template: nodes.Template) -> Iterator[str | nodes.Expr]:
    for output in template.body:
        for node in getattr(output, "nodes", [output]):
            yield node.data if type(node).__name__ == "TemplateData" else node
