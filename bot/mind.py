"""Text to Reading: one encoder call for all that the bot wants to know. Floor 2. Holds no session."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bot import language
from bot.hearing import loudest, trials
from bot.intents import IntentModel, Intents
from bot.language import foreign
from bot.parts import asks, may_lean, pieces
from bot.policy import Policy
from bot.ranker import Candidate, Ranker
from bot.reading import CALM, HUMAN_PAYLOAD, Reading, button
from core.encoder import Encoded, Encoder, Vectors
from knowledge_base.entry import Entry
from knowledge_base.search import Shelf, Shelves
from sentiment.mood import Mood, MoodModel

REMEMBERED = 2_000  # vectors of recent messages, by hash, so that a repeat costs no second pass
SURE = 0.99
LEANED_ON = 300  # characters, at most, of the message before; a story would outweigh what follows it
HEARD_FROM = 0.5  # frustration from which on it is found out which words raised it (some 30 short texts to encode)


@dataclass(frozen=True, slots=True)
class Said:
    """What the visitor wrote, in the ways in which it is looked up.

    Args:
        pieces: its parts, where it asks several things or tells a story around one; else none.
        leaning: it and the message before it as one text, where it may say too little alone.

    """

    texts: tuple[str, ...]
    whole: str
    pieces: tuple[str, ...]
    leaning: str | None

    @classmethod
    def of(cls, texts: Sequence[str], earlier: Sequence[str]) -> "Said":
        whole = "\n".join(texts)
        leans = bool(earlier) and may_lean(whole) and len(earlier[-1]) <= LEANED_ON
        leaning = f"{earlier[-1]}\n{whole}" if leans else None
        return cls(tuple(texts), whole, pieces(whole), leaning)

    @property
    def needed(self) -> list[str]:
        return [self.whole, *self.texts, *self.pieces, *([self.leaning] if self.leaning else [])]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Args: exact: the text is the wording of the first entry."""

    candidates: tuple[Candidate, ...]
    exact: bool

    @property
    def confidence(self) -> float:
        return self.candidates[0].confidence if self.candidates else 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """As ``Reading`` has it."""

    candidates: tuple[Candidate, ...]
    also: tuple[Candidate, ...]
    exact: bool
    leaned: bool


@dataclass(frozen=True, slots=True)
class Models:
    mood: MoodModel
    intents: IntentModel
    ranker: Ranker
    version: str

    def answers(
        self, shelf: Shelf, said: Said, encoded: Mapping[str, Encoded], intents: Intents, policy: Policy
    ) -> Found:
        """Which entries answer what was said."""
        within = [encoded[piece] for piece in said.pieces]
        alone = best = self._rank(shelf, said.whole, encoded[said.whole], intents, within)
        if said.leaning is not None and not alone.exact and alone.confidence < policy.answer:
            joined = self._rank(shelf, said.leaning, encoded[said.leaning], intents, within)
            best = joined if joined.confidence > alone.confidence else alone
        asked = [self._rank(shelf, piece, encoded[piece], intents) for piece in said.pieces if asks(piece)]
        candidates, also = _together(best, asked, policy)
        return Found(candidates, also, alone.exact, leaned=best is not alone)

    def _rank(
        self, shelf: Shelf, text: str, encoded: Encoded, intents: Intents, parts: Sequence[Encoded] = ()
    ) -> Ranking:
        ranked = self.ranker.rank(shelf.index.features(text, encoded, parts), shelf.index.slugs, intents)
        exact = shelf.exact(text)
        if exact is None:
            return Ranking(tuple(ranked), False)
        # The owner's very words, or a button of "did you mean": nothing is left to guess.
        found = next(c for c in ranked if c.slug == exact)
        rest = [replace(c, confidence=min(c.confidence, 1 - SURE)) for c in ranked if c.slug != exact]
        return Ranking((replace(found, confidence=max(found.confidence, SURE)), *rest), True)


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
            await asyncio.to_thread(language.load)
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
        said = Said.of(texts, earlier)
        encoded = await self._encoded(said, earlier)
        felt = {text: models.mood.read(encoded[text], text) for text in texts} if scored else {}
        mood = _strongest_mood(list(felt.values())) if felt else CALM
        intents = _strongest_intents([models.intents.read(encoded[text], text) for text in texts])
        found = models.answers(shelf, said, encoded, intents, self.policy)
        return Reading(
            mood, intents, found.candidates, self._repeated(texts, earlier), found.exact, also=found.also,
            heard=await self._heard(models, felt), leaned=found.leaned, scored=scored,
            language=foreign(said.whole, encoded[said.whole].unknown),
        )  # fmt: skip

    async def _encoded(self, said: Said, earlier: Sequence[str]) -> dict[str, Encoded]:
        """All texts that this reading needs, in one call; what the visitor wrote is remembered for ``_repeated``."""
        forgotten = [text for text in earlier if _key(text) not in self._vectors]
        wanted = list(dict.fromkeys([*said.needed, *forgotten]))
        encoded = dict(zip(wanted, await self._encoder.encode(wanted), strict=True))
        for text in (*said.texts, *forgotten):
            self._remember(text, encoded[text])
        return encoded

    async def _heard(self, models: Models, felt: Mapping[str, Mood]) -> tuple[str, ...]:
        """The words that raised frustration, where it is high enough to ask."""
        if not felt:
            return ()
        text, mood = max(felt.items(), key=lambda item: item[1].frustration)
        tried = trials(text) if mood.frustration >= HEARD_FROM else []
        if not tried:
            return ()
        encoded = await self._encoder.encode([t.rest for t in tried])
        without = [models.mood.read(one, t.rest).frustration for one, t in zip(encoded, tried, strict=True)]
        return loudest(tried, mood.frustration, without)

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
        mood=MoodModel.load(None, encoder.feeling_hash),
        intents=IntentModel.load(None, encoder.feeling_hash),
        ranker=Ranker.load(None, encoder.meaning_hash),
        version=f"{encoder.meaning_hash[:12]}+{marks[:12]}",
    )


def _together(
    best: Ranking, asked: Sequence[Ranking], policy: Policy
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """The candidates of the message, and the first entry for each of its further questions.

    Args:
        asked: the rankings of its parts that look like questions.

    Of 111 such messages to the held-out businesses 75 are answered, and in 55 every question is answered or offered.
    """
    sure = next((r for r in (best, *asked) if r.confidence >= policy.answer), None)
    if best.exact or len(asked) < 2 or sure is None:
        return best.candidates, ()
    first = sure.candidates[0]
    rest = [replace(c, confidence=min(c.confidence, first.confidence)) for c in best.candidates if c.slug != first.slug]
    also: dict[str, Candidate] = {}
    for one in (r.candidates[0] for r in asked):
        if one.slug != first.slug and one.confidence > (also[one.slug].confidence if one.slug in also else 0.0):
            also[one.slug] = one
    return (first, *rest), tuple(also.values())


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
