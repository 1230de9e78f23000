"""Weigh the thresholds of handing over on whole conversations: ``python -m bot.train_policy --data DIR``. Floor 2.

Plays every conversation of ``bot.lessons.conversations`` through bot/policy.py and searches, one threshold at a
time, for those under which a person is offered in time most often for the fewest false alarms. Prints what it found
and cross-validated figures; the numbers are put into ``bot.policy.Policy`` by hand, so that a person has seen them.
No FAQ goes with these conversations, so what needs one (answers, misses in a row) takes no part. Beside them stand
the questions of the held-out businesses that an entry answers: nobody who asks one is to be handed over.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from bot.intents import IntentModel
from bot.lessons import HELD_OUT, conversations, folders
from bot.policy import Policy, Turn, context_of, decide, kind_of, offer_of
from bot.reading import Reading
from core.encoder import Encoder, locate
from sentiment.mood import MoodModel
from sentiment.train import Row, Vectors, rows

GRID = tuple(round(0.2 + 0.05 * i, 2) for i in range(16))
SEARCHED = (
    "asks_human", "declines_human", "vulnerable", "sensitive", "abusive", "case_specific", "tried", "frustration",
    "heat",
)  # fmt: skip
ALARM = 0.4  # what a share of false alarms costs, in F1
HANDED = 1.0  # what a share of plain questions handed over costs
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Talk:
    """Args: first, last: the turns between which a person must be offered; None: never."""

    readings: list[Reading]
    first: int | None
    last: int | None
    reason: str


def plain(data: Path, vectors: Vectors) -> list[Talk]:
    """Questions that an entry answers, as conversations of one turn."""
    asked = [r for f in folders(data) if f.name in HELD_OUT for r in rows(f / "queries.jsonl")]
    found = [r["text"] for r in asked if r["expected"] is not None]
    return read(
        [{"turns": [t], "first_ok_turn": None, "latest_ok_turn": None, "reason": "none"} for t in found], vectors
    )


def read(talked: Sequence[Row], vectors: Vectors) -> list[Talk]:
    moods, needs = MoodModel.load(None, vectors.feeling_hash), IntentModel.load(None, vectors.feeling_hash)
    found = []
    for row in talked:
        turns = row["turns"]
        encoded = vectors.encoded(turns)
        meant = np.stack([e.vector for e in encoded])
        like = meant @ meant.T
        readings = [
            Reading(moods.read(e, t), needs.read(e, t), (), repeated=float(like[i, :i].max()) if i else 0.0)
            for i, (e, t) in enumerate(zip(encoded, turns, strict=True))
        ]
        found.append(Talk(readings, row["first_ok_turn"], row["latest_ok_turn"], row["reason"]))
    return found


def offered(talk: Talk, policy: Policy) -> int | None:
    """The turn after which a person was offered or fetched."""
    turns: list[Turn] = []
    for number, seen in enumerate(talk.readings):
        decision = decide(seen, context_of(turns, seen.repeated), policy)
        offer, _ = offer_of(decision)
        if offer != "none":
            return number
        tried = seen.intents.tried >= policy.tried
        turns.append(Turn(kind_of(decision), offer, None, seen.mood.frustration, tried))
    return None


def figures(talks: Sequence[Talk], policy: Policy) -> dict[str, float]:
    played = [(talk, offered(talk, policy)) for talk in talks]
    needed = [(t, at) for t, at in played if t.first is not None and t.last is not None]
    timely = sum(at is not None and t.first <= at <= t.last for t, at in needed)  # type: ignore[operator]
    raised = sum(at is not None for _, at in played)
    alarms = sum(at is not None for t, at in played if t.first is None)
    recall = timely / max(len(needed), 1)
    precision = timely / max(raised, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"recall": recall, "false_alarms": alarms / max(len(played) - len(needed), 1), "f1": f1}


def handed_over(asked: Sequence[Talk], policy: Policy) -> float:
    return sum(offered(talk, policy) is not None for talk in asked) / len(asked)


def search(talks: Sequence[Talk], asked: Sequence[Talk], policy: Policy) -> Policy:
    """One threshold at a time, twice through; of equals the one nearest the middle of its plateau."""

    def worth(tried: Policy) -> float:
        found = figures(talks, tried)
        return found["f1"] - ALARM * found["false_alarms"] - HANDED * handed_over(asked, tried)

    for _ in range(2):
        for name in SEARCHED:
            scores = [worth(_with(policy, name, value)) for value in GRID]
            best = [v for v, s in zip(GRID, scores, strict=True) if s >= max(scores) - 1e-9]
            policy = _with(policy, name, best[len(best) // 2])
    return policy


def _with(policy: Policy, name: str, value: float) -> Policy:
    return Policy(**{**asdict(policy), name: value})


def cross_validated(talks: Sequence[Talk], asked: Sequence[Talk], policy: Policy) -> dict[str, float]:
    total: dict[str, float] = {}
    for k in range(FOLDS):
        tested, rest = talks[k::FOLDS], [t for i, t in enumerate(talks) if i % FOLDS != k]
        for name, value in figures(tested, search(rest, asked, policy)).items():
            total[name] = total.get(name, 0.0) + value * len(tested) / len(talks)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description="Weigh the thresholds of handing over.")
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out like shared/data")
    asked = parser.parse_args()
    vectors = Vectors(Encoder(locate(None)))
    talks, questions = read(conversations(asked.data), vectors), plain(asked.data, vectors)
    shipped = replace(Policy(), misses=99)
    best = search(talks, questions, shipped)
    found = {
        "shipped": {**figures(talks, shipped), "plain questions handed over": handed_over(questions, shipped)},
        "found": {**figures(talks, best), "plain questions handed over": handed_over(questions, best)},
        "cross-validated": cross_validated(talks, questions, shipped),
        "thresholds": {name: asdict(best)[name] for name in SEARCHED},
    }
    print(json.dumps(found, indent=1))
    for reason in sorted({t.reason for t in talks}):
        print(reason, figures([t for t in talks if t.reason == reason], best))


if __name__ == "__main__":
    main()
