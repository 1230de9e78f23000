"""Small trained heads: ``NAME.safetensors`` (numbers) beside ``NAME.json`` (what they mean). Floor 0.

Nothing is ever unpickled. A head knows its encoder by the hash of its weights and refuses any other:
vectors of another encoder would give numbers that look fine and mean nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import Unavailable

Floats = NDArray[np.float32]


class HeadsMissing(Unavailable):
    code = "heads_missing"


class HeadsMismatch(Unavailable):
    code = "heads_mismatch"


class HeadsBroken(Unavailable):
    code = "heads_broken"


@dataclass(frozen=True, slots=True)
class Heads:
    """Args: info: the JSON beside the numbers (labels, thresholds, figures, data, date)."""

    name: str
    info: Mapping[str, Any]
    tensors: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Network:
    """Logits of a few small networks, averaged: ``x @ straight + relu(x @ inner + bias) @ outer + offset``.

    Args:
        inner: (members, inputs, hidden) and so on; the first axis is the member of the ensemble.

    """

    straight: Floats
    inner: Floats
    bias: Floats
    outer: Floats
    offset: Floats

    def logits(self, x: Floats) -> Floats:
        """(n, inputs) -> (n, outputs)."""
        hidden = np.maximum(x @ self.inner + self.bias[:, None, :], 0)
        out = x @ self.straight + hidden @ self.outer + self.offset[:, None, :]
        return np.asarray(out.mean(axis=0), dtype=np.float32)


def load_heads(folder: Path, name: str, encoder_hash: str) -> Heads:
    """Read a head that was trained for this encoder.

    Raises:
        HeadsMissing: no such files.
        HeadsMismatch: trained for another encoder.
        HeadsBroken: the two files do not belong together, or are not what they should be.

    """
    try:
        info = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        blob = (folder / f"{name}.safetensors").read_bytes()
    except FileNotFoundError as problem:
        raise HeadsMissing(f"The head {name} is not in {folder}; install again, or train it.") from problem
    except ValueError as problem:
        raise HeadsBroken(f"{folder / name}.json is not valid JSON.") from problem
    if not isinstance(info, dict) or info.get("sha256") != hashlib.sha256(blob).hexdigest():
        raise HeadsBroken(f"{folder / name}.json and .safetensors do not belong together; train again.")
    if info.get("encoder") != encoder_hash:
        raise HeadsMismatch(
            f"The head {name} was trained for encoder {str(info.get('encoder'))[:12]}, and the one in use is "
            f"{encoder_hash[:12]}. Unset WARMLINE_ENCODER, or train the heads for yours "
            "(see the model card beside them)."
        )
    try:
        tensors = {key: np.asarray(value, dtype=np.float32) for key, value in load(blob).items()}
    except SafetensorError as problem:
        raise HeadsBroken(f"{folder / name}.safetensors cannot be read: {problem}") from problem
    return Heads(name, info, tensors)


def save_heads(folder: Path, name: str, info: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write both files. The numbers are kept as 16-bit floats: half the size, the same figures."""
    folder.mkdir(parents=True, exist_ok=True)
    blob = save({key: np.ascontiguousarray(value, dtype=np.float16) for key, value in tensors.items()})
    (folder / f"{name}.safetensors").write_bytes(blob)
    text = json.dumps({**info, "sha256": hashlib.sha256(blob).hexdigest()}, indent=1, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def network(heads: Heads, prefix: str = "") -> Network:
    """The tensors ``prefix + field`` as a network."""
    try:
        return Network(*(heads.tensors[prefix + f] for f in ("straight", "inner", "bias", "outer", "offset")))
    except KeyError as problem:
        raise HeadsBroken(f"The head {heads.name} lacks {problem}; train it again.") from problem


def sigmoid(x: NDArray[Any]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -50, 50))), dtype=np.float32)


def softmax(x: NDArray[Any]) -> Floats:
    """Over the last axis; an empty one stays empty."""
    if x.shape[-1] == 0:
        return np.asarray(x, dtype=np.float32)
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
