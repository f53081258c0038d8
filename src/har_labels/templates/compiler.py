"""The compiler of expressions: Jinja2's syntax tree, held to an allow-list, becomes closures (contract §3 "Templates").

Jinja2 only parses. What is not on the list is refused before anything is evaluated: no Python object, no attribute, no
call. Each method of the compiler takes a node and returns the closure that evaluates it, from one Evaluation to a value
of values.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from har_labels.templates.comparison import contains, holds
from har_labels.templates.filters import DEFAULT, FILTERS, Filter
from har_labels.templates.keys import first_parts, path_to
from har_labels.templates.parser import expression_tree, template_tree
from har_labels.templates.scope import (
    CI_NAMES,
    LABEL_NAMES,
    LACKABLE_NAMES,
    NAMES,
    REQUIRE_NAMES,
    WHERE_NAMES,
    Shape,
)
from har_labels.templates.sequences import COMPARING, TESTS, tested
from har_labels.templates.values import (
    LARGEST_NUMBER,
    Budget,
    ExpressionError,
    Missing,
    Null,
    Undefined,
    Unfit,
    checked,
    checked_number,
    checked_whole,
    cut,
    described,
    is_true,
    listed,
    part,
    reads_as_number,
    text_of,
)
from har_labels.text import shown

if TYPE_CHECKING:
    from jinja2 import nodes

_DEEPEST = 60
_LARGEST_INDEX = 10**9
_REFUSED = {
    "Call": "a call `…()`",
    "Concat": "`~`",
    "Dict": "a mapping `{…}`",
    "FloorDiv": "`//`",
    "List": "a list that isn't after `in`",
    "Mod": "`%`",
    "Pow": "`**`",
    "Slice": "a slice `[a:b]` of several dimensions",
    "Tuple": "a list that isn't after `in`",
}
_CURES = {
    "Concat": "Put the parts beside one another: `{{ a }}{{ b }}`.",
    "FloorDiv": "Divide by `/`; `| int` removes the fraction.",
    "Mod": "Use a filter: `'%.3f' | format(metrics.loss)`.",
}
# As Jinja2's `float(0)`: another way to write `| float | default(0)`.
_WITH_DEFAULT = (FILTERS["float"], FILTERS["int"])
_LIST_KINDS = frozenset({"List", "Tuple"})
_SUBSCRIPTS = frozenset({"Getattr", "Getitem"})
# The tests of whether a value is present, with their lines in the README.
OF_PRESENCE = {
    "defined": "whether it exists, even if it is null",
    "undefined": "whether it doesn't exist",
    "none": "whether it is null; a missing one is an error",
}
# In a selection the value of any operand that reads a key or a fact that the artifact lacks.
_LACKING = object()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation: `look_up` returns a name's value, `read` collects the values read, by path.

    In a gate (`require`, `where`) no default replaces a value that is present but unfit; `asker` is the gate's name.
    """

    look_up: Callable[[str], object]
    is_gate: bool = False
    asker: str = "require"
    budget: Budget = field(default_factory=Budget)
    read: dict[str, object] = field(default_factory=dict)

    def refuse_unfit(self, missing: Missing) -> None:
        """Raises ExpressionError for a value that is present but unfit, in a gate: no default replaces it there."""
        if self.is_gate and isinstance(missing, Unfit):
            raise ExpressionError(f"{missing.why}; in `{self.asker}` no default replaces that", missing.cure)


Evaluate = Callable[[Evaluation], object]
# One access to a part of a value: from the value and its path to the part and the part's path.
Access = Callable[[Evaluation, object, str], tuple[object, str]]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; `names` are the paths it reads, such as `now`, `ci.branch`, `metrics.val.acc`."""

    evaluate: Evaluate
    names: frozenset[str]

    def decide(self, run: Evaluation) -> bool:
        """The value, which must be true or false. Raises ExpressionError."""
        value = self.evaluate(run)
        if isinstance(value, bool):
            return value
        raise ExpressionError(
            f"its value is {described(value)}, which is neither true nor false",
            "Compare the value with something, such as `metrics.accuracy >= 0.92`.",
        )


@lru_cache(maxsize=1024)
def compile_template(source: str) -> tuple[str | Expression, ...]:
    """The texts and placeholders of a label template. Raises ExpressionError."""
    return tuple(part if isinstance(part, str) else compiled(part, LABEL_NAMES) for part in template_tree(source))


@lru_cache(maxsize=1024)
def compile_requirement(source: str) -> Expression:
    """The one expression of a `require`. Raises ExpressionError."""
    return compiled(expression_tree(source, "require"), REQUIRE_NAMES)


@lru_cache(maxsize=1024)
def compile_selection(source: str) -> Expression:
    """The one expression of a line of `where`, in which what an artifact lacks is not an error. Raises ExpressionError."""
    compiler = _SelectionCompiler(WHERE_NAMES)
    evaluate = compiler.condition(expression_tree(source, "where"))
    return Expression(evaluate, frozenset(compiler.read))


def compiled(node: nodes.Node, names: frozenset[str]) -> Expression:
    """The expression of a node of Jinja2's tree, which may read `names`. Raises ExpressionError for what isn't allowed."""
    compiler = _Compiler(names)
    evaluate = compiler.compile(node)
    return Expression(evaluate, frozenset(compiler.read))


class _Compiler:
    """Compiles one tree; `read` collects the paths it reads, each as far as it is constant."""

    def __init__(self, names: frozenset[str]) -> None:
        self.read: set[str] = set()
        self._names = names
        self._depth = 0
        # By the name of the exact class, so that a subclass or a new kind of node is refused, not inherited.
        self._allowed: dict[str, Callable[[Any], Evaluate]] = {
            "Const": self._const,
            "Name": self._chain,
            "Getattr": self._chain,
            "Getitem": self._chain,
            "Filter": self._filter,
            "CondExpr": self._conditional,
            "Compare": self._comparison,
            "And": self._and,
            "Or": self._or,
            "Not": lambda node: _negated(self.condition(node.node)),
            "Add": partial(self._arithmetic, operator.add, "+-", "the sum"),
            "Sub": partial(self._arithmetic, operator.sub, "+-", "the difference"),
            "Mul": partial(self._arithmetic, operator.mul, "*/", "the product"),
            "Div": partial(self._arithmetic, _quotient, "*/", "the quotient"),
            "Neg": partial(self._signed, operator.neg),
            "Pos": partial(self._signed, operator.pos),
            "Test": self._test,
        }

    def compile(self, node: nodes.Node) -> Evaluate:
        kind = type(node).__name__
        if kind not in self._allowed:
            what = _REFUSED.get(kind, f"Jinja2's {kind}")
            raise ExpressionError(f"{what} is not allowed", _CURES.get(kind, ""))
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"it is nested more than {_DEEPEST} deep", "Make the expression simpler.")
        evaluate = self._allowed[kind](node)
        self._depth -= 1
        return evaluate

    def condition(self, node: nodes.Node) -> Evaluate:
        """An expression in a place where true or false is expected."""
        return self.compile(node)

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

    # --- names, and parts of their values ----------------------------------------------------------------------------

    def _chain(self, node: nodes.Expr) -> Evaluate:
        """Parts of a name's value, or of an expression in brackets: `metrics.val['acc'][0]`, `(… | last).acc[:5]`."""
        start: Any = node
        parts: list[Any] = []
        while type(start).__name__ in _SUBSCRIPTS:
            parts.append(start)
            start = start.node
        parts.reverse()
        if type(start).__name__ == "Const":
            raise ExpressionError("`.` and `[…]` are allowed only after a name or brackets")
        if type(start).__name__ != "Name":
            return _accessed(self.compile(start), "(…)", [self._access(each) for each in parts])
        name: str = start.name
        self._check_name(name, parts)
        self._note_path(name, parts)
        accesses = [self._access(each) for each in parts]
        if name == "ci":
            accesses[0] = self._access_to_ci(parts[0])
        read = _accessed(lambda run: run.look_up(name), name, accesses)

        def read_named(run: Evaluation) -> object:
            try:
                return read(run)
            except Missing as missing:
                missing.name = name
                raise

        return read_named

    def _access(self, node: Any) -> Access:
        if _is_slice(node):
            return self._access_to_slice(node.arg)
        key = self._key(node)

        def access(run: Evaluation, value: object, path: str) -> tuple[object, str]:
            at = key(run)
            return part(value, at, path, run.budget), path_to(path, at)

        return access

    def _access_to_ci(self, node: Any) -> Access:
        """A name of `ci`; a known one that the CI does not provide is empty text."""
        key = self._key(node)

        def access(run: Evaluation, value: object, path: str) -> tuple[object, str]:
            name = key(run)
            _check_ci(name)
            return (value.get(name) or "" if isinstance(value, Mapping) else ""), path_to(path, name)

        return access

    def _access_to_slice(self, span: Any) -> Access:
        """`[start:stop:step]`, each a whole number if present."""
        bounds = [each and self.compile(each) for each in (span.start, span.stop, span.step)]

        def access(run: Evaluation, value: object, path: str) -> tuple[object, str]:
            start, stop, step = (each and checked_whole(each(run), "`[a:b]`", _LARGEST_INDEX) for each in bounds)
            if step == 0:
                raise ExpressionError("`[a:b:c]` can't go by steps of 0")
            written = ":".join("" if each is None else str(each) for each in (start, stop))
            written += "" if step is None else f":{step}"
            return cut(value, slice(start, stop, step), path, run.budget), f"{path}[{written}]"

        return access

    def _key(self, node: Any) -> Evaluate:
        if type(node).__name__ == "Getattr":
            name: str = node.attr
            return lambda _run: name
        return self.compile(node.arg)

    def _check_name(self, name: str, parts: Sequence[Any]) -> None:
        if name not in self._names:
            knower = "require" if name in REQUIRE_NAMES else "where" if name in WHERE_NAMES else ""
            only = f", only in `{knower}`" if knower else ""
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
                "`ci` needs one name after it",
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
        for each in parts:
            key = _constant_key(each)
            if key is None:
                break
            if name == "ci":
                _check_ci(key)
            path = path_to(path, key)
        self.read.add(path)

    # --- filters and tests -------------------------------------------------------------------------------------------

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
            return _filtered(wanted, subject, positional, {})
        arguments = _bound(node.name, wanted, positional, named)
        if wanted is DEFAULT:
            return _defaulted(subject, arguments)
        otherwise = arguments.pop("default", None) if wanted in _WITH_DEFAULT else None
        evaluate = _filtered(wanted, subject, [], arguments)
        return _defaulted(evaluate, {"default_value": otherwise}) if otherwise else evaluate

    def _test(self, node: nodes.Test) -> Evaluate:
        positional, named = self._arguments(node)
        subject = self.compile(node.node)
        if node.name in OF_PRESENCE:
            if positional or named:
                raise ExpressionError(f"`is {node.name}` takes no argument")
            if node.name == "none":
                return _is_none(subject)
            return _is_defined(subject) if node.name == "defined" else _negated(_is_defined(subject))
        if node.name not in TESTS:
            every = listed([*OF_PRESENCE, *TESTS], most=40)
            cure = f"Write `is {node.name.lower()}`." if node.name.lower() in OF_PRESENCE else ""
            raise ExpressionError(f"a test `is {shown(node.name)}` is not known; there are {every}", cure)
        if len(positional) != 1 or named:
            raise ExpressionError(f"`is {node.name}` takes one argument: `is {node.name}('…')`")
        name, other = node.name, positional[0]
        return lambda run: tested(run.budget, name, subject(run), other(run))

    def _arguments(self, node: nodes.Filter | nodes.Test) -> tuple[list[Evaluate], dict[str, Evaluate]]:
        """The arguments of a filter or a test; a list of constants is allowed."""
        pairs: list[Any] = node.kwargs
        named: dict[str, Evaluate] = {pair.key: self._argument(pair.value) for pair in pairs}
        if node.dyn_args or node.dyn_kwargs or len(named) < len(pairs):
            raise ExpressionError(f"`{node.name}` takes each argument once, and no `*` or `**`")
        return [self._argument(argument) for argument in node.args], named

    def _argument(self, node: Any) -> Evaluate:
        """A value, or a list of constants."""
        if type(node).__name__ not in _LIST_KINDS:
            return self.compile(node)
        if any(not _is_constant(item) for item in node.items):
            raise ExpressionError("a list after `in` holds constants only", "Write `x == a or x == b` instead.")
        items = [self.compile(item) for item in node.items]
        return lambda run: [item(run) for item in items]

    # --- operators ---------------------------------------------------------------------------------------------------

    def _arithmetic(self, operate: Callable[[Any, Any], object], signs: str, what: str, node: Any) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda run: checked(operate(_term(left(run), signs), _term(right(run), signs)), what)

    def _signed(self, operate: Callable[[Any], object], node: Any) -> Evaluate:
        inner = self.compile(node.node)
        return lambda run: operate(_term(inner(run), "+-"))

    def _conditional(self, node: nodes.CondExpr) -> Evaluate:
        if node.expr2 is None:
            raise ExpressionError("`if` has no `else`", "Add the value for the other case: `… else ''`.")
        test, yes, no = self.condition(node.test), self.compile(node.expr1), self.compile(node.expr2)
        return lambda run: yes(run) if is_true(test(run)) else no(run)

    def _and(self, node: nodes.And) -> Evaluate:
        left, right = self.condition(node.left), self.condition(node.right)
        return lambda run: right(run) if is_true(value := left(run)) else value

    def _or(self, node: nodes.Or) -> Evaluate:
        left, right = self.condition(node.left), self.condition(node.right)
        return lambda run: value if is_true(value := left(run)) else right(run)

    def _comparison(self, node: nodes.Compare) -> Evaluate:
        """Whether all of `first < second <= third …` hold, evaluated as far as needed."""
        first = self._side(partial(self.compile, node.expr))
        # After `in` a list of constants is allowed.
        operands = [
            (each.op, self._side(partial(self._argument if each.op in {"in", "notin"} else self.compile, each.expr)))
            for each in node.ops
        ]

        def compare(run: Evaluation) -> bool:
            left = first(run)
            for sign, evaluate in operands:
                right = evaluate(run)
                run.budget.spend(1)
                if not _compare(run, sign, left, right):
                    return False
                left = right
            return True

        return compare

    def _side(self, compile_side: Callable[[], Evaluate]) -> Evaluate:
        """One side of a comparison."""
        return compile_side()


class _SelectionCompiler(_Compiler):
    """As `_Compiler`, for selecting artifacts: a condition that reads a key or a fact that the artifact lacks is false.

    So is a comparison, except that `!=` and `not in` are true. Everywhere else a missing value is an error as usual.
    """

    def condition(self, node: nodes.Node) -> Evaluate:
        return _unless_lacking(self._side(partial(self.compile, node)), otherwise=False)

    def _test(self, node: nodes.Test) -> Evaluate:
        return _unless_lacking(self._side(partial(super()._test, node)), otherwise=COMPARING.get(node.name) == "ne")

    def _side(self, compile_side: Callable[[], Evaluate]) -> Evaluate:
        """A value, or _LACKING if it reads what the artifact lacks."""
        before, self.read = self.read, set()
        evaluate = compile_side()
        reads = frozenset(first_parts(self.read))
        self.read |= before

        def evaluate_or_lacking(run: Evaluation) -> object:
            try:
                return evaluate(run)
            except Missing as missing:
                # Without a name it is a filter that found nothing in one of the values read.
                names = frozenset({missing.name}) if missing.name else reads
                if isinstance(missing, Unfit | Undefined) or not names & LACKABLE_NAMES:
                    missing.name = missing.name or "(…)"  # so that an outer side, which reads more, raises it too
                    raise
                return _LACKING

        return evaluate_or_lacking


def _unless_lacking(evaluate: Evaluate, *, otherwise: bool) -> Evaluate:
    def run_unless_lacking(run: Evaluation) -> object:
        value = evaluate(run)
        return otherwise if value is _LACKING else value

    return run_unless_lacking


def _accessed(start: Evaluate, name: str, accesses: Sequence[Access]) -> Evaluate:
    """The part of a value that `accesses` lead to; `name` is the value's path."""

    def read(run: Evaluation) -> object:
        value, path = start(run), name
        for access in accesses:
            value, path = access(run, value, path)
        run.read[path] = value
        return checked(value, path)

    return read


def _check_ci(name: object) -> None:
    """Raises ExpressionError unless `ci` has this name on every CI."""
    if name not in CI_NAMES:
        raise ExpressionError(f"there is no `{path_to('ci', name)}`; in `ci` there are {listed(CI_NAMES, most=20)}")


def _filtered(
    wanted: Filter, subject: Evaluate, positional: Sequence[Evaluate], named: Mapping[str, Evaluate]
) -> Evaluate:
    def run_filter(run: Evaluation) -> object:
        value = subject(run)
        run.budget.spend(1)
        arguments = [evaluate(run) for evaluate in positional]
        return wanted.run(run.budget, value, *arguments, **{key: evaluate(run) for key, evaluate in named.items()})

    return run_filter


def _defaulted(subject: Evaluate, arguments: Mapping[str, Evaluate]) -> Evaluate:
    """The value, or the default if something it reads is missing (with `boolean` also if it is empty)."""
    also_empty: Evaluate = arguments.get("boolean") or (lambda _run: False)
    otherwise: Evaluate = arguments.get("default_value") or (lambda _run: "")

    def run_default(run: Evaluation) -> object:
        run.budget.spend(1)
        try:
            value = subject(run)
        except Missing as missing:
            run.refuse_unfit(missing)
            return otherwise(run)
        return value if value or not also_empty(run) else otherwise(run)

    return run_default


def _is_defined(subject: Evaluate) -> Evaluate:
    """Whether everything that `subject` reads exists, even if it is null."""

    def run_test(run: Evaluation) -> bool:
        run.budget.spend(1)
        try:
            subject(run)
        except Missing as missing:
            run.refuse_unfit(missing)
            return isinstance(missing, Null | Unfit)
        return True

    return run_test


def _is_none(subject: Evaluate) -> Evaluate:
    """Whether `subject` is null; a missing one is an error."""

    def run_test(run: Evaluation) -> bool:
        run.budget.spend(1)
        try:
            subject(run)
        except Null:
            return True
        except Unfit as unfit:
            run.refuse_unfit(unfit)
        return False

    return run_test


def _negated(inner: Evaluate) -> Evaluate:
    return lambda run: not is_true(inner(run))


def _compare(run: Evaluation, sign: str, left: object, right: object) -> bool:
    if left is _LACKING or right is _LACKING:
        return sign in {"ne", "notin"}
    if sign in {"in", "notin"}:
        return contains(run.budget, right, left) is (sign == "in")
    return holds(sign, left, right)


def _quotient(above: float, below: float) -> float:
    """The quotient; a division by zero is undefined."""
    if not below:
        raise Undefined(lambda: f"it divides {text_of(above)} by zero")
    return above / below


def _term(value: object, signs: str) -> int | float:
    """A number beside one of two signs of arithmetic."""
    if isinstance(value, str):
        cure = "Put texts beside one another: `{{ a }}{{ b }}`; a number in a metrics file has no quotes."
        if reads_as_number(value):
            cure = "Make a number of the text: `| float`."
        raise ExpressionError(f"`{signs[0]}` and `{signs[1]}` are for numbers, not for {described(value)}", cure)
    return checked_number(value, f"`{signs[0]}` or `{signs[1]}`")


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


def _is_slice(node: Any) -> bool:
    return type(node).__name__ == "Getitem" and type(node.arg).__name__ == "Slice"


def _constant_key(node: Any) -> object:
    """The key of `.key`, `['key']` or `[0]`; None if it is computed, or a slice."""
    if type(node).__name__ == "Getattr":
        return node.attr
    return node.arg.value if type(node.arg).__name__ == "Const" else None


def _is_constant(node: Any) -> bool:
    inner = node.node if type(node).__name__ in {"Neg", "Pos"} else node
    return type(inner).__name__ == "Const"
