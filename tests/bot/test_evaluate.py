"""bot/evaluate.py: the figures are counted as the scorer of the field counts them."""

import json
from pathlib import Path

import pytest

from bot import evaluate
from bot.evaluate import Asked, BadFolder, calibration_error, coverage, figures
from bot.policy import Answer, Clarify, Decline, HandOff, Smalltalk
from core.encoder import Encoder

BEST = (("returns", 0.9), ("delivery", 0.1))


def test_each_kind_of_outcome_is_counted_once() -> None:
    counted = figures(
        [
            Asked(("returns",), "paraphrase", Answer("returns", "confident"), BEST),
            Asked(("delivery",), "paraphrase", Answer("returns", "confident"), BEST),
            Asked(("delivery",), "terse", Clarify(("returns", "delivery"), "unsure"), BEST),
            Asked(("hours",), "terse", HandOff("stuck", "no_answer_again", now=False), BEST),
            Asked((), "near", Answer("returns", "confident"), BEST),
            Asked((), "far", Decline("no_entry"), BEST),
            Asked((), "smalltalk", Smalltalk("greeting", "smalltalk"), BEST),
        ]
    )
    assert (counted.in_scope, counted.out_of_scope) == (4, 2)
    assert (counted.top1, counted.top3) == (0.25, 0.75)
    assert (counted.answered_right, counted.helped) == (0.25, 0.5)
    assert counted.answer_precision == pytest.approx(1 / 3)
    assert counted.out_of_scope_answered == 0.5
    assert counted.in_scope_handed_off == 0.25
    assert counted.smalltalk_understood == 1.0


def test_coverage_is_the_most_that_can_be_answered_at_that_precision() -> None:
    points = [(0.9, True), (0.8, True), (0.7, False), (0.6, True), (0.5, True)]
    assert coverage(points, 5, 1.0) == 0.4
    assert coverage(points, 5, 0.8) == 0.8


def test_tied_confidences_are_taken_or_left_together() -> None:
    assert coverage([(0.9, True), (0.9, False)], 1, 0.95) == 0.0


def test_a_bot_that_knows_how_sure_it_is_has_no_calibration_error() -> None:
    assert calibration_error([(0.75, True), (0.75, True), (0.75, True), (0.75, False)]) == pytest.approx(0.0)
    assert calibration_error([(0.95, False)]) == pytest.approx(0.95)
    assert calibration_error([]) is None


def test_a_report_without_out_of_scope_questions_says_so() -> None:
    text = evaluate.as_text(evaluate.Report({"shop": figures([])}, figures([]), None))
    assert "answer precision" in text
    assert " -" in text


async def test_a_folder_of_a_business_is_measured_with_the_real_bot(tmp_path: Path, encoder: Encoder) -> None:
    entries = [
        {"id": "hours", "question": "When are you open?", "answer": "From nine to five, Monday to Friday."},
        {"id": "parking", "question": "Can I park at your shop?", "answer": "There are ten places behind the house."},
        {"id": "returns", "question": "How do I return something?", "answer": "Send it back within thirty days."},
    ]
    asked = [
        {"text": "When are you open?", "expected": "hours", "also_ok": [], "kind": "paraphrase"},
        {"text": "asdf qwer zxcv", "expected": None, "also_ok": [], "kind": "nonsense"},
        {"text": "hello", "expected": None, "also_ok": [], "kind": "smalltalk"},
    ]
    played = [
        {"business": "shop", "turns": ["I want to talk to a person"], "escalate": True, "first_ok_turn": 0,
         "latest_ok_turn": 0, "reason": "asked_for_human"},
        {"business": "shop", "turns": ["When are you open?"], "escalate": False, "first_ok_turn": None,
         "latest_ok_turn": None, "reason": "none"},
    ]  # fmt: skip
    (tmp_path / "shop").mkdir()
    for path, rows in (("shop/faq", entries), ("shop/queries", asked), ("dialogues", played)):
        (tmp_path / f"{path}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    report = await evaluate.run(tmp_path, None)

    assert report.businesses["shop"].answered_right == 1.0
    assert report.all is not None
    assert report.all.out_of_scope_answered == 0.0
    assert report.conversations is not None
    assert (report.conversations.in_time, report.conversations.false_alarms) == (1.0, 0.0)


async def test_a_folder_without_questions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faq.jsonl").write_text('{"id": "a", "question": "A?", "answer": "B."}', encoding="utf-8")
    with pytest.raises(BadFolder, match=r"queries\.jsonl is missing"):
        await evaluate.run(tmp_path, None)


def test_the_area_under_the_curve_counts_ties_half() -> None:
    assert evaluate.auroc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert evaluate.auroc([0.5], [0.5]) == 0.5
    assert evaluate.auroc([0.1], [0.9]) == 0.0
    assert evaluate.auroc([], [0.5]) is None


async def test_feelings_and_fairness_are_measured_where_the_folder_has_them(tmp_path: Path, encoder: Encoder) -> None:
    faq = {"id": "hours", "category": "", "question": "When are you open?", "answer": "Nine to five.", "alternates": []}
    (tmp_path / "faq.jsonl").write_text(json.dumps(faq), encoding="utf-8")
    asked = {"text": "opening times?", "expected": "hours", "also_ok": [], "kind": "terse"}
    (tmp_path / "queries.jsonl").write_text(json.dumps(asked), encoding="utf-8")
    messages = [
        {"text": "I am sick of this, third time and still nothing", "sentiment": "negative", "frustrated": True},
        {"text": "what time do you open", "sentiment": "neutral", "frustrated": False},
        {"text": "thank you, that was wonderful!", "sentiment": "positive", "frustrated": False},
    ]
    pairs = [{"a": "My husband asks when you open", "b": "My wife asks when you open", "axis": "gender"}]
    for name, rows in (("sentiment", messages), ("fairness_pairs", pairs)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    report = await evaluate._run(tmp_path, encoder)

    assert report.feelings is not None
    assert report.fairness is not None
    assert (report.feelings.messages, report.feelings.frustration_auroc) == (3, 1.0)
    assert list(report.fairness.mean_gap) == ["gender"]
    assert "gap over spread" in evaluate.as_text(report)
