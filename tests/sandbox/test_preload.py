"""The YAML file: its meaning, and the errors of an invalid one."""

from __future__ import annotations

from pathlib import Path

import pytest

from har_sandbox import Sandbox
from har_sandbox.preload import PreloadError, read

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "sandbox.yaml"


def test_the_example_loads() -> None:
    """Models, datasets and an image of the shipped example are there with their labels."""
    with Sandbox(preload=EXAMPLE) as box:
        assert box.labels("acme/ml/models", "resnet50", "model") == [
            "stage=candidate",
            "owner=vision",
            "accuracy=0.931",
        ]
        assert box.labels("acme/ml/data", "resnet50", "dataset") is None
        assert box.artifact("acme/images", "trainer").version == "latest"
        assert box.artifact("acme/images", "trainer").versions == 3


def test_an_image_without_tags_is_not_listed() -> None:
    """`versions: []` for an image is one pushed by digest only."""
    content = {
        "registries": [
            {
                "ref": "acme/i",
                "package-type": "DOCKER",
                "artifacts": [{"name": "x", "versions": []}],
            }
        ]
    }
    with Sandbox(preload=content) as box:
        assert box.artifact("acme/i", "x").version == ""


@pytest.mark.parametrize("profile", ["saas", "open-source"])
def test_facts_of_lists_besides_labels_are_loaded(profile: str) -> None:
    """Downloads, age and quarantine of each of two artifacts of one name."""
    one = {"name": "x", "type": "model", "downloads": 12, "age-days": 400, "quarantined": True}
    content = {"registries": [{"ref": "acme/i", "artifacts": [one, {"name": "x", "type": "dataset"}]}]}
    with Sandbox(profile, preload=content) as box:
        model, dataset = (box.artifact("acme/i", "x", kind) for kind in ("model", "dataset"))
    assert (model.downloads, model.quarantined) == (12, 1)
    assert (dataset.downloads, dataset.quarantined) == (0, 0)
    assert (dataset.version_modified - model.version_modified) // 86_400_000 in {399, 400}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "the file must be a mapping"),
        ("registrys: []", "unknown registrys"),
        ("registries: {}", "registries must be a list"),
        ("registries: [{ref: models}]", "ref 'models' is not account"),
        ("registries: [{ref: a/b, package-type: ZIP}]", "'ZIP' is not one of DOCKER"),
        ("registries: [{ref: a/b, artifacts: [{name: 1}]}]", "name must be text, found 1"),
        ("registries: [{ref: a/b, artifacts: [{name: x, labels: [1.5]}]}]", "found 1.5"),
        ("registries: [{ref: a/b, artifacts: [{name: x, type: modal}]}]", "type 'modal'"),
        ("registries: [{ref: a/b, package-type: GO, artifacts: [{name: x, type: model}]}]", "type"),
        ("registries: [{ref: a/b}, {ref: a/b/+}]", "registry 2: ref 'a/b' is a duplicate"),
        ("registries: [{ref: a/b, artifacts: [{name: x}, {name: x}]}]", "artifact 2: 'x' is a duplicate"),
        ("registries: [{ref: a/b, artifacts: [{name: x, hidden: 'yes'}]}]", "hidden must be true or false"),
        ("registries: [{ref: a/b, artifacts: [{name: x, quarantined: 1}]}]", "quarantined must be true or false"),
        ("registries: [{ref: a/b, artifacts: [{name: x, downloads: -1}]}]", "downloads must be a whole number"),
        ("registries: [{ref: a/b, artifacts: [{name: x, age-days: '7'}]}]", "age-days must be a whole number"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_named_with_its_problem(tmp_path: Path, text: str, problem: str) -> None:
    """Each mistake says where it is and what is allowed."""
    file = tmp_path / "load.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PreloadError, match=problem):
        read(file)
