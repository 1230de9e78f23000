"""bot/lessons.py: what we wrote to learn from is in form, and what is held out is learnt from by nobody."""

import json
from pathlib import Path

import numpy as np
import pytest

from bot import lessons
from bot.intents import FLAGS, SENSITIVE, SMALLTALK
from bot.lessons import EXAMPLES, HELD_OUT, MOOD, SENSITIVE_AT, SMALLTALK_AT, WIDTH, of_message, target
from sentiment.mood import LABELS
from sentiment.train import EXAMPLES as MESSAGES

FILES = sorted(MESSAGES.glob("*.jsonl"))
KNOWN = {"text", "sentiment", "frustrated", "sensitive", "smalltalk", *FLAGS[:-1]}


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_message_names_only_what_the_trainer_knows(path: Path) -> None:
    for row in rows(path):
        assert set(row) <= KNOWN
        assert row["sentiment"] in LABELS
        assert row.get("sensitive") in (None, *SENSITIVE)
        assert row.get("smalltalk") in (None, *SMALLTALK)
        assert str(row["text"]).strip()


def test_what_is_not_said_of_a_message_is_unknown_and_a_kind_is_one_of_them() -> None:
    y = target(sentiment="negative", smalltalk="any")
    assert y.shape == (WIDTH,)
    assert y[:MOOD].tolist()[:3] == [1.0, 0.0, 0.0]
    assert np.isnan(y[MOOD - 1])
    assert y[MOOD:][SMALLTALK_AT].tolist() == [0.0] + [1.0] * len(SMALLTALK)
    assert np.isnan(y[MOOD:][SENSITIVE_AT]).all()


def test_only_what_no_faq_could_answer_is_known_to_be_unlike_a_question() -> None:
    like = MOOD + FLAGS.index("faq_like")
    assert of_message({"text": "x", "case_specific": True})[like] == 0
    assert np.isnan(of_message({"text": "x", "case_specific": False})[like])


def test_the_questions_of_held_out_businesses_are_not_learnt_from(tmp_path: Path) -> None:
    kept = lessons.unseen_queries(tmp_path)
    answered = kept.y[:, MOOD + FLAGS.index("faq_like")] == 1  # "hello" and "who won the snooker" are asked everywhere
    assert answered.sum() > 1000
    assert not {t for t, own in zip(kept.texts, answered, strict=True) if own} & set(lessons.queries(tmp_path).texts)
    ours = {folder.name for folder in lessons.folders(tmp_path)}
    assert len(ours & set(HELD_OUT)) == 10


@pytest.mark.parametrize("folder", sorted((EXAMPLES / "businesses").iterdir()), ids=lambda folder: folder.name)
def test_every_question_of_a_business_names_entries_that_are_there(folder: Path) -> None:
    slugs = {row["id"] for row in rows(folder / "faq.jsonl")}
    for row in rows(folder / "queries.jsonl"):
        assert {row["expected"], *row["also_ok"]} - {None} <= slugs  # type: ignore[misc]


def test_conversations_have_a_label_a_turn_and_the_offer_within_them() -> None:
    for row in rows(EXAMPLES / "conversations.jsonl"):
        turns, labels = row["turns"], row["labels"]
        assert isinstance(turns, list)
        assert isinstance(labels, list)
        assert len(turns) == len(labels)
        first, last = row["first_ok_turn"], row["latest_ok_turn"]
        assert (first is None) == (not row["escalate"])
        if isinstance(first, int) and isinstance(last, int):
            assert 0 <= first <= last < len(turns)


def test_the_same_message_by_two_people_has_one_label() -> None:
    pairs, y = lessons.pairs()
    assert len(pairs) == len(y) > 300
    assert all(one != other for one, other in pairs)
    assert not np.isnan(y[:, :MOOD]).any()


def test_the_long_calm_texts_are_of_businesses_that_are_learnt_from(tmp_path: Path) -> None:
    files = [EXAMPLES / "businesses" / name / "faq.jsonl" for name in HELD_OUT]
    held = {str(r["answer"]) for path in files if path.exists() for r in rows(path)}
    assert held
    assert not held & set(lessons.answers(tmp_path).texts)
