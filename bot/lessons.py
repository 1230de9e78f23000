"""What the feeling fork and its heads are taught: labelled texts as rows of targets. Floor 2.

One row of targets has the columns of the mood head, then those of the intents; what a text says nothing about
is UNKNOWN and counts for nothing. Nothing here is imported by a running server.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.intents import COLUMNS, FLAGS, SENSITIVE, SMALLTALK
from core.heads import Floats
from sentiment.mood import LABELS
from sentiment.train import EXAMPLES as MESSAGES
from sentiment.train import UNKNOWN, Row, rows

EXAMPLES = Path(__file__).parent / "examples"  # ours: contrasts, conversations, businesses
# Businesses that neither fork learns from: ranker and calibrator see them as they will see a new one.
HELD_OUT = (
    "garage", "meal_kits", "web_hosting", "climbing_gym", "car_hire", "online_courses", "camera_rental",
    "swimming_school", "optician", "self_storage", "running_shop", "vet_clinic", "bus_company",
)  # fmt: skip

SENSITIVE_AT = slice(len(FLAGS), len(FLAGS) + 1 + len(SENSITIVE))
SMALLTALK_AT = slice(SENSITIVE_AT.stop, COLUMNS)
ASKS, DECLINES, CASE, VULNERABLE, ABUSIVE, TRIED, FAQ_LIKE = range(len(FLAGS))
MOOD = len(LABELS) + 1  # columns: the three labels, then frustration
WIDTH = MOOD + COLUMNS

# CLINC150's intents that are small talk; its others are none, and nobody in them asks for a person.
CLINC_TALK = {
    "greeting": "greeting",
    "goodbye": "goodbye",
    "thank_you": "thanks",
    "are_you_a_bot": "about_bot",
    "what_is_your_name": "about_bot",
    "who_made_you": "about_bot",
    "who_do_you_work_for": "about_bot",
    "what_can_i_ask_you": "about_bot",
    "how_old_are_you": "about_bot",
    "where_are_you_from": "about_bot",
    "do_you_have_pets": "chitchat",
    "what_are_your_hobbies": "chitchat",
    "tell_joke": "chitchat",
    "fun_fact": "chitchat",
    "meaning_of_life": "chitchat",
    "yes": "acknowledge",
    "no": "acknowledge",
    "maybe": "acknowledge",
}
MULTIDOGO_TALK = {"openinggreeting": "greeting", "thankyou": "thanks", "closinggreeting": "goodbye"}


@dataclass(frozen=True, slots=True)
class Taught:
    """Texts with their targets.

    Args:
        y: (n, WIDTH), 0..1 or UNKNOWN.
        weight: (n,), how often a text is drawn, sum 1.

    """

    texts: list[str]
    y: Floats
    weight: Floats

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, Floats]], weight: Sequence[float] | None = None) -> "Taught":
        shares = np.ones(len(pairs)) if weight is None else np.array(weight)
        return cls(
            [text for text, _ in pairs],
            np.array([y for _, y in pairs], dtype=np.float32),
            np.asarray(shares / shares.sum(), dtype=np.float32),
        )


def target(**known: Any) -> Floats:
    """One row; what is not named is UNKNOWN. Kinds: None is "none", "any" is one of them."""
    y = np.full(WIDTH, UNKNOWN, dtype=np.float32)
    if "sentiment" in known:
        y[: len(LABELS)] = [known["sentiment"] == label for label in LABELS]
    if "frustrated" in known:
        y[len(LABELS)] = known["frustrated"]
    intents = y[MOOD:]
    for i, name in enumerate(FLAGS):
        intents[i] = known.get(name, UNKNOWN)
    for name, span, kinds in (("sensitive", SENSITIVE_AT, SENSITIVE), ("smalltalk", SMALLTALK_AT, SMALLTALK)):
        if name in known:
            kind = known[name]
            intents[span] = [kind is None, *(kind in (one, "any") for one in kinds)]
    return y


CALM: dict[str, Any] = dict.fromkeys(FLAGS[:-1], 0)


def messages(data: Path) -> list[Row]:
    """Every labelled message, one row a text; turns of labelled conversations are messages too."""
    found: dict[str, Row] = {}
    full = [r for name in ("a", "b") for r in rows(data / f"train/messages_{name}.jsonl")]
    full += rows(EXAMPLES / "contrasts.jsonl")
    for path in sorted(MESSAGES.glob("*.jsonl")):
        # Written short: what is not named does not hold. The contrasts know the mood alone.
        full += rows(path) if path.stem == "contrasts" else [_spelt_out(r) for r in rows(path)]
    for talk in rows(EXAMPLES / "conversations.jsonl"):
        full += [_spelt_out({"text": text, **known}) for text, known in zip(talk["turns"], talk["labels"], strict=True)]
    for row in full:
        found.setdefault(row["text"], {}).update(row)
    return list(found.values())


def pairs() -> tuple[list[tuple[str, str]], Floats]:
    """The same message as two people wrote it, and the labels of both."""
    found = rows(MESSAGES / "pairs" / "pairs.jsonl")
    known = [of_message({k: v for k, v in _spelt_out(r).items() if k in ("sentiment", "frustrated")}) for r in found]
    return [(r["a"], r["b"]) for r in found], np.array(known)


def _spelt_out(row: Row) -> Row:
    return {**dict.fromkeys(FLAGS[:-1], False), "frustrated": False, "sensitive": None, "smalltalk": None, **row}


def of_message(row: Row) -> Floats:
    """Only what no FAQ could help with is known not to be like a FAQ question."""
    names = ("sentiment", "frustrated", *FLAGS[:-1], "sensitive", "smalltalk")
    unlike = row.get("case_specific") or row.get("smalltalk") or row.get("asks_human") or row.get("abusive")
    return target(**{key: row[key] for key in names if key in row}, **({"faq_like": 0} if unlike else {}))


def of_query(row: Row) -> Floats:
    """A question to a business. What the FAQ answers is no reason to fetch a person."""
    if row["kind"] == "smalltalk":
        return target(smalltalk="any", asks_human=0, abusive=0, vulnerable=0, sensitive=None, faq_like=0)
    if row["expected"] is None:
        return target(smalltalk=None, faq_like=0, **({} if row["kind"] == "near" else {"asks_human": 0}))
    return target(**CALM, sensitive=None, smalltalk=None, faq_like=1)


def queries(data: Path) -> Taught:
    """The questions of every business that is not held out."""
    found = [r for folder in folders(data) if folder.name not in HELD_OUT for r in rows(folder / "queries.jsonl")]
    return Taught.of([(r["text"], of_query(r)) for r in found])


def unseen_queries(data: Path) -> Taught:
    """The questions of those that are."""
    found = [r for folder in folders(data) if folder.name in HELD_OUT for r in rows(folder / "queries.jsonl")]
    return Taught.of([(r["text"], of_query(r)) for r in found])


def folders(data: Path) -> list[Path]:
    """The businesses to learn from: those of ``data/train`` and ours."""
    return [f.parent for part in (data / "train", EXAMPLES / "businesses") for f in sorted(part.glob("*/faq.jsonl"))]


def conversations(data: Path) -> list[Row]:
    """All conversations to learn from, in the form of data/train/dialogues.jsonl."""
    ours = (EXAMPLES / "dialogues.jsonl", EXAMPLES / "conversations.jsonl")
    return [r for path in (data / "train" / "dialogues.jsonl", *ours) for r in rows(path)]


def turns(data: Path) -> Taught:
    """Turns whose label the conversation's tells: nobody asked before the turn at which one may be offered."""
    found = []
    for row in (r for r in conversations(data) if "labels" not in r):
        asked = row["reason"] == "asked_for_human"
        for i, turn in enumerate(row["turns"]):
            if not row["escalate"]:
                found.append((turn, target(asks_human=0, abusive=0, vulnerable=0)))
            elif asked and i <= row["first_ok_turn"]:
                found.append((turn, target(asks_human=i == row["first_ok_turn"])))
    return Taught.of(found)


def answers(data: Path) -> Taught:
    """Long and calm, so that length does not look like a feeling: owners' answers, and questions run together."""
    calm = target(**CALM, sensitive=None, smalltalk=None, sentiment="neutral", frustrated=0)
    learnt = [folder for folder in folders(data) if folder.name not in HELD_OUT]
    texts = [r["answer"] for folder in learnt for r in rows(folder / "faq.jsonl")]
    asked = [r["text"] for folder in learnt for r in rows(folder / "queries.jsonl") if r["expected"] is not None]
    chance = random.Random(2)  # noqa: S311  a seed for repeatable training, no secret
    texts += [" ".join(chance.sample(asked, chance.randint(3, 8))) for _ in range(400)]
    texts += [" ".join(chance.sample(asked, chance.randint(9, 20))) for _ in range(200)]
    texts += [" ".join([chance.choice(asked)] * chance.randint(3, 20)) for _ in range(100)]  # pasted twice, or more
    return Taught.of([(text, calm) for text in texts])


def public(data: Path) -> Taught:
    """What transfers from the public sets: abuse, small talk, asking for a person."""
    abuse = [r for r in rows(data / "public/convabuse.jsonl") if r["split"] == "train"]
    found = [(r["text"], target(abusive=r["label"]), 0.4 / len(abuse)) for r in abuse]
    clinc = [r for r in rows(data / "public/clinc150.jsonl") if r["split"] in ("train", "oos_train")]
    for r in clinc[::2]:
        known = target(smalltalk=CLINC_TALK.get(r["label"]), asks_human=0, abusive=0)
        found.append((r["text"], known, 0.5 / len(clinc)))
    for r in rows(data / "public/bitext_8k.jsonl")[::4]:
        if r["label"] in ("complaint", "contact_customer_service"):
            continue  # may or may not ask for a person
        known = target(asks_human=r["label"] == "contact_human_agent", smalltalk=None)
        found.append((r["text"], known, 0.15 / 2000))
    for path in sorted((data / "public").glob("multidogo_*.jsonl")):
        for label, kind in MULTIDOGO_TALK.items():
            said = dict.fromkeys(r["text"] for r in rows(path) if r["label"] == label and len(r["text"]) < 60)
            found += [(text, target(smalltalk=kind, asks_human=0, abusive=0), 0.2 / 1500) for text in list(said)[:80]]
    return Taught.of([(text, y) for text, y, _ in found], [share for _, _, share in found])
