"""Measure the bot on a folder of labelled questions: `warmline evaluate DIR`. Floor 2.

DIR holds a folder for each business with faq.jsonl and queries.jsonl ({text, expected: id or null, also_ok,
kind}), or those two files themselves; beside them, if wanted, dialogues.jsonl ({business, turns, escalate,
first_ok_turn, latest_ok_turn}). The figures are the decisions of the very policy and models that serve.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class Report:
    businesses: dict[str, Figures] = field(default_factory=dict)
    all: Figures | None = None
    conversations: Conversations | None = None


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
    return Report(businesses, figures(asked), conversations(played) if played else None)


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
    yes = [(d, t) for d, t in played if d["escalate"]]
    no = [t for d, t in played if not d["escalate"]]
    in_time = sum(t is not None and d["first_ok_turn"] <= t <= d["latest_ok_turn"] for d, t in yes)
    return Conversations(len(yes), len(no), _share(in_time, yes), _share(sum(t is not None for t in no), no))


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
    if report.conversations is not None:
        lines.append("")
        lines += [f"{k.replace('_', ' '):26}{_cell(v):>16}" for k, v in asdict(report.conversations).items()]
    return "\n".join(lines)


def _cell(value: float | int | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"


def _right(asked: Asked) -> bool:
    return isinstance(asked.decision, Answer) and asked.decision.slug in asked.expected


def _first_fits(asked: Asked) -> bool:
    return bool(asked.candidates) and asked.candidates[0][0] in asked.expected


def _share(count: int, of: Sequence[object]) -> float | None:
    return count / len(of) if of else None
