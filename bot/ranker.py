"""Which entry answers the message, and how sure that is; pure. Floor 2.

A linear mix of the features orders the entries; a calibrator then says P(the first one answers the message),
messages that no entry answers included. One raw cosine as confidence lets 1-9 % of the questions be answered
at 95 % precision; the calibrator sees margin, agreement of the features and what sort of message it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.intents import Intents
from core.heads import Floats, HeadsBroken, load_heads, sigmoid, softmax
from knowledge_base.features import FEATURES

OWN_HEADS = Path(__file__).parent / "heads"

EVIDENCE = (
    "score", "margin_2", "margin_3", "first", "first_three", "entropy", "agreement", "spread", "entries",
    *(f"top_{name}" for name in FEATURES),
    *(f"gap_{name}" for name in FEATURES),
    "case_specific", "smalltalk", "asks_human", "sensitive", "vulnerable", "faq_like",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """Args: confidence: P(this entry answers the message), calibrated for the first of a ranking."""

    slug: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Args: answer: from this confidence on, the first entry is given as the answer.

    clarify: from this confidence on, the first three are offered.
    """

    answer: float
    clarify: float


@dataclass(frozen=True, slots=True)
class Ranker:
    weights: Floats  # (features,)
    sure: Floats  # (evidence,)
    sure_offset: float
    within: Floats  # (evidence,): P(any entry answers)
    within_offset: float
    thresholds: Thresholds

    @classmethod
    def load(cls, folder: Path | None, encoder_hash: str) -> "Ranker":
        """Args: folder: None for the heads that we ship.

        Raises: what ``core.heads.load_heads`` raises.
        """
        heads = load_heads(folder or OWN_HEADS, "ranker", encoder_hash)
        if heads.info.get("features") != list(FEATURES) or heads.info.get("evidence") != list(EVIDENCE):
            raise HeadsBroken("ranker.json was trained for other features; train it again.")
        try:
            limits = Thresholds(**{k: float(heads.info["thresholds"][k]) for k in ("answer", "clarify")})
            mix, sure, within = (heads.tensors[name] for name in ("mix", "sure", "within"))
        except (KeyError, TypeError) as problem:
            raise HeadsBroken(f"The head ranker lacks {problem}; train it again.") from problem
        return cls(mix, sure[:-1], float(sure[-1]), within[:-1], float(within[-1]), limits)

    def rank(self, features: Floats, slugs: Sequence[str], intents: Intents) -> list[Candidate]:
        """All entries, best first.

        Args:
            features: (n, features), from ``Index.features``.

        """
        if not len(slugs):
            return []
        scores = features @ self.weights
        order = np.argsort(-scores, kind="stable")
        seen = evidence(features, scores, intents)
        first = float(sigmoid(np.array(seen @ self.sure + self.sure_offset)))
        within = float(sigmoid(np.array(seen @ self.within + self.within_offset)))
        shares = softmax(scores)[order]
        # What is left of P(any entry answers) is shared out by the ranking, never above the first.
        rest = max(within - first, 0.0) / max(1 - float(shares[0]), 1e-6)
        others = np.minimum(shares[1:] * rest, first)
        return [Candidate(slugs[i], float(p)) for i, p in zip(order, [first, *others], strict=True)]


def evidence(features: Floats, scores: Floats, intents: Intents) -> Floats:
    """What the calibrator sees of one ranking, in the order of ``EVIDENCE``. At least one entry."""
    order = np.argsort(-scores, kind="stable")
    best = int(order[0])
    shares = softmax(scores)
    down = np.append(scores[order], [scores.min()] * 2)  # one or two entries: the margin is to the last
    most = features.max(axis=0)
    runner_up = features[order[1]] if len(order) > 1 else np.zeros(features.shape[1], dtype=np.float32)
    return np.array(
        [
            down[0],
            down[0] - down[1],
            down[0] - down[2],
            shares[best],
            float(np.sort(shares)[-3:].sum()),
            float(-(shares * np.log(shares + 1e-9)).sum()),
            float((features[best] >= most - 1e-6).mean()),
            float(scores.std()),
            float(np.log(len(scores))),
            *features[best],
            *(features[best] - runner_up),
            intents.case_specific,
            intents.smalltalk,
            intents.asks_human,
            intents.sensitive,
            intents.vulnerable,
            intents.faq_like,
        ],
        dtype=np.float32,
    )
