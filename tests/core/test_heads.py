"""core/heads.py: heads are numbers and JSON that belong together, and to one encoder."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.heads import (
    HeadsBroken,
    HeadsMismatch,
    HeadsMissing,
    Network,
    load_heads,
    network,
    save_heads,
    sigmoid,
    softmax,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_heads(tmp_path, "toy", {"encoder": "abc", "threshold": 0.5}, {"w": np.array([[1.0, 2.0]])})
    return tmp_path


def test_a_head_comes_back_as_it_was_saved(folder: Path) -> None:
    heads = load_heads(folder, "toy", "abc")
    assert heads.info["threshold"] == 0.5
    assert heads.tensors["w"].tolist() == [[1.0, 2.0]]
    assert heads.tensors["w"].dtype == np.float32


def test_a_head_of_another_encoder_is_refused(folder: Path) -> None:
    with pytest.raises(HeadsMismatch, match="trained for encoder abc"):
        load_heads(folder, "toy", "def")


def test_a_missing_head_is_said(folder: Path) -> None:
    with pytest.raises(HeadsMissing, match="other"):
        load_heads(folder, "other", "abc")


def test_numbers_of_another_training_are_refused(folder: Path) -> None:
    blob = bytearray((folder / "toy.safetensors").read_bytes())
    blob[-1] ^= 1
    (folder / "toy.safetensors").write_bytes(blob)
    with pytest.raises(HeadsBroken, match="do not belong together"):
        load_heads(folder, "toy", "abc")


def test_a_json_that_is_none_is_refused(folder: Path) -> None:
    (folder / "toy.json").write_text("{", encoding="utf-8")
    with pytest.raises(HeadsBroken, match="not valid JSON"):
        load_heads(folder, "toy", "abc")


def test_a_network_without_its_tensors_is_refused(folder: Path) -> None:
    with pytest.raises(HeadsBroken, match="straight"):
        network(load_heads(folder, "toy", "abc"))


def test_a_network_is_the_mean_of_its_members() -> None:
    rng = np.random.default_rng(0)
    shapes = ((2, 5, 3), (2, 5, 4), (2, 4), (2, 4, 3), (2, 3))
    both = Network(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))
    x = rng.normal(size=(7, 5)).astype(np.float32)
    members = [
        x @ both.straight[m] + np.maximum(x @ both.inner[m] + both.bias[m], 0) @ both.outer[m] + both.offset[m]
        for m in range(2)
    ]
    assert both.logits(x) == pytest.approx(np.mean(members, axis=0), abs=1e-5)


def test_sigmoid_and_softmax_bear_large_numbers() -> None:
    assert sigmoid(np.array([-1e6, 0, 1e6])).tolist() == pytest.approx([0, 0.5, 1])
    assert softmax(np.array([1e6, 0])).tolist() == pytest.approx([1, 0])
    assert softmax(np.zeros((2, 0))).shape == (2, 0)


def test_shipped_heads_are_small_and_say_what_they_are() -> None:
    root = Path(__file__).parents[2]
    files = [*root.glob("sentiment/heads/*"), *root.glob("bot/heads/*")]
    assert {f.suffix for f in files} == {".json", ".safetensors", ".md"}
    assert sum(f.stat().st_size for f in files) < 5_000_000
    for file in (f for f in files if f.suffix == ".json"):
        assert {"encoder", "version", "date", "sha256"} <= set(json.loads(file.read_text(encoding="utf-8")))
