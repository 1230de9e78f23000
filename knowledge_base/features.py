"""How well each published entry fits a message, as numbers; the weighing is bot/ranker.py's. Floor 1.

Everything here is pure. An ``Index`` never changes: publishing builds another and swaps it in.
Dense features are cosines of the shared encoder's vectors; the lexical ones catch names, model numbers and
typing errors that a mean of token vectors blurs. No feature is a confidence: alone, the best cosine answers
1-9 % of the questions safely (95 % right).
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from core.encoder import Encoded

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]
Bytes = NDArray[np.int8]

FEATURES = (
    "phrase_max",  # cosine to the nearest of question and alternates
    "phrase_mean",  # ... to all of them, the mean
    "answer",  # ... to the answer
    "both",  # ... to question and answer as one text
    "sentence",  # ... to the nearest sentence of the answer
    "words_phrases",  # BM25 against question and alternates, as a share of the best score possible
    "words_answer",  # BM25 against the answer, likewise
    "covered",  # share of the message's words, by rarity, that the entry has anywhere
    "grams_phrases",  # character 3-5-grams, cosine to the nearest of question and alternates
    "grams_all",  # ... to the whole entry
    # The first five again, each the highest over the whole message and its parts: a story hides its question.
    "part_phrase_max",
    "part_phrase_mean",
    "part_answer",
    "part_both",
    "part_sentence",
    # Word by word (each word of the message with the nearest of the entry; Khattab and Zaharia 2020): the means
    "late_phrases",  # ... to question and alternates
    "late_whole",  # ... to question and answer as one text
    "late_best",  # ... to the nearer of the two
    "late_worst",  # ... the same, of the quarter of the words that fit least
    "late_back",  # ... from the words of question and alternates to those of the message
)
DENSE = 5  # of them, at the front
LATE = 5  # at the end
LOOKED_AT = 32  # entries compared word by word; the others rank below by the features before
ANSWER_WORDS = 160  # tokens of an answer, at most, that are compared so

KINDS = ("question", "alternate", "answer", "both", "sentence")

# Words that say nothing about the topic. Small bases (26 entries) have too few documents for idf to know.
_STOP_WORDS = """
a an the and or but if then so of to in on at by for from with as is are was were be been am do does
did i me my we us our you your u ur it its this that these those there here can could will would
shall should may might must have has had not no yes what which who how when where why ok please just
any some get got im ive id dont hi hello hey thanks thank about into than too very
"""
_STOP = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[^\W_]+")
_MARKS = (
    (re.compile(r"^\s*```.*$", re.M), ""),  # the fence of a block of code; its words count
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # links and images: their words
    (re.compile(r"<https?://[^>]*>|https?://\S+"), " "),
    (re.compile(r"^\s{0,3}(#{1,6}|>+|[-*+]|\d+[.)])\s+", re.M), ""),
    (re.compile(r"^\s*\|?[\s:|-]+\|[\s:|-]*$", re.M), ""),  # the line below a table's head
    (re.compile(r"<[^<>]{1,80}>"), " "),
    (re.compile(r"(\*\*|__|\*|`|~~|\|)"), " "),
)
_ABBREVIATED = re.compile(r"\b(e\.g|i\.e|etc|approx|no|mr|mrs|ms|dr|st|vs|inc|ltd|a\.m|p\.m)\.$", re.I)
_BREAK = re.compile(r"(?<=[.!?…])[\"')\]]*\s+(?=[^\sa-z])|\n+")


@dataclass(frozen=True, slots=True)
class EntryText:
    slug: str
    question: str
    answer: str  # Markdown
    alternates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryVectors:
    """One unit vector for each of ``pieces(entry)``, in its order, and the words of two sorts of them.

    Args:
        phrase_words: (t, p), tokens of question and alternates, each in -127..127.
        answer_words: (t, p), those of question and answer as one text.

    """

    kinds: tuple[str, ...]
    matrix: Floats
    phrase_words: Bytes
    answer_words: Bytes

    @classmethod
    def of(cls, entry: EntryText, encoded: Sequence[Encoded]) -> "EntryVectors":
        """Args: encoded: what the encoder made of the texts of ``pieces(entry)``."""
        kinds = tuple(kind for kind, _ in pieces(entry))
        phrases = [one.words for kind, one in zip(kinds, encoded, strict=True) if kind in ("question", "alternate")]
        answer = next(one.words for kind, one in zip(kinds, encoded, strict=True) if kind == "both")
        matrix = np.stack([one.vector for one in encoded])
        return cls(kinds, matrix, _small(np.concatenate(phrases)), _small(answer[:ANSWER_WORDS]))

    def to_bytes(self) -> bytes:
        """Safetensors, 16-bit: 0.8 KB a piece, and the cosines agree to three digits; words 0.1 KB each, 8-bit."""
        numbers = np.array([KINDS.index(kind) for kind in self.kinds], dtype=np.uint8)
        matrix = np.ascontiguousarray(self.matrix, dtype=np.float16)
        words = {"phrase_words": self.phrase_words, "answer_words": self.answer_words}
        return save({"kinds": numbers, "matrix": matrix, **{k: np.ascontiguousarray(v) for k, v in words.items()}})

    @classmethod
    def from_bytes(cls, blob: bytes) -> "EntryVectors":
        tensors = load(blob)
        kinds = tuple(KINDS[int(number)] for number in tensors["kinds"])
        matrix = np.asarray(tensors["matrix"], dtype=np.float32)
        return cls(kinds, matrix, tensors["phrase_words"], tensors["answer_words"])


def _small(words: Floats) -> Bytes:
    """At least one row: a text without a word (an emoji, say) is like nothing."""
    kept = words if len(words) else np.zeros((1, words.shape[1]), dtype=np.float32)
    return np.asarray(np.rint(kept * 127), dtype=np.int8)


def plain(markdown: str) -> str:
    """The words of ``markdown`` without its marks."""
    for mark, instead in _MARKS:
        markdown = mark.sub(instead, markdown)
    return re.sub(r"[ \t]+", " ", markdown).strip()


def sentences(text: str) -> list[str]:
    """Split running text; fragments of less than three words go with their neighbour."""
    found: list[str] = []
    for part in _BREAK.split(text):
        part = part.strip()
        if found and (_ABBREVIATED.search(found[-1]) or len(part.split()) < 3):
            found[-1] = f"{found[-1]} {part}".strip()
        elif part:
            found.append(part)
    return found


def pieces(entry: EntryText) -> list[tuple[str, str]]:
    """The texts of an entry that are encoded, (kind, text); there is always one of each but ``alternate``."""
    answer = plain(entry.answer)
    return [
        ("question", entry.question),
        *(("alternate", text) for text in entry.alternates if text.strip()),
        ("answer", answer),
        ("both", f"{entry.question} {answer}"),
        *(("sentence", text) for text in sentences(answer) or [answer]),
    ]


def words(text: str) -> list[str]:
    """Content words, lower case, without the commonest endings (delivered, delivery -> deliver)."""
    found = _WORD.findall(text.lower().replace("'", "").replace("\u2019", ""))
    return [_stem(word) for word in found if word not in _STOP]


def grams(text: str) -> Counter[str]:
    """Character 3- to 5-grams inside words; one wrong letter leaves most of a word's grams alone."""
    counts: Counter[str] = Counter()
    for word in _WORD.findall(text.lower())[:80]:
        if word in _STOP:
            continue
        padded = f" {word} "
        for size in (3, 4, 5):
            counts.update(padded[i : i + size] for i in range(len(padded) - size + 1))
    return counts


def _stem(word: str) -> str:
    for ending, instead in (
        ("ies", "y"),
        ("ing", ""),
        ("ed", ""),
        ("ery", "er"),
        ("es", ""),
        ("s", ""),
        ("e", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + instead
    return word


class _Postings:
    """Sparse rows the other way round: for each term, the documents that hold it and their weights."""

    def __init__(self, rows: Iterable[dict[str, float]], documents: int) -> None:
        gathered: defaultdict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for number, row in enumerate(rows):
            for term, weight in row.items():
                ids, weights = gathered[term]
                ids.append(number)
                weights.append(weight)
        self.documents = documents
        self._terms = {t: (np.array(i), np.array(w, dtype=np.float32)) for t, (i, w) in gathered.items()}

    def score(self, query: dict[str, float]) -> Floats:
        hits = [(found, weight) for term, weight in query.items() if (found := self._terms.get(term)) is not None]
        if not hits:
            return np.zeros(self.documents, dtype=np.float32)
        # One sum over all terms: term by term all features took 1.2 ms of a message, so 0.3.
        ids = np.concatenate([ids for (ids, _), _ in hits])
        parts = np.concatenate([weights for (_, weights), _ in hits])
        shares = np.repeat([weight for _, weight in hits], [len(ids) for (ids, _), _ in hits])
        return np.bincount(ids, weights=parts * shares, minlength=self.documents).astype(np.float32)


class _Words:
    """BM25 as a share of the best score that the query could get, so that it compares across bases."""

    def __init__(self, documents: Sequence[Sequence[str]], k1: float = 1.2, b: float = 0.6) -> None:
        frequencies = Counter(term for document in documents for term in set(document))
        n = len(documents)
        self._idf = {term: math.log(1 + (n - f + 0.5) / (f + 0.5)) for term, f in frequencies.items()}
        self._unseen = math.log(1 + (n + 0.5) / 0.5)
        mean = max(sum(map(len, documents)) / max(n, 1), 1.0)
        self._postings = _Postings(
            (
                {t: c * (k1 + 1) / (c + k1 * (1 - b + b * len(d) / mean)) for t, c in Counter(d).items()}
                for d in documents
            ),
            n,
        )
        self._best = k1 + 1

    def score(self, query: Sequence[str]) -> Floats:
        weights = {term: self._idf.get(term, self._unseen) for term in query}
        return self._postings.score(weights) / (self._best * sum(weights.values()) or 1.0)

    def covered(self, query: Sequence[str], presence: _Postings) -> Floats:
        weights = {term: self._idf.get(term, self._unseen) for term in query}
        return presence.score(weights) / (sum(weights.values()) or 1.0)


class _Grams:
    """TF-IDF cosine of character grams. Those of more than 2,000 documents say little and cost most: left out."""

    def __init__(self, documents: Sequence[str]) -> None:
        counts = [grams(document) for document in documents]
        frequencies = Counter(gram for row in counts for gram in row)
        n = len(documents)
        self._idf = {g: math.log((1 + n) / (1 + f)) + 1 for g, f in frequencies.items()}
        self._idf |= {g: 0.0 for g, f in frequencies.items() if f > 2000}
        self._unseen = math.log(1 + n) + 1
        self._postings = _Postings((_unit(self._weigh(row)) for row in counts), n)

    def score(self, query: Counter[str]) -> Floats:
        return self._postings.score(_unit(self._weigh(query)))

    def _weigh(self, row: Counter[str]) -> dict[str, float]:
        weighed = {g: (1 + math.log(c)) * self._idf.get(g, self._unseen) for g, c in row.items()}
        return {g: w for g, w in weighed.items() if w}


def _unit(row: dict[str, float]) -> dict[str, float]:
    norm = math.sqrt(sum(w * w for w in row.values())) or 1.0
    return {term: w / norm for term, w in row.items()}


@dataclass(frozen=True, slots=True)
class _Group:
    """Vectors of one sort, those of one entry side by side; ``starts`` is where each entry's begin."""

    matrix: Floats
    starts: Numbers

    def most(self, scores: Floats) -> Floats:
        return np.asarray(np.maximum.reduceat(scores, self.starts), dtype=np.float32)

    def mean(self, scores: Floats) -> Floats:
        counts = np.diff(np.append(self.starts, len(scores)))
        return np.asarray(np.add.reduceat(scores, self.starts) / counts, dtype=np.float32)


class Index:
    """All published entries, ready to be compared with a message."""

    def __init__(self, entries: Sequence[tuple[EntryText, EntryVectors]]) -> None:
        texts = [text for text, _ in entries]
        self.slugs: tuple[str, ...] = tuple(text.slug for text in texts)
        vectors = [v for _, v in entries]
        self._phrases = _gather(vectors, {"question", "alternate"})
        self._answers = _gather(vectors, {"answer"})
        self._both = _gather(vectors, {"both"})
        self._sentences = _gather(vectors, {"sentence"})
        self._phrase_words = [v.phrase_words for v in vectors]
        self._answer_words = [v.answer_words for v in vectors]
        phrases = [[text.question, *(a for a in text.alternates if a.strip())] for text in texts]
        in_phrases = [words(" ".join(some)) for some in phrases]
        in_answers = [words(plain(text.answer)) for text in texts]
        everywhere = [[*p, *a] for p, a in zip(in_phrases, in_answers, strict=True)]
        self._words_phrases = _Words(in_phrases)
        self._words_answers = _Words(in_answers)
        self._words_all = _Words(everywhere)
        self._presence = _Postings((dict.fromkeys(row, 1.0) for row in everywhere), len(texts))
        self._grams_phrases = _Grams([phrase for some in phrases for phrase in some])
        self._grams_all = _Grams([f"{' '.join(p)} {plain(t.answer)}" for p, t in zip(phrases, texts, strict=True)])

    def __len__(self) -> int:
        return len(self.slugs)

    def features(self, text: str, encoded: Encoded, parts: Sequence[Encoded] = ()) -> Floats:
        """One row an entry, in the order of ``slugs``; the columns are ``FEATURES``.

        Args:
            parts: the questions of the message, where it asks several or tells a story around one.

        """
        if not self.slugs:
            return np.zeros((0, len(FEATURES)), dtype=np.float32)
        whole = np.stack([*self._dense(encoded), *self._lexical(text)], axis=1)
        in_parts = [np.stack(list(self._dense(part)), axis=1) for part in parts]
        dense = np.max([whole[:, :DENSE], *in_parts], axis=0)
        return np.concatenate([whole, dense, self._late(encoded, whole)], axis=1)

    def _dense(self, encoded: Encoded) -> Iterator[Floats]:
        queries = _queries(encoded)
        near = _cosines(self._phrases, queries)
        yield self._phrases.most(near)
        yield self._phrases.mean(near)
        for group in (self._answers, self._both, self._sentences):
            yield group.most(_cosines(group, queries))

    def _lexical(self, text: str) -> Iterator[Floats]:
        said, spelt = words(text), grams(text)
        yield self._words_phrases.score(said)
        yield self._words_answers.score(said)
        yield self._words_all.covered(said, self._presence)
        yield self._phrases.most(self._grams_phrases.score(spelt))
        yield self._grams_all.score(spelt)

    def _late(self, encoded: Encoded, whole: Floats) -> Floats:
        """(n, LATE): word by word, for the entries that look best so far; the others get the least of theirs."""
        asked = encoded.words
        if not asked.size:
            return np.zeros((len(self.slugs), LATE), dtype=np.float32)
        chosen = np.argsort(-whole.sum(axis=1), kind="stable")[:LOOKED_AT]
        near_phrases, starts = _word_by_word([self._phrase_words[i] for i in chosen], asked)
        near_answers, answer_starts = _word_by_word([self._answer_words[i] for i in chosen], asked)
        to_phrases = np.maximum.reduceat(near_phrases, starts, axis=1)
        to_answers = np.maximum.reduceat(near_answers, answer_starts, axis=1)
        best = np.maximum(to_phrases, to_answers)
        few = max(1, len(asked) // 4)
        counts = np.diff(np.append(starts, near_phrases.shape[1]))
        found = np.stack(
            [
                to_phrases.mean(axis=0),
                to_answers.mean(axis=0),
                best.mean(axis=0),
                np.sort(best, axis=0)[:few].mean(axis=0),
                np.add.reduceat(near_phrases.max(axis=0), starts) / counts,
            ],
            axis=1,
        )
        late = np.tile(found.min(axis=0), (len(self.slugs), 1)).astype(np.float32)
        late[chosen] = found
        return late


def _word_by_word(entries: Sequence[Bytes], asked: Floats) -> tuple[Floats, Numbers]:
    """(words of the message, words of all entries) cosines, and where each entry's begin."""
    starts = np.cumsum([0, *(len(e) for e in entries[:-1])])
    near = asked @ (np.concatenate(entries).astype(np.float32) / 127).T
    return np.asarray(near, dtype=np.float32), np.asarray(starts, dtype=np.int64)


def _queries(encoded: Encoded) -> Floats:
    """(384, q): the message as a whole and, where it is long, each of its windows."""
    if len(encoded.meaning) == 1:
        return encoded.meaning.T
    return np.vstack([encoded.vector, encoded.meaning]).T


def _cosines(group: _Group, queries: Floats) -> Floats:
    return np.asarray((group.matrix @ queries).max(axis=1), dtype=np.float32)


def _gather(vectors: Sequence[EntryVectors], kinds: set[str]) -> _Group:
    rows = [v.matrix[[i for i, kind in enumerate(v.kinds) if kind in kinds]] for v in vectors]
    if not rows:
        return _Group(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.int64))
    starts = np.cumsum([0, *(len(r) for r in rows[:-1])])
    return _Group(np.concatenate(rows), starts)
