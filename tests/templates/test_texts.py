"""Texts and dates in expressions: slices, tests, `replace`, `semver`, `date`, `plus_days` (contract §3)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from templates.scopes import holds, refused, rendered

METRICS = {
    "version": "v1.12.3", "next": "2.0.0-rc.1", "build": "1.2.3+linux.7", "name": "abcdef", "long": "x" * 5000, "huge": "y" * 5_000_000,
    "n": 7, "null": None, "s": 1788259200.75, "ms": 1791234567891, "u": "2026-08-06 07:06:40 UTC",
}  # fmt: skip
CI = {"sha": "89abcdef0123456789abcdef0123456789abcdef", "tag": ""}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("ci.sha[:12]", "89abcdef0123"),
        ("ci['sha'][:7]", "89abcde"),
        ("ci.tag[:7]", None),
        ("ci.actor[:7]", None),
        ("metrics.name[1:3]", "bc"),
        ("metrics.name[-2:]", "ef"),
        ("metrics.name[:-2]", "abcd"),
        ("metrics.name[::-1]", "fedcba"),
        ("metrics.name[::2]", "ace"),
        ("metrics.name[9:]", None),
        ("metrics.name[metrics.n - 5:]", "cdef"),
        ("metrics.huge[:3]", "yyy"),
        ("(metrics.name | upper)[:2]", "AB"),
        ("artifact[:4]", "team"),
        ("metrics.name | replace('b', '-') | replace('cd', '')", "a-ef"),
        ("'y' if metrics.version is startswith('v1.') else 'n'", "y"),
        ("'y' if metrics.version is startswith 'v2' else 'n'", "n"),
        ("metrics.version is endswith('.3')", "true"),
        ("metrics.version is not endswith('.3')", "false"),
        ("metrics.n is eq(7)", "true"),
        ("metrics.n is gt 7", "false"),
        ("metrics.n is in [1, 7]", "true"),
        ("metrics.version | semver('{major}.{minor}')", "1.12"),
        ("metrics.version | semver('{major}')", "1"),
        ("metrics.version | semver('v{major}-{minor}_{patch}')", "v1-12_3"),
        ("metrics.version | semver", "1.12.3"),
        ("metrics.version | semver('{raw}')", "v1.12.3"),
        ("metrics.next | semver('{major}.{minor}')", "2.0.0-rc.1"),
        ("metrics.next | semver('{major}')", "2.0.0-rc.1"),
        ("metrics.build | semver('{version}')", "1.2.3"),
        ("metrics.build | semver('{minor}')", "2"),
        ("metrics.build | semver('{raw}')", "1.2.3+linux.7"),
        ("ci.tag | semver('{major}')", None),
        ("'1.2' | semver | default('none')", "none"),
    ],
)
def test_texts(source: str, text: str | None) -> None:
    """Texts are cut and tested as in Jinja2, and versions give their parts as docker/metadata-action has them."""
    assert rendered(source, METRICS, ci=CI) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("metrics.name[0]", "is a text and has no `0`"),
        ("metrics.n[:1]", "cuts texts and lists, and `metrics.n` is a number"),
        ("metrics.null[:1]", "`metrics.null` is null"),
        ("metrics.huge[:5000]", "more than 4,096 characters"),
        ("metrics.long", "5,000 characters"),
        ("now[:4]", "`now` has no parts"),
        ("ci[:4]", "`ci` needs one name after it"),
        ("ci.sha.x", "`ci` needs one name after it"),
        ("'abc'[:2]", "only after a name"),
        ("metrics.n is startswith('7')", "`startswith` needs texts, not the number 7"),
        ("metrics.name is startswith(7)", "`startswith` needs texts"),
        ("metrics.name is startswith", "takes one argument"),
        ("metrics.name is startswith('a', 'b')", "takes one argument"),
        ("metrics.name is defined('a')", "takes no argument"),
        ("metrics.name is lower", "a test `is lower` is not known; there are"),
        ("metrics.n is eq('7')", "compares the number 7 with the text '7'"),
        ("metrics.n | semver", "`semver` needs a text"),
        ("'1.2' | semver", "needs a version such as 1.2.3, not the text '1.2'"),
        ("'01.2.3' | semver", "needs a version"),
        ("'1.2.3-01' | semver", "needs a version"),
        ("metrics.version | semver('{mayor}')", "`semver` does not support `{mayor}`; it supports {version}, {major}"),
    ],
)
def test_texts_that_are_refused(source: str, problem: str) -> None:
    """A value that is not a text, and a text that is not a version, is an error."""
    assert problem in refused(rendered, source, METRICS, ci=CI)


def test_a_gate_on_a_version() -> None:
    """A text that is not a version closes a gate, even with a default."""
    assert holds("metrics.version | semver('{major}') == '1' and metrics.version is startswith('v1.')", METRICS)
    assert "no default replaces" in refused(holds, "metrics.name | semver | default('1') == '1'", METRICS)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("metrics.s | date", "2026-09-01"),
        ("metrics.s | date('%H:%M:%S.%f')", "10:40:00.750000"),
        ("metrics.ms | date('%F %T')", "2026-10-05 21:09:27"),
        ("99999999999 | date", "5138-11-16"),
        ("100000000000 | date", "1973-03-03"),
        ("0 | date", "1970-01-01"),
        ("-86400 | date", "1969-12-31"),
        ("metrics.u | date('%F %H:%M')", "2026-08-06 07:06"),
        ("'2026-08-06T07:06:40.123456789Z' | date('%T')", "07:06:40"),
        ("'2026-08-06 07:06:40UTC' | date('%T')", "07:06:40"),
        ("'2026-08-06 07:06:40 GMT' | date('%T')", "07:06:40"),
        ("'2026-08-06 07:06:40 +0000 UTC' | date('%T')", "07:06:40"),
        ("'2026-08-06 07:06:40 +0200' | date('%T')", "05:06:40"),
        ("'Thu, 06 Aug 2026 07:06:40 GMT' | date('%F %T')", "2026-08-06 07:06:40"),
        ("'Thu, 6 Aug 2026 07:06:40 +0200' | date('%F %T')", "2026-08-06 05:06:40"),
        ("'06 Aug 2026 07:06 -0000' | date('%F %T')", "2026-08-06 07:06:00"),
        ("'Thu, 06 Aug 2026 07:06:40 EST' | date('%T')", "12:06:40"),
        ("'Thu, 06 Aug 2026 07:06:40 +0000 (UTC)' | date('%T')", "07:06:40"),
        ("now | plus_days(30) | date", "2026-12-23"),
        ("now | plus_days(-1) | date", "2026-11-22"),
        ("now | plus_days(0.5)", "2026-11-23T21:48:01Z"),
        ("metrics.s | plus_days(1) | date", "2026-09-02"),
        ("'2026-12-31' | plus_days(1) | date", "2027-01-01"),
        ("'y' if now > metrics.s | plus_days(30) else 'n'", "y"),
        ("'1788259200' | float | date", "2026-09-01"),
    ],
)
def test_dates(source: str, text: str) -> None:
    """`date` takes what training tools write for a time; without a zone it is UTC."""
    assert rendered(source, METRICS) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("'today' | date", "`date` needs a time, not the text 'today'"),
        ("'Thu, 06 Aug 2026 07:06:40 CEST' | date", "`date` needs a time"),
        ("'Thu, 32 Aug 2026 07:06:40 GMT' | date", "`date` needs a time"),
        ("'1788259200' | date", "of a text: `| float`"),
        ("true | date", "`date` needs a time, not `true`"),
        ("1e30 | date", "`date` needs a time"),
        ("-1e17 | date", "`date` needs a time"),
        ("now | plus_days('3')", "`plus_days` needs a number"),
        ("now | plus_days(99999999)", "out of the years 1 to 9999"),
        ("now | plus_days(999999)  | plus_days(999999) | plus_days(999999)", "out of the years 1 to 9999"),
        ("now | plus_days", "days must be given"),
        ("'x' | plus_days(3)", "`plus_days` needs a time"),
        ("'y' if now > '2026-01-01' else 'n'", "`| plus_days(0)`"),
    ],
)
def test_dates_that_are_refused(source: str, problem: str) -> None:
    """A value that is not a valid time is an error that shows the valid forms."""
    assert problem in refused(rendered, source, METRICS)


def test_the_zone_of_now() -> None:
    """Times print in UTC, whatever zone they have."""
    assert rendered("now | plus_days(1)", now=datetime(2026, 3, 1, 23, tzinfo=UTC)) == "2026-03-02T23:00:00Z"
