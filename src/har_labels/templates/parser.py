"""Parses a source to Jinja2's syntax tree, within limits: the only module that imports Jinja2.

It is imported at the first placeholder: labels without `{{` never load Jinja2.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from har_labels.templates.keys import LONGEST_KEY, NameToken
from har_labels.templates.values import ExpressionError
from har_labels.text import shown

if TYPE_CHECKING:
    from jinja2 import Environment, nodes
    from jinja2.parser import Parser

LONGEST_SOURCE = 4096
_OPENING = re.compile(r"\{[{%#]")
# Jinja2's parser recurses: about 15 frames per bracket, one for each `not`, `-`, `+` and `if`.
_DEEPEST_BRACKETS = 20
_MOST_PREFIXES = 100
_BRACKETS = "Put what is before `[` in brackets: `(metrics.rows | last)['f1-score']`."
# Hints for a character after the end of an expression.
_HINTS_AFTER = {
    "=": "`==` compares; a text is written in quotes: `'stage=prod' in current`.",
    ",": "Write one expression a line. Harness joins a YAML list with commas before a step sees it: use a block (`|`).",
    "[": _BRACKETS,
}
# Hints for parts of Jinja2's error messages; the operators are those of GitHub's expressions.
_HINTS = {
    "got '['": _BRACKETS,
    "got '|'": "`or` is written as a word, as `and` and `not` are; a single `|` is for filters.",
    "unexpected char '&'": "`and` is written as a word, as `or` and `not` are.",
    "unexpected char '!'": "`not` is written as a word, as `and` and `or` are.",
}
_BETWEEN_RUNS = {"whitespace", "data", "variable_begin", "variable_end"}


def template_tree(source: str) -> list[str | nodes.Expr]:
    """The texts and the expressions of a template, in order. Raises ExpressionError if it can't be parsed."""
    if not _OPENING.search(source):
        return [source]
    _check_length(source)
    with _jinja_errors() as environment:
        return list(_parts(_parser(environment, source, None).parse()))


def expression_tree(source: str, asker: str) -> nodes.Expr:
    """The tree of the one expression `source`. Raises ExpressionError for anything else. `asker` is the name of its input."""
    if source.lstrip().startswith(("{{", "${{")):
        raise ExpressionError("it has `{{ }}` around it", f"Leave the braces out: `{asker}` is an expression already.")
    _check_length(source)
    with _jinja_errors() as environment:
        parser = _parser(environment, source, "variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            left = str(parser.stream.current.value)
            cure = _HINTS_AFTER.get(left, "")
            if source.split(None, 1)[0] in {"and", "or"}:
                cure = "A line continues on the next one if it ends in `and`, `or` or an operator, not if the next one begins with it."
            raise ExpressionError(f"it continues with `{shown(left)}` after its end", cure)
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
    """Makes an ExpressionError of every error of Jinja2's parser."""
    from jinja2 import TemplateSyntaxError

    try:
        with warnings.catch_warnings():
            # Python would warn of an escape such as `\d` in a string, which stays as it is.
            warnings.simplefilter("ignore")
            yield _environment()
    except ExpressionError:
        raise
    except TemplateSyntaxError as error:
        message = str(error.message).replace("end of print statement", "}}")
        cure = next((cure for sign, cure in _HINTS.items() if sign in message), "")
        raise ExpressionError(f"it can't be read: {shown(message)}", cure) from None
    except (ValueError, SyntaxError, RecursionError):
        # Digits of other scripts, which only Jinja2's lexer takes for a number, and deep nesting.
        raise ExpressionError(
            "it can't be read: it has something like a number that isn't one, or is nested too deep"
        ) from None


def _parser(environment: Environment, source: str, state: str | None) -> Parser:
    """Jinja2's parser of `source`, in which each name is a NameToken that knows the text around it."""
    from jinja2.lexer import TokenStream
    from jinja2.parser import Parser

    raw = list(environment.lexer.tokeniter(source, None, state=state))
    _check_tokens(raw)
    parser = Parser(environment, source, state=state)
    parser.stream = TokenStream(environment.lexer.wrap(_with_runs(raw)), None, None)
    return parser


def _with_runs(raw: Sequence[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """The tokens; each name is a NameToken with the text from it to the next blank."""
    run, marked = "", []
    for line, kind, text in reversed(raw):
        run = "" if kind in _BETWEEN_RUNS else f"{text}{run}"[:LONGEST_KEY]
        marked.append((line, kind, NameToken.of(text, run) if kind == "name" else text))
    return marked[::-1]


def _check_tokens(raw: Sequence[tuple[int, str, str]]) -> None:
    """Refuses statements and comments, which the tree does not show, the `$` of other languages, and too deep nesting."""
    brackets = prefixes = 0
    before = ""
    for _line, kind, text in raw:
        if kind in {"block_begin", "comment_begin", "raw_begin"}:
            raise ExpressionError(
                "statements `{% %}` and comments `{# #}` are not allowed",
                "Leave them out, or write `{{ '{%' }}` for the text.",
            )
        if kind == "variable_begin" and before.endswith("$"):
            raise ExpressionError(
                "it has a `$` directly before `{{`",
                "`${{ … }}` is GitHub's and is filled in before this step; leave the `$` out, or write `{{ '$' }}{{ … }}`.",
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
