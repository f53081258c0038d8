"""The language of templates and `require`: Jinja2's grammar, held to an allow-list of its syntax tree.

Jinja2 only parses. What is on the list becomes functions of evaluation.py; everything else is refused
before anything is evaluated: no Python object, no attribute, no call. Contract §3 "Templates".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from har_labels.display import shown
from har_labels.language import evaluation
from har_labels.language.evaluation import DEFAULT, Evaluate, Key
from har_labels.language.filters import FILTERS
from har_labels.language.scope import CI_NAMES
from har_labels.language.syntax import expression_tree, template_tree
from har_labels.language.values import LARGEST_NUMBER, ExpressionError, listed, path_to

if TYPE_CHECKING:
    from jinja2 import nodes

LABEL_NAMES = frozenset({"metrics", "ci", "now", "artifact", "registry"})
REQUIRE_NAMES = LABEL_NAMES | {"current", "labels"}

_DEEPEST = 60
_WITHOUT_PARTS = frozenset({"now", "artifact", "registry"})
_REFUSED = {
    "Call": "a call `…()`",
    "Concat": "`~`",
    "Dict": "a mapping `{…}`",
    "Div": "`/`",
    "FloorDiv": "`//`",
    "List": "a list that isn't behind `in`",
    "Mod": "`%`",
    "Mul": "`*`",
    "Pow": "`**`",
    "Slice": "a slice `[a:b]`",
    "Test": "a test `is …`",
    "Tuple": "a list that isn't behind `in`",
}
_WAY_OUT = {
    "Concat": "Put the parts beside one another: `{{ a }}{{ b }}`.",
    "Mod": "Use a filter: `'%.3f' | format(metrics.loss)`.",
    "Test": "Ask `'x' in metrics` for a metric that may be missing, or put `| default('…')` behind it.",
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression; `names` are the paths it reads, such as `now`, `ci.branch`, `metrics.val.acc`."""

    evaluate: Evaluate
    names: frozenset[str]


def parse_template(source: str) -> tuple[str | Expression, ...]:
    """The texts and placeholders of a label template. Raises ExpressionError."""
    return tuple(part if isinstance(part, str) else compiled(part, LABEL_NAMES) for part in template_tree(source))


def parse_requirement(source: str) -> Expression:
    """The one expression of a `require`. Raises ExpressionError."""
    return compiled(expression_tree(source), REQUIRE_NAMES)


def compiled(node: nodes.Node, names: frozenset[str]) -> Expression:
    """The expression that `node` of Jinja2's tree stands for. Raises ExpressionError for all that isn't allowed."""
    compiler = _Compiler(names)
    evaluate = compiler.compile(node)
    return Expression(evaluate, frozenset(compiler.read))


class _Compiler:
    """Walks one tree; `read` collects the paths it reads, each as far as it is constant."""

    def __init__(self, names: frozenset[str]) -> None:
        self.read: set[str] = set()
        self._names = names
        self._depth = 0
        # By the name of the very class, so that a subclass or a new kind of node is refused, not inherited.
        self._allowed: dict[str, Callable[[Any], Evaluate]] = {
            "Const": self._const,
            "Name": self._chain,
            "Getattr": self._chain,
            "Getitem": self._chain,
            "Filter": self._filter,
            "CondExpr": self._condition,
            "Compare": self._comparison,
            "And": self._and,
            "Or": self._or,
            "Not": self._not,
            "Add": lambda node: evaluation.added(*self._both(node)),
            "Sub": lambda node: evaluation.subtracted(*self._both(node)),
            "Neg": lambda node: evaluation.negated(self.compile(node.node)),
            "Pos": lambda node: evaluation.unchanged(self.compile(node.node)),
        }

    def compile(self, node: nodes.Node) -> Evaluate:
        kind = type(node).__name__
        if kind not in self._allowed:
            what = _REFUSED.get(kind, f"Jinja2's {kind}")
            raise ExpressionError(f"{what} is not allowed", _WAY_OUT.get(kind, ""))
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"it is nested more than {_DEEPEST} deep", "Make the expression simpler.")
        evaluate = self._allowed[kind](node)
        self._depth -= 1
        return evaluate

    def _both(self, node: nodes.BinExpr) -> tuple[Evaluate, Evaluate]:
        return self.compile(node.left), self.compile(node.right)

    def _const(self, node: nodes.Const) -> Evaluate:
        value = node.value
        if value is None:
            raise ExpressionError(
                "`none` is not allowed",
                "Put `| default('…')` behind a value that may be missing.",
            )
        if isinstance(value, int | float) and abs(value) >= LARGEST_NUMBER:
            raise ExpressionError("a number in it is too large")
        return lambda _run: value

    def _chain(self, node: nodes.Expr) -> Evaluate:
        """A name and what is taken from it: `metrics.val['acc'][0]`."""
        at: Any = node
        steps: list[Any] = []
        while type(at).__name__ in {"Getattr", "Getitem"}:
            steps.append(at)
            at = at.node
        if type(at).__name__ != "Name":
            raise ExpressionError("`.` and `[…]` are allowed behind a name only, such as `metrics`")
        keys = [self._key(step) for step in reversed(steps)]
        self._check_name(at.name, len(keys))
        self._note_path(at.name, list(reversed(steps)))
        return evaluation.reader(at.name, keys)

    def _key(self, step: Any) -> Key:
        if type(step).__name__ == "Getattr":
            name: str = step.attr
            return Key(lambda _run: name)
        return Key(self.compile(step.arg))

    def _check_name(self, name: str, parts: int) -> None:
        if name not in self._names:
            only = ", which only `require` knows" if name in REQUIRE_NAMES else ""
            raise ExpressionError(f"there is no name `{shown(name)}` here{only}; there are {listed(self._names)}")
        if name in _WITHOUT_PARTS and parts:
            hint = "Write `now | date('%Y')` for parts of the time." if name == "now" else "Use the name alone."
            raise ExpressionError(f"`{name}` has no parts", hint)
        if name == "ci" and parts != 1:
            raise ExpressionError(
                "`ci` needs one name behind it",
                f"Write `ci.branch`; there are {listed(CI_NAMES, most=20)}.",
            )

    def _note_path(self, name: str, steps: Sequence[Any]) -> None:
        path = name
        for step in steps:
            if type(step).__name__ == "Getitem" and type(step.arg).__name__ != "Const":
                break
            key = step.attr if type(step).__name__ == "Getattr" else step.arg.value
            if name == "ci":
                evaluation.check_ci(key)
            path = path_to(path, key)
        self.read.add(path)

    def _filter(self, node: nodes.Filter) -> Evaluate:
        wanted = DEFAULT if node.name == "default" else FILTERS.get(node.name)
        if wanted is None:
            raise ExpressionError(f"there is no filter `{shown(node.name)}`; there are {listed([*FILTERS, 'default'])}")
        pairs: list[Any] = node.kwargs
        named: dict[str, Evaluate] = {pair.key: self.compile(pair.value) for pair in pairs}
        if node.node is None or node.dyn_args or node.dyn_kwargs or len(named) < len(pairs):
            raise ExpressionError(f"`{node.name}` takes each argument once, and no `*` or `**`")
        subject, positional = self.compile(node.node), [self.compile(argument) for argument in node.args]
        if wanted.is_open:
            evaluation.bound(node.name, wanted, [], named)
            return evaluation.filtered(wanted, subject, positional, {})
        arguments = evaluation.bound(node.name, wanted, positional, named)
        if wanted is DEFAULT:
            return evaluation.defaulted(subject, arguments)
        return evaluation.filtered(wanted, subject, [], arguments)

    def _condition(self, node: nodes.CondExpr) -> Evaluate:
        if node.expr2 is None:
            raise ExpressionError("`if` has no `else`", "Add what is wanted otherwise: `… else ''`.")
        test, yes, no = (self.compile(each) for each in (node.test, node.expr1, node.expr2))
        return lambda run: yes(run) if test(run) else no(run)

    def _comparison(self, node: nodes.Compare) -> Evaluate:
        return evaluation.compared(
            self.compile(node.expr),
            [(operand.op, self._operand(operand)) for operand in node.ops],
        )

    def _operand(self, operand: nodes.Operand) -> Evaluate:
        """The right side of a comparison; behind `in` it may be a list of constants."""
        node: Any = operand.expr
        if operand.op not in {"in", "notin"} or type(node).__name__ not in {"List", "Tuple"}:
            return self.compile(node)
        if any(not _is_constant(item) for item in node.items):
            raise ExpressionError("a list behind `in` holds constants only", "Write `x == a or x == b` instead.")
        items = [self.compile(item) for item in node.items]
        return lambda run: [item(run) for item in items]

    def _and(self, node: nodes.And) -> Evaluate:
        left, right = self._both(node)
        return lambda run: left(run) and right(run)

    def _or(self, node: nodes.Or) -> Evaluate:
        left, right = self._both(node)
        return lambda run: left(run) or right(run)

    def _not(self, node: nodes.Not) -> Evaluate:
        inner = self.compile(node.node)
        return lambda run: not inner(run)


def _is_constant(node: Any) -> bool:
    inner = node.node if type(node).__name__ in {"Neg", "Pos"} else node
    return type(inner).__name__ == "Const"
