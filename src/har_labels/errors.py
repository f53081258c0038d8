"""Every way a run can fail: what the stderr line says, the exit code, and what the reader does next.

    HarLabelsError
    ├── Defect                                                        1
    ├── InputError                                                    2
    │   ├── TemplateError · MetricsError · ManifestError · PolicyFileError · PlanFileError · ReportFileError · AmbiguousArtifact
    ├── NotAllowed: Unauthorized · Forbidden                          3
    ├── NotFound: RegistryNotFound · ArtifactNotFound · NothingMatched  4
    ├── Changed: PlanStale · Overwritten · ValueConflict · Conflict   5
    ├── Refused: BadAnswer · Redirected · Unreadable · TypeLoss · ServerFailing · RateLimited  6
    ├── OutOfReach: Unreachable · TimedOut · PastDeadline · NoTime    7
    ├── GateClosed: RequireFailed · TooManyChanges · WouldRemove · PolicyBroken      10
    └── Cancelled                                                     130, 143

The README's table of codes is generated from these classes; `report` makes one exit code of all that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import ClassVar, Self

from har_labels.text import as_documented, named, spelt


class HarLabelsError(Exception):
    """One failure, worded for its reader.

    `what` says what happened and where, `next_step` what to do about it. Inputs are `named` in both, and written as their
    reader spells them when the error is published (`spelt`). Neither ever holds the key. Contract §4 "Exit codes".
    """

    code: ClassVar[str] = "HAR-DEFECT"
    exit_code: ClassVar[int] = 1
    cause: ClassVar[str] = "Something in har-labels itself is wrong."
    cure: ClassVar[str] = (
        "Report it with this line and the version of har-labels. A rerun is safe: what is done is not written again."
    )

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step or self.cure

    def reworded(self, what: str) -> Self:
        """The same failure told in other words, such as with the artifact in front."""
        other = copy(self)
        other.what, other.args = what, (what,)
        return other

    def with_next_step(self, next_step: str) -> Self:
        """The same failure with another way out."""
        other = copy(self)
        other.next_step = next_step
        return other

    def spelt(self, spell: Callable[[str], str]) -> Self:
        """The same failure with the inputs that it names as their reader writes them; `spell` has a name with dashes."""
        return self.reworded(spelt(self.what, spell)).with_next_step(spelt(self.next_step, spell))

    def placed(self, place: str) -> Self:
        """The same failure as one of a manifest, whose keys are the same on every CI: `place` in front, unless empty."""
        error = self.spelt(as_documented)
        return error.reworded(f"{place}: {error.what}") if place else error

    @property
    def line(self) -> str:
        """The one stable line on stderr: `har-labels: error HAR-<code>: <what> | <next step>` (contract §4)."""
        return f"har-labels: error {self.code}: {self.what} | {self.next_step}"


# Wherever the key turns up but in its own input.
KEY_IS_ELSEWHERE = "The key belongs in its own input only; it is not shown here."


class Failures(ExceptionGroup[HarLabelsError]):
    """Several failures at once, at least one, such as three wrong inputs of one run (contract §2)."""

    def __new__(cls, errors: Sequence[HarLabelsError]) -> Self:
        return super().__new__(cls, "failures", errors)

    @property
    def errors(self) -> tuple[HarLabelsError, ...]:
        """All of them, in the order they are told."""
        return tuple(error for error in self.exceptions if isinstance(error, HarLabelsError))


class Invalid(ValueError):
    """A text that can't be used: `why` goes on behind its name, `cure` says what its writer can do, or is empty.

    Raised and returned where a text is judged; whoever knows its input, or its place in a file, makes an InputError of it.
    """

    def __init__(self, why: str, cure: str = "") -> None:
        super().__init__(why)
        self.why, self.cure = why, cure


class Stop(Exception):
    """No further write may start, for the reason `error`. No failure of one artifact, so never caught as one."""

    def __init__(self, error: HarLabelsError) -> None:
        super().__init__(error.what)
        self.error = error


class Defect(HarLabelsError):
    """What nobody expected, found by `main` around everything; or a result that says too little."""


class InputError(HarLabelsError):
    code = "HAR-INPUT"
    exit_code = 2
    cause = "An input is missing, misspelt, out of range or contradicts another."
    cure = "Correct the input that the line names; nothing was written."


class TemplateError(InputError):
    code = "HAR-TEMPLATE"
    cause = "A label template, a `require` or a `where` expression can't be read, or reads something that isn't there."
    cure = "Correct the expression, or give the metric that it reads."


class MetricsError(InputError):
    code = "HAR-METRICS"
    cause = "A metrics file is missing, too large, of a kind that can't be read, or contradicts another one."
    cure = "Check the path and what the training job wrote there."


class ManifestError(InputError):
    """Of a manifest by itself; its texts name keys of the file."""

    code = "HAR-MANIFEST"
    cause = "The manifest has an unknown key, a bad value or a duplicate at the line and column named."
    cure = "Correct that place; an editor with the shipped schema shows it while typing."


class PolicyFileError(InputError):
    """Of a policy by itself; its texts name keys of the file."""

    code = "HAR-POLICY-FILE"
    cause = "The policy has an unknown key, a bad value or a duplicate at the line and column named."
    cure = "Correct that place; an editor with the shipped schema shows it while typing."


class PlanFileError(InputError):
    code = "HAR-PLAN-FILE"
    cause = "The plan file is cut off, made for another server, or not one that a dry run of har-labels wrote."
    cure = f"Make a new plan with `{named('save-plan')}`."


class ReportFileError(InputError):
    code = "HAR-REPORT-FILE"
    cause = "The report to undo is cut off, edited, of another server, or has a row whose labels before the run are not known."
    cure = f"Name a report that `{named('report-file')}` wrote, as it was written."


class AmbiguousArtifact(InputError):
    code = "HAR-AMBIGUOUS"
    cause = "A model and a dataset have this one name."
    cure = f"Say which with `{named('artifact-type')}`."


class NotAllowed(HarLabelsError):
    exit_code = 3


class Unauthorized(NotAllowed):
    code = "HAR-UNAUTHORIZED"
    cause = "The registry does not know the key (401): wrong, expired, of another cluster, or sent in the wrong header."
    cure = f"Check that the secret is set and current, that `{named('api-url')}` is the account's own host, and `{named('auth-scheme')}`."


class Forbidden(NotAllowed):
    code = "HAR-FORBIDDEN"
    cause = "The key is known but may not do this (403). Labels need `Artifact Registry: Edit`; uploading rights are not enough."
    cure = "Give the key's owner the right on this registry; on Harness also check that the artifact's name is right."


class NotFound(HarLabelsError):
    exit_code = 4


class RegistryNotFound(NotFound):
    code = "HAR-REGISTRY-NOT-FOUND"
    cause = "There is no registry at this scope path. Names are case-sensitive."
    cure = f"Compare `{named('registry-ref')}` with the registry's page: account/registry, account/org/registry or account/org/project/registry."


class RegistryUnknown(RegistryNotFound):
    """The server said in words that it has no such registry (recorded/errors.json: a 400), and not by a path that it lacks."""


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


class PlanStale(Changed):
    code = "HAR-PLAN-STALE"
    cause = "An artifact has other labels than when the plan was made, or than the run to undo left."
    cure = "Look at both lists, then make and apply a new plan."


class Overwritten(Changed):
    code = "HAR-OVERWRITTEN"
    cause = "The change was gone again each time it was made: other writers undid it, or the server did not keep it."
    cure = "Run the writers one after another (`concurrency:` on GitHub, a Queue step on Harness), then rerun."


class ValueConflict(Changed):
    code = "HAR-VALUE-CONFLICT"
    cause = f"`{named('on-conflict', 'error')}`, and a key already has another value."
    cure = f"Decide which value is right; `{named('on-conflict', 'overwrite')}` or `keep` goes on without asking."


class Conflict(Changed):
    code = "HAR-CONFLICT"
    cause = "The registry answered 409: someone changed the artifact at the same time."
    cure = "Rerun the step."


class Refused(HarLabelsError):
    code = "HAR-REFUSED"
    exit_code = 6
    cause = "The registry refused the request for the reason shown."
    cure = "Read the server's message in the line; a rerun will be refused alike."


class BadRequest(Refused):
    """A 400: the server understood the call and not what it asks for, such as page 0 of one that counts from 1."""


class NoSuchPath(Refused):
    """A 404 that is not the API's own JSON: a wrong API base, or a server that does not offer this call."""

    cure = f"Check `{named('api-url')}`: its path must be the API's base, such as /har/api/v1."


class BadAnswer(Refused):
    code = "HAR-BAD-ANSWER"
    cause = "The answer was not what the API documents: a web page, cut off, too large, or not JSON."
    cure = f"Check `{named('api-url')}` (a wrong base path answers with the web page) and proxies in between."


class Redirected(Refused):
    code = "HAR-REDIRECTED"
    cause = "The server pointed elsewhere. Redirects are not followed: the key would go along."
    cure = f"Set `{named('api-url')}` to the address it pointed to, if you trust it."


class Unreadable(Refused):
    code = "HAR-UNREADABLE"
    cause = "The artifact exists but the registry does not show its labels, and unknown is not empty."
    cure = (
        f"`{named('mode', 'replace')}` without `{named('owned')}`, and `clear`, need no current labels, unless a gate or dry run asks; "
        "a docker image needs a tag to be listed."
    )


class TypeLoss(Refused):
    code = "HAR-TYPE-LOSS"
    cause = "This server clears the type of a Hugging Face artifact when its labels are written, which breaks its downloads."
    cure = f"Push the artifact anew to mend it; `{named('allow-type-loss', 'true')}` writes all the same."


class ServerFailing(Refused):
    code = "HAR-SERVER-FAILING"
    cause = "The registry went on failing after every retry."
    cure = "Wait for the registry to recover and rerun; a rerun finishes the job and repeats nothing."


class RateLimited(Refused):
    code = "HAR-RATE-LIMITED"
    cause = "The registry went on answering 429 (too many requests)."
    cure = f"Lower `{named('requests-per-minute')}`, or let other jobs that use this key finish first."


class OutOfReach(HarLabelsError):
    exit_code = 7


class Unreachable(OutOfReach):
    code = "HAR-UNREACHABLE"
    cause = "No connection: the name does not resolve, nothing listens, TLS or the proxy failed, or it hung up."
    cure = f"Check `{named('api-url')}`, the network, `SSL_CERT_FILE` and the proxy settings of the runner."


class Disconnected(Unreachable):
    """There was a connection, and it ended before the answer did: that may pass."""


class TimedOut(OutOfReach):
    code = "HAR-TIMED-OUT"
    cause = f"The registry did not answer within `{named('timeout')}`, each time."
    cure = f"Rerun; if it is always slow, raise `{named('timeout')}`."


class PastDeadline(OutOfReach):
    code = "HAR-DEADLINE"
    cause = f"The step's own `{named('deadline')}` passed."
    cure = f"Rerun to finish what is left, or raise `{named('deadline')}` (and the CI's own time limit above it)."


class NoTime(OutOfReach):
    code = "HAR-NO-TIME"
    cause = f"The plan can't be written within `{named('deadline')}` at this pace; nothing was written."
    cure = f"Raise `{named('deadline')}`, raise `{named('requests-per-minute')}`, lower `{named('settle')}`, or split the work with `{named('shard')}`."


class GateClosed(HarLabelsError):
    exit_code = 10


class RequireFailed(GateClosed):
    code = "HAR-REQUIRE"
    cause = "A `require` expression is false. It is asked before anything is written, and again wherever labels are read anew."
    cure = "This artifact was not changed. Look at the values it read; if they are right, so is the gate."


class TooManyChanges(GateClosed):
    code = "HAR-MAX-CHANGES"
    cause = f"The plan would change more artifacts than `{named('max-changes')}` allows; nothing was written."
    cure = f"Look at the plan with `{named('dry-run')}`, then raise `{named('max-changes')}` if it is right."


class WouldRemove(GateClosed):
    code = "HAR-WOULD-REMOVE"
    cause = "No `mode` was given, and labels that are there would be taken away."
    cure = f"`{named('mode', 'add')}` keeps what is there, `{named('mode', 'upsert')}` sets keys, `{named('mode', 'replace')}` means it."


class PolicyBroken(GateClosed):
    code = "HAR-POLICY"
    cause = f"The change would break a rule of `{named('policy')}` that holds now, or, with `{named('mode', 'read')}`, labels that are there break one."
    cure = "Correct the labels that the line names, or have the rule changed; the artifact is as it was."


class Cancelled(HarLabelsError):
    """`signal_number` is 2 (SIGINT, exit 130) or 15 (SIGTERM, exit 143). Contract §5 point 8."""

    code = "HAR-CANCELLED"
    exit_code = 130
    cause = "The run was cancelled (exit 130 after SIGINT, 143 after SIGTERM)."
    cure = "Rerun to finish: what is already done is not written again."

    def __init__(self, what: str, *, signal_number: int = 2) -> None:
        super().__init__(what)
        self.signal_number = signal_number


def all_codes() -> Iterator[type[HarLabelsError]]:
    """Every error class with a code of its own, by exit code, as the README lists them."""
    yield HarLabelsError
    yield from sorted(_with_own_code(HarLabelsError), key=lambda kind: kind.exit_code)


def _with_own_code(parent: type[HarLabelsError]) -> Iterator[type[HarLabelsError]]:
    for kind in parent.__subclasses__():
        if "code" in vars(kind):
            yield kind
        yield from _with_own_code(kind)
