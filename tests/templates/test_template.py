"""Label templates: the language, and what is refused in it (contract §3 "Templates")."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from har_labels.errors import TemplateError
from har_labels.templates.scope import CI_NAMES
from har_labels.templates.template import Template
from templates.scopes import SCOPE


def rendered(source: str) -> str | None:
    return Template.parse(source, where="label 2").render(SCOPE)


def refusal(source: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        rendered(source)
    return caught.value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        ("{ plain } }}", "{ plain } }}"),
        ("accuracy={{ metrics.accuracy | round(3) }}", "accuracy=0.935"),
        ("{{ metrics.accuracy|round(1, 'floor') }}/{{ metrics.accuracy|round(method='ceil') }}", "0.9/1.0"),
        ("{{ metrics.items }}{{ metrics.keys }}", "3k"),
        ("{{ metrics['val/acc'] }}{{ metrics['val.acc'] }}{{ metrics.val.acc }}{{ metrics['val']['acc'] }}", "1233"),
        ("{{ metrics.val.list[0] }}{{ metrics.val.list[-1] }}", "1x"),
        ("{{ metrics['it' 'ems'] }}", "3"),
        ("{{ metrics.tiny }} {{ metrics.large }} {{ metrics.zero }} {{ metrics.yes }}", "1e-05 1e+16 0.0 true"),
        ("{{ now }}", "2026-11-23T09:48:01Z"),
        (
            "{{ now | date }} {{ now | date('%Y/%j %H:%M %F %T %%') }}",
            "2026-11-23 2026/327 09:48 2026-11-23 09:48:01 %",
        ),
        ("{{ '2026-01-01T00:30:00+02:00' | date }}", "2025-12-31"),
        ("{{ '2026-01-01' | date('%d.%m.%Y') }}", "01.01.2026"),
        ("{{ ci.branch | slug }}", "feature-a-b"),
        ("{{ '--A__b  ÇŁ日本9--' | slug }}", "a-b-c-9"),
        ("{{ ci.branch | replace('/', '-') | upper }}{{ 'AB' | lower }}{{ ' x ' | trim }}", "FEATURE-Ä Babx"),
        ("{{ 'aaa' | replace('a', 'b', 2) }}{{ 'aa' | replace(old='a', new='c', count=1) }}", "bbaca"),
        ("{{ 'xxax' | trim('x') }}", "a"),
        ("{{ metrics.names | join('-') }}{{ metrics.names | join }}", "a-bab"),
        (
            "{{ '%.2f|%5s|%-3d|%x|%%|%e' | format(metrics.accuracy, 'a', 3, 255, 1) }}",
            "0.93|    a|3  |ff|%|1.000000e+00",
        ),
        ("{{ 'high' if metrics.accuracy >= 0.9 else 'low' }}", "high"),
        ("{{ 0 < metrics.accuracy < 1 }}{{ 0 < metrics.accuracy < 0.5 }}", "truefalse"),
        ("{{ metrics.items + 1 - 0.5 }}{{ -metrics.items }}{{ +1 }}", "3.5-31"),
        ("{{ 'y' if 'a' in metrics.names and 'c' not in metrics.names else 'n' }}", "y"),
        ("{{ 'y' if metrics.items in [1, -2, 3] and 'x' in ('x', 'y') else 'n' }}", "y"),
        ("{{ 'y' if 'feat' in ci.branch else 'n' }}{{ 'accuracy' in metrics }}{{ 'nope' in metrics }}", "ytruefalse"),
        ("{{ 1 in metrics.val.list }}{{ true in metrics.val.list }}", "truefalse"),
        ("{{ ci.tag or ci.branch }}", "feature/Ä b"),
        ("{{ not metrics.yes }}", "false"),
        ("{{ artifact }}@{{ registry }}", "team/model@acme/ml/models/+"),
        ("{{ ci.actor }}x", None),
        ("tag={{ ci.tag }}", None),
        ("{{ ci.tag }}-{{ ci['sha'] }}", None),
        ("{{ ci.tag }}-{{ artifact }}", "-team/model"),
        ("{{ '{{' }} {{ '{%' }}", "{{ {%"),
        ("a  {{- ' b' -}}  c", "a bc"),
        (r"{{ '\d' }}", r"\d"),
    ],
)
def test_language(source: str, text: str | None) -> None:
    """What is on the list does what Jinja2 does with it; an item whose placeholders are all empty is None."""
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ metrics.nope | default('d') }}", "d"),
        ("{{ metrics.nope.deeper | default('d') }}", "d"),
        ("{{ metrics.val.list[9] | default('d') }}", "d"),
        ("{{ metrics.none | default('d') }}{{ metrics.loss | default('d') }}{{ metrics.best | default('d') }}", "ddd"),
        ("{{ metrics.nope | round(2) | default('d') }}", "d"),
        ("{{ metrics.nope | default(metrics.accuracy) | round(1) }}", "0.9"),
        ("{{ metrics.accuracy | default(0) }}", "0.93456"),
        ("{{ metrics.nope | default }}x", None),
        ("{{ ci.tag | default('d') }}x", None),
        ("{{ ci.tag | default('d', true) }}{{ ci.tag | default(default_value='e', boolean=true) }}", "de"),
    ],
)
def test_default(source: str, text: str | None) -> None:
    """`default` replaces what is missing, null, NaN or infinite; for an empty text only when told to. (Wrong paths: test_gates.)"""
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ metrics.none }}", "`metrics.none` is null"),
        ("{{ metrics.val.none }}", "`metrics.val.none` is null"),
        ("{{ metrics.loss }}", "`metrics.loss` is nan"),
        ("{{ metrics.best }}", "`metrics.best` is -inf"),
        ("{{ 'a' if metrics.loss > 1 else 'b' }}", "`metrics.loss` is nan"),
        ("{{ metrics.none | default('x') if metrics.none else 'y' }}", "`metrics.none` is null"),
        ("{{ metrics.val.nope }}", "`metrics.val` has no `nope`; there are `acc`, `list`, `none`"),
        ("{{ metrics.val['no/pe'] }}", "`metrics.val` has no `no/pe`"),
        ("{{ metrics.acuracy }}", "there is no metric `acuracy`; did you mean `accuracy`?"),
        ("{{ metrics.__class__ }}", "there is no metric `__class__`"),
        ("{{ metrics.val.list[7] }}", "`metrics.val.list` has 3 items, and none is at 7"),
        ("{{ metrics.val.list.append }}", "is a list and has no `append`"),
        ("{{ metrics.text.upper }}", "is a text and has no `upper`"),
        ("{{ metrics.broken | join }}", "`item 2 of the list` is null"),
        ("{{ metrics.val }}", "a mapping has no text"),
        ("{{ metrics.names }}", "a list has no text"),
        ("{{ metrics }}", "a mapping has no text"),
        ("{{ metrics[metrics.names] }}", "a list has no text"),
        ("{{ metrics.number }}", "more than 100 digits"),
        ("{{ metrics.long }}", "4,097 characters"),
        ("{{ metrics.text >= 0.92 }}", "`>=` compares the text '0.9' with the number 0.92"),
        ("{{ metrics.yes == 1 }}", "`==` compares `true` with the number 1"),
        ("{{ now > '2026' }}", "`>` compares the time 2026-11-23T09:48:01Z with the text '2026'"),
        ("{{ true < false }}", "`<` can't compare true or false with another"),
        ("{{ metrics.names == metrics.names }}", "`==` can't compare a list"),
        ("{{ metrics.val == metrics.val }}", "`==` can't compare a mapping"),
        ("{{ 1 in 'abc' }}", "`in` can't look for the number 1 in the text 'abc'"),
        ("{{ 'a' in 3 }}", "`in` can't look for"),
        ("{{ metrics.names in metrics.val.list }}", "`in` can't look for a list"),
        ("{{ 'a' + 'b' }}", "`+` and `-` are for numbers"),
        ("{{ true + 1 }}", "needs a number"),
        ("{{ now - now }}", "needs a number"),
        ("{{ -metrics.text }}", "`+` and `-` are for numbers"),
        ("{{ 9.9e99 + 1e99 | round(-30) - ci.tag }}", "`+` and `-` are for numbers, not for the text ''"),
        ("{{ ci['' if metrics.yes else 'tag'] }}", "there is no `ci['']`"),
        ("{{ metrics.text | round }}", "`round` needs a number"),
        ("{{ metrics.most | round(30, 'ceil') }}", "too large for `round`"),
        ("{{ metrics.most + metrics.most }}", "`the sum` is inf"),
        ("{{ metrics.bytes }}", "`metrics.bytes` is a bytes, which can't be used here"),
        ("{{ 1 | round(31) }}", "whole number up to 30"),
        ("{{ 1 | round(1.5) }}", "whole number up to 30"),
        ("{{ 1 | round(1, 'up') }}", "'common', 'ceil' and 'floor'"),
        ("{{ 'ab' | join('-') }}", "`join` needs a list"),
        ("{{ metrics.accuracy | format('.3f') }}", "`format` needs a pattern"),
        ("{{ '%99999999d' | format(3) }}", "nothing wider than 100"),
        ("{{ '%.999f' | format(3) }}", "nothing wider than 100"),
        ("{{ '%d %d' | format(3) }}", "more places than values"),
        ("{{ '%d' | format(3, 4) }}", "no place for 1 of its values"),
        ("{{ '%d' | format('3') }}", "`%d` of `format` needs a number"),
        ("{{ '%x' | format(3.5) }}", "needs a whole number"),
        ("{{ '%(a)s %y' | format(3) }}", "has a `%` that is none of"),
        ("{{ now | date('%Q') }}", "`date` does not support `%Q`"),
        ("{{ now | date('%') }}", "`date` does not support `%`"),
        ("{{ 'today' | date }}", "`date` needs a time"),
        ("{{ '0001-01-01T00:00:00+14:00' | date }}", "`date` needs a time"),
        ("{{ '%100s' | format('x') | replace('', '%99s' | format('y')) }}", "more than 4,096 characters"),
        ("{{ '%100s' | format(1) }}" * 41, "it renders to 4,100 characters"),
    ],
)
def test_values_that_are_refused(source: str, problem: str) -> None:
    """What can't be read, compared or printed is an error that names the item, the expression and the problem."""
    error = refusal(source)
    assert problem in error.what
    assert error.what.startswith("label 2 `")
    assert error.next_step


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ x }}", "there is no name `x` here; there are `artifact`, `ci`, `metrics`, `now`, `registry`"),
        ("{{ current }}", "only in `require`"),
        ("{{ env }}", "there is no name"),
        ("{{ self }}{{ loop }}{{ config }}", "there is no name"),
        ("{{ ci.tg }}", "there is no `ci.tg`; in `ci` there are `actor`, `branch`"),
        ("{{ ci }}", "`ci` needs one name"),
        ("{{ ci.tag.x }}", "`ci` needs one name"),
        ("{{ now.year }}", "`now` has no parts"),
        ("{{ artifact[0] }}", "`artifact` has no parts"),
        ("{{ metrics.accuracy | center(9) }}", "there is no filter `center`"),
        ("{{ 'a' | replace('a') }}", "new must be given"),
        ("{{ 'a' | replace('a', old='b', new='c') }}", "`replace` takes old, new, count"),
        ("{{ 'a' | upper(1) }}", "`upper` takes nothing in brackets"),
        ("{{ 'a' | round(x=1) }}", "`round` takes precision, method"),
        ("{{ '%s' | format(a=1) }}", "`format` takes its values without names"),
        ("{{ 'a' | trim(*'a') }}", "no `*` or `**`"),
        ("{{ 'a' | trim(chars='a', chars='b') }}", "each argument once"),
        ("{{ 'a' if true }}", "`if` has no `else`"),
        ("{{ none }}", "`none` is not allowed"),
        ("{{ metrics() }}", "a call"),
        ("{{ 'a'.upper() }}", "a call"),
        ("{{ ''.__class__ }}", "only after a name"),
        ("{{ 2 ** 3 }}", "`**`"),
        ("{{ 'a' ~ 'b' }}", "`~`"),
        ("{{ '%s' % 3 }}", "`%`"),
        ("{{ 1 // 2 }}", "`//`"),
        ("{{ (metrics or ci).x }}", "`ci` needs one name"),
        ("{{ 3 is odd }}", "a test"),
        ("{{ 'abc'[:2] }}", "only after a name"),
        ("{{ [1, 2] }}", "a list"),
        ("{{ 1, 2 }}", "a list"),
        ("{{ {'a': 1} }}", "a mapping"),
        ("{{ 1 in [metrics.items] }}", "constants only"),
        ("{{ 1 == [1] }}", "a list"),
        ("{% set x = 1 %}{{ x }}", "statements"),
        ("{{ 1 }}{% if x", "statements"),
        ("{{ 1 }}{# no #}", "statements"),
        ("{% raw %}{{ 1 }}{% endraw %}", "statements"),
        ("{{ }}", "can't be read"),
        ("{{ a", "can't be read"),
        ("{{ 'a }}", "can't be read"),
        ("{{ a b }}", "can't be read"),
        ("{{ ٣.٥ }}", "can't be read"),
        ("{{ " + "(" * 21 + "1" + ")" * 21 + " }}", "nested too deep"),
        ("{{ " + "not " * 101 + "1 }}", "nested too deep"),
        ("{{ 1" + " + 1" * 60 + " }}", "nested more than 60 deep"),
        ("{{ 'é' }}" + "x" * 4087, "4,097 bytes"),
        ("{{ 9" + "9" * 4000 + " }}", "too large"),
        ("{{ 1e100 }}{{ 1e999 }}", "too large"),
    ],
)
def test_syntax_that_is_refused(source: str, problem: str) -> None:
    """Whatever is not on the list is refused before anything is evaluated, with a next step."""
    with pytest.raises(TemplateError) as caught:
        Template.parse(source, where="label 2")
    assert problem in caught.value.what
    assert caught.value.what.startswith("label 2 `")
    assert caught.value.next_step


def test_limits_are_inclusive() -> None:
    """A source of 4,096 bytes and a result of 4,096 characters are taken."""
    assert rendered("{{ 1 }}" + "x" * 4089) == "1" + "x" * 4089
    assert rendered("{{ '%96s' | format('%') }}" + "{{ '%100s' | format(1) }}" * 40) is not None


def test_an_error_stays_one_short_line() -> None:
    """A long source with newlines and escape sequences shows cut and escaped."""
    error = refusal("{{ x }}\n\x1b[31m\u2028" + "y" * 3000)
    assert error.what.isprintable()
    assert len(error.what) < 600


def test_names_are_the_paths_that_a_template_reads() -> None:
    """`names` are the paths it reads, as far as they are constant."""
    source = "{{ now }}{{ ci.run_number }}{{ metrics.val['a/b'] }}{{ metrics[artifact] | default(registry) }}"
    template = Template.parse(source, where="label 1")
    assert template.names == {"now", "ci.run_number", "metrics.val['a/b']", "metrics", "artifact", "registry"}
    assert Template.parse("plain", where="label 1").names == frozenset()


def test_every_ci_name_is_known() -> None:
    """The names of contract §3, each empty if the CI doesn't provide it."""
    names = "name repository branch tag sha short_sha pull_request run_id run_number run_url actor pipeline job"
    assert (*names.split(), "head_sha", "run_attempt", "event", "default_branch") == CI_NAMES
    for name in CI_NAMES:
        assert Template.parse(f"{{{{ ci.{name} }}}}x", where="label 1").render(replace(SCOPE, ci={})) is None


def test_no_metrics_at_all() -> None:
    """Without a metrics file the error names that; an empty mapping too."""
    assert "no metrics file was given" in _missing({})
    assert "`metrics.a` has no `x`: it is empty" in _missing({"a": {}}, "{{ metrics.a.x }}")


def _missing(metrics: dict[str, object], source: str = "{{ metrics.x }}") -> str:
    with pytest.raises(TemplateError) as caught:
        Template.parse(source, where="label 1").render(replace(SCOPE, metrics=metrics))
    return caught.value.what


def test_the_clock_is_an_argument() -> None:
    """`now` is the scope's time, in UTC."""
    assert Template.parse("{{ now }}", where="label 1").render(
        replace(SCOPE, now=datetime(2020, 1, 1, tzinfo=UTC))
    ) == ("2020-01-01T00:00:00Z")
