"""Lists: one input's text becomes items (contract §2 "Lists")."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_labels.errors import Invalid
from har_labels.inputs.lists import Item, as_list_item, parse_expressions, parse_list
from har_labels.text import named, spelt

ONE_LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))


def _message(error: Invalid) -> str:
    """The whole text of an error."""
    return f"{error.why}: {error.cure}"


def texts(text: str) -> list[str]:
    return [item.text for item in parse_list(text)]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        (" \n ,, \n", []),
        ("a", ["a"]),
        ("a, b,c", ["a", "b", "c"]),
        ("a,,b,,c,", ["a", "b", "c"]),
        ("a, b\nc", ["a, b", "c"]),
        ("a,\nb,\n", ["a,", "b,"]),
        ("\n\n a, b \n\n", ["a", "b"]),
        ("a,b\r\n\r\n", ["a", "b"]),
        ("a,b\r\nc\r\n", ["a,b", "c"]),
        ("org.x.description=Fast, small\norg.x.title=A, B", ["org.x.description=Fast, small", "org.x.title=A, B"]),
        ("  stage = staging  ", ["stage = staging"]),
        ("\ta\u00a0,\u3000b", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("\ufeffa,b", ["a", "b"]),
        ('\ufeff"a",b', ["a", "b"]),
        ("a\x1f,b\u2028", ["a\x1f", "b\u2028"]),
        ("a\rb", ["a\rb"]),
    ],
)
def test_separators(text: str, items: list[str]) -> None:
    """Several lines have an item each, one line is separated by commas; blanks are trimmed and empty items drop out."""
    assert texts(text) == items


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('"a,b",c', ["a,b", "c"]),
        ('"a""b"', ['a"b']),
        ('""', [""]),
        ('""""', ['"']),
        ('" a " , b', [" a ", "b"]),
        ('"a"\n"b"', ["a", "b"]),
        ('screen=15"', ['screen=15"']),
        ('screen=15"\na, "b', ['screen=15"', 'a, "b']),
        ('a"b", c""d', ['a"b"', 'c""d']),
        ('"a,b"\nc', ["a,b", "c"]),
        ('"# a"\n"- b"', ["# a", "- b"]),
        ('"[wip]"', ["[wip]"]),
        ('"{{ a, b }}"', ["{{ a, b }}"]),
        ('"acc={{ metrics[""val,acc""] }}"', ['acc={{ metrics["val,acc"] }}']),
    ],
)
def test_quotes(text: str, items: list[str]) -> None:
    """A quote at an item's beginning protects it to the closing quote; elsewhere a quote is itself."""
    assert texts(text) == items


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"a', '`"a` begins with a quote that is not closed on its line'),
        ('"a""', "not closed on its line"),
        ('"a\nb"', "not closed on its line"),
        ('x, "a" b, c', "goes on after its closing quote"),
        ('"team" lead', '`"""team"" lead"`'),
        ('"a", "b"\nc', "lines don't split"),
        ('"a" b\nc', '`"""a"" b"`'),
        ('"a\nb', '`"""a"`'),
    ],
)
def test_broken_quotes_are_refused(text: str, message: str) -> None:
    """A quote that does not close, or closes too early, is an error that shows the way out."""
    with pytest.raises(Invalid) as caught:
        parse_list(text)
    assert message in _message(caught.value)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("x={{ m | replace('a', 'b') }}, y", ["x={{ m | replace('a', 'b') }}", "y"]),
        ("{{ '}},' }},y", ["{{ '}},' }}", "y"]),
        (r"{{ 'it\'s }},' }},y", [r"{{ 'it\'s }},' }}", "y"]),
        ('{{ "}}," }},y', ['{{ "}}," }}', "y"]),
        ("{{ (a, {'b': {}}) }},c", ["{{ (a, {'b': {}}) }}", "c"]),
        ("{{a,b}}{{c,d}},e", ["{{a,b}}{{c,d}}", "e"]),
        ("{{- a, b -}},c", ["{{- a, b -}}", "c"]),
        ("{{ it's, b }}, c", ["{{ it's, b }}", "c"]),
        ("{{ ), b }}, c", ["{{ ), b }}", "c"]),
        ("{{ } , b }}, c", ["{{ } , b }}", "c"]),
        ("{{ a, b", ["{{ a", "b"]),
        ("{{ a\n, b }}", ["{{ a", ", b }}"]),
        ("}}, {{", ["}}", "{{"]),
        ("{{ '" + "x" * 5000 + "' , }}, y", ["{{ '" + "x" * 5000 + "' , }}", "y"]),
    ],
)
def test_commas_in_placeholders_do_not_separate(text: str, items: list[str]) -> None:
    """A placeholder keeps its commas, and ends where it does for Jinja2; newlines always separate."""
    assert texts(text) == items


def test_json_array() -> None:
    """A JSON array's items are neither split nor trimmed nor dropped."""
    assert texts(' \n["a, b", " c ", "", "{{ a, b }}", "d\\ne", "\\u00e9"]\n') == [
        "a, b",
        " c ",
        "",
        "{{ a, b }}",
        "d\ne",
        "é",
    ]
    assert texts("[]") == []


@pytest.mark.parametrize(
    ("text", "both_ways"),
    [
        ("[wip]", ('`["wip"]`', '`"[wip]"`')),
        ("[wip], done", ('`["[wip]", "done"]`', '`"[wip]", done`')),
        ("['a', 'b']", ('`["a", "b"]`',)),
        ("[a, b]", ('`["a", "b"]`', '`"[a", b]`')),
        ('["a", 1]', ("item 2", '`["a", "1"]`')),
        ('["a", "b",]', ('`["a", "b"]`',)),
        ('["a"] ["b"]', ("not a JSON array",)),
        ('[["a"]]', ("item 1",)),
        ("[", ('`"["`',)),
        ('["a", "b"', ('`["a", "b"]`',)),
        ("[a, b", ('`["a", "b"]`', '`"[a", b`')),
        ("[null]", ("item 1 of the JSON array is null", '`"null"`')),
        ('["a", null]', ("item 2 of the JSON array is null", '`["a"]`')),
        ('["a", 1.10, true]', ("item 2", '`["a", "1.10", "true"]`')),
        ('[{"stage": "prod"}, {"owner": "ada", "n": 1e-3}]', ('`["stage=prod", "owner=ada", "n=1e-3"]`',)),
        ('[{"key": "stage", "value": "prod"}, {"name": "a", "value": 1}]', ('`["stage=prod", "a=1"]`',)),
        ("[object Object]", ("JavaScript", "toJSON")),
        ("[object Object],[object Object]", ("JavaScript", "toJSON")),
        ("[" * 100_000, ("…`",)),
        ("[" + "1" * 5000 + "]", ("item 1",)),
        ('[x, "a" b]', ("not a JSON array", '`["a", "b"]`')),
    ],
)
def test_a_bracket_that_is_not_a_json_array_shows_both_ways(text: str, both_ways: tuple[str, ...]) -> None:
    """What starts with `[` and is not a JSON array of strings is refused, showing the array that was meant."""
    with pytest.raises(Invalid) as caught:
        parse_list(text)
    assert all(way in _message(caught.value) for way in both_ways)
    assert len(_message(caught.value)) < 1000


def test_a_text_in_an_error_cannot_pass_for_the_name_of_an_input() -> None:
    """The characters that mark an input in our own messages are escaped where an item holds them."""
    with pytest.raises(Invalid) as caught:
        parse_list(f'"{named("mode")}')
    assert (
        spelt(caught.value.why, str.upper) == '`"\\ufdd0mode\\ufdd1` begins with a quote that is not closed on its line'
    )


def test_positions_count_items() -> None:
    """Positions count the items that are there, from 1."""
    assert parse_list(",a,,b") == (Item("a", 1), Item("b", 2))
    assert parse_expressions("\nx > 1\n\n y, z \r\n") == (Item("x > 1", 1), Item("y, z", 2))


@given(st.lists(ONE_LINE), st.sampled_from([",", "\n", " , ", "\r\n", "\n# a, b\n\n"]))
def test_quoted_items_come_back(items: list[str], separator: str) -> None:
    """Any texts without a newline, quoted and joined, are read back as they were."""
    assert texts(separator.join(map(as_list_item, items))) == [item.replace("\r\n", "\n") for item in items]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_json_items_come_back(items: list[str]) -> None:
    """Any list of texts written as JSON is read back as it was."""
    assert texts(json.dumps(items)) == items
    assert texts("\ufeff" + json.dumps(items, ensure_ascii=False)) == items or "\r" in json.dumps(items)


@given(st.text(st.sampled_from("ab ,\n\"'{}()[]\\|é\r")))
def test_nothing_is_lost(text: str) -> None:
    """Every character of the text is in an item, or is a separator, a blank or the quoting; or it's an error."""
    try:
        items = texts(text)
    except Invalid:
        return
    if text.lstrip().startswith("["):
        return
    kept = "".join(items)
    for character in "ab'(){}[]\\|é":
        assert kept.count(character) == text.count(character)


@given(st.text(st.sampled_from("ab {}'\"(,|")))
def test_placeholders_end_where_jinja_ends_them(expression: str) -> None:
    """Whatever Jinja2 reads as one placeholder is one item."""
    import jinja2

    source = f"x{{{{{expression}}}}}"
    try:
        tokens = [kind for _, kind, _ in jinja2.Environment(autoescape=True).lex(source)]
    except jinja2.TemplateSyntaxError:
        return
    if tokens.count("variable_begin") == 1 and tokens[-1] == "variable_end":
        assert texts(source) == [source]


@pytest.mark.parametrize("unit", ["{{", "{{ (", "{{ '", "{{ ( }}", '"",', "a,", "{{}}", "{{ '}}"])
def test_work_grows_with_length(unit: str) -> None:
    """Text made to be scanned again and again stays within a fixed number of calls for each character."""
    import sys

    def calls(text: str) -> int:
        count = 0

        def profile(_frame: object, _event: str, _arg: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(profile)
        try:
            parse_list(text)
        finally:
            sys.setprofile(None)
        return count

    small, large = calls(unit * 2000), calls(unit * 20_000)
    assert large < 12 * small


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("# at least\na > 1  # of the test set\n", ["a > 1"]),
        ("#\n  # x\n", []),
        ("a == '#1' # b", ["a == '#1'"]),
        ('a == "#1" and b == \'it"#\'#c', ['a == "#1" and b == \'it"#\'']),
        (r"a == 'it\'s #1' # b", [r"a == 'it\'s #1'"]),
        ("a == 'open # b", ["a == 'open # b"]),
        ("a == 'open # b\\", ["a == 'open # b\\"]),
        ("a and\n  b", ["a and b"]),
        ("a or # first\n\n # second\n b\nc", ["a or b", "c"]),
        ("a >=\n 0.9\nb", ["a >= 0.9", "b"]),
        ("a not in\nb", ["a not in b"]),
        ("not\na", ["not a"]),
        ("a |\nfloat > 1", ["a | float > 1"]),
        ("a +\nb *\nc -\nd /\ne > 1", ["a + b * c - d / e > 1"]),
        ("x if a else\ny", ["x if a else y"]),
        ("a is\ndefined", ["a is defined"]),
        ("(a or\n b\n) and c\nd", ["(a or b ) and c", "d"]),
        ("(\na > 1  # (\n)\nb", ["( a > 1 )", "b"]),
        ("a in [\n'x',\n'y'\n]\nb", ["a in [ 'x', 'y' ]", "b"]),
        ("a == '('\nb", ["a == '('", "b"]),
        ("a == 'and'\nb", ["a == 'and'", "b"]),
        ("metrics.band\nb", ["metrics.band", "b"]),
        ("metrics.and\nb", ["metrics.and", "b"]),
        ("a)\nb", ["a)", "b"]),
        ("a))\n(b\n)", ["a))", "(b )"]),
        ("a and", ["a and"]),
        ("a\r\nb and\r\nc", ["a", "b and c"]),
        ("a\nand b", ["a", "and b"]),
    ],
)
def test_expressions(text: str, expressions: list[str]) -> None:
    """`require`: comments are dropped, and a line continues while a bracket is open or after `and`, `or` or another operator."""
    assert [item.text for item in parse_expressions(text)] == expressions
    assert [item.position for item in parse_expressions(text)] == list(range(1, len(expressions) + 1))
