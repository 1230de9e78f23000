"""Measure the bot on a folder of labelled questions: `warmline evaluate DIR`. Floor 2.

DIR holds a folder for each business with faq.jsonl and queries.jsonl ({text, expected: id or null, also_ok,
kind}), or those two files themselves; beside them, if wanted, dialogues.jsonl ({business, turns, escalate,
first_ok_turn, latest_ok_turn, reason}), sentiment.jsonl ({text, sentiment, frustrated}) and fairness_pairs.jsonl
({a, b, axis}: the same message by two people). The figures are the decisions of the very policy and models that serve.
"""

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import pstdev
from typing import Any

from bot.mind import Mind
from bot.policy import (
    Answer,
    Clarify,
    Context,
    Decision,
    Smalltalk,
    Turn,
    context_of,
    decide,
    kind_of,
    offer_of,
)
from bot.reading import Reading
from core.encoder import Encoder, expected_hash, locate
from core.errors import BadInput
from knowledge_base import articles, importer
from knowledge_base.entry import Entry
from knowledge_base.search import Shelf, made_of

OUT_OF_SCOPE = ("near", "far", "nonsense")


class BadFolder(BadInput):
    code = "bad_folder"


@dataclass(frozen=True, slots=True)
class Asked:
    """One labelled question and what the bot would do."""

    expected: tuple[str, ...]  # empty: no entry answers it
    kind: str
    decision: Decision
    candidates: tuple[tuple[str, float], ...]  # slug, confidence; the best three


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares are 0..1; None where there was nothing to count."""

    in_scope: int
    out_of_scope: int
    top1: float | None
    top3: float | None
    answered_right: float | None
    helped: float | None
    answer_precision: float | None
    out_of_scope_answered: float | None
    in_scope_handed_off: float | None
    smalltalk_understood: float | None
    coverage_at_95: float | None
    calibration_error: float | None


@dataclass(frozen=True, slots=True)
class Conversations:
    escalate: int
    calm: int
    in_time: float | None
    false_alarms: float | None
    by_reason: dict[str, str] = field(default_factory=dict)  # "in time / all"


@dataclass(frozen=True, slots=True)
class Feelings:
    messages: int
    macro_recall: float
    frustration_auroc: float | None
    frustration_f1: float | None
    frustration_brier: float
    frustration_spread: float  # standard deviation


@dataclass(frozen=True, slots=True)
class Fairness:
    """Args: gap_over_spread: mean gap of frustration within a pair, in units of its spread over the messages."""

    pairs: int
    gap_over_spread: float | None
    flips: float
    label_flips: float
    mean_gap: dict[str, float] = field(default_factory=dict)  # by axis


@dataclass(frozen=True, slots=True)
class Report:
    businesses: dict[str, Figures] = field(default_factory=dict)
    all: Figures | None = None
    conversations: Conversations | None = None
    feelings: Feelings | None = None
    fairness: Fairness | None = None


class OneShelf:
    """The FAQ of a file."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @property
    def entries_at_hand(self) -> dict[str, Entry]:
        return self._shelf.entries

    async def shelf(self) -> Shelf:
        return self._shelf


async def run(folder: Path, encoder_setting: Path | None) -> Report:
    """
    Raises:
        BadFolder, BadImport: a file is missing or not in form; Unavailable: no encoder.

    """
    encoder = Encoder(locate(encoder_setting), backlog=1 << 20, expected=expected_hash(encoder_setting))
    encoder.start()
    try:
        return await _run(folder, encoder)
    finally:
        encoder.stop()


async def _run(folder: Path, encoder: Encoder) -> Report:
    places = [f.parent for f in sorted(folder.glob("*/faq.jsonl"))] or [folder]
    dialogues = _rows(folder / "dialogues.jsonl") if (folder / "dialogues.jsonl").exists() else []
    businesses: dict[str, Figures] = {}
    asked: list[Asked] = []
    played: list[tuple[dict[str, Any], int | None]] = []
    for place in places:
        mind = await _mind(place / "faq.jsonl", encoder)
        these = [await _ask(mind, row) for row in _rows(place / "queries.jsonl")]
        businesses[place.name] = figures(these)
        asked += these
        played += [(d, await _play(mind, d["turns"])) for d in dialogues if d["business"] == place.name]
    felt = await _feelings(mind, folder / "sentiment.jsonl")
    fair = await _fairness(mind, folder / "fairness_pairs.jsonl", felt.frustration_spread if felt else None)
    return Report(businesses, figures(asked), conversations(played) if played else None, felt, fair)


async def _feelings(mind: Mind, path: Path) -> Feelings | None:
    messages = _rows(path) if path.exists() else []
    if not messages:
        return None
    moods = [mood for mood, _ in await mind.analyze([row["text"] for row in messages])]
    told = list(zip(messages, moods, strict=True))
    recalls = [
        sum(m.label == label for r, m in told if r["sentiment"] == label) / count
        for label, count in Counter(r["sentiment"] for r in messages).items()
    ]
    hot = [m.frustration for r, m in told if r["frustrated"]]
    cool = [m.frustration for r, m in told if not r["frustrated"]]
    hits = sum(m.frustrated for r, m in told if r["frustrated"])
    called = sum(m.frustrated for m in moods)
    return Feelings(
        messages=len(messages),
        macro_recall=sum(recalls) / len(recalls),
        frustration_auroc=auroc(hot, cool),
        frustration_f1=2 * hits / (called + len(hot)) if hot else None,
        frustration_brier=sum((m.frustration - r["frustrated"]) ** 2 for r, m in told) / len(told),
        frustration_spread=pstdev(m.frustration for m in moods),
    )


async def _fairness(mind: Mind, path: Path, spread: float | None) -> Fairness | None:
    pairs = _rows(path) if path.exists() else []
    if not pairs:
        return None
    read = [mood for mood, _ in await mind.analyze([row[side] for row in pairs for side in "ab"])]
    both = list(zip(pairs, read[0::2], read[1::2], strict=True))
    gaps: dict[str, list[float]] = {}
    for row, one, other in both:
        gaps.setdefault(row["axis"], []).append(abs(one.frustration - other.frustration))
    every = [gap for some in gaps.values() for gap in some]
    return Fairness(
        pairs=len(pairs),
        gap_over_spread=sum(every) / len(every) / spread if spread else None,
        flips=sum(a.frustrated != b.frustrated for _, a, b in both) / len(both),
        label_flips=sum(a.label != b.label for _, a, b in both) / len(both),
        mean_gap={axis: sum(some) / len(some) for axis, some in sorted(gaps.items())},
    )


async def _mind(faq: Path, encoder: Encoder) -> Mind:
    if not faq.exists():
        raise BadFolder(f"{faq} is missing.")
    entries = importer.read(faq.name, faq.read_bytes())
    vectors = await articles.vectors_of(encoder, entries)
    return Mind(encoder, OneShelf(made_of("file", list(zip(entries, vectors, strict=True)))))


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        raise BadFolder(f"{path} is missing.")
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise BadFolder(f"{path} is not JSON, one object a line: {error}") from error


async def _ask(mind: Mind, row: dict[str, Any]) -> Asked:
    seen = await mind.read([row["text"]])
    expected = (row["expected"], *row.get("also_ok", [])) if row["expected"] is not None else ()
    best = tuple((c.slug, c.confidence) for c in seen.candidates[:3])
    return Asked(expected, row.get("kind", ""), decide(seen, Context(), mind.policy), best)


async def _play(mind: Mind, said: Sequence[str]) -> int | None:
    """The first turn after which a person was offered or fetched."""
    turns: list[Turn] = []
    for number, text in enumerate(said):
        seen: Reading = await mind.read([text], said[max(0, number - 8) : number])
        decision = decide(seen, context_of(turns[-12:], seen.repeated), mind.policy)
        offer, _reason = offer_of(decision)
        if offer != "none":
            return number
        slug = decision.slug if isinstance(decision, Answer) else None
        tried = seen.intents.tried >= mind.policy.tried
        turns.append(Turn(kind_of(decision), offer, slug, seen.mood.frustration, tried))
    return None


def figures(asked: Sequence[Asked]) -> Figures:
    inside = [a for a in asked if a.expected]
    outside = [a for a in asked if not a.expected and a.kind in OUT_OF_SCOPE]
    talk = [a for a in asked if a.kind == "smalltalk"]
    right = sum(_right(a) for a in inside)
    shown = sum(isinstance(a.decision, Clarify) and any(s in a.expected for s in a.decision.slugs) for a in inside)
    wrong_outside = sum(isinstance(a.decision, Answer) for a in outside)
    given = sum(isinstance(a.decision, Answer) for a in inside) + wrong_outside
    points = [(a.candidates[0][1] if a.candidates else 0.0, _first_fits(a)) for a in (*inside, *outside)]
    return Figures(
        in_scope=len(inside),
        out_of_scope=len(outside),
        top1=_share(sum(map(_first_fits, inside)), inside),
        top3=_share(sum(any(s in a.expected for s, _ in a.candidates) for a in inside), inside),
        answered_right=_share(right, inside),
        helped=_share(right + shown, inside),
        answer_precision=right / given if given else None,
        out_of_scope_answered=_share(wrong_outside, outside),
        in_scope_handed_off=_share(sum(offer_of(a.decision)[0] != "none" for a in inside), inside),
        smalltalk_understood=_share(sum(isinstance(a.decision, Smalltalk) for a in talk), talk),
        coverage_at_95=coverage(points, len(inside), 0.95) if inside else None,
        calibration_error=calibration_error(points),
    )


def conversations(played: Sequence[tuple[dict[str, Any], int | None]]) -> Conversations:
    yes = [(d, _in_time(d, t)) for d, t in played if d["escalate"]]
    no = [t is not None for d, t in played if not d["escalate"]]
    seen: dict[str, list[bool]] = {}
    for d, good in yes:
        seen.setdefault(d.get("reason", ""), []).append(good)
    reasons = {reason: f"{sum(good)} / {len(good)}" for reason, good in sorted(seen.items())}
    return Conversations(len(yes), len(no), _share(sum(good for _, good in yes), yes), _share(sum(no), no), reasons)


def _in_time(dialogue: dict[str, Any], turn: int | None) -> bool:
    return turn is not None and bool(dialogue["first_ok_turn"] <= turn <= dialogue["latest_ok_turn"])


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Probability that a positive scores above a negative; ties count half."""
    if not positive or not negative:
        return None
    ordered = sorted(negative)
    wins = sum(bisect_left(ordered, p) + (bisect_right(ordered, p) - bisect_left(ordered, p)) / 2 for p in positive)
    return wins / (len(positive) * len(negative))


def coverage(points: Sequence[tuple[float, bool]], in_scope: int, precision: float) -> float:
    """Largest share of in-scope questions answered right while that share of the answers given is right."""
    best, right = 0.0, 0
    ordered = sorted(points, key=lambda p: -p[0])
    for given, (confidence, fits) in enumerate(ordered, start=1):
        right += fits
        tied = given < len(ordered) and ordered[given][0] == confidence
        if not tied and right / given >= precision:
            best = max(best, right / in_scope)
    return best


def calibration_error(points: Sequence[tuple[float, bool]]) -> float | None:
    """Expected calibration error over ten bins of equal width."""
    if not points:
        return None
    bins: dict[int, list[float]] = {}
    for confidence, fits in points:
        bins.setdefault(min(9, int(confidence * 10)), []).append(fits - confidence)
    return sum(abs(sum(gaps)) for gaps in bins.values()) / len(points)


def as_text(report: Report) -> str:
    lines = [f"{'':26}" + "".join(f"{name[:14]:>16}" for name in (*report.businesses, "all"))]
    columns = [*report.businesses.values(), report.all]
    for name in Figures.__dataclass_fields__:
        cells = [_cell(getattr(column, name)) for column in columns if column is not None]
        lines.append(f"{name.replace('_', ' '):26}" + "".join(f"{cell:>16}" for cell in cells))
    for part in (report.conversations, report.feelings, report.fairness):
        lines += ["", *_lines(asdict(part))] if part is not None else []
    return "\n".join(lines)


def _lines(numbers: dict[str, Any]) -> Iterator[str]:
    for name, value in numbers.items():
        if isinstance(value, dict):
            yield from (f"  {key:24}{v if isinstance(v, str) else _cell(v):>16}" for key, v in value.items())
        else:
            yield f"{name.replace('_', ' '):26}{_cell(value):>16}"


def _cell(value: float | int | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def _right(asked: Asked) -> bool:
    given = asked.decision
    return isinstance(given, Answer) and any(slug in asked.expected for slug in (given.slug, *given.also))


def _first_fits(asked: Asked) -> bool:
    return bool(asked.candidates) and asked.candidates[0][0] in asked.expected


def _share(count: int, of: Sequence[object]) -> float | None:
    return count / len(of) if of else None
