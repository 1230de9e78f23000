"""Text to Reading: one encoder call for all that the bot wants to know. Floor 2. Holds no session."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bot.intents import IntentModel, Intents
from bot.policy import Policy
from bot.ranker import Candidate, Ranker
from bot.reading import CALM, HUMAN_PAYLOAD, Reading, button
from core.encoder import Encoded, Encoder, Vectors
from knowledge_base.entry import Entry
from knowledge_base.search import Shelf, Shelves
from sentiment.mood import Mood, MoodModel

REMEMBERED = 2_000  # vectors of recent messages, by hash, so that a repeat costs no second pass
SURE = 0.99


@dataclass(frozen=True, slots=True)
class Models:
    mood: MoodModel
    intents: IntentModel
    ranker: Ranker
    version: str


class Mind:
    """Loads its heads when the encoder is ready; until then a message waits for it."""

    def __init__(self, encoder: Encoder, search: Shelves) -> None:
        self._encoder = encoder
        self._search = search
        self._models: Models | None = None
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()

    async def models(self) -> Models:
        """
        Raises:
            Unavailable: no encoder, or the heads are not for it.

        """
        if self._models is None:
            await self._encoder.ready()
            self._models = _load(self._encoder)
        return self._models

    async def read(self, texts: Sequence[str], earlier: Sequence[str] = (), scored: bool = True) -> Reading:
        """Read the visitor's unanswered messages together.

        Args:
            texts: one or more, oldest first; ranked as one question, and the strongest feeling counts.
            earlier: the visitor's messages before them in this episode.
            scored: may the mood be read? Otherwise it is not computed.

        Raises:
            Unavailable: the encoder, its heads or the database does not answer.

        """
        if any(text.strip() == HUMAN_PAYLOAD for text in texts):
            return button()
        models = await self.models()
        shelf = await self._search.shelf()
        whole = "\n".join(texts)
        wanted = list(dict.fromkeys([whole, *texts, *(t for t in earlier if _key(t) not in self._vectors)]))
        encoded = dict(zip(wanted, await self._encoder.encode(wanted), strict=True))
        for text, one in encoded.items():
            self._remember(text, one)
        mood = _strongest_mood([models.mood.read(encoded[text], text) for text in texts]) if scored else CALM
        intents = _strongest_intents([models.intents.read(encoded[text], text) for text in texts])
        candidates, exact = _candidates(models, shelf, whole, encoded[whole], intents)
        return Reading(mood, intents, candidates, self._repeated(texts, earlier), exact, scored=scored)

    async def analyze(self, texts: Sequence[str]) -> list[tuple[Mood, Intents]]:
        models = await self.models()
        encoded = await self._encoder.encode(texts)
        return [(models.mood.read(e, t), models.intents.read(e, t)) for e, t in zip(encoded, texts, strict=True)]

    @property
    def policy(self) -> Policy:
        """The house's rules with the thresholds that the ranker was trained to."""
        if self._models is None:
            return Policy()
        confidence, flags = self._models.ranker.thresholds, self._models.intents.thresholds
        return Policy(answer=confidence.answer, clarify=confidence.clarify, smalltalk=flags["smalltalk"])

    @property
    def version(self) -> str:
        return self._models.version if self._models is not None else "none"

    def shelf_at_hand(self) -> dict[str, Entry]:
        """The entries that the last reading saw; none before the first."""
        return self._search.entries_at_hand

    def forget(self) -> None:
        self._vectors.clear()

    def _remember(self, text: str, encoded: Encoded) -> None:
        self._vectors[_key(text)] = encoded.vector
        while len(self._vectors) > REMEMBERED:
            self._vectors.popitem(last=False)

    def _repeated(self, texts: Sequence[str], earlier: Sequence[str]) -> float:
        before = [v for t in earlier if (v := self._vectors.get(_key(t))) is not None]
        if not before:
            return 0.0
        now = np.stack([self._vectors[_key(t)] for t in texts])
        return float((now @ np.stack(before).T).max())


def _load(encoder: Encoder) -> Models:
    here = Path(__file__).parent
    files = sorted(here.glob("heads/*.json")) + sorted((here.parent / "sentiment" / "heads").glob("*.json"))
    marks = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
    return Models(
        mood=MoodModel.load(None, encoder.hash),
        intents=IntentModel.load(None, encoder.hash),
        ranker=Ranker.load(None, encoder.meaning_hash),
        version=f"{encoder.meaning_hash[:12]}+{marks[:12]}",
    )


def _candidates(
    models: Models, shelf: Shelf, text: str, encoded: Encoded, intents: Intents
) -> tuple[tuple[Candidate, ...], bool]:
    ranked = models.ranker.rank(shelf.index.features(text, encoded), shelf.index.slugs, intents)
    exact = shelf.exact(text)
    if exact is None:
        return tuple(ranked), False
    # The owner's very words, or a button of "did you mean": nothing is left to guess.
    found = next(c for c in ranked if c.slug == exact)
    rest = [replace(c, confidence=min(c.confidence, 1 - SURE)) for c in ranked if c.slug != exact]
    return (replace(found, confidence=max(found.confidence, SURE)), *rest), True


def _strongest_mood(moods: Sequence[Mood]) -> Mood:
    return max(moods, key=lambda m: m.frustration)


def _strongest_intents(all_of: Sequence[Intents]) -> Intents:
    if len(all_of) == 1:
        return all_of[0]
    by = {name: max(all_of, key=lambda i: float(getattr(i, name))) for name in _FLAGS}
    talk = min(all_of, key=lambda i: i.smalltalk)  # "hi" and a question together are a question
    return Intents(
        **{name: getattr(one, name) for name, one in by.items()},
        smalltalk=talk.smalltalk,
        sensitive_kind=by["sensitive"].sensitive_kind,
        smalltalk_kind=talk.smalltalk_kind,
    )


_FLAGS = ("asks_human", "declines_human", "case_specific", "sensitive", "vulnerable", "abusive", "tried", "faq_like")


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
