"""Which words of a message raised a score, by leaving them out; pure. Floor 2.

No list of bad words: a span is named because the message without it scores lower, so what is named is what the
model heard (tests/bot/test_hearing.py: leaving the named words out lowers frustration more than leaving out as
many others).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.heads import Floats

SPANS = (1, 2, 3)  # words
LONG = 24  # words; of a longer message only single spans of LONG-th parts are tried
NAMED = 3
SHARE = 0.15  # of the greatest fall; what falls less is not named


@dataclass(frozen=True, slots=True)
class Trial:
    """Args: words: where they stand in the message. rest: the message without them."""

    words: range
    said: str
    rest: str


def trials(text: str) -> list[Trial]:
    """Every span of a few words, each left out of ``text``; none where there is nothing to leave."""
    words = text.split()
    if len(words) < 2:
        return []
    if len(words) <= LONG:
        spans = [range(i, i + n) for n in SPANS if n < len(words) for i in range(len(words) - n + 1)]
    else:
        size = -(-len(words) // LONG)
        spans = [range(i, min(i + size, len(words))) for i in range(0, len(words), size)]
    return [Trial(s, " ".join(words[s.start : s.stop]), " ".join(words[: s.start] + words[s.stop :])) for s in spans]


def loudest(tried: Sequence[Trial], whole: float, without: Sequence[float]) -> tuple[str, ...]:
    """The spans without which the score falls most, in the order of the message.

    Args:
        whole: P of the message as it is.
        without: P of each trial's rest.

    """
    falls = _logit(np.array([whole])) - _logit(np.array(without))
    # A longer span falls further for its length alone: it must earn its words.
    worth = falls / np.sqrt([len(t.words) for t in tried])
    chosen: list[Trial] = []
    for i in np.argsort(-worth):
        if falls[i] <= 0 or (chosen and falls[i] < SHARE * falls.max()) or len(chosen) == NAMED:
            break
        if not any(set(tried[i].words) & set(c.words) for c in chosen):
            chosen.append(tried[i])
    return tuple(t.said for t in sorted(chosen, key=lambda t: t.words.start))


def _logit(p: Floats) -> Floats:
    kept = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float32)
