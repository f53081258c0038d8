"""Names of inputs: the sources of their texts, the order of these, and the errors of unknown names (contract §2)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from canary import KEY
from ci.steps import CIS
from har_labels.inputs.configure import Misconfigured, configure, sources_of
from har_labels.inputs.key import HOW_TO_GIVE_THE_KEY
from har_labels.platforms import detect
from inputs.asking import ask, refusals

OWN = {
    "HAR_LABELS_API_KEY": KEY,
    "HAR_LABELS_REGISTRY_REF": "own/r",
    "HAR_LABELS_ARTIFACT": "own",
    "HAR_LABELS_LABELS": "own",
}
GITHUB = {"GITHUB_ACTIONS": "true"}
HARNESS = {"DRONE": "true"}


def texts(environ: Mapping[str, str], *argv: str) -> list[str]:
    """The items of `labels` that a run with just these variables and flags would have."""
    return [item.text for item in configure(argv, environ, detect(environ)).settings.labels]


@pytest.mark.parametrize(
    ("environ", "argv", "expected"),
    [
        (OWN, (), "own"),
        (OWN, ("--labels", "flag"), "flag"),
        ({**OWN, **GITHUB, "INPUT_LABELS": "input"}, (), "input"),
        ({**OWN, **GITHUB, "INPUT_LABELS": "input"}, ("--labels", "flag"), "flag"),
        ({**OWN, **GITHUB, "INPUT_LABELS": ""}, (), "own"),
        ({**OWN, **GITHUB, "INPUT_LABELS": " \n"}, (), "own"),
        ({**OWN, **GITHUB, "INPUT_LABELS": "input"}, ("--labels", ""), "input"),
        ({**OWN, **GITHUB, "PLUGIN_LABELS": "plugin"}, (), "own"),
        ({**OWN, **GITHUB, **HARNESS, "INPUT_LABELS": "input", "PLUGIN_LABELS": "plugin"}, (), "input"),
        ({**OWN, **HARNESS, "PLUGIN_LABELS": "plugin"}, (), "plugin"),
        ({**OWN, **HARNESS, "PLUGIN_LABELS": "plugin"}, ("--labels=flag",), "flag"),
        ({**OWN, **HARNESS, "PLUGIN_LABELS": "plugin", "INPUT_LABELS": "input"}, (), "plugin"),
        ({**OWN, **HARNESS, "INPUT_LABELS": "input"}, (), "own"),
        ({**OWN, "INPUT_LABELS": "input", "PLUGIN_LABELS": "plugin", "LABELS": "bare", "labels": "bare"}, (), "own"),
        ({**OWN, "GITHUB_ACTIONS": "false", "INPUT_LABELS": "input"}, (), "own"),
    ],
)
def test_the_first_layer_wins(environ: dict[str, str], argv: tuple[str, ...], expected: str) -> None:
    """Flags, then the detected CI's prefix, then HAR_LABELS_; the other CI's prefix and bare names are not read."""
    assert texts(environ, *argv) == [expected]


@pytest.mark.parametrize("variable", ["INPUT_REGISTRY-REF", "INPUT_REGISTRY_REF", "INPUT_registry-ref"])
def test_github_spellings(variable: str) -> None:
    """GitHub keeps the dash, other runners turn it into `_`: both are the input."""
    configuration = configure((), {**OWN, **GITHUB, variable: "acme/r"}, detect(GITHUB))
    assert str(configuration.settings.registry_ref) == "acme/r/+"


@pytest.mark.parametrize(
    ("ci", "prefix", "spelt"), [("github", "INPUT_", "registry-ref"), ("harness", "PLUGIN_", "registry_ref")]
)
def test_two_spellings_of_one_input(ci: str, prefix: str, spelt: str) -> None:
    """Two spellings with one value, or with one of them empty, are one input; with two values they are an error."""
    dash, underscore = f"{prefix}REGISTRY-REF", f"{prefix}REGISTRY_REF"
    assert not refusals(ci, {}, environ={dash: "acme/ml/models", underscore: "acme/ml/models\n"})
    assert not refusals(ci, {}, environ={dash: "", underscore: "acme/ml/models"})
    said = refusals(ci, {}, environ={dash: "acme/a", underscore: "acme/b"})
    assert said == [(f"`{spelt}` is given twice, in two spellings, with different values", "Keep one of the two.")]


def test_two_spellings_of_the_key_show_neither() -> None:
    """The error about two different keys shows no character of either."""
    ((what, _),) = refusals("github", {}, environ={"INPUT_API_KEY": "another-key-1234"})
    assert what == "`api-key` is given twice, in two spellings, with different values"


@pytest.mark.parametrize(
    ("near", "right"),
    [
        ("label", "labels"),
        ("registry", "registry-ref"),
        ("artifacts", "artifact"),
        ("dryrun", "dry-run"),
        ("api-keys", "api-key"),
        ("retires", "retries"),
        ("requires", "require"),
        ("time-out", "timeout"),
        ("onconflict", "on-conflict"),
        ("metric-file", "metrics-file"),
        ("artefact", "artifact"),
        ("lables", "labels"),
        ("max-change", "max-changes"),
        ("moed", "mode"),
        ("mdoe", "mode"),
        ("dry", "dry-run"),
        ("metrics", "metrics-file"),
        ("wait", "wait-for-artifact"),
    ],
)
def test_a_near_miss_names_the_right_input(near: str, right: str) -> None:
    """A misspelt name is an error with the right name, in the spelling of its source."""
    upper = near.upper()
    cases = (
        ("github", f"INPUT_{upper}", near, right),
        ("harness", f"PLUGIN_{upper.replace('-', '_')}", near.replace("-", "_"), right.replace("-", "_")),
        (
            "terminal",
            f"HAR_LABELS_{upper.replace('-', '_')}",
            f"HAR_LABELS_{upper.replace('-', '_')}",
            f"HAR_LABELS_{right.upper().replace('-', '_')}",
        ),
    )
    for ci, variable, spelt, meant in cases:
        assert refusals(ci, {}, environ={variable: "x"}) == [
            (f"`{spelt}` is not an input", f"Did you mean `{meant}`? Nothing was done.")
        ]
    said = (
        refusals("terminal", {}, argv=[f"--{near}", "x"])
        if near != "label"
        else refusals("terminal", {}, argv=["--label=x"])
    )
    # No flag takes the key itself, so none is proposed.
    cure = HOW_TO_GIVE_THE_KEY if right == "api-key" else f"Did you mean `--{right}`?"
    assert said == [(f"there is no flag `--{near}`", cure)]


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize(
    "name",
    [
        "PIPELINE",
        "ARTIFACT_FILE",
        "METADATA_FILE",
        "BUILD_TOOL_FILE",
        "CACHE_METRICS_FILE",
        "CACHE_INTEL_METRICS_FILE",
        "ARGS",
        "ENTRYPOINT",
        "WHO-TO-GREET",
        "X",
        "",
        "TOKEN",
        "SOMETHING_ELSE_ENTIRELY",
    ],
)
def test_other_unknown_names_are_ignored(ci: str, name: str) -> None:
    """Variables that the CIs set themselves, and names that resemble none of ours, are ignored."""
    assert not refusals(ci, {}, environ={f"{prefix}{name}": "value" for prefix in ("INPUT_", "PLUGIN_", "HAR_LABELS_")})


@pytest.mark.parametrize(("ci", "variable"), [("github", "INPUT_LABEL"), ("harness", "PLUGIN_REGISTRY")])
def test_an_empty_near_miss_is_not_given(ci: str, variable: str) -> None:
    """An empty text under a wrong name has no effect."""
    assert not refusals(ci, {}, environ={variable: " "})


def test_another_ci_s_near_miss_is_not_read() -> None:
    """On GitHub PLUGIN_ variables are ignored, on Harness INPUT_ ones."""
    assert not refusals("github", {}, environ={"PLUGIN_LABEL": "x", "PLUGIN_MODE": "nonsense"})
    assert not refusals("harness", {}, environ={"INPUT_LABEL": "x", "INPUT_MODE": "nonsense"})


@pytest.mark.parametrize(
    ("argv", "what", "cure"),
    [
        (["--bogus", "1"], "there is no flag `--bogus`", "`--help` lists the flags."),
        (["--bogus=1"], "there is no flag `--bogus`", "`--help` lists the flags."),
        (["--lab", "x"], "there is no flag `--lab`", "`--help` lists the flags."),
        (["--mode", "add", "--mode=upsert"], "`--mode` is given 2 times", "Keep one of them."),
        (
            ["--apikey", "S3cret99"],
            "there is no flag `--apikey`",
            "Set HAR_LABELS_API_KEY in the environment, or name a file with `--api-key-file`.",
        ),
        (["stray"], "`stray` belongs to no flag", "Write it after one, such as `--artifact`; `--help` lists them."),
        (
            ["--mode"],
            "the command line can't be read: argument --mode: expected one argument",
            "`--help` lists the flags; write a value that begins with `-` after a `=`, as in `--labels=-x`.",
        ),
        (
            ["--mode", "nope"],
            "`--mode` is 'nope': it is not one of the allowed values",
            "Use `replace`, `add`, `remove`, `upsert`, `clear`, `read` or `move`.",
        ),
        (["--api", "x"], "there is no flag `--api`", "Did you mean `--api-key-file` or `--api-url`?"),
        (["--on=x"], "there is no flag `--on`", "Did you mean `--on-conflict`, `--on-failure` or `--on-missing`?"),
        (["--dry-run=maybe"], "`--dry-run` is 'maybe': it is neither true nor false", "Use `true` or `false`."),
        (
            ["--api-key"],
            "`--api-key` shows the key to every process of this machine, and your shell may keep it",
            "Set HAR_LABELS_API_KEY in the environment, or name a file with `--api-key-file`. If the key was a real one, renew it.",
        ),
        (
            ["--api-key", "x"],
            "`--api-key` shows the key to every process of this machine, and your shell may keep it",
            "Set HAR_LABELS_API_KEY in the environment, or name a file with `--api-key-file`. If the key was a real one, renew it.",
        ),
    ],
)
def test_wrong_flags(argv: list[str], what: str, cure: str) -> None:
    """Errors of the command line have the form of all other errors."""
    assert (what, cure) in refusals("terminal", {}, argv=argv)


def test_the_key_on_the_command_line_is_not_shown() -> None:
    """No error shows a key after `--api-key`, or anywhere else on the command line."""
    assert refusals("terminal", {}, argv=["--api-key", KEY])
    assert refusals("terminal", {}, argv=[f"--api-key={KEY}"])
    assert refusals("terminal", {"api-key": ""}, argv=[f"--api-key={KEY}"])


def test_the_value_of_an_unknown_flag_is_not_shown() -> None:
    """The error shows only the flag: its value could be a key."""
    said = refusals("terminal", {}, argv=["--apikey", "S3cret99", "stray"])
    assert not [words for words in said if "S3cret99" in "".join(words)]
    assert said[1][0] == "`stray` belongs to no flag"


@pytest.mark.parametrize("given", [{}, {"api-key": ""}])
def test_an_unreadable_command_line_is_the_only_problem(given: dict[str, str]) -> None:
    """No input is reported as missing then, not even the key's file; and `--json` still works."""
    argv = ["--registry-ref", "a/r", "--api-key-file", "k", "--labels", "-x=1", "--json"]
    ((what, _),) = refusals("terminal", given, argv=argv)
    assert what.startswith("the command line can't be read")
    with pytest.raises(Misconfigured) as caught:
        ask("terminal", given, argv=argv)
    assert caught.value.configuration.publishing.wants_json


@pytest.mark.parametrize("name", ["registry-ref", "artifact", "labels", "api-key"])
def test_a_misspelt_input_is_not_reported_as_missing_too(name: str) -> None:
    """One slip is one problem: nobody is sent to `mode: clear` because of it."""
    for ci, variable in (
        ("github", f"INPUT_{name.upper()}S"),
        ("harness", f"PLUGIN_{name.upper()}S".replace("-", "_")),
    ):
        ((what, cure),) = refusals(ci, {name: ""}, environ={variable.replace("LABELSS", "LABEL"): "x"})
        assert what.endswith("is not an input")
        assert "clear" not in cure


SHARD = "Write INDEX/TOTAL into `{}` instead, counted from 0: `0/3` is the first of three."
ALWAYS = "Leave it out: labels are always rendered, and `{{ '{{ x }}' }}` writes braces."


@pytest.mark.parametrize("name", ["shard-index", "shard-total", "templates"])
def test_the_error_of_a_former_input_names_its_replacement(name: str) -> None:
    """It is an error in any spelling of any CI and as a flag; the cure has the right name in the same spelling."""
    upper, lower = name.upper().replace("-", "_"), name.replace("-", "_")
    for ci, variable, spelt, shard in (
        ("github", f"INPUT_{name.upper()}", name, "shard"),
        ("github", f"INPUT_{upper}", name, "shard"),
        ("hybrid", f"INPUT_{name.upper()}", name, "shard"),
        ("harness", f"PLUGIN_{upper}", lower, "shard"),
        ("terminal", f"HAR_LABELS_{upper}", f"HAR_LABELS_{upper}", "HAR_LABELS_SHARD"),
    ):
        cure = ALWAYS if name == "templates" else SHARD.format(shard)
        for others in ({}, {"shard": "0/2"}):
            assert refusals(ci, others, environ={variable: "1"}) == [(f"`{spelt}` is not an input any more", cure)]
    cure = ALWAYS if name == "templates" else SHARD.format("--shard")
    for argv in ([f"--{name}", "1"], [f"--{name}=1"], [f"--{lower}", "1"]):
        assert refusals("terminal", {}, argv=argv) == [
            (f"the flag `{argv[0].partition('=')[0]}` no longer exists", cure)
        ]
    assert not refusals("github", {}, environ={f"INPUT_{upper}": " "})


@pytest.mark.parametrize("written", ["shardIndex", "ShardTotal", "shard index", "Shard-Index"])
def test_however_the_words_of_a_name_that_was_an_input_are_put_together(written: str) -> None:
    """`shardIndex` of a plugin's settings arrives as `PLUGIN_SHARDINDEX` and is recognised as the former input."""
    for ci, variable in (("harness", f"PLUGIN_{written.upper()}"), ("github", f"INPUT_{written.upper()}")):
        ((what, cure),) = refusals(ci, {}, environ={variable: "1"})
        assert what.endswith("is not an input any more")
        assert cure == SHARD.format("shard")
    flag = written.replace(" ", "-")
    assert refusals("terminal", {}, argv=[f"--{flag}=1"]) == [
        (f"the flag `--{flag}` no longer exists", SHARD.format("--shard"))
    ]


def test_flags_of_lists_join_and_switches_need_no_value() -> None:
    """A flag given several times adds to its list, and a bare switch means true."""
    settings = ask(
        "terminal", {}, argv=["--labels", "a", "--labels", "b, c", "--dry-run", "--summary", "false"]
    ).settings
    assert [item.text for item in settings.labels] == ["a", "b", "c"]
    assert len(ask("terminal", {}, argv=["--labels", "a", "--labels", "a"]).settings.labels) == 2, "told as a duplicate"
    assert settings.dry_run
    assert not settings.summary


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They print and exit with 0, even if inputs are missing."""
    from har_labels.main import main

    assert main([word], {}) == 0
    assert "har-labels" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["manifest", "policy", "metrics-file"])
@pytest.mark.parametrize(("ci", "prefix"), [("github", "INPUT_"), ("harness", "PLUGIN_")])
def test_a_step_of_a_ci_has_no_standard_input(ci: str, prefix: str, name: str) -> None:
    """`-` is standard input for the command in a shell, in a `run:` step too; where a CI gives a step its inputs, there is none."""
    inputs = {"artifact": "", "labels": ""} if name == "manifest" else {}
    variable = name.upper().replace("-", "_")
    for environ, argv, has_stdin in (
        ({f"{prefix}{variable}": "-"}, [], False),
        ({f"HAR_LABELS_{variable}": "-"}, [], True),
        ({}, [f"--{name}", "-"], True),
        ({f"{prefix}{variable}": "-"}, [f"--{name}=-"], True),
    ):
        assert bool(ask(ci, inputs, environ=environ, argv=argv).stdin) is has_stdin


def test_what_was_given_shows_no_text() -> None:
    """What the sources give to the library, which may log it, is the texts; their repr has the spelling alone."""
    environ = OWN | GITHUB | {"INPUT_API-KEY": KEY, "INPUT_LABELS": "a"}
    for source in sources_of(("--artifact", "x"), environ, "INPUT_"):
        given = source()
        assert given
        assert KEY not in repr(given)
    assert repr(given["api_key"]) == "<HAR_LABELS_API_KEY>"
    assert given["api_key"] == KEY
