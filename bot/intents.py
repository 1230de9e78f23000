"""From vectors to what a message wants, beside its topic; pure. Floor 2.

Every number is a calibrated probability, read by one network from the encoder's vectors: no keyword list
decides who gets a person. Of a long message the window that shows most counts; small talk is the exception,
since a long message is small talk only if all of it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.encoder import Encoded
from core.heads import Floats, HeadsBroken, Network, load_heads, network, sigmoid
from sentiment.mood import inputs

FLAGS = ("asks_human", "declines_human", "case_specific", "vulnerable", "abusive", "tried", "faq_like")
SENSITIVE = ("safety", "medical", "legal", "privacy", "payment_dispute", "discrimination")
SMALLTALK = ("greeting", "thanks", "goodbye", "about_bot", "chitchat", "acknowledge")
OWN_HEADS = Path(__file__).parent / "heads"

# Columns of the network: the flags, then "none" and the kinds of each of the two.
_SENSITIVE_AT = slice(len(FLAGS), len(FLAGS) + 1 + len(SENSITIVE))
_SMALLTALK_AT = slice(_SENSITIVE_AT.stop, _SENSITIVE_AT.stop + 1 + len(SMALLTALK))
COLUMNS = _SMALLTALK_AT.stop


@dataclass(frozen=True, slots=True)
class Intents:
    """Args: sensitive_kind, smalltalk_kind: the likeliest kind, None below the threshold.

    tried: P(it says that what was tried or advised did not help).
    faq_like: P(a public answer could exist for this), from the message alone; evidence for the ranker.
    """

    asks_human: float
    declines_human: float
    case_specific: float
    sensitive: float
    vulnerable: float
    abusive: float
    smalltalk: float
    sensitive_kind: str | None
    smalltalk_kind: str | None
    tried: float = 0.0
    faq_like: float = 1.0


@dataclass(frozen=True, slots=True)
class IntentModel:
    """Args: thresholds: from where on each flag counts as set (best F1 on messages not trained on)."""

    network: Network
    scale: Mapping[str, tuple[float, float]]
    thresholds: Mapping[str, float]

    @classmethod
    def load(cls, folder: Path | None, encoder_hash: str) -> "IntentModel":
        """Args: folder: None for the heads that we ship.

        Raises: what ``core.heads.load_heads`` raises.
        """
        heads = load_heads(folder or OWN_HEADS, "intents", encoder_hash)
        names = (*FLAGS, "sensitive", "smalltalk")
        try:
            found = {name: heads.info["calibration"][name] for name in names}
            scale = {name: (float(slope), float(shift)) for name, (slope, shift) in found.items()}
            thresholds = {name: float(heads.info["thresholds"][name]) for name in names}
        except (KeyError, TypeError, ValueError) as problem:
            raise HeadsBroken(f"intents.json lacks {problem}; train it again.") from problem
        return cls(network(heads), scale, thresholds)

    def read(self, encoded: Encoded, text: str) -> Intents:
        logits = self.network.logits(inputs(encoded, text))
        flags = {name: float(self._scaled(name, logits[:, i]).max()) for i, name in enumerate(FLAGS)}
        sensitive = self._scaled("sensitive", against_none(logits[:, _SENSITIVE_AT]))
        smalltalk = self._scaled("smalltalk", against_none(logits[:, _SMALLTALK_AT]))
        worst, least = float(sensitive.max()), float(smalltalk.min())
        return Intents(
            **flags,
            sensitive=worst,
            smalltalk=least,
            sensitive_kind=self._kind("sensitive", worst, SENSITIVE, logits[sensitive.argmax(), _SENSITIVE_AT]),
            smalltalk_kind=self._kind("smalltalk", least, SMALLTALK, logits[smalltalk.argmin(), _SMALLTALK_AT]),
        )

    def _scaled(self, name: str, logits: Floats) -> Floats:
        slope, shift = self.scale[name]
        return sigmoid(logits * slope + shift)

    def _kind(self, name: str, p: float, kinds: tuple[str, ...], logits: Floats) -> str | None:
        return kinds[int(np.argmax(logits[1:]))] if p >= self.thresholds[name] else None


def against_none(logits: Floats) -> Floats:
    """Log-odds of any kind against "none", the first column."""
    kinds = logits[:, 1:]
    top = kinds.max(axis=1)
    return np.asarray(np.log(np.exp(kinds - top[:, None]).sum(axis=1)) + top - logits[:, 0], dtype=np.float32)
