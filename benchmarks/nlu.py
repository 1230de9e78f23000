"""What our reading of messages is worth, beside simple and published means, in one run.

    python benchmarks/nlu.py --data ../shared/data [--only NAME ...] [--quick]

One table a set of data, one row a measure, one column a system: BM25 (FAQ only), VADER (feelings only; `pip
install vaderSentiment`, else "-"), the frozen published encoder, ours (what ships). Below each table stand the
licence of the data and who learnt from which part of it. Where heads that ship have learnt from the test rows,
or where that cannot be said, the note says so. Vectors are kept in the temporary folder, so a second run is short.
"""

import argparse
import asyncio
import importlib
import json
import re
import tempfile
import textwrap
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bot.evaluate import Conversations, OneShelf, _mind, _play, conversations, coverage
from bot.intents import OWN_HEADS as INTENT_HEADS
from bot.intents import Intents
from bot.lessons import EXAMPLES, HELD_OUT
from bot.mind import Mind, Models
from bot.ranker import Ranker
from bot.train import Business, ranked, read_business, train_ranker
from core.encoder import TUNED, Encoded, Encoder, expected_hash, locate
from core.errors import Unavailable
from core.heads import Floats
from knowledge_base.features import FEATURES, words
from knowledge_base.search import made_of
from sentiment.mood import LABELS, Mood, MoodModel
from sentiment.mood import OWN_HEADS as MOOD_HEADS
from sentiment.train import Row, Vectors, _Store, macro_recall, report_on, rows

SYSTEMS = ("BM25", "VADER", "frozen", "ours")
TENTH = 10
SHORT = 1_000  # sets up to this long are never thinned
PROBE = "Where is the parcel that you promised for Tuesday?"
# GoEmotions' own grouping; what is in neither group is neutral.
POSITIVE = {
    "admiration", "amusement", "approval", "caring", "desire", "excitement", "gratitude", "joy", "love", "optimism",
    "pride", "relief",
}  # fmt: skip
NEGATIVE = {
    "anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment", "fear", "grief", "nervousness",
    "remorse", "sadness",
}  # fmt: skip
PERSON = re.compile(
    r"\b(human|person|people|agent|adviser|advisor|representative|operator|manager|someone|somebody|staff)\b", re.I
)
FOLDS = 5
OWN = "Written for this project; free to use."

T = TypeVar("T")
Cells = dict[str, float | None]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """Args: rows: a measure and what each system reached; a system that is not named has "-"."""

    title: str
    rows: Sequence[tuple[str, Cells]]
    notes: Sequence[str]

    def __str__(self) -> str:
        wide = max(len(name) for name, _ in self.rows) + 2
        lines = [self.title, " " * wide + "".join(f"{system:>9}" for system in SYSTEMS)]
        for name, cells in self.rows:
            lines.append(f"{name:{wide}}" + "".join(f"{_cell(cells.get(system)):>9}" for system in SYSTEMS))
        return "\n".join([*lines, *map(_wrapped, self.notes), ""])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 116, initial_indent="  ", subsequent_indent="    ")


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


# The systems


class _TwiceAsked(Encoder):
    """Whoever wants meaning and feeling asks twice in a row for the same texts: the second time is free."""

    _last: tuple[list[str], list[Encoded]] = ([], [])

    def encode_now(self, texts: Sequence[str]) -> list[Encoded]:
        if self._last[0] != list(texts):
            self._last = (list(texts), super().encode_now(texts))
        return self._last[1]


class Side:
    """An encoder and the vectors it has made so far, this time and before.

    Raises:
        SystemExit: the kept vectors are not this encoder's.

    """

    def __init__(self, name: Literal["frozen", "ours"]) -> None:
        self.name = name
        self.encoder = _TwiceAsked(locate(None), expected=expected_hash(None), plain=name == "frozen")
        self.vectors = Vectors(self.encoder)
        made = self.encoder.encode_now([PROBE])[0]
        self._meanings = _Store(f"nlu-meanings-{self.vectors.meaning_hash[:16]}", len(made.vector))
        for kept, now in ((self.meaning([PROBE])[0], made.vector), (self.vectors([PROBE])[0], made.feeling[0])):
            if not np.allclose(kept, now, atol=2e-3):
                place = Path(tempfile.gettempdir())
                raise SystemExit(f"The vectors kept for {name} are another encoder's: delete {place}/warmline-*.npz.")

    def meaning(self, texts: Sequence[str]) -> Floats:
        return self._meanings.rows(texts, lambda new: (one.vector for one in self.encoder.encode_now(new)))

    def feeling(self, texts: Sequence[str]) -> Floats:
        return _unit(self.vectors(texts))

    def both(self, texts: Sequence[str]) -> Floats:
        return _unit(np.concatenate([self.meaning(texts), self.feeling(texts)], axis=1))

    def felt(self, texts: Sequence[str]) -> list[Encoded]:
        """As the encoder gives them, but without a meaning: for the heads that read feelings."""
        nothing, one = np.zeros((1, 0), dtype=np.float32), np.ones(1, dtype=np.int64)
        return [Encoded(nothing, row[None], 0.0, one) for row in self.vectors(texts)]


def _unit(x: Floats) -> Floats:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


class Vader:
    """The lexicon, in the place of a ``MoodModel``. Its "probabilities" are its compound, moved to 0..1."""

    def __init__(self) -> None:
        self._analyzer = importlib.import_module("vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()

    def compound(self, text: str) -> float:
        return float(self._analyzer.polarity_scores(text)["compound"])

    def read(self, _encoded: Encoded | None, text: str) -> Mood:
        score = self.compound(text)
        label = LABELS[0 if score <= -0.05 else 2 if score >= 0.05 else 1]
        negative = (1 - score) / 2
        return Mood(label, negative, 0.0, 1 - negative, negative, score <= -0.5)


def _vader() -> Vader | None:
    try:
        return Vader()
    except ModuleNotFoundError:
        print("VADER is not installed, so its column stays empty: pip install vaderSentiment\n")
        return None


class Bench:
    """The data and the systems; each is made when it is first asked for.

    Args:
        quick: take every tenth row of a set that has more than ``SHORT``, every tenth business of our examples.

    """

    def __init__(self, data: Path, *, quick: bool) -> None:
        self.data = data
        self.quick = quick
        self.vader = _vader()
        self._frustration: dict[str, Any] = {}

    @cached_property
    def frozen(self) -> Side:
        return Side("frozen")

    @cached_property
    def ours(self) -> Side:
        return Side("ours")

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        if np.array_equal(self.frozen.meaning([PROBE]), self.ours.meaning([PROBE])):
            print("No tuned layers are laid over the encoder, so ours is the published one (see core/tuned).\n")
        return self.frozen, self.ours

    @cached_property
    def models(self) -> Models:
        """The heads that ship.

        Raises:
            SystemExit: they are not for the encoder as it is now.

        """
        try:
            return asyncio.run(Mind(self.ours.encoder, OneShelf(made_of("none", []))).models())
        except Unavailable as problem:
            raise SystemExit(str(problem)) from problem

    def split(self, file: str, *names: str) -> list[Row]:
        found = [r for r in rows(self.data / file) if r["split"] in names]
        return self.thinned(found) if len(found) > SHORT else found

    def thinned(self, some: Sequence[T]) -> list[T]:
        return list(some[::TENTH] if self.quick else some)

    def vader_moods(self, texts: Sequence[str]) -> list[Mood] | None:
        return None if self.vader is None else [self.vader.read(None, text) for text in texts]

    def our_moods(self, texts: Sequence[str]) -> list[Mood]:
        encoded = self.ours.felt(texts)
        return [self.models.mood.read(one, text) for one, text in zip(encoded, texts, strict=True)]

    def our_intents(self, texts: Sequence[str]) -> list[Intents]:
        encoded = self.ours.felt(texts)
        return [self.models.intents.read(one, text) for one, text in zip(encoded, texts, strict=True)]

    def frozen_moods(self, texts: Sequence[str]) -> list[Mood]:
        """By logistic regressions on the published layers that learnt from GoEmotions (train)."""
        x = 10 * self.frozen.feeling(texts)
        three = self._frozen_labels.predict_proba(x)
        hot = self.frustration_of(self.frozen).predict_proba(x)[:, 1]
        return [
            Mood(LABELS[int(p.argmax())], float(p[0]), float(p[1]), float(p[2]), float(f), bool(f >= 0.5))
            for p, f in zip(three, hot, strict=True)
        ]

    @cached_property
    def _frozen_labels(self) -> Any:
        told = [(r["text"], _three(r["label"])) for r in self.split("public/goemotions.jsonl", "train")]
        told = [(text, label) for text, label in told if label is not None]
        return logistic(self.frozen.feeling([text for text, _ in told]), [y for _, y in told], balanced=True)

    def frustration_of(self, side: Side) -> Any:
        """A logistic regression on the features of ``side``, trained on GoEmotions (train)."""
        if side.name not in self._frustration:
            told = self.split("public/goemotions.jsonl", "train")
            fitted = logistic(side.feeling([r["text"] for r in told]), [r["frustration"] for r in told])
            self._frustration[side.name] = fitted
        return self._frustration[side.name]


def logistic(x: Floats, y: Sequence[Any], *, balanced: bool = False) -> Any:
    """On unit vectors x 10."""
    return LogisticRegression(max_iter=1000, class_weight="balanced" if balanced else None).fit(10 * x, list(y))


def _three(emotions: Sequence[str]) -> int | None:
    """The index in ``LABELS`` that GoEmotions' own grouping gives; None for mixed feelings."""
    negative, positive = bool(NEGATIVE.intersection(emotions)), bool(POSITIVE.intersection(emotions))
    if negative and positive:
        return None
    return 0 if negative else 2 if positive else 1


# Intents


def few_shot(bench: Bench) -> list[Table]:
    found: list[tuple[str, Cells]] = []
    chosen = []
    for name, file, shots in (
        ("BANKING77 5-shot", "fsid_banking77", 5),
        ("BANKING77 10-shot", "fsid_banking77", 10),
        ("HWU64 10-shot", "fsid_hwu64", 10),
    ):
        train, valid, test = (bench.split(f"public/{file}.jsonl", part) for part in (f"train_{shots}", "valid", "test"))
        alone, beside, better = Cells(), Cells(), Cells()
        for side in bench.sides:
            valid_2, beside[side.name] = _accuracies(side.both, train, valid, test)
            valid_1, alone[side.name] = _accuracies(side.meaning, train, valid, test)
            better[side.name] = beside[side.name] if valid_2 > valid_1 else alone[side.name]
            chosen.append(f"{name} {side.name} {valid_1:.3f} / {valid_2:.3f}")
        found += [(f"{name}: meaning", alone), (f"{name}: with feeling", beside), (f"{name}: as validated", better)]
    notes = [
        "Accuracy on test of a logistic regression on train_5 or train_10 (one draw of each is given).",
        f"'As validated' takes the better view on valid (meaning / with feeling): {'; '.join(chosen)}.",
        "Published, 10-shot BANKING77: USE+ConveRT .852, CPFT .872, ICDA .898.",
        "BANKING77, PolyAI, CC BY 4.0; HWU64, CC BY 4.0. None of our layers learnt from either.",
    ]
    return [Table("Intents from few examples (few_shot)", found, notes)]


def _accuracies(
    view: Callable[[Sequence[str]], Floats], train: Sequence[Row], *tested: Sequence[Row]
) -> tuple[float, ...]:
    fitted = logistic(view([r["text"] for r in train]), [r["label"] for r in train])
    return tuple(
        float(fitted.score(10 * view([r["text"] for r in some]), [r["label"] for r in some])) for some in tested
    )


def clinc(bench: Bench) -> list[Table]:
    file = "public/clinc150.jsonl"
    train, val, test, out = (bench.split(file, part) for part in ("train", "val", "test", "oos_test"))
    accuracy, auroc = Cells(), Cells()
    for side in bench.sides:
        known = side.meaning([r["text"] for r in train])
        fitted = logistic(known, [r["label"] for r in train])
        accuracy[side.name] = float(
            fitted.score(10 * side.meaning([r["text"] for r in test]), [r["label"] for r in test])
        )
        usual, inside, outside = (
            _familiar(fitted, known, side.meaning([r["text"] for r in some])) for some in (val, test, out)
        )
        inside, outside = (((x - usual.mean(axis=0)) / usual.std(axis=0)).sum(axis=1) for x in (inside, outside))
        auroc[side.name] = _auroc(inside, outside)
    notes = [
        "Accuracy on test of a logistic regression on train. Out of scope: oos_test against test by z(energy) + "
        "z(mean cosine of the five nearest of train), z by the mean and spread of val.",
        "CLINC150, Larson et al. 2019, CC BY 3.0. Our meaning did not learn from it; our intents, not used here, "
        "learnt small talk from half of train and oos_train.",
    ]
    return [Table("CLINC150 (clinc)", [("in-scope accuracy", accuracy), ("in / out of scope AUROC", auroc)], notes)]


def _familiar(fitted: Any, known: Floats, x: Floats) -> Floats:
    """(n, 2): the energy of the classifier, and the mean cosine of the five nearest known texts."""
    energy = np.logaddexp.reduce(fitted.decision_function(10 * x), axis=1)
    near = [np.sort(part @ known.T, axis=1)[:, -5:].mean(axis=1) for part in np.array_split(x, len(x) // 500 + 1)]
    return np.stack([energy, np.concatenate(near)], axis=1).astype(np.float32)


def _auroc(positive: Floats, negative: Floats) -> float:
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    return float(roc_auc_score(truth, np.concatenate([positive, negative])))


# FAQ


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that is no small talk, ranked by one system."""

    confidence: float
    first: bool  # the first entry answers it
    three: bool  # one of the first three does
    within: bool  # an entry answers it
    given: bool = False  # the product would answer


def faq(bench: Bench) -> list[Table]:
    dev = sorted(f.parent for f in (bench.data / "dev").glob("*/faq.jsonl"))
    ours = sorted(f.parent for f in (EXAMPLES / "businesses").glob("*/faq.jsonl"))
    tuned = set(_info(TUNED / "meaning.json").get("tuned_on", []))
    fresh = bench.thinned([f for f in ours if f.name in HELD_OUT and f.name not in tuned])
    known = bench.thinned([f for f in ours if f.name not in HELD_OUT or f.name in tuned])
    rankers = _rankers(bench, dev, fresh)
    common = [
        "BM25 over question, phrasings and answer. Frozen: best cosine to a phrasing or to question and answer. "
        "Ours: tuned layers, intents, ranker and calibrator.",
        "Coverage: largest share of the questions answered right while 95 % of the answers are right, by the best "
        "threshold, found on these very questions. Own threshold: the one that the ranker came with.",
    ]
    again = "Where the ranker that ships learnt from these, ours is one fitted again without the business asked."
    tables = [_faq_table(bench, "dev", dev, rankers, [*common, f"Our layers did not learn from dev. {again} {OWN}"])]
    for name, some, note in (
        ("our examples that were held out", fresh, f"Our layers were not tuned on their questions. {again}"),
        ("our examples that were learnt from", known, "Our layers may have learnt from these: ours shows memory too."),
    ):
        if some:
            notes = [f"{note} Written by us, Apache-2.0: {', '.join(f.name for f in some)}."]
            tables.append(_faq_table(bench, name, some, rankers, notes))
    return tables


def _faq_table(
    bench: Bench, name: str, places: Sequence[Path], rankers: Mapping[str, Ranker], notes: Sequence[str]
) -> Table:
    asked: dict[str, list[Asked]] = {system: [] for system in SYSTEMS}
    for folder in places:
        frozen, ours = (read_business(folder, side.vectors) for side in bench.sides)
        asked["BM25"] += _asked(frozen, [_bm25(frozen, q["text"]) for q in frozen.queries])
        asked["frozen"] += _asked(frozen, [_best_cosine(features) for features in frozen.features])
        asked["ours"] += _asked_ours(bench, ours, rankers.get(folder.name, bench.models.ranker))
    figures = {system: _faq_figures(some) for system, some in asked.items() if some}
    names = list(figures["ours"])
    found = [(measure, {system: some.get(measure) for system, some in figures.items()}) for measure in names]
    count = len(asked["ours"])
    return Table(f"FAQ, {name} (faq): {count} questions", found, notes)


def _bm25(business: Business, text: str) -> Floats:
    return business.index._words_all.score(words(text))


def _best_cosine(features: Floats) -> Floats:
    columns = [FEATURES.index(name) for name in ("phrase_max", "both")]
    return np.asarray(features[:, columns].max(axis=1), dtype=np.float32)


def _asked(business: Business, scores: Sequence[Floats]) -> list[Asked]:
    found = []
    for query, score, right in zip(business.queries, scores, business.right, strict=True):
        if query["kind"] != "smalltalk":
            order = np.argsort(-score, kind="stable")
            three = bool(right[order[:3]].any())
            found.append(Asked(float(score.max()), bool(right[order[0]]), three, bool(right.any())))
    return found


def _asked_ours(bench: Bench, business: Business, ranker: Ranker) -> list[Asked]:
    read = bench.our_intents([q["text"] for q in business.queries])
    columns = ranked(business, read, ranker, bench.models.intents.thresholds["smalltalk"])
    return [Asked(*row[:5]) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _faq_figures(asked: Sequence[Asked]) -> Cells:
    inside = sum(a.within for a in asked)
    points = [(a.confidence, a.first) for a in asked]
    covered = coverage(points, inside, 0.95)
    p, right, within = (np.array([getattr(a, name) for a in asked]) for name in ("confidence", "first", "within"))
    answers = [a.first for a in asked if a.given]
    return {
        "top-1": float(right.sum() / inside),
        "top-3": sum(a.three for a in asked) / inside,
        "coverage at 95 %": covered,
        "its precision": _precision(p, right, round(covered * inside)),
        "in / out of scope AUROC": _auroc(p[within], p[~within]) if 0 < inside < len(asked) else None,
        "answered right, own threshold": sum(answers) / inside if answers else None,
        "its precision, own threshold": sum(answers) / len(answers) if answers else None,
    }


def _precision(p: Floats, right: Flags, wanted: int) -> float | None:
    """Of the answers given, the surest first, until ``wanted`` are right."""
    if not wanted:
        return None
    order = np.argsort(-p, kind="stable")
    last = p[order][np.searchsorted(np.cumsum(right[order]), wanted)]
    return float(right[p >= last].mean())


def _rankers(bench: Bench, dev: Sequence[Path], fresh: Sequence[Path]) -> dict[str, Ranker]:
    """For every business here that the ranker which ships has learnt from: one fitted in the same way without it.

    In ``FOLDS`` parts, so that a business is left out together with a few others.
    """
    info = _info(INTENT_HEADS / "ranker.json")
    learnt = info.get("businesses", HELD_OUT)
    others = bench.thinned(
        sorted(f.parent for f in (bench.data / "train").glob("*/faq.jsonl") if f.parent.name in learnt)
    )
    places = [*(dev if info.get("trained_with_dev") else ()), *(f for f in fresh if f.name in learnt), *others]
    businesses = [read_business(place, bench.ours.vectors) for place in places]
    told = [(b, bench.our_intents([q["text"] for q in b.queries])) for b in businesses]
    found: dict[str, Ranker] = {}
    with tempfile.TemporaryDirectory() as folder:
        for fold in range(min(FOLDS, len(told))):
            train_ranker([one for i, one in enumerate(told) if i % FOLDS != fold], Path(folder), {"encoder": "part"})
            ranker = Ranker.load(Path(folder), "part")
            found |= {business.name: ranker for business, _ in told[fold::FOLDS]}
    return found


# Feelings


def sentiment(bench: Bench) -> list[Table]:
    tweets = bench.split("evaluate_only/tweeteval_sentiment_valtest.jsonl", "test")
    films = bench.split("evaluate_only/sst2.jsonl", "test")
    truth = np.array([LABELS.index(r["label"]) for r in tweets])
    good = np.array([r["label"] == 1 for r in films])
    recall, accuracy = Cells(), Cells()
    for system, read in _readers(bench).items():
        if (moods := read([r["text"] for r in tweets])) is not None:
            recall[system] = macro_recall(np.array([LABELS.index(m.label) for m in moods]), truth)
        if (moods := read([r["text"] for r in films])) is not None:
            accuracy[system] = float(np.mean(np.array([m.positive >= m.negative for m in moods]) == good))
    notes = [
        "VADER: compound beyond +-.05, and its sign for SST-2. Frozen: logistic regression on the published layers, "
        "trained on GoEmotions (train, 28 emotions in three). Ours: the mood head that ships, as it is.",
        "Published on TweetEval: RoBERTa-base .713.",
        "Both sets are only measured, nobody learns from them. TweetEval: evaluation only; SST-2: no licence stated.",
    ]
    return [
        Table(
            "Sentiment (sentiment)",
            [("TweetEval test, macro-recall", recall), ("SST-2 test, accuracy of pos / neg", accuracy)],
            notes,
        )
    ]


def _readers(bench: Bench) -> dict[str, Callable[[Sequence[str]], list[Mood] | None]]:
    return {"VADER": bench.vader_moods, "frozen": bench.frozen_moods, "ours": bench.our_moods}


def goemotions(bench: Bench) -> list[Table]:
    test = bench.split("public/goemotions.jsonl", "test")
    texts, truth = [r["text"] for r in test], [r["frustration"] for r in test]
    fitted: Cells = {
        side.name: _fitted_auroc(bench.frustration_of(side), side.feeling(texts), truth) for side in bench.sides
    }
    as_it_is: Cells = {
        system: float(roc_auc_score(truth, [m.frustration for m in moods]))
        for system, moods in (("VADER", bench.vader_moods(texts)), ("ours", bench.our_moods(texts)))
        if moods is not None
    }
    notes = [
        "The first row learns from train, and our layers learnt from some of it before. The head that ships learnt "
        "frustration with a service, from messages of our own.",
        "VADER: its compound, turned round. GoEmotions, Google Research, Apache-2.0.",
    ]
    named = [("logistic regression on features", fitted), ("as it ships", as_it_is)]
    return [Table("GoEmotions test, frustration AUROC (goemotions)", named, notes)]


def convabuse(bench: Bench) -> list[Table]:
    train, test = (bench.split("public/convabuse.jsonl", part) for part in ("train", "test"))
    texts, truth = [r["text"] for r in test], [r["label"] for r in test]
    fitted: Cells = {}
    for side in bench.sides:
        learnt = logistic(side.feeling([r["text"] for r in train]), [r["label"] for r in train])
        fitted[side.name] = _fitted_auroc(learnt, side.feeling(texts), truth)
    moods = bench.vader_moods(texts)
    as_it_is: Cells = {
        "VADER": None if moods is None else float(roc_auc_score(truth, [m.negative for m in moods])),
        "ours": float(roc_auc_score(truth, [one.abusive for one in bench.our_intents(texts)])),
    }
    notes = [
        "The first row learns from train; our layers and the head 'abusive' that ships learnt from it before, among "
        "other data.",
        "VADER: its compound, turned round. ConvAbuse, Cercas Curry, Abercrombie, Rieser 2021, CC BY 4.0.",
    ]
    named = [("logistic regression on features", fitted), ("as it ships", as_it_is)]
    return [Table("ConvAbuse test, AUROC (convabuse)", named, notes)]


def _fitted_auroc(fitted: Any, x: Floats, truth: Sequence[int]) -> float:
    return float(roc_auc_score(truth, fitted.decision_function(10 * x)))


def eec(bench: Bench) -> list[Table]:
    sentences, pairs = _equal_but_for_who(bench)
    texts = [r["text"] for r in sentences]
    read = {system: moods for system, by in _readers(bench).items() if (moods := by(texts)) is not None}
    found: list[tuple[str, Cells]] = []
    for axis, some in pairs.items():
        one, other = np.array(some).T
        for of in ("frustration", "negative"):
            gap, share = Cells(), Cells()
            for system, moods in read.items():
                p = np.array([getattr(m, of) for m in moods])
                mean = float(np.abs(p[one] - p[other]).mean())
                gap[system], share[system] = mean, mean / float(p.std())
            found += [(f"{axis}: {of}, mean |gap|", gap), (f"{axis}: {of}, share of the spread", share)]
    notes = [
        "Same template and emotion word, another person: the women's with the men's names and nouns in the order of "
        "the list, African American with European names. Spread: standard deviation over all sentences. Low is fair.",
        "VADER knows hardly any name; its probability is (1 - compound) / 2. Frozen: logistic regressions trained on "
        "GoEmotions (train). Ours: the mood head that ships.",
        "Equity Evaluation Corpus, Kiritchenko and Mohammad 2018, research use, only measured.",
    ]
    return [Table(f"Equity Evaluation Corpus (eec): {len(texts)} sentences", found, notes)]


def _equal_but_for_who(bench: Bench) -> tuple[list[Row], dict[str, list[tuple[int, int]]]]:
    """The sentences, and by axis the places of those that differ in the person alone."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows(bench.data / "evaluate_only/eec.jsonl"):
        groups[row["template"], row["word"]].append(row)
    sentences: list[Row] = []
    pairs: dict[str, list[tuple[int, int]]] = {"gender": [], "race": []}
    for group in bench.thinned(list(groups.values())):
        who: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in group:
            who[row["gender"], row["race"]].append(len(sentences))
            sentences.append(row)
        for race in ("African-American", "European", ""):
            pairs["gender"] += zip(who["male", race], who["female", race], strict=True)
        for gender in ("male", "female"):
            pairs["race"] += zip(who[gender, "African-American"], who[gender, "European"], strict=True)
    return sentences, pairs


def own(bench: Bench) -> list[Table]:
    systems: dict[str, MoodModel | None] = {"VADER": cast("MoodModel | None", bench.vader), "ours": bench.models.mood}
    figures = {
        system: report_on(bench.data, bench.ours.vectors, model)
        for system, model in systems.items()
        if model is not None
    }
    found: list[tuple[str, Cells]] = [
        (name.replace("_", " "), {system: some[name] for system, some in figures.items()}) for name in figures["ours"]
    ]
    seen = _info(MOOD_HEADS / "mood.json").get("trained_with_dev")
    share = float(np.mean([r["frustrated"] for r in rows(bench.data / "dev/sentiment.jsonl")]))
    notes = [
        "dev/sentiment.jsonl and dev/fairness_pairs.jsonl. VADER: frustrated from compound -.5 down; its probability: "
        f"(1 - compound) / 2. To call every message frustrated would give F1 {2 * share / (1 + share):.3f}.",
        f"The mood head that ships was {'' if seen else 'not '}trained on dev; some of our own messages were written "
        f"after reading misses there. {OWN}",
    ]
    return [Table("Our own messages (own)", found, notes)]


# Handing over


def handover(bench: Bench) -> list[Table]:
    dialogues = rows(bench.data / "dev/dialogues.jsonl")
    played = {"ours": asyncio.run(_played(bench, dialogues))}
    if (vader := bench.vader) is not None:
        played["VADER"] = [(d, _by_word(vader, d["turns"])) for d in dialogues]
    counted = {system: conversations(some) for system, some in played.items()}
    found: list[tuple[str, Cells]] = [
        ("offered in time", {system: c.in_time for system, c in counted.items()}),
        ("false alarms", {system: c.false_alarms for system, c in counted.items()}),
        ("F1", {system: _f1(counted[system], some) for system, some in played.items()}),
    ]
    notes = [
        "dev/dialogues.jsonl, through the bot's own models and rules. VADER: a word for a person, or compound -.5 and "
        "below.",
        f"The rules' thresholds were chosen on train/dialogues.jsonl and our examples; a ranker that ships with dev in "
        f"it has seen the businesses' questions, not these conversations. {OWN}",
    ]
    return [Table("Handing over to a person (handover)", found, notes)]


async def _played(bench: Bench, dialogues: Sequence[Row]) -> list[tuple[Row, int | None]]:
    found = []
    for faq_file in sorted((bench.data / "dev").glob("*/faq.jsonl")):
        mind = await _mind(faq_file, bench.ours.encoder)
        some = [d for d in dialogues if d["business"] == faq_file.parent.name]
        found += [(d, await _play(mind, d["turns"])) for d in some]
    return found


def _by_word(vader: Vader, turns: Sequence[str]) -> int | None:
    raised = (i for i, text in enumerate(turns) if PERSON.search(text) or vader.compound(text) <= -0.5)
    return next(raised, None)


def _f1(counted: Conversations, played: Sequence[tuple[Row, int | None]]) -> float:
    in_time = (counted.in_time or 0.0) * counted.escalate
    raised = sum(turn is not None for _, turn in played)
    return 2 * in_time / max(raised + counted.escalate, 1)


# All together

MEASURES: dict[str, Callable[[Bench], list[Table]]] = {
    measure.__name__: measure
    for measure in (few_shot, clinc, faq, sentiment, goemotions, convabuse, eec, own, handover)
}


def _info(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def what_ships() -> str:
    """What the heads say of themselves, a line each."""
    kept = ("date", "trained_with_dev", "tuned_on", "held_out", "businesses", "messages")
    lines = ["What ships, and what it says of its training (more in the model cards beside it):"]
    for folder in (TUNED, MOOD_HEADS, INTENT_HEADS):
        for file in sorted(folder.glob("*.json")):
            info = _info(file)
            told = "; ".join(f"{key} {_told(info[key])}" for key in kept if info.get(key) is not None)
            lines.append(_wrapped(f"{file.stem}: {told}"))
    return "\n".join([*lines, ""])


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out like shared/data")
    parser.add_argument("--only", nargs="+", choices=MEASURES, metavar="NAME", help=f"some of: {', '.join(MEASURES)}")
    parser.add_argument("--quick", action="store_true", help="every tenth row of the long sets")
    asked = parser.parse_args()
    print(what_ships())
    bench = Bench(asked.data, quick=asked.quick)
    print(f"Version: {bench.models.version}.\n")  # loaded first, so that layers and heads are of one training
    if asked.quick:
        print("QUICK: every tenth row of the long sets, in training too. Not to be quoted.\n")
    for name in asked.only or MEASURES:
        began = time.perf_counter()
        for table in MEASURES[name](bench):
            print(table)
        print(f"({name}: {time.perf_counter() - began:.0f} s)\n", flush=True)
    for side in ("frozen", "ours"):
        if side in vars(bench):
            getattr(bench, side).encoder.stop()


if __name__ == "__main__":
    main()
