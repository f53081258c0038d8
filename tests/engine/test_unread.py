"""Plain `replace` and `clear` need only the PUT: the effects of a refused read (contract §5)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from ci.steps import CIS, Done
from conftest import MODELS, MakeSandbox, RunStep
from har_sandbox import Fault, Sandbox
from registry.servers import HTML, TEXT, Asked, Canned, RawServer, answer_bytes, as_json, raw_server, success

NAME = "resnet50"
BASE = "/har/api/v1"
PLAIN_REFUSALS: dict[str, Canned] = {
    "404 JSON": as_json(404, {"code": "NOT_FOUND", "message": "not found"}),
    "404 text": (404, TEXT, b"404 page not found"),
    "405": (405, TEXT, b"Method Not Allowed"),
    "403": as_json(403, {"message": "Forbidden"}),
    "501": as_json(501, {"message": "not implemented"}),
    "web page": (200, HTML, b"<!doctype html><title>Harness</title>"),
    "nonsense": as_json(200, ["what", "is", "this"]),
    "no status": as_json(200, {}),
    "no list": success({"itemCount": 0}),
    "empty": (200, {}, b""),
    "302": (302, {"Location": "https://sso.example.com/login"}, b""),
    "410": as_json(410, {"message": "gone"}),
    "409": as_json(409, {"message": "conflict"}),
}
MAY_PASS: dict[str, Canned | None] = {
    "408": as_json(408, {"message": "too slow"}),
    "425": as_json(425, {"message": "too early"}),
    "429": as_json(429, {"message": "too many"}),
    "500": as_json(500, {"message": "oops"}),
    "503": as_json(503, {"message": "later"}),
    "failure": as_json(200, {"status": "FAILURE", "data": {}}),
    "cut": None,
}
Answer = Canned | None


def written(request: Asked) -> Canned:
    """The answer to a PUT as contract §1 has it."""
    labels = json.loads(request.body)["labels"]
    return success({"imageName": NAME, "packageType": "DOCKER", "labels": labels, "modifiedAt": "2"})


class Stub:
    """A server of the one endpoint; `gets` and `puts` are the received requests."""

    def __init__(self, server: RawServer) -> None:
        self.server, self.url = server, server.url + BASE

    @property
    def gets(self) -> list[Asked]:
        return [one for one in self.server.asked if one.line.startswith("GET")]

    @property
    def puts(self) -> list[Asked]:
        return [one for one in self.server.asked if one.line.startswith("PUT")]


@contextmanager
def stub(get: Callable[[Asked], Answer] | Answer, put: Callable[[Asked], Answer] = written) -> Iterator[Stub]:
    """Answers every GET and every PUT so; None closes the connection."""

    def serve(server: RawServer, connection: Any) -> None:
        while request := server.read(connection):
            answer = put(request) if request.line.startswith("PUT") else get(request) if callable(get) else get
            if answer is None:
                return
            connection.sendall(answer_bytes(*answer))

    with raw_server(serve) as server:
        yield Stub(server)


def in_turn(*answers: Answer | Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """These answers one after another, the last again and again."""
    waiting = list(answers)

    def answer(request: Asked) -> Answer:
        one = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return one(request) if callable(one) else one

    return answer


Ask = Callable[..., Done]


@pytest.fixture
def ask(run_step: RunStep) -> Ask:
    """Runs a step about one artifact of the stub."""

    def run(server: Stub, *, ci: str = "github", argv: Sequence[str] = (), **more: str) -> Done:
        asked = {"registry-ref": MODELS, "artifact": NAME, "mode": "replace", "labels": "b,a", "api-url": server.url}
        asked |= {name.replace("_", "-"): text for name, text in more.items()}
        return run_step(ci, None, {name: text for name, text in asked.items() if text}, argv=argv)

    return run


@pytest.mark.parametrize("ci", CIS)
@pytest.mark.parametrize("kind", PLAIN_REFUSALS)
def test_a_refused_read_keeps_no_plain_replace_from_writing(ask: Ask, kind: str, ci: str) -> None:
    """For every form of refusal: exactly one PUT, success, outputs and summary from its answer, and a notice with the reason."""
    with stub(PLAIN_REFUSALS[kind]) as server:
        done = ask(server, ci=ci)
        assert (done.code, done.errors) == (0, []), done.log
        assert [json.loads(one.body) for one in server.puts] == [{"labels": ["a", "b"]}]
        assert len(server.gets) == 1
    (row,) = done.value("results")
    assert (row["status"], row["before"], row["after"]) == ("applied", None, ["a", "b"])
    assert (row["added"], row["removed"], row["confirmed_by"]) == (None, None, "answer")
    if ci != "terminal":
        assert {name: done.outputs[name] for name in ("previous-labels", "added", "removed", "changed")} == {
            "previous-labels": "", "added": "", "removed": "", "changed": "true",
        }  # fmt: skip
        assert done.value("labels") == ["a", "b"]
        assert done.outputs["package-type"] == "DOCKER"
        assert "`a`" in done.summary.replace("<code>", "`").replace("</code>", "`")
    assert done.log.count("can't be read before the write") == (2 if ci == "terminal" else 1)


@pytest.mark.parametrize("kind", PLAIN_REFUSALS)
def test_clear_needs_no_read_either(ask: Ask, kind: str) -> None:
    """`mode: clear` sends an empty list, whatever can't be read."""
    with stub(PLAIN_REFUSALS[kind]) as server:
        done = ask(server, mode="clear", labels="")
        assert (done.code, [json.loads(one.body) for one in server.puts]) == (0, [{"labels": []}])
    assert done.value("labels") == []


@pytest.mark.parametrize("kind", PLAIN_REFUSALS)
def test_without_mode_a_refused_read_is_a_warning(ask: Ask, kind: str) -> None:
    """Nothing that can be seen is taken away; where nothing can be seen the PUT goes out, with a warning."""
    with stub(PLAIN_REFUSALS[kind]) as server:
        done = ask(server, mode="")
        assert (done.code, len(server.puts), len(server.gets)) == (0, 1, 1)
    assert "::warning" in done.out
    assert "no `mode` was given, so the list is overwritten, and labels set by others may be lost" in done.out


def test_a_400_is_asked_for_page_1_and_then_taken_as_refused(ask: Ask) -> None:
    """A server may count pages from 1; one that refuses that too is not asked again."""
    with stub(as_json(400, {"message": "bad request"})) as server:
        done = ask(server)
        assert (done.code, len(server.puts)) == (0, 1)
        assert ["page=1" in one.target for one in server.gets] == [False, True]


@pytest.mark.parametrize("kind", MAY_PASS)
@pytest.mark.parametrize("mode", ["replace", "clear"])
def test_a_mode_that_is_spelt_is_written_after_reads_that_never_pass(ask: Ask, kind: str, mode: str) -> None:
    """What may pass is asked again as often as `retries`; then a mode that is spelt still sends the PUT."""
    with stub(MAY_PASS[kind]) as server:
        done = ask(server, mode=mode, labels="" if mode == "clear" else "a")
        assert (done.code, len(server.puts), len(server.gets)) == (0, 1, 3)
    assert "the previous labels are not known" in done.out


@pytest.mark.parametrize("kind", MAY_PASS)
def test_an_outage_does_not_turn_the_default_into_a_delete(ask: Ask, kind: str) -> None:
    """Without `mode` a read that might succeed later has to: no PUT, and the exit code of the read."""
    with stub(MAY_PASS[kind]) as server:
        done = ask(server, mode="")
        assert (done.code, server.puts) == (7 if kind == "cut" else 6, [])


def test_a_read_that_passes_at_last_is_used(ask: Ask) -> None:
    """Two bad answers and a good one: the labels from before are known."""
    listed = success({"artifacts": [{"name": NAME, "labels": ["old"]}], "pageSize": 100, "itemCount": 1})
    with stub(in_turn(as_json(503, {}), None, listed)) as server:
        done = ask(server)
        assert (done.code, len(server.puts)) == (0, 1)
    assert done.value("previous-labels") == ["old"]


@pytest.mark.parametrize("mode", ["replace", ""])
def test_an_unknown_key_is_reported_without_a_put(ask: Ask, mode: str) -> None:
    """401 is exit 3, as everywhere."""
    with stub(as_json(401, {"message": "Token is not valid"})) as server:
        done = ask(server, mode=mode)
        assert (done.code, done.errors, server.puts) == (3, ["HAR-UNAUTHORIZED"], [])


def test_no_connection_is_exit_7(run_step: RunStep) -> None:
    """Where nothing listens there is nothing to write to, and it is tried no longer than a read is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        unused_port = listener.getsockname()[1]
    inputs = {"registry-ref": MODELS, "artifact": NAME, "mode": "replace", "labels": "a"}
    done = run_step("github", None, inputs | {"api-url": f"http://127.0.0.1:{unused_port}{BASE}"})
    assert (done.code, done.errors) == (7, ["HAR-UNREACHABLE"])
    assert "reading" in done.err


@pytest.mark.parametrize(
    ("answer", "code", "error"),
    [
        (as_json(404, {"message": "no such artifact"}), 4, "HAR-ARTIFACT-NOT-FOUND"),
        ((404, TEXT, b"404 page not found"), 4, "HAR-ARTIFACT-NOT-FOUND"),
        (as_json(403, {"message": "Forbidden"}), 3, "HAR-FORBIDDEN"),
        (as_json(401, {"message": "who?"}), 3, "HAR-UNAUTHORIZED"),
        (as_json(400, {"message": "bad label"}), 6, "HAR-REFUSED"),
        (as_json(409, {"message": "busy"}), 5, "HAR-CONFLICT"),
    ],
)
@pytest.mark.parametrize("read", ["404 JSON", "403", "web page"])
def test_what_the_put_is_answered_decides(ask: Ask, read: str, answer: Canned, code: int, error: str) -> None:
    """After a read that was refused the answer to the one PUT is the run's."""
    with stub(PLAIN_REFUSALS[read], lambda _request: answer) as server:
        done = ask(server)
        assert (done.code, done.errors, len(server.puts)) == (code, [error], 1)


@pytest.mark.parametrize("kind", ["404 JSON", "404 text"])
def test_a_404_and_a_put_without_an_answer_is_not_found(ask: Ask, kind: str) -> None:
    """A real server closes the connection at a PUT of an unknown name; then the error of the read is reported."""
    with stub(PLAIN_REFUSALS[kind], lambda _request: None) as server:
        done = ask(server)
        assert (done.code, done.errors, len(server.puts)) == (4, ["HAR-ARTIFACT-NOT-FOUND"], 3)
    assert "404" in done.err


@pytest.mark.parametrize("kind", ["403", "405", "web page"])
def test_a_doubtful_put_that_cannot_be_looked_at_is_repeated(ask: Ask, kind: str) -> None:
    """A whole list may be sent again; if no try succeeds the run fails, and the labels are reported as unknown."""
    with stub(PLAIN_REFUSALS[kind], lambda _request: as_json(500, {"message": "oops"})) as server:
        done = ask(server)
        assert (done.code, done.errors, len(server.puts)) == (6, ["HAR-SERVER-FAILING"], 3)
    assert "whether the labels were written is not known" in done.err
    with stub(PLAIN_REFUSALS[kind], in_turn(as_json(500, {}), None, written)) as server:
        done = ask(server)
        assert (done.code, len(server.puts), done.value("labels")) == (0, 3, ["a", "b"])


@pytest.mark.parametrize("kind", PLAIN_REFUSALS)
def test_a_look_is_asked_once_where_reading_was_refused(ask: Ask, kind: str) -> None:
    """After a PUT with an unknown outcome, and after an answer without labels, a refusal is as clear as before it."""
    with stub(PLAIN_REFUSALS[kind], in_turn(as_json(500, {}), written)) as server:
        assert (ask(server).code, len(server.puts)) == (0, 2)
        assert len(server.gets) <= 2
    with stub(PLAIN_REFUSALS[kind], lambda _request: success({"imageName": NAME, "packageType": "DOCKER"})) as server:
        assert (ask(server).code, len(server.puts)) == (0, 1)
        assert len(server.gets) <= 2


def test_a_look_that_fails_after_a_read_that_worked_repeats_the_put_too(ask: Ask) -> None:
    """Reading worked before the write and not after it: the same holds."""
    listed = success({"artifacts": [{"name": NAME, "labels": ["old"]}], "pageSize": 100, "itemCount": 1})
    with stub(in_turn(listed, as_json(403, {})), in_turn(as_json(500, {}), written)) as server:
        done = ask(server)
        assert (done.code, len(server.puts), done.value("removed")) == (0, 2, ["old"])


@pytest.mark.parametrize("get", [as_json(403, {}), as_json(503, {}), (200, HTML, b"<p>")])
def test_an_answer_without_labels_is_believed_where_it_can_not_be_read_back(ask: Ask, get: Canned) -> None:
    """After the answer SUCCESS, a failing read never makes the run fail."""
    with stub(get, lambda _request: success({"imageName": NAME, "packageType": "DOCKER"})) as server:
        done = ask(server)
        assert (done.code, len(server.puts), done.value("labels")) == (0, 1, ["a", "b"])


def test_all_requests_timing_out_is_exit_7(ask: Ask) -> None:
    """Neither reads nor writes are answered in time."""

    def never(_request: Asked) -> Canned:
        import time

        time.sleep(1.2)
        return as_json(503, {})

    with stub(never, never) as server:
        done = ask(server, timeout="1", retries="0")
        assert (done.code, done.errors, len(server.puts)) == (7, ["HAR-TIMED-OUT"], 1)


@pytest.mark.parametrize(
    "more",
    [
        {"mode": "add"},
        {"mode": "upsert", "labels": "a=1"},
        {"mode": "remove"},
        {"mode": "read", "labels": ""},
        {"owned": "*"},
        {"artifact": "resnet*"},
        {"require": "'x' in current"},
        {"dry_run": "true"},
    ],
)
@pytest.mark.parametrize(("kind", "code"), [("403", 3), ("404 JSON", 4), ("405", 6)])
def test_what_needs_the_read_fails_as_it_did(ask: Ask, more: Mapping[str, str], kind: str, code: int) -> None:
    """Merging modes, globs, `require` on `current`, dry runs: unknown labels never count as none."""
    with stub(PLAIN_REFUSALS[kind]) as server:
        done = ask(server, **more)
        assert (done.code, server.puts) == (code, [])


def test_a_require_that_asks_no_labels_needs_no_read(ask: Ask) -> None:
    """A `require` that reads only the new labels is evaluated without a read."""
    with stub(PLAIN_REFUSALS["403"]) as server:
        assert (ask(server, require="'a' in labels").code, len(server.puts)) == (0, 1)
        assert (ask(server, require="'z' in labels").code, len(server.puts)) == (10, 1)


def test_a_list_without_the_name_and_no_summary_stays_not_found(ask: Ask) -> None:
    """Where reading works it is believed: exit 4, and no PUT."""

    def get(request: Asked) -> Canned:
        empty = success({"artifacts": [], "pageSize": 100, "itemCount": 0})
        return PLAIN_REFUSALS["404 JSON"] if "/summary" in request.target else empty

    with stub(get) as server:
        done = ask(server)
        assert (done.code, done.errors, server.puts) == (4, ["HAR-ARTIFACT-NOT-FOUND"], [])


def test_a_refused_summary_proves_nothing(ask: Ask) -> None:
    """The list doesn't show it and the summary is refused: it may be there, so the PUT decides."""

    def get(request: Asked) -> Canned:
        empty = success({"artifacts": [], "pageSize": 100, "itemCount": 0})
        return as_json(403, {}) if "/summary" in request.target else empty

    with stub(get) as server:
        assert (ask(server).code, len(server.puts)) == (0, 1)


def test_an_unknown_registry_of_the_open_source_server_stays_not_found(
    run_step: RunStep, make_sandbox: MakeSandbox
) -> None:
    """The recorded 400 says so in its message: exit 4 without a PUT."""
    box = make_sandbox("open-source")
    inputs = {
        "registry-ref": "acme/nothing",
        "artifact": NAME,
        "mode": "replace",
        "labels": "a",
        "auth-scheme": "bearer",
    }
    done = run_step("github", box, inputs)
    assert (done.code, done.errors) == (4, ["HAR-REGISTRY-NOT-FOUND"])
    assert [request.method for request in box.requests] == ["GET"]


def test_wait_for_artifact_repeats_a_put_that_is_answered_404(ask: Ask) -> None:
    """The artifact can't be seen to appear, so the write is tried until it does."""
    missing = as_json(404, {"message": "no such artifact"})
    with stub(PLAIN_REFUSALS["403"], in_turn(missing, missing, missing, missing, written)) as server:
        done = ask(server, wait_for_artifact="30", retries="0")
        assert (done.code, len(server.puts), done.value("labels")) == (0, 5, ["a", "b"])


def test_wait_for_artifact_ends(ask: Ask) -> None:
    """When the time is over the artifact is not found."""
    with stub(PLAIN_REFUSALS["403"], lambda _request: as_json(404, {"message": "no such artifact"})) as server:
        done = ask(server, wait_for_artifact="0.1")
        assert (done.code, done.errors) == (4, ["HAR-ARTIFACT-NOT-FOUND"])
        assert len(server.puts) > 1


def test_on_missing_skip_skips_a_put_that_is_answered_404(ask: Ask) -> None:
    """What could not be read and is not there is skipped, green, with a notice."""
    with stub(PLAIN_REFUSALS["403"], lambda _request: as_json(404, {"message": "no such artifact"})) as server:
        done = ask(server, on_missing="skip")
        assert (done.code, done.outputs["skipped-count"], len(server.puts)) == (0, "1", 1)
    assert "skipped: " in done.out


@pytest.mark.parametrize(("loss", "code", "puts"), [("false", 6, 0), ("true", 0, 1)])
def test_a_type_that_cannot_be_seen_is_not_risked(ask: Ask, loss: str, code: int, puts: int) -> None:
    """A base without `/har/` may clear a type unseen, so a PUT without a read needs `allow-type-loss` there."""
    with stub(PLAIN_REFUSALS["403"]) as server:
        server.url = server.server.url + "/api/v1"
        done = ask(server, allow_type_loss=loss)
        assert (done.code, len(server.puts)) == (code, puts)
        assert done.errors == (["HAR-TYPE-LOSS"] if code else [])


def test_many_artifacts_are_written_without_a_read(ask: Ask) -> None:
    """Every named artifact gets its PUT, and one notice says why none was read."""
    with stub(PLAIN_REFUSALS["403"]) as server:
        done = ask(server, artifact="x,y,z", artifact_type="model")
        assert (done.code, len(server.puts), len(server.gets)) == (0, 3, 1)
        assert all(one.target.endswith("artifact_type=model") for one in server.puts)
    assert done.out.count("can't be read before the write") == 1
    assert done.outputs["changed-count"] == "3"


def test_a_server_that_is_down_for_writes_too_is_left_alone(ask: Ask) -> None:
    """After twenty unknown outcomes in a row that no read resolves, the round ends, and in the end the run."""
    names = ",".join(f"m{number}" for number in range(30))
    with stub(PLAIN_REFUSALS["403"], lambda _request: as_json(500, {})) as server:
        done = ask(server, artifact=names, retries="1", concurrency="1")
        assert (done.code, done.outputs["changed-count"]) == (6, "0")
        assert len(server.puts) == 40


def test_what_was_listed_before_the_refusal_is_known(ask: Ask) -> None:
    """Of two artifacts one is listed, and the other's own search is refused: only that one is written unseen."""
    page = success({"artifacts": [{"name": "x", "labels": ["old"]}], "pageSize": 100, "itemCount": 1})
    with stub(in_turn(page, as_json(403, {}))) as server:
        done = ask(server, artifact="x,y")
        assert (done.code, len(server.puts)) == (0, 2)
    assert [row["before"] for row in done.value("results")] == [["old"], None]


def test_a_plain_replace_costs_two_requests(run_step: RunStep, sandbox: Sandbox) -> None:
    """Where the list shows the artifact: one read, one write."""
    sandbox.add_artifact(MODELS, NAME, package_type="DOCKER", labels=["old"])
    inputs = {"registry-ref": MODELS, "artifact": NAME, "mode": "replace", "labels": "a"}
    assert run_step("github", sandbox, inputs).code == 0
    assert [request.method for request in sandbox.requests] == ["GET", "PUT"]


def test_the_proof_of_types_never_fails_a_put_that_worked(run_step: RunStep, sandbox: Sandbox) -> None:
    """The first write to a Hugging Face artifact is verified; if that read is refused, the write counts."""
    sandbox.add_artifact(MODELS, NAME, package_type="HUGGINGFACE", artifact_type="model", labels=["old"])
    sandbox.script([Fault("403", method="GET", nth=2, times=99)])
    inputs = {"registry-ref": MODELS, "artifact": NAME, "mode": "replace", "labels": "a"}
    done = run_step("github", sandbox, inputs)
    assert (done.code, sandbox.labels(MODELS, NAME)) == (0, ["a"])


@pytest.mark.parametrize("loss", ["", "true"])
def test_a_type_that_a_summary_does_not_show_is_not_risked(ask: Ask, loss: str) -> None:
    """A Hugging Face artifact that no list shows is a model or a dataset: a base without `/har/` would clear that."""

    def get(request: Asked) -> Canned:
        shown = {"imageName": NAME, "packageType": "HUGGINGFACE"}
        return success(shown if "/summary" in request.line else {"artifacts": [], "itemCount": 0, "pageSize": 100})

    with stub(get) as server:
        server.url = f"{server.server.url}/api/v1"
        done = ask(server, **({"allow-type-loss": loss} if loss else {}))
        code, errors = (0, []) if loss else (6, ["HAR-TYPE-LOSS"])
        assert (done.code, done.errors, len(server.puts)) == (code, errors, int(not errors))


def test_a_deadline_while_waiting_reports_that_nothing_was_written(ask: Ask) -> None:
    """Every PUT was answered 404 until the run was over: that nothing was written is known then."""
    with stub(PLAIN_REFUSALS["403"], lambda _request: as_json(404, {"message": "artifact not found"})) as server:
        done = ask(server, wait_for_artifact="100", deadline="0.5")
        assert (done.code, done.errors[0], bool(server.puts)) == (7, "HAR-DEADLINE", True)
    assert "nothing was written" in done.err
    assert "not known, as" not in done.err


@pytest.mark.parametrize(
    "answer", [as_json(404, {"message": "artifact not found"}), (404, TEXT, b"404 page not found")]
)
def test_a_put_that_is_not_found_has_the_message_of_a_read(ask: Ask, answer: Canned) -> None:
    """A version behind the name gets the name that is meant, and who has waited is not told to wait."""
    with stub(PLAIN_REFUSALS["403"], lambda _request: answer) as server:
        done = ask(server, artifact=f"{NAME}:1.0")
        ((_, _, cure),) = done.stable_lines
        assert (done.code, cure) == (4, f"Labels belong to an artifact, not to its versions: write {NAME}.")
        done = ask(server, wait_for_artifact="0.1")
        ((_, what, cure),) = done.stable_lines
        assert (done.code, "(waited 0.1 s)" in what) == (4, True)
        assert cure == "Check the name and the push before this step, or give `wait-for-artifact` more seconds."
