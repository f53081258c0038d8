"""From source to Jinja2's syntax tree, within limits: the only module that calls Jinja2.

It is imported when the first placeholder is met: labels without `{{` never load Jinja2.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from har_labels.templates.keys import LONGEST_KEY, Word
from har_labels.templates.values import ExpressionError
from har_labels.text import shown

if TYPE_CHECKING:
    from jinja2 import Environment, nodes
    from jinja2.parser import Parser

LONGEST_SOURCE = 4096
_OPENING = re.compile(r"\{[{%#]")
# Jinja2's parser recurses: some 15 frames for a bracket, one for each of `not`, `-`, `+` and `if`.
_DEEPEST_BRACKETS = 20
_MOST_PREFIXES = 100
_BRACKETS = "Put what is before `[` in brackets: `(metrics.rows | last)['f1-score']`."
# What is meant by a sign behind the end of an expression.
_WAYS_ON = {
    "=": "`==` compares; a text stands in quotes: `'stage=prod' in current`.",
    ",": "Write one expression a line. Harness joins a YAML list with commas before a step sees it: use a block (`|`).",
    "[": _BRACKETS,
}
# What Jinja2 says of what it can't read, and what was meant there: the signs are those of GitHub's expressions.
_MEANT = {
    "got '['": _BRACKETS,
    "got '|'": "`or` is written as a word, as `and` and `not` are; a single `|` stands before a filter.",
    "unexpected char '&'": "`and` is written as a word, as `or` and `not` are.",
    "unexpected char '!'": "`not` is written as a word, as `and` and `or` are.",
}
_BETWEEN_RUNS = {"whitespace", "data", "variable_begin", "variable_end"}


def template_tree(source: str) -> list[str | nodes.Expr]:
    """The texts and the expressions of a template, in order. Raises ExpressionError if it can't be read."""
    if not _OPENING.search(source):
        return [source]
    _check_length(source)
    with _jinja_errors() as environment:
        return list(_parts(_parser(environment, source, None).parse()))


def expression_tree(source: str, asker: str) -> nodes.Expr:
    """The one expression that `source` is. Raises ExpressionError if it is anything else.

    `asker` is the input that it was given with.
    """
    if source.lstrip().startswith(("{{", "${{")):
        raise ExpressionError("it has `{{ }}` around it", f"Leave the braces away: `{asker}` is an expression already.")
    _check_length(source)
    with _jinja_errors() as environment:
        parser = _parser(environment, source, "variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            left = str(parser.stream.current.value)
            cure = _WAYS_ON.get(left, "")
            if source.split(None, 1)[0] in {"and", "or"}:
                cure = "A line goes on in the next if it ends in `and`, `or` or an operator, not if the next begins so."
            raise ExpressionError(f"it goes on with `{shown(left)}` after its end", cure)
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
        cure = next((cure for sign, cure in _MEANT.items() if sign in told), "")
        raise ExpressionError(f"it can't be read: {shown(told)}", cure) from None
    except (ValueError, SyntaxError, RecursionError):
        # Digits of other scripts that only Jinja2's lexer takes for a number, and nesting.
        raise ExpressionError(
            "it can't be read: it has something like a number that isn't one, or is nested too deep"
        ) from None


def _parser(environment: Environment, source: str, state: str | None) -> Parser:
    """Jinja2's parser of `source`, whose names know the text that they stand in."""
    from jinja2.lexer import TokenStream
    from jinja2.parser import Parser

    raw = list(environment.lexer.tokeniter(source, None, state=state))
    _check_tokens(raw)
    parser = Parser(environment, source, state=state)
    parser.stream = TokenStream(environment.lexer.wrap(_with_runs(raw)), None, None)
    return parser


def _with_runs(raw: Sequence[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """The tokens, each name as a Word with what follows it without a blank."""
    run, marked = "", []
    for line, kind, text in reversed(raw):
        run = "" if kind in _BETWEEN_RUNS else f"{text}{run}"[:LONGEST_KEY]
        marked.append((line, kind, Word.of(text, run) if kind == "name" else text))
    return marked[::-1]


def _check_tokens(raw: Sequence[tuple[int, str, str]]) -> None:
    """Refuse statements and comments, which leave no trace in the tree, another language's `$`, and what would exhaust the parser."""
    brackets = prefixes = 0
    before = ""
    for _line, kind, text in raw:
        if kind in {"block_begin", "comment_begin", "raw_begin"}:
            raise ExpressionError(
                "statements `{% %}` and comments `{# #}` are not allowed",
                "Leave them away, or write `{{ '{%' }}` for the text.",
            )
        if kind == "variable_begin" and before.endswith("$"):
            raise ExpressionError(
                "it has a `$` directly before `{{`",
                "`${{ … }}` is GitHub's and is filled in before this step; leave the `$` away, or write `{{ '$' }}{{ … }}`.",
            )
        brackets += (text in ("(", "[", "{")) - (text in (")", "]", "}")) if kind == "operator" else 0
        prefixes += text in ("not", "if", "-", "+") and kind in {"name", "operator"}
        if brackets > _DEEPEST_BRACKETS or prefixes > _MOST_PREFIXES:
            raise ExpressionError("it is nested too deep", "Make the expression simpler.")
        before = text


def _parts(template: nodes.Template) -> Iterator[str | nodes.Expr]:
    for output in template.body:
        for node in getattr(output, "nodes", [output]):
            yield node.data if type(node).__name__ == "TemplateData" else node
