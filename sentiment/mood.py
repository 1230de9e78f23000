"""From vectors to the mood of one message; pure. Floor 1.

The label is the feeling shown. ``frustration`` is P(fed up with the service, politely or not); of a long
message the worst window counts, because one angry sentence among twenty calm ones is still an angry message.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from core.encoder import Encoded
from core.heads import Floats, HeadsBroken, Network, load_heads, network, sigmoid, softmax

Label = Literal["negative", "neutral", "positive"]
LABELS: tuple[Label, ...] = ("negative", "neutral", "positive")
OWN_HEADS = Path(__file__).parent / "heads"


@dataclass(frozen=True, slots=True)
class Mood:
    """Args: negative, neutral, positive: sum to 1. frustration: calibrated, 0..1."""

    label: Label
    negative: float
    neutral: float
    positive: float
    frustration: float
    frustrated: bool


@dataclass(frozen=True, slots=True)
class MoodModel:
    network: Network
    slope: float  # Platt scaling of the logit of frustration
    shift: float
    sharpness: float  # inverse temperature of the three labels
    threshold: float

    @classmethod
    def load(cls, folder: Path | None, encoder_hash: str) -> "MoodModel":
        """Args: folder: None for the heads that we ship.

        Raises: what ``core.heads.load_heads`` raises.
        """
        heads = load_heads(folder or OWN_HEADS, "mood", encoder_hash)
        try:
            scale = heads.info["calibration"]
            numbers = (scale["slope"], scale["shift"], scale["sharpness"], heads.info["threshold"])
        except (KeyError, TypeError) as problem:
            raise HeadsBroken(f"mood.json lacks {problem}; train it again.") from problem
        return cls(network(heads), *(float(n) for n in numbers))

    def read(self, encoded: Encoded, text: str) -> Mood:
        logits = self.network.logits(inputs(encoded, text))
        each = softmax(logits[:, :3] * self.sharpness)
        negative, neutral, positive = (float(p) for p in np.average(each, axis=0, weights=_weights(encoded)))
        frustration = float(sigmoid(logits[:, 3] * self.slope + self.shift).max())
        # The two outputs are trained apart; nobody is positive as far as they are fed up.
        negative, positive = negative + positive * frustration, positive * (1 - frustration)
        label = LABELS[int(np.argmax((negative, neutral, positive)))]
        return Mood(label, negative, neutral, positive, frustration, frustration >= self.threshold)


def inputs(encoded: Encoded, text: str) -> Floats:
    """What the networks of mood and intents read: the three layers and the surface, a row a window."""
    surfaces = np.tile(surface(text), (len(encoded.feeling), 1))
    return np.concatenate([encoded.feeling, surfaces], axis=1)


def surface(text: str) -> Floats:
    """How it is written. The encoder reads lower case only, so shouting is visible nowhere else."""
    spelt = re.findall(r"[^\W\d_]{2,}", text)
    loud = sum(word.isupper() for word in spelt)
    return np.array(
        [
            loud / len(spelt) if len(spelt) > 1 else 0.0,
            min(loud, 5) / 5,
            min(text.count("!"), 4) / 4,
            min(len(re.findall(r"[!?]{2,}", text)), 2) / 2,
            min(text.count("?"), 3) / 3,
            min(len(re.findall(r"(\w)\1\1", text)), 2) / 2,
            min(len(text), 400) / 400,
        ],
        dtype=np.float32,
    )


def _weights(encoded: Encoded) -> Floats:
    return np.maximum(encoded.tokens, 1).astype(np.float32)
