"""Every way a run can fail: its line on stderr, its exit code, and the next step for the reader.

A class directly below `HarLabelsError` has an exit code and its meaning; the classes below it have error codes.
`make docs` writes this tree from the classes:

    HarLabelsError
    ├── Defect              1
    ├── InputError          2
    │       TemplateError MetricsError ManifestError PolicyFileError PlanFileError ReportFileError AmbiguousArtifact
    ├── NotAllowed          3
    │       Unauthorized Forbidden
    ├── NotFound            4
    │       RegistryNotFound ArtifactNotFound NothingMatched
    ├── Changed             5
    │       PlanStale Overwritten ValueConflict Conflict
    ├── Refused             6
    │       BadAnswer Redirected Unreadable TypeLoss ServerFailing RateLimited
    ├── OutOfReach          7
    │       Unreachable TimedOut PastDeadline NoTime
    ├── GateClosed          10
    │       RequireFailed TooManyChanges WouldRemove PolicyBroken
    └── Cancelled           130, 143

The README's tables, the exit codes of `--help`, docs/troubleshooting.md and .harness/errors.yaml are generated from
these classes as well. `report.verdict` computes the exit code of a run with several failures. CONTRIBUTING.md shows how to add an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import ClassVar, Self

from har_labels.text import as_in_manifest, named, spelt


class HarLabelsError(Exception):
    """One failure, worded for its reader (contract §4 "Exit codes").

    `what`: what happened and where. `next_step`: what to do about it, by default the class's `cure`. Both name inputs by
    `named`; `spelt` translates them for the current CI when the error is published. Neither contains the key.
    """

    code: ClassVar[str] = "HAR-DEFECT"
    exit_code: ClassVar[int] = 1
    exit_meaning: ClassVar[str] = "a defect in har-labels"
    cause: ClassVar[str] = "Something in har-labels itself is wrong."
    cure: ClassVar[str] = (
        "Report it with this line and the version of har-labels. A rerun is safe: what is done is not written again."
    )

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step or self.cure

    def reworded(self, what: str) -> Self:
        """The same failure with another `what`, such as one with the artifact in front."""
        other = copy(self)
        other.what, other.args = what, (what,)
        return other

    def with_next_step(self, next_step: str) -> Self:
        """The same failure with another `next_step`."""
        other = copy(self)
        other.next_step = next_step
        return other

    def spelt(self, spell: Callable[[str], str]) -> Self:
        """The same failure with its inputs in the reader's spelling. `spell` translates a name with dashes."""
        return self.reworded(spelt(self.what, spell)).with_next_step(spelt(self.next_step, spell))

    def placed(self, place: str) -> Self:
        """The same failure as one of a manifest, whose keys are spelt alike on every CI. `place`, if any, goes in front."""
        error = self.spelt(as_in_manifest)
        return error.reworded(f"{place}: {error.what}") if place else error

    @property
    def line(self) -> str:
        """The one stable line on stderr: `har-labels: error HAR-<code>: <what> | <next step>` (contract §4)."""
        return f"har-labels: error {self.code}: {self.what} | {self.next_step}"


class Failures(ExceptionGroup[HarLabelsError]):
    """Several failures at once, at least one, such as three wrong inputs of one run (contract §2)."""

    def __new__(cls, errors: Sequence[HarLabelsError]) -> Self:
        return super().__new__(cls, "failures", errors)

    @property
    def errors(self) -> tuple[HarLabelsError, ...]:
        """All of them, in the order in which they are reported."""
        return tuple(error for error in self.exceptions if isinstance(error, HarLabelsError))


class Invalid(ValueError):
    """What is wrong with a text (`why`, which continues a sentence that begins with its name) and what to do (`cure`).

    Raised or returned by the check of a text. The caller knows its input, or its place in a file, and turns it into an
    InputError.
    """

    def __init__(self, why: str, cure: str = "") -> None:
        super().__init__(why)
        self.why, self.cure = why, cure


class Stop(Exception):
    """No further write may start, because of `error`. It ends the run, so it is never caught as the failure of one artifact."""

    def __init__(self, error: HarLabelsError) -> None:
        super().__init__(error.what)
        self.error = error


class Defect(HarLabelsError):
    """An unexpected exception, caught by `main`; or a result that lacks its reason."""


class InputError(HarLabelsError):
    code = "HAR-INPUT"
    exit_code = 2
    exit_meaning = "an input is wrong"
    cause = "An input is missing, misspelt, out of range or contradicts another."
    cure = "Correct the input that the line names; nothing was written."

    @classmethod
    def contains_key(cls, what: str) -> Self:
        """The failure of `what`, any text outside the key's own input, since it contains the key."""
        return cls(f"{what} contains the key", "The key belongs in its own input only; it is not shown here.")


class TemplateError(InputError):
    code = "HAR-TEMPLATE"
    cause = (
        "A label template, a `require` or a `where` expression is not valid, or reads something that does not exist."
    )
    cure = "Correct the expression, or give the metric that it reads."


class MetricsError(InputError):
    code = "HAR-METRICS"
    cause = "A metrics file is missing, too large, in an unsupported format, or contradicts another one."
    cure = "Check the path and what the training job wrote there."


class ManifestError(InputError):
    """A problem in the manifest file itself; the message names keys of the file."""

    code = "HAR-MANIFEST"
    cause = "The manifest has an unknown key, an invalid value or a duplicate at the given line and column."
    cure = "Correct that place. An editor with the shipped schema shows such problems while you type."


class PolicyFileError(InputError):
    """A problem in the policy file itself; the message names keys of the file."""

    code = "HAR-POLICY-FILE"
    cause = "The policy has an unknown key, an invalid value or a duplicate at the given line and column."
    cure = "Correct that place. An editor with the shipped schema shows such problems while you type."


class PlanFileError(InputError):
    code = "HAR-PLAN-FILE"
    cause = "The plan file is incomplete, was made for another server, or was not written by a dry run of har-labels."
    cure = f"Make a new plan with `{named('save-plan')}`."


class ReportFileError(InputError):
    code = "HAR-REPORT-FILE"
    cause = "The report to undo is incomplete, edited, from another server, or has a row whose labels before the run are unknown."
    cure = f"Give a report that `{named('report-file')}` wrote, unchanged."


class AmbiguousArtifact(InputError):
    code = "HAR-AMBIGUOUS"
    cause = "A model and a dataset have the same name."
    cure = f"Choose one with `{named('artifact-type')}`."


class NotAllowed(HarLabelsError):
    exit_code = 3
    exit_meaning = "not allowed (401, 403)"


class Unauthorized(NotAllowed):
    code = "HAR-UNAUTHORIZED"
    cause = "The registry does not accept the key (401): it is wrong, expired, from another cluster, or sent in the wrong header."
    cure = f"Check that the secret is set and current, that `{named('api-url')}` is the account's own host, and `{named('auth-scheme')}`."


class Forbidden(NotAllowed):
    code = "HAR-FORBIDDEN"
    cause = "The key is valid but has no permission for this (403). Labels need `Artifact Registry: Edit`; permission to upload is not enough."
    cure = "Give the key's owner this permission on the registry; on Harness also check the artifact's name."


class NotFound(HarLabelsError):
    exit_code = 4
    exit_meaning = "registry or artifact not found, or a glob that matches nothing"


class RegistryNotFound(NotFound):
    code = "HAR-REGISTRY-NOT-FOUND"
    cause = "There is no registry at this scope path. Names are case-sensitive."
    cure = f"Compare `{named('registry-ref')}` with the registry's page: account/registry, account/org/registry or account/org/project/registry."


class RegistryUnknown(RegistryNotFound):
    """The server's message is that the registry does not exist (recorded/errors.json: a 400), so it is not an unknown path."""


class ArtifactNotFound(NotFound):
    code = "HAR-ARTIFACT-NOT-FOUND"
    cause = "The registry has no artifact of this name (and type). Names are case-sensitive."
    cure = f"Check the name; after a push use `{named('wait-for-artifact')}`; if it may be missing, `{named('on-missing', 'skip')}`."


class NothingMatched(NotFound):
    code = "HAR-NOTHING-MATCHED"
    cause = "A glob of `artifact` or a manifest matches nothing in this registry."
    cure = "Check the pattern; `*` crosses `/`, and names are case-sensitive."


class Changed(HarLabelsError):
    exit_code = 5
    exit_meaning = (
        "changed by others: the plan or the report to undo no longer fits, other writers kept winning, or a 409"
    )


class PlanStale(Changed):
    code = "HAR-PLAN-STALE"
    cause = "An artifact's labels differ from those in the plan, or from those that the run to undo left."
    cure = "Compare both lists, then make and apply a new plan."


class Overwritten(Changed):
    code = "HAR-OVERWRITTEN"
    cause = "The change was lost each time it was written: concurrent writers undid it, or the server did not keep it."
    cure = "Run the writers one after another (`concurrency:` on GitHub, a Queue step on Harness), then rerun."


class ValueConflict(Changed):
    code = "HAR-VALUE-CONFLICT"
    cause = f"`{named('on-conflict', 'error')}`, and a key already has another value."
    cure = f"Decide which value is right. `{named('on-conflict', 'overwrite')}` or `keep` continues without this check."


class Conflict(Changed):
    code = "HAR-CONFLICT"
    cause = "The registry answered 409: someone changed the artifact at the same time."
    cure = "Rerun the step."


class Refused(HarLabelsError):
    code = "HAR-REFUSED"
    exit_code = 6
    exit_meaning = "the registry refused, redirected, sent an invalid answer or kept failing"
    cause = "The registry refused the request for the reason shown."
    cure = "Read the server's message in the line. A rerun will be refused in the same way."


class BadRequest(Refused):
    """A 400: the server knows the call but rejects its arguments, such as page 0 where it counts pages from 1."""


class NoSuchPath(Refused):
    """A 404 without the API's own JSON: a wrong API base, or a server that does not have this call."""

    cure = f"Check `{named('api-url')}`: its path must be the API's base, such as /har/api/v1."


class BadAnswer(Refused):
    code = "HAR-BAD-ANSWER"
    cause = "The answer was not what the API documents: a web page, incomplete, too large, or not JSON."
    cure = f"Check `{named('api-url')}` (a wrong base path returns the web page) and any proxy in between."


class Redirected(Refused):
    code = "HAR-REDIRECTED"
    cause = "The server sent a redirect. Redirects are not followed, because the key would be sent along."
    cure = f"Set `{named('api-url')}` to the redirect's address, if you trust it."


class Unreadable(Refused):
    code = "HAR-UNREADABLE"
    cause = "The artifact exists, but the registry does not show its labels. Unknown labels are not treated as none."
    cure = (
        f"`{named('mode', 'replace')}` without `{named('owned')}`, and `clear`, do not need the current labels, unless a gate or a dry run does. "
        "A docker image is listed only if it has a tag."
    )


class TypeLoss(Refused):
    code = "HAR-TYPE-LOSS"
    cause = "This server clears the type of a Hugging Face artifact when its labels are written, which breaks its downloads."
    cure = f"Push the artifact again to repair it. `{named('allow-type-loss', 'true')}` writes anyway."


class ServerFailing(Refused):
    code = "HAR-SERVER-FAILING"
    cause = "The registry kept failing after every retry."
    cure = "Wait until the registry has recovered and rerun. A rerun finishes the job and repeats nothing."


class RateLimited(Refused):
    code = "HAR-RATE-LIMITED"
    cause = "The registry kept answering 429 (too many requests)."
    cure = f"Lower `{named('requests-per-minute')}`, or let other jobs that use this key finish first."


class OutOfReach(HarLabelsError):
    exit_code = 7
    exit_meaning = "unreachable, timed out or past the deadline"


class Unreachable(OutOfReach):
    code = "HAR-UNREACHABLE"
    cause = (
        "No connection: DNS, TLS or the proxy failed, the connection was refused, or it was closed without an answer."
    )
    cure = f"Check `{named('api-url')}`, the network, `SSL_CERT_FILE` and the proxy settings of the runner."


class Disconnected(Unreachable):
    """The connection was closed before the answer was complete. A retry may succeed."""


class TimedOut(OutOfReach):
    code = "HAR-TIMED-OUT"
    cause = f"The registry did not answer within `{named('timeout')}`, in any try."
    cure = f"Rerun. If the registry is always slow, raise `{named('timeout')}`."


class PastDeadline(OutOfReach):
    code = "HAR-DEADLINE"
    cause = f"The step did not finish within its own `{named('deadline')}`."
    cure = f"Rerun to finish what is left, or raise `{named('deadline')}` (and the CI's own time limit above it)."


class NoTime(OutOfReach):
    code = "HAR-NO-TIME"
    cause = f"At this pace the plan can't be written within `{named('deadline')}`; nothing was written."
    cure = f"Raise `{named('deadline')}`, raise `{named('requests-per-minute')}`, lower `{named('settle')}`, or split the work with `{named('shard')}`."


class GateClosed(HarLabelsError):
    exit_code = 10
    exit_meaning = (
        f"a gate is closed: `{named('require')}`, `{named('policy')}` or `{named('max-changes')}` did not hold, "
        f"or a run without `{named('mode')}` would remove a label"
    )


class RequireFailed(GateClosed):
    code = "HAR-REQUIRE"
    cause = "A `require` expression is false. It is evaluated before anything is written, and again whenever labels are read again."
    cure = "This artifact was not changed. Check the values that the expression read; if they are right, the gate works as intended."


class TooManyChanges(GateClosed):
    code = "HAR-MAX-CHANGES"
    cause = f"The plan would change more artifacts than `{named('max-changes')}` allows; nothing was written."
    cure = f"Check the plan with `{named('dry-run')}`, then raise `{named('max-changes')}` if the plan is right."


class WouldRemove(GateClosed):
    code = "HAR-WOULD-REMOVE"
    cause = f"No `{named('mode')}` was given, and the change would remove existing labels."
    cure = f"`{named('mode', 'add')}` keeps existing labels, `{named('mode', 'upsert')}` sets keys, `{named('mode', 'replace')}` removes the others."


class PolicyBroken(GateClosed):
    code = "HAR-POLICY"
    cause = f"The change would break a rule of `{named('policy')}`, or, with `{named('mode', 'read')}`, existing labels break one."
    cure = "Correct the labels that the line names, or have the rule changed. The artifact was not changed."


class Cancelled(HarLabelsError):
    """The run got SIGINT (`signal_number` 2, exit 130) or SIGTERM (15, exit 143). Contract §5 point 8."""

    code = "HAR-CANCELLED"
    exit_code = 130
    exit_meaning = "cancelled"
    cause = "The run was cancelled (exit 130 after SIGINT, 143 after SIGTERM)."
    cure = "Rerun to finish: what is already done is not written again."

    def __init__(self, what: str, *, signal_number: int = 2) -> None:
        super().__init__(what)
        self.signal_number = signal_number


# Exit codes that are not of one error: of success, and of a run that failed for some artifacts and not for others.
DONE, SOME_FAILED = 0, 11


def all_codes() -> Iterator[type[HarLabelsError]]:
    """Every class that has an error code of its own, ordered by exit code, as in the README."""
    yield HarLabelsError
    yield from sorted(_with_own_code(HarLabelsError), key=lambda kind: kind.exit_code)


def _with_own_code(parent: type[HarLabelsError]) -> Iterator[type[HarLabelsError]]:
    for kind in parent.__subclasses__():
        if "code" in vars(kind):
            yield kind
        yield from _with_own_code(kind)


def exit_codes_of(kind: type[HarLabelsError]) -> str:
    """The exit code of a run that failed in this way, or `130, 143`: one for each signal that cancels."""
    return "130, 143" if issubclass(kind, Cancelled) else str(kind.exit_code)


def exit_codes() -> dict[str, str]:
    """Every exit code with its meaning, in order: those of the classes, of success and of partial success."""
    meanings = {kind.exit_code: (exit_codes_of(kind), kind.exit_meaning) for kind in all_codes()}
    meanings[DONE] = (str(DONE), "done, or nothing to do")
    meanings[SOME_FAILED] = (str(SOME_FAILED), "some artifacts failed, others were done")
    return dict(meanings[code] for code in sorted(meanings))
