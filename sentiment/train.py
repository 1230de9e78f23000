"""What the trainers share: labelled rows, cached vectors, calibration, and the figures of the mood head. Floor 1.

Needs the ``train`` extra (scikit-learn); nothing here is imported by a running server.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from core.encoder import Encoded, Encoder
from core.heads import Floats, softmax
from sentiment.mood import LABELS, MoodModel

Row = dict[str, Any]
UNKNOWN = np.nan  # a target that this row says nothing about
EXAMPLES = Path(__file__).parent / "examples"


def rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


class _Store:
    """Rows by the hash of their text, kept in the system's temporary folder."""

    def __init__(self, name: str, width: int) -> None:
        self._file = Path(tempfile.gettempdir()) / f"warmline-{name}.npz"
        self._known: dict[str, int] = {}
        self._rows: NDArray[np.float16] = np.zeros((0, width), dtype=np.float16)
        if self._file.exists():
            with np.load(self._file, allow_pickle=False) as kept:
                self._known = {key: i for i, key in enumerate(kept["keys"].tolist())}
                self._rows = kept["rows"]

    def rows(self, texts: Sequence[str], learn: Callable[[list[str]], Iterable[Floats]]) -> Floats:
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24] for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if new:
            ordered = sorted(new.items(), key=lambda item: len(item[1]))
            added = list(learn([text for _, text in ordered]))
            for i, (key, _) in enumerate(ordered):
                self._known[key] = len(self._rows) + i
            self._rows = np.vstack([self._rows, np.array(added, dtype=np.float16)])
            kept = sorted(self._known, key=lambda key: self._known[key])
            np.savez(self._file, keys=np.array(kept), rows=self._rows)
        return self._rows[[self._known[key] for key in keys]].astype(np.float32)


class Vectors:
    """Encodes texts once, by encoder and text."""

    def __init__(self, encoder: Encoder) -> None:
        encoder.start()
        self._encoder = encoder
        encoder.encode_now([""])  # waits until it is loaded
        self.meaning_hash, self.feeling_hash = encoder.meaning_hash, encoder.feeling_hash
        self._feelings = _Store(f"feelings-{encoder.feeling_hash[:16]}", 3 * encoder.dim)
        self._seen: dict[str, Encoded] = {}

    def __call__(self, texts: Sequence[str]) -> Floats:
        """(n, 3 d): the feeling of each text, windows averaged."""
        return self._feelings.rows(texts, lambda new: map(_one_row, self._encoder.encode_now(new)))

    def encoded(self, texts: Sequence[str]) -> list[Encoded]:
        """The whole of what the encoder makes of them, remembered while this runs."""
        new = list(dict.fromkeys(text for text in texts if text not in self._seen))
        self._seen |= dict(zip(new, self._encoder.encode_now(new), strict=True))
        return [self._seen[text] for text in texts]


def _one_row(encoded: Encoded) -> Floats:
    mean = np.average(encoded.feeling, axis=0, weights=np.maximum(encoded.tokens, 1)).reshape(3, -1)
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32).reshape(-1)


def platt(logit: Floats, truth: Floats) -> tuple[float, float]:
    """Slope and shift that make ``sigmoid(slope * logit + shift)`` a probability."""
    fitted = LogisticRegression(C=10.0).fit(logit[:, None], truth > 0.5)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def best_threshold(p: Floats, truth: Floats) -> float:
    """Where F1 is highest, halfway to the next lower probability."""
    order = np.argsort(-p)
    hits = np.cumsum(truth[order] > 0.5)
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + (truth > 0.5).sum())
    at = int(f1.argmax())
    return float(p[order][at : at + 2].mean())


def sharpness(logits: Floats, truth: NDArray[np.int64]) -> float:
    """The inverse temperature under which the true labels are likeliest."""
    tries = np.geomspace(0.2, 3, 40)
    kept = np.arange(len(truth))
    return float(max(tries, key=lambda t: float(np.log(softmax(logits * t)[kept, truth] + 1e-9).mean())))


def macro_recall(said: NDArray[Any], truth: NDArray[Any]) -> float:
    return float(np.mean([(said[truth == k] == k).mean() for k in sorted(set(truth.tolist()))]))


def f1(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(2 * (said & truth).sum() / max(said.sum() + truth.sum(), 1))


def rounded(figures: dict[str, float]) -> dict[str, float]:
    return {key: round(float(value), 3) for key, value in figures.items()}


def report_on(data: Path, vectors: Vectors, model: MoodModel) -> dict[str, float]:
    """The figures of eval/score.py for mood and fairness on ``data/dev``, by the classes that serve."""
    messages, pairs = rows(data / "dev/sentiment.jsonl"), rows(data / "dev/fairness_pairs.jsonl")
    read: Callable[[Sequence[str]], list[Any]] = lambda texts: [  # noqa: E731
        model.read(e, t) for e, t in zip(vectors.encoded(texts), texts, strict=True)
    ]
    moods = read([r["text"] for r in messages])
    p = np.array([m.frustration for m in moods])
    truth = np.array([r["frustrated"] for r in messages])
    labels = np.array([LABELS.index(r["sentiment"]) for r in messages])
    one, other = read([r["a"] for r in pairs]), read([r["b"] for r in pairs])
    gaps = np.array([abs(a.frustration - b.frustration) for a, b in zip(one, other, strict=True)])
    return rounded(
        {
            "macro_recall": macro_recall(np.array([LABELS.index(m.label) for m in moods]), labels),
            "frustration_auroc": float(roc_auc_score(truth, p)),
            "frustration_f1": f1(np.array([m.frustrated for m in moods]), truth),
            "frustration_brier": float(((p - truth) ** 2).mean()),
            "gap_over_spread": float(gaps.mean() / p.std()),
            "flips": float(np.mean([a.frustrated != b.frustrated for a, b in zip(one, other, strict=True)])),
            "label_flips": float(np.mean([a.label != b.label for a, b in zip(one, other, strict=True)])),
        }
    )
