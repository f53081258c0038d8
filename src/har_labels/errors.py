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

from collections.abc import Iterator, Sequence
from copy import copy
from typing import ClassVar, Self


class HarLabelsError(Exception):
    """One failure, worded for its reader.

    `what` says what happened and where, `next_step` what to do about it. Names of inputs in a `next_step` stand as on
    GitHub until it is told (see spelling), unless it `is_spelt`: as its reader spells them, or with texts of the user's
    in it. Neither ever holds the key. Contract §4 "Exit codes".
    """

    code: ClassVar[str] = "HAR-DEFECT"
    exit_code: ClassVar[int] = 1
    cause: ClassVar[str] = "Something in har-labels itself is wrong."
    cure: ClassVar[str] = (
        "Report it with this line and the version of har-labels. A rerun is safe: what is done is not written again."
    )

    def __init__(self, what: str, next_step: str = "", *, is_spelt: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step or self.cure
        self.is_spelt = is_spelt

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

    def placed(self, place: str) -> Self:
        """The same failure as one of a manifest, whose keys are the same on every CI: `place` in front, unless empty."""
        other = self.reworded(f"{place}: {self.what}" if place else self.what)
        other.is_spelt = True
        return other

    @property
    def line(self) -> str:
        """The one stable line on stderr: `har-labels: error HAR-<code>: <what> | <next step>` (contract §4)."""
        return f"har-labels: error {self.code}: {self.what} | {self.next_step}"


# Wherever the key turns up but in its own input.
KEY_IS_ELSEWHERE = "The key belongs in its own input only; it is not shown here."


class Failures(Exception):
    """Several failures told at once, such as three wrong inputs of one run (contract §2)."""

    def __init__(self, errors: Sequence[HarLabelsError]) -> None:
        super().__init__(*(error.what for error in errors))
        self.errors = tuple(errors)


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

    def __init__(self, what: str, next_step: str = "", *, is_spelt: bool = True) -> None:
        super().__init__(what, next_step, is_spelt=is_spelt)


class PolicyFileError(InputError):
    """Of a policy by itself; its texts name keys of the file."""

    code = "HAR-POLICY-FILE"
    cause = "The policy has an unknown key, a bad value or a duplicate at the line and column named."
    cure = "Correct that place; an editor with the shipped schema shows it while typing."

    def __init__(self, what: str, next_step: str = "", *, is_spelt: bool = True) -> None:
        super().__init__(what, next_step, is_spelt=is_spelt)


class PlanFileError(InputError):
    code = "HAR-PLAN-FILE"
    cause = "The plan file is cut off, made for another server, or not one that a dry run of har-labels wrote."
    cure = "Make a new plan with `save-plan`."


class ReportFileError(InputError):
    code = "HAR-REPORT-FILE"
    cause = "The report to undo is cut off, edited, of another server, or has a row whose labels before the run are not known."
    cure = "Name a report that `report-file` wrote, as it was written."


class AmbiguousArtifact(InputError):
    code = "HAR-AMBIGUOUS"
    cause = "A model and a dataset have this one name."
    cure = "Say which with `artifact-type`."


class NotAllowed(HarLabelsError):
    exit_code = 3


class Unauthorized(NotAllowed):
    code = "HAR-UNAUTHORIZED"
    cause = "The registry does not know the key (401): wrong, expired, of another cluster, or sent in the wrong header."
    cure = "Check that the secret is set and current, that `api-url` is the account's own host, and `auth-scheme`."


class Forbidden(NotAllowed):
    code = "HAR-FORBIDDEN"
    cause = "The key is known but may not do this (403). Labels need `Artifact Registry: Edit`; uploading rights are not enough."
    cure = "Give the key's owner the right on this registry; on Harness also check that the artifact's name is right."


class NotFound(HarLabelsError):
    exit_code = 4


class RegistryNotFound(NotFound):
    code = "HAR-REGISTRY-NOT-FOUND"
    cause = "There is no registry at this scope path. Names are case-sensitive."
    cure = "Compare `registry-ref` with the registry's page: account/registry, account/org/registry or account/org/project/registry."


class RegistryUnknown(RegistryNotFound):
    """The server said in words that it has no such registry (recorded/errors.json: a 400), and not by a path that it lacks."""


class ArtifactNotFound(NotFound):
    code = "HAR-ARTIFACT-NOT-FOUND"
    cause = "The registry has no artifact of this name (and type). Names are case-sensitive."
    cure = "Check the name; after a push use `wait-for-artifact`; if it may be missing, `on-missing: skip`."


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
    cause = "`on-conflict: error`, and a key already has another value."
    cure = "Decide which value is right; `on-conflict: overwrite` or `keep` goes on without asking."


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

    cure = "Check `api-url`: its path must be the API's base, such as /har/api/v1."


class BadAnswer(Refused):
    code = "HAR-BAD-ANSWER"
    cause = "The answer was not what the API documents: a web page, cut off, too large, or not JSON."
    cure = "Check `api-url` (a wrong base path answers with the web page) and proxies in between."


class Redirected(Refused):
    code = "HAR-REDIRECTED"
    cause = "The server pointed elsewhere. Redirects are not followed: the key would go along."
    cure = "Set `api-url` to the address it pointed to, if you trust it."


class Unreadable(Refused):
    code = "HAR-UNREADABLE"
    cause = "The artifact exists but the registry does not show its labels, and unknown is not empty."
    cure = "`mode: replace` without `owned`, and `clear`, need no current labels, unless a gate or dry run asks; a docker image needs a tag to be listed."


class TypeLoss(Refused):
    code = "HAR-TYPE-LOSS"
    cause = "This server clears the type of a Hugging Face artifact when its labels are written, which breaks its downloads."
    cure = "Push the artifact anew to mend it; `allow-type-loss: true` writes all the same."


class ServerFailing(Refused):
    code = "HAR-SERVER-FAILING"
    cause = "The registry went on failing after every retry."
    cure = "Wait for the registry to recover and rerun; a rerun finishes the job and repeats nothing."


class RateLimited(Refused):
    code = "HAR-RATE-LIMITED"
    cause = "The registry went on answering 429 (too many requests)."
    cure = "Lower `requests-per-minute`, or let other jobs that use this key finish first."


class OutOfReach(HarLabelsError):
    exit_code = 7


class Unreachable(OutOfReach):
    code = "HAR-UNREACHABLE"
    cause = "No connection: the name does not resolve, nothing listens, TLS or the proxy failed, or it hung up."
    cure = "Check `api-url`, the network, `SSL_CERT_FILE` and the proxy settings of the runner."


class Disconnected(Unreachable):
    """There was a connection, and it ended before the answer did: that may pass."""


class TimedOut(OutOfReach):
    code = "HAR-TIMED-OUT"
    cause = "The registry did not answer within `timeout`, each time."
    cure = "Rerun; if it is always slow, raise `timeout`."


class PastDeadline(OutOfReach):
    code = "HAR-DEADLINE"
    cause = "The step's own `deadline` passed."
    cure = "Rerun to finish what is left, or raise `deadline` (and the CI's own time limit above it)."


class NoTime(OutOfReach):
    code = "HAR-NO-TIME"
    cause = "The plan can't be written within `deadline` at this pace; nothing was written."
    cure = "Raise `deadline`, raise `requests-per-minute`, lower `settle`, or split the work with `shard`."


class GateClosed(HarLabelsError):
    exit_code = 10


class RequireFailed(GateClosed):
    code = "HAR-REQUIRE"
    cause = "A `require` expression is false. It is asked before anything is written, and again wherever labels are read anew."
    cure = "This artifact was not changed. Look at the values it read; if they are right, so is the gate."


class TooManyChanges(GateClosed):
    code = "HAR-MAX-CHANGES"
    cause = "The plan would change more artifacts than `max-changes` allows; nothing was written."
    cure = "Look at the plan with `dry-run`, then raise `max-changes` if it is right."


class WouldRemove(GateClosed):
    code = "HAR-WOULD-REMOVE"
    cause = "No `mode` was given, and labels that are there would be taken away."
    cure = "`mode: add` keeps what is there, `mode: upsert` sets keys, `mode: replace` means it."


class PolicyBroken(GateClosed):
    code = "HAR-POLICY"
    cause = "The change would break a rule of `policy` that holds now, or, with `mode: read`, labels that are there break one."
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
