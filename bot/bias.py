"""Does the bot judge the same words differently when somebody else seems to write them? Floor 2.

Our own sentences, which no head was trained on, are shown in pairs that differ only in who writes
(sentiment/counterfactuals.py), and both sides are scored by the models and rules that serve. ``control`` pairs
differ only in a day of the week: what any harmless word changes.
"""

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot import policy as rules
from bot.intents import Intents
from bot.mind import Mind
from bot.policy import Context, Policy, decide, offer_of
from bot.reading import Reading
from sentiment.counterfactuals import rewritings
from sentiment.mood import Mood

SENTENCES = Path(__file__).with_name("bias_sentences.json")
DRAWS = 10  # rewritings of each kind for each sentence, before equal ones are dropped
RESAMPLES = 2_000
BATCH = 64
CONTROL = "control"
DIRECTED = ("dialect", "second_language")  # one side is the sentence as it was written
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FRAMES = ("I'm writing on a {x}. {m}", "{m} It's {x} today.", "{m} (It is {x}.)", "It is {x}. {m}")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    axis: str
    one: str
    other: str
    sentence: int


@dataclass(frozen=True, slots=True)
class Share:
    """With its 95 % interval (Wilson's)."""

    count: int
    of: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Mean:
    """With its 95 % interval: the sentences are drawn again 2,000 times, since pairs of one belong together."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Axis:
    """
    Args:
        gap: mean distance of the two frustrations of a pair, 0 to 1.
        ratio: the gap in units of the spread of frustration over the plain sentences.
        leaning: mean of rewritten less plain, where one side is the plain sentence; otherwise None.
        frustrated_flips: pairs of which one side counts as frustrated and the other does not.
        label_flips: pairs with two different labels (negative, neutral, positive).
        person_flips: pairs of which one side is passed on to a person, or offered one, and the other is not.

    """

    axis: str
    pairs: int
    sentences: int
    gap: Mean
    ratio: Mean
    leaning: float | None
    frustrated_flips: Share
    label_flips: Share
    person_flips: Share
    beyond_control: tuple[str, ...] = ()  # measures whose interval lies wholly above that of the control pairs
    reading: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    made_on: date
    model: str
    policy: str
    sentences: int
    pairs: int
    spread: float
    axes: tuple[Axis, ...] = ()
    reading: str = ""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    mood: Mood
    person: bool


LIMITS = (
    "The pairs are made by the rules that training also uses, so these figures are kinder than pairs written by other "
    "people would give; the model card has figures on such pairs.",
    "Dialects and second-language English are rough renderings. They change spelling and grammar, which no day of the "
    "week does: part of the difference is that the models read unusual spelling worse.",
    "It is about English, and about these sentences. It does not show that a group is treated well, only whether the "
    "same words are scored alike.",
    "A pair may flip because its score lies at the threshold: compare with the control pairs.",
    "Nine groups on four measures: one may stand out by chance, though intervals that do not touch make that rare.",
)


def sentences(path: Path = SENTENCES) -> list[str]:
    kinds = json.loads(path.read_text(encoding="utf-8"))
    return [text for kind in ("neutral", "frustrated") for text in kinds[kind]]


def pairs(said: Sequence[str], seed: int = 1) -> list[Pair]:
    """The same for the same ``seed``; a pair counts once, whichever side stands first."""
    found: dict[tuple[str, frozenset[str]], Pair] = {}
    for number, text in enumerate(said):
        chance = random.Random(seed * 100_003 + number)  # noqa: S311
        for _ in range(DRAWS):
            for axis, one, other in (*rewritings(text, chance), _control(text, chance)):
                if one != other:
                    found.setdefault((axis, frozenset((one, other))), Pair(axis, one, other, number))
    return list(found.values())


def _control(text: str, chance: random.Random) -> tuple[str, str, str]:
    frame, (one, other) = chance.choice(_FRAMES), chance.sample(_DAYS, 2)
    return CONTROL, frame.format(x=one, m=text), frame.format(x=other, m=text)


async def audit(mind: Mind, today: date) -> Report:
    """
    Raises:
        Unavailable: no encoder, or the heads are not for it.

    """
    said = sentences()
    made = pairs(said)
    texts = list(dict.fromkeys([*said, *(t for p in made for t in (p.one, p.other))]))
    scored: dict[str, Scored] = {}
    for start in range(0, len(texts), BATCH):
        some = texts[start : start + BATCH]
        for text, (mood, intents) in zip(some, await mind.analyze(some), strict=True):
            scored[text] = Scored(mood, _person(mood, intents, mind.policy))
    return report(said, made, scored, mind.version, today)


def _person(mood: Mood, intents: Intents, policy: Policy) -> bool:
    """Would a person be called or offered? Without an FAQ, so that only the words count."""
    return offer_of(decide(Reading(mood, intents, ()), Context(), policy))[0] != "none"


def report(said: Sequence[str], made: Sequence[Pair], scored: dict[str, Scored], model: str, today: date) -> Report:
    spread = float(np.std([scored[text].mood.frustration for text in said]))
    names = sorted({p.axis for p in made} - {CONTROL})
    control = _axis(CONTROL, made, scored, spread, None)
    axes = (*(_axis(name, made, scored, spread, control) for name in names), control)
    return Report(today, model, rules.VERSION, len(said), len(made), spread, axes, _overall(axes), LIMITS)


def _axis(name: str, made: Sequence[Pair], scored: dict[str, Scored], spread: float, control: Axis | None) -> Axis:
    some = [p for p in made if p.axis == name]
    one, other = [scored[p.one] for p in some], [scored[p.other] for p in some]
    signed = np.array([b.mood.frustration - a.mood.frustration for a, b in zip(one, other, strict=True)])
    whose = np.array([p.sentence for p in some])
    gap = _mean(np.abs(signed), whose)

    def flips(differ: Callable[[Scored, Scored], bool]) -> Share:
        return share(sum(differ(a, b) for a, b in zip(one, other, strict=True)), len(some))

    frustrated = flips(lambda a, b: a.mood.frustrated != b.mood.frustrated)
    labels = flips(lambda a, b: a.mood.label != b.mood.label)
    person = flips(lambda a, b: a.person != b.person)
    scale = spread or 1.0
    ratio = Mean(gap.value / scale, gap.low / scale, gap.high / scale)
    leaning = float(signed.mean()) if name in DIRECTED and len(signed) else None
    axis = Axis(name, len(some), len(set(whose.tolist())), gap, ratio, leaning, frustrated, labels, person)
    return replace(axis, beyond_control=_beyond(axis, control), reading=_reading(axis, control))


def _mean(values: Floats, whose: NDArray[Any]) -> Mean:
    groups, index = np.unique(whose, return_inverse=True)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    drawn = np.random.default_rng(1).multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=RESAMPLES)
    low, high = np.percentile((drawn @ sums) / (drawn @ counts), (2.5, 97.5))
    return Mean(float(values.mean()), float(low), float(high))


def share(count: int, of: int, z: float = 1.96) -> Share:
    if of == 0:
        return Share(0, 0, 0.0, 1.0)
    rate, wide = count / of, z * z / of
    middle = (rate + wide / 2) / (1 + wide)
    half = z * math.sqrt(rate * (1 - rate) / of + wide / (4 * of)) / (1 + wide)
    return Share(count, of, max(0.0, middle - half), min(1.0, middle + half))


def _beyond(axis: Axis, control: Axis | None) -> tuple[str, ...]:
    if control is None:
        return ()
    both: dict[str, tuple[Mean | Share, Mean | Share]] = {
        "the scores lie apart": (axis.ratio, control.ratio),
        "judged frustrated on one side only": (axis.frustrated_flips, control.frustrated_flips),
        "labelled differently": (axis.label_flips, control.label_flips),
        "a person called or offered on one side only": (axis.person_flips, control.person_flips),
    }
    return tuple(name for name, (mine, its) in both.items() if mine.low > its.high)


def _reading(axis: Axis, control: Axis | None) -> str:
    if control is None:
        return "What an innocent word changes. A difference of this size is no sign of bias."
    beyond = _beyond(axis, control)
    if beyond:
        said = f"More than an innocent word changes: {'; '.join(beyond)}."
    else:
        said = (
            f"Not shown to be more than an innocent word changes. With {axis.pairs} pairs a gap of up to "
            f"{axis.ratio.high:.2f} of the spread, and up to {axis.person_flips.high:.0%} of calls for a person on one "
            "side only, could go unseen."
        )
    if axis.leaning is not None and abs(axis.leaning) >= 0.005:
        said += f" It is read as {'more' if axis.leaning > 0 else 'less'} frustrated than the plain sentence."
    return said


def _overall(axes: Sequence[Axis]) -> str:
    groups = [a for a in axes if a.axis != CONTROL]
    control = next(a for a in axes if a.axis == CONTROL)
    of, person = sum(a.pairs for a in groups), sum(a.person_flips.count for a in groups)
    widest = max(groups, key=lambda a: a.ratio.value)
    flips = sum(a.frustrated_flips.count for a in groups)
    more = [in_words(a.axis) for a in groups if a.beyond_control]
    return (
        f"Of {of:,} pairs of messages that differ only in who writes, {flips} ({flips / of:.1%}) were judged "
        f"frustrated on one side only, and in {person} ({person / of:.1%}) a person was called or offered to one side "
        f"only. The widest gap is in {in_words(widest.axis)}: {widest.ratio.value:.2f} of the spread between ordinary "
        f"messages, against {control.ratio.value:.2f} when only the day of the week differs. "
        + (
            f"More than an innocent word changes was found for: {', '.join(more)}."
            if more
            else "Nowhere was more found than an innocent word changes."
        )
    )


def in_words(axis: str) -> str:
    return axis.replace("_", " ")


def as_text(found: Report) -> str:
    heads = ("axis", "pairs", "gap", "gap/spread", "95 %", "frustrated", "label", "person")
    lines = ["".join(f"{h:>{14 if n else 18}}" for n, h in enumerate(heads))]
    for a in found.axes:
        cells = (
            in_words(a.axis), str(a.pairs), f"{a.gap.value:.4f}", f"{a.ratio.value:.3f}",
            f"{a.ratio.low:.3f}-{a.ratio.high:.3f}",
            *(f"{s.count} ({s.rate:.1%})" for s in (a.frustrated_flips, a.label_flips, a.person_flips)),
        )  # fmt: skip
        lines.append("".join(f"{c:>{14 if n else 18}}" for n, c in enumerate(cells)))
    readings = [f"{in_words(a.axis)}: {a.reading}" for a in found.axes]
    return "\n".join([*lines, "", found.reading, "", *readings, "", *(f"Limit: {text}" for text in found.limits)])
