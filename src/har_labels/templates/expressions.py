"""The language of templates, `require` and `where`: Jinja2's grammar, held to an allow-list of its syntax tree.

Jinja2 only parses. What is on the list becomes functions of evaluation.py; everything else is refused
before anything is evaluated: no Python object, no attribute, no call. Contract §3 "Templates".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from har_labels.templates import evaluation
from har_labels.templates.evaluation import Evaluate, Step
from har_labels.templates.filters import DEFAULT, FILTERS, Filter
from har_labels.templates.keys import first_parts, path_to
from har_labels.templates.scope import CI_NAMES, LABEL_NAMES, NAMES, REQUIRE_NAMES, WHERE_NAMES, Shape
from har_labels.templates.sequences import COMPARING, TESTS, tested
from har_labels.templates.syntax import expression_tree, template_tree
from har_labels.templates.values import LARGEST_NUMBER, ExpressionError, is_true, listed
from har_labels.text import shown

if TYPE_CHECKING:
    from jinja2 import nodes

_DEEPEST = 60
_REFUSED = {
    "Call": "a call `…()`",
    "Concat": "`~`",
    "Dict": "a mapping `{…}`",
    "FloorDiv": "`//`",
    "List": "a list that isn't behind `in`",
    "Mod": "`%`",
    "Pow": "`**`",
    "Slice": "a slice `[a:b]` of several dimensions",
    "Tuple": "a list that isn't behind `in`",
}
_WAY_OUT = {
    "Concat": "Put the parts beside one another: `{{ a }}{{ b }}`.",
    "FloorDiv": "Divide by `/`; `| int` takes the fraction away.",
    "Mod": "Use a filter: `'%.3f' | format(metrics.loss)`.",
}
# As Jinja2's `float(0)`: another way to write `| float | default(0)`.
_WITH_DEFAULT = (FILTERS["float"], FILTERS["int"])
_LIST_KINDS = frozenset({"List", "Tuple"})
_SUBSCRIPTS = frozenset({"Getattr", "Getitem"})


@dataclass(frozen=True, slots=True)
class PresenceTest:
    """A test of whether a value is there; `says` is the README's line."""

    make: Callable[[Evaluate], Evaluate]
    says: str


OF_PRESENCE = {
    "defined": PresenceTest(evaluation.is_defined, "whether it is there, though it may be null"),
    "undefined": PresenceTest(lambda subject: _negated(evaluation.is_defined(subject)), "whether it isn't there"),
    "none": PresenceTest(evaluation.is_none, "whether it is null; one that isn't there is an error"),
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
    return compiled(expression_tree(source, "require"), REQUIRE_NAMES)


def parse_selection(source: str) -> Expression:
    """The one expression of a line of `where`, for which what an artifact lacks is no error. Raises ExpressionError."""
    compiler = _Selecting(WHERE_NAMES)
    evaluate = compiler.condition(expression_tree(source, "where"))
    return Expression(evaluate, frozenset(compiler.read))


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
            "Mul": lambda node: evaluation.multiplied(*self._both(node)),
            "Div": lambda node: evaluation.divided(*self._both(node)),
            "Neg": lambda node: evaluation.negated(self.compile(node.node)),
            "Pos": lambda node: evaluation.unchanged(self.compile(node.node)),
            "Test": self._test,
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
                "Ask `… is none`, or `… is defined` of a value that may be missing.",
            )
        if isinstance(value, int | float) and abs(value) >= LARGEST_NUMBER:
            raise ExpressionError("a number in it is too large")
        return lambda _run: value

    def _chain(self, node: nodes.Expr) -> Evaluate:
        """What is taken from a name, or from an expression in brackets: `metrics.val['acc'][0]`, `(… | last).acc[:5]`."""
        at: Any = node
        parts: list[Any] = []
        while type(at).__name__ in _SUBSCRIPTS:
            parts.append(at)
            at = at.node
        parts.reverse()
        if type(at).__name__ == "Const":
            raise ExpressionError("`.` and `[…]` are allowed behind a name only, or behind brackets")
        if type(at).__name__ != "Name":
            return evaluation.behind_brackets(self.compile(at), [self._step(each) for each in parts])
        self._check_name(at.name, parts)
        self._note_path(at.name, parts)
        steps = [self._step(each) for each in parts]
        if at.name == "ci":
            steps[0] = evaluation.to_ci_fact(self._key(parts[0]))
        return evaluation.reader(at.name, steps)

    def _step(self, node: Any) -> Step:
        if _is_slice(node):
            span = node.arg
            return evaluation.to_cut(*(each and self.compile(each) for each in (span.start, span.stop, span.step)))
        return evaluation.to_part(self._key(node))

    def _key(self, node: Any) -> Evaluate:
        if type(node).__name__ == "Getattr":
            name: str = node.attr
            return lambda _run: name
        return self.compile(node.arg)

    def _check_name(self, name: str, parts: Sequence[Any]) -> None:
        if name not in self._names:
            knower = "require" if name in REQUIRE_NAMES else "where" if name in WHERE_NAMES else ""
            only = f", which only `{knower}` knows" if knower else ""
            raise ExpressionError(
                f"there is no name `{shown(name)}` here{only}; there are {listed(self._names, most=20)}"
            )
        shape, is_cut = NAMES[name].shape, [_is_slice(each) for each in parts]
        if shape is Shape.TIME and parts:
            raise ExpressionError(f"`{name}` has no parts", f"Write `{name} | date('%Y')` for parts of the time.")
        if shape is Shape.PLAIN and parts:
            raise ExpressionError(f"`{name}` has no parts", "Use the name alone.")
        if shape is Shape.TEXT and not all(is_cut):
            raise ExpressionError(f"`{name}` has no parts", "Use the name alone, or cut it: `[:12]`.")
        if shape is Shape.CI and (is_cut[:1] != [False] or not all(is_cut[1:])):
            raise ExpressionError(
                "`ci` needs one name behind it",
                f"Write `ci.branch`; there are {listed(CI_NAMES, most=20)}.",
            )
        key = _constant_key(parts[0]) if parts else None
        if shape is Shape.LIST and isinstance(key, str):
            raise ExpressionError(
                f"`{name}` is a list and has no names such as `{shown(key)}`",
                f"`{shown(path_to(f'{name}_map', key))}` is the value of the label with this key.",
            )

    def _note_path(self, name: str, parts: Sequence[Any]) -> None:
        path = name
        for part in parts:
            key = _constant_key(part)
            if key is None:
                break
            if name == "ci":
                evaluation.check_ci(key)
            path = path_to(path, key)
        self.read.add(path)

    def _filter(self, node: nodes.Filter) -> Evaluate:
        wanted = FILTERS.get(node.name)
        if wanted is None:
            known, _dot, rest = node.name.partition(".")
            cure = f"Put it in brackets: `(… | {known}).{shown(rest)}`." if known in FILTERS else ""
            raise ExpressionError(
                f"there is no filter `{shown(node.name)}`; there are {listed(FILTERS, most=40)}", cure
            )
        if node.node is None:
            raise ExpressionError(f"`{node.name}` has nothing before it")
        positional, named = self._arguments(node)
        subject = self.compile(node.node)
        if wanted.is_open:
            _bound(node.name, wanted, [], named)
            return evaluation.filtered(wanted, subject, positional, {})
        arguments = _bound(node.name, wanted, positional, named)
        if wanted is DEFAULT:
            return evaluation.defaulted(subject, arguments)
        otherwise = arguments.pop("default", None) if wanted in _WITH_DEFAULT else None
        evaluate = evaluation.filtered(wanted, subject, [], arguments)
        return evaluation.defaulted(evaluate, {"default_value": otherwise}) if otherwise else evaluate

    def _test(self, node: nodes.Test) -> Evaluate:
        positional, named = self._arguments(node)
        subject = self.compile(node.node)
        if node.name in OF_PRESENCE:
            if positional or named:
                raise ExpressionError(f"`is {node.name}` takes nothing behind it")
            return OF_PRESENCE[node.name].make(subject)
        if node.name not in TESTS:
            every = listed([*OF_PRESENCE, *TESTS], most=40)
            cure = f"Write `is {node.name.lower()}`." if node.name.lower() in OF_PRESENCE else ""
            raise ExpressionError(f"a test `is {shown(node.name)}` is not known; there are {every}", cure)
        if len(positional) != 1 or named:
            raise ExpressionError(f"`is {node.name}` takes one value behind it: `is {node.name}('…')`")
        name, other = node.name, positional[0]
        return lambda run: tested(run.effort, name, subject(run), other(run))

    def _arguments(self, node: nodes.Filter | nodes.Test) -> tuple[list[Evaluate], dict[str, Evaluate]]:
        """What stands in the brackets of a filter or a test; a list of constants may."""
        pairs: list[Any] = node.kwargs
        named: dict[str, Evaluate] = {pair.key: self._argument(pair.value) for pair in pairs}
        if node.dyn_args or node.dyn_kwargs or len(named) < len(pairs):
            raise ExpressionError(f"`{node.name}` takes each argument once, and no `*` or `**`")
        return [self._argument(argument) for argument in node.args], named

    def _argument(self, node: Any) -> Evaluate:
        return self._constants(node) if type(node).__name__ in _LIST_KINDS else self.compile(node)

    def _constants(self, node: Any) -> Evaluate:
        if any(not _is_constant(item) for item in node.items):
            raise ExpressionError("a list behind `in` holds constants only", "Write `x == a or x == b` instead.")
        items = [self.compile(item) for item in node.items]
        return lambda run: [item(run) for item in items]

    def _condition(self, node: nodes.CondExpr) -> Evaluate:
        if node.expr2 is None:
            raise ExpressionError("`if` has no `else`", "Add what is wanted otherwise: `… else ''`.")
        test, yes, no = self.condition(node.test), self.compile(node.expr1), self.compile(node.expr2)
        return lambda run: yes(run) if is_true(test(run)) else no(run)

    def _comparison(self, node: nodes.Compare) -> Evaluate:
        return evaluation.compared(
            self.compile(node.expr),
            [(operand.op, self._operand(operand)) for operand in node.ops],
        )

    def _operand(self, operand: nodes.Operand) -> Evaluate:
        """The right side of a comparison; behind `in` it may be a list of constants."""
        return self._argument(operand.expr) if operand.op in {"in", "notin"} else self.compile(operand.expr)

    def _and(self, node: nodes.And) -> Evaluate:
        left, right = self.condition(node.left), self.condition(node.right)
        return lambda run: right(run) if is_true(value := left(run)) else value

    def _or(self, node: nodes.Or) -> Evaluate:
        left, right = self.condition(node.left), self.condition(node.right)
        return lambda run: value if is_true(value := left(run)) else right(run)

    def _not(self, node: nodes.Not) -> Evaluate:
        return _negated(self.condition(node.node))

    def condition(self, node: nodes.Node) -> Evaluate:
        """An expression that stands where true or false is wanted."""
        return self.compile(node)


class _Selecting(_Compiler):
    """As `_Compiler`, for a selector and no assertion: what reads a key or a fact that an artifact lacks is false.

    So is a comparison, but `!=` and `not in` are true; everywhere else it is an error as ever.
    """

    def condition(self, node: nodes.Node) -> Evaluate:
        return evaluation.or_false(*self._watched(partial(self.compile, node)))

    def _comparison(self, node: nodes.Compare) -> Evaluate:
        first = self._watched(partial(self.compile, node.expr))
        return evaluation.selected(
            first, [(each.op, *self._watched(partial(self._operand, each))) for each in node.ops]
        )

    def _test(self, node: nodes.Test) -> Evaluate:
        watched = self._watched(partial(super()._test, node))
        return evaluation.or_false(*watched, otherwise=COMPARING.get(node.name) == "ne")

    def _watched(self, make: Callable[[], Evaluate]) -> tuple[Evaluate, frozenset[str]]:
        """What `make` compiles, and the names that it reads."""
        before, self.read = self.read, set()
        evaluate = make()
        names = frozenset(first_parts(self.read))
        self.read |= before
        return evaluate, names


def _bound(
    name: str, wanted: Filter, positional: Sequence[Evaluate], named: Mapping[str, Evaluate]
) -> dict[str, Evaluate]:
    """The arguments of a filter by the names of its parameters."""
    given = dict(zip(wanted.parameters, positional, strict=False))
    missing = [each for each in wanted.parameters[: wanted.required] if each not in {*given, *named}]
    if len(positional) > len(wanted.parameters) or missing or not named.keys() <= set(wanted.parameters) - set(given):
        if wanted.is_open:
            raise ExpressionError(f"`{name}` takes its values without names, as many as its pattern has places")
        takes = ", ".join(wanted.parameters) or "nothing"
        must = f", of which {' and '.join(missing)} must be given" if missing else ""
        raise ExpressionError(f"`{name}` takes {takes} in brackets{must}")
    return given | dict(named)


def _negated(inner: Evaluate) -> Evaluate:
    return lambda run: not is_true(inner(run))


def _is_slice(node: Any) -> bool:
    return type(node).__name__ == "Getitem" and type(node.arg).__name__ == "Slice"


def _constant_key(node: Any) -> object:
    """The key of `.key`, `['key']` or `[0]`; None if it is worked out, or if it is a slice."""
    if type(node).__name__ == "Getattr":
        return node.attr
    return node.arg.value if type(node.arg).__name__ == "Const" else None


def _is_constant(node: Any) -> bool:
    inner = node.node if type(node).__name__ in {"Neg", "Pos"} else node
    return type(inner).__name__ == "Const"
