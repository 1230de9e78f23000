"""bot/policy.py: the rules of the house, one row each; where two hold, the one that stands first wins."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.intents import Intents
from bot.policy import (
    Answer,
    Clarify,
    Context,
    Decision,
    Decline,
    HandOff,
    Policy,
    Smalltalk,
    Turn,
    context_of,
    decide,
    heat_after,
    kind_of,
    offer_of,
)
from bot.ranker import Candidate
from bot.reading import CALM, NOTHING, Reading, button, failed
from core.events import DecisionKind, Offer, Reason

# The rules are tested at round thresholds of their own, so that tuning the shipped ones breaks no rule.
POLICY = Policy(
    answer=0.6, clarify=0.08, also=0.6, offered=0.4, smalltalk=0.5, asks_human=0.5, declines_human=0.5, vulnerable=0.5,
    sensitive=0.5, abusive=0.5, case_specific=0.6, tried=0.5, frustration=0.6, heat=0.75, repeat=0.86, misses=3,
)  # fmt: skip
SURE = (Candidate("returns", 0.9), Candidate("parcel", 0.05), Candidate("hours", 0.01), Candidate("jobs", 0.0))
UNSURE = tuple(replace(c, confidence=c.confidence / 3) for c in SURE)
LOST = tuple(replace(c, confidence=0.01) for c in SURE)


def read(
    candidates: tuple[Candidate, ...] = SURE, frustration: float = 0.0, kind: str | None = None, **intents: float
) -> Reading:
    return Reading(
        replace(CALM, frustration=frustration, frustrated=frustration >= 0.6),
        Intents(**{**zeros(), **intents}, sensitive_kind=None, smalltalk_kind=kind),
        candidates,
    )


def zeros() -> dict[str, float]:
    names = ("asks_human", "declines_human", "case_specific", "sensitive", "vulnerable", "abusive", "smalltalk")
    return dict.fromkeys(names, 0.0)


FRESH = Context()
ANGRY = Context(heat=0.9)
SAME_AGAIN = Context(repeated=0.95, last_faq_id="returns")

TABLE = {
    # The question itself.
    "sure": (read(), FRESH, Answer("returns", "confident")),
    "as sure as needed": (read((Candidate("a", POLICY.answer),)), FRESH, Answer("a", "confident")),
    "the owner's very words": (replace(read(), exact=True), FRESH, Answer("returns", "exact_question")),
    "unsure": (read(UNSURE), FRESH, Clarify(("returns", "parcel", "hours"), "unsure")),
    "unsure of the only entry": (read((Candidate("a", 0.3),)), FRESH, Clarify(("a",), "unsure")),
    "nothing fits": (read(LOST), FRESH, Decline("no_entry")),
    "an empty FAQ": (read(()), FRESH, Decline("no_entry")),
    # The same question again.
    "same question, same answer": (read(), SAME_AGAIN, HandOff("stuck", "same_answer_again", now=False)),
    "same question, another answer": (read(), replace(SAME_AGAIN, last_faq_id="hours"), Answer("returns", "confident")),
    "other question, same answer": (read(), replace(SAME_AGAIN, repeated=0.5), Answer("returns", "confident")),
    "second miss": (read(LOST), Context(misses=1), Decline("no_entry")),
    "third miss": (read(LOST), Context(misses=2), HandOff("stuck", "no_answer_again", now=False)),
    "third miss, though unsure": (read(UNSURE), Context(misses=2), HandOff("stuck", "no_answer_again", now=False)),
    "same miss twice": (read(UNSURE), Context(misses=1, repeated=0.95), HandOff("stuck", "no_answer_again", now=False)),
    "an answer after misses": (read(), Context(misses=9), Answer("returns", "confident")),
    # What was tried did not help.
    "tried once": (read(tried=0.9), FRESH, Answer("returns", "confident")),
    "tried twice": (read(tried=0.9), Context(tries=1), HandOff("stuck", "tried_again", now=False)),
    "tried what the bot has just said": (
        read(tried=0.9), Context(last_faq_id="returns"), HandOff("stuck", "tried_again", now=False),
    ),
    # Small talk.
    "a person or a bot?": (
        read(LOST, smalltalk=0.9, kind="about_bot", asks_human=0.6), FRESH, Smalltalk("about_bot", "about_bot"),
    ),
    "are you a robot, and somebody in need": (
        read(LOST, smalltalk=0.9, kind="about_bot", vulnerable=0.6), FRESH, HandOff("vulnerable", "vulnerable"),
    ),
    "not a bot, a person!": (
        read(LOST, smalltalk=0.9, kind="about_bot", asks_human=0.8), FRESH,
        HandOff("asked_for_human", "asked_for_human"),
    ),
    "a greeting": (read(LOST, smalltalk=0.9, kind="greeting"), FRESH, Smalltalk("greeting", "smalltalk")),
    "chatter of no kind": (read(LOST, smalltalk=0.9), FRESH, Smalltalk("chitchat", "smalltalk")),
    "a greeting and a question": (read(smalltalk=0.9, kind="greeting"), FRESH, Answer("returns", "confident")),
    "are you a robot, for the ninth time": (
        read(LOST, smalltalk=0.9, kind="about_bot"), Context(misses=9, repeated=1.0),
        Smalltalk("about_bot", "about_bot"),
    ),
    # Who needs a person.
    "asks for a person": (read(asks_human=0.5), FRESH, HandOff("asked_for_human", "asked_for_human")),
    "wants no person": (read(declines_human=0.9, asks_human=0.6), FRESH, Answer("returns", "confident")),
    "wants a person, the other wish is weaker": (
        read(declines_human=0.6, asks_human=0.7), FRESH, HandOff("asked_for_human", "asked_for_human"),
    ),
    "vulnerable": (read(vulnerable=0.5), FRESH, HandOff("vulnerable", "vulnerable")),
    "sensitive": (read(UNSURE, sensitive=0.5), FRESH, HandOff("sensitive", "sensitive")),
    "sensitive, and the owner wrote about it": (read(sensitive=0.8), FRESH, Answer("returns", "confident")),
    "surely sensitive": (read(sensitive=0.95), FRESH, HandOff("sensitive", "sensitive")),
    "who speaks, whatever entry is near": (
        read(smalltalk=0.95, kind="about_bot", asks_human=0.6), FRESH, Smalltalk("about_bot", "about_bot"),
    ),
    "abusive": (read(abusive=0.5), FRESH, HandOff("abusive", "abusive", now=False)),
    "frustrated message": (read(frustration=0.6), FRESH, HandOff("frustrated", "frustrated_message")),
    "frustrated conversation": (read(frustration=0.4), ANGRY, HandOff("frustrated", "frustrated_conversation")),
    "a calm message cools it down": (read(), ANGRY, Answer("returns", "confident")),
    "one particular order": (read(UNSURE, case_specific=0.6), FRESH, HandOff("complex", "case_specific")),
    "one particular order that the FAQ answers": (read(case_specific=0.9), FRESH, Answer("returns", "confident")),
    # People in need get one also if they want none; the merely upset do not.
    "wants no person, vulnerable": (
        read(declines_human=0.9, vulnerable=0.9), FRESH, HandOff("vulnerable", "vulnerable"),
    ),
    "wants no person, sensitive": (read(declines_human=0.9, sensitive=0.9), FRESH, HandOff("sensitive", "sensitive")),
    "wants no person, upset": (read(declines_human=0.9, frustration=0.9), ANGRY, Answer("returns", "confident")),
    "wants no person, own order": (
        read(UNSURE, declines_human=0.9, case_specific=0.9), FRESH, Clarify(("returns", "parcel", "hours"), "unsure"),
    ),
    # A follow-up, read with the message before it.
    "a follow-up that names another entry": (
        replace(read(), leaned=True), Context(last_faq_id="hours"), Answer("returns", "confident"),
    ),
    "a follow-up that names the same entry": (
        replace(read(), leaned=True), Context(last_faq_id="returns"),
        Clarify(("returns", "parcel", "hours"), "unsure"),
    ),
    "a follow-up to what was not answered": (
        replace(read(), leaned=True), FRESH, Clarify(("returns", "parcel", "hours"), "unsure"),
    ),
    # Several things at once, and what can't be read.
    "two questions": (
        replace(read(), also=(Candidate("hours", 0.7), Candidate("jobs", 0.2))), FRESH,
        Answer("returns", "several", ("hours",)),
    ),
    "two questions, one of them unsure": (
        replace(read(), also=(Candidate("jobs", 0.5),)), FRESH, Answer("returns", "confident", (), ("jobs",)),
    ),
    "two questions, one of them without an entry": (
        replace(read(), also=(Candidate("jobs", 0.2),)), FRESH, Answer("returns", "confident"),
    ),
    "another language": (
        replace(read(asks_human=0.9, frustration=0.9), language="de"), FRESH,
        HandOff("stuck", "unreadable", now=False),
    ),
    "the owner's very words in another language": (
        replace(read(), language="de", exact=True), FRESH, Answer("returns", "exact_question"),
    ),
    # Before anything is read.
    "the button": (button(), ANGRY, HandOff("asked_for_human", "button")),
    "a failure": (failed("encoder_busy"), FRESH, HandOff("bot_failure", "bot_failed")),
    "a failure under the button": (
        replace(button(), failed="encoder_busy"), FRESH, HandOff("bot_failure", "bot_failed"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("reading", "context", "expected"), TABLE.values(), ids=TABLE)
def test_decide(reading: Reading, context: Context, expected: Decision) -> None:
    assert decide(reading, context, POLICY) == expected


def test_just_below_every_threshold_the_question_is_answered() -> None:
    hardly: Any = {
        name: 0.499 for name in ("asks_human", "declines_human", "sensitive", "vulnerable", "abusive", "smalltalk")
    }
    reading = read(frustration=0.599, case_specific=0.599, **hardly)
    assert decide(reading, FRESH, POLICY) == Answer("returns", "confident")


def without(intent: str) -> Callable[[Reading], Reading]:
    nothing: Any = {intent: 0.0}
    return lambda reading: replace(reading, intents=replace(reading.intents, **nothing))


def test_the_order_of_the_rules_is_their_priority() -> None:
    """Everything holds at once; then the rule that fired is taken away, and the next one must fire."""
    everything = replace(
        read(
            UNSURE, frustration=0.9, asks_human=0.9, vulnerable=0.9, sensitive=0.9, abusive=0.9, case_specific=0.9,
            smalltalk=0.9, kind="thanks",
        ),
        failed="x", pressed_button=True,
    )  # fmt: skip
    context = Context(misses=5, heat=0.9, repeated=1.0, last_faq_id="returns")
    taken_away: dict[str, Callable[[Reading], Reading]] = {
        "bot_failed": lambda r: replace(r, failed=None),
        "button": lambda r: replace(r, pressed_button=False),
        **{
            name: without(name)
            for name in ("asks_human", "vulnerable", "sensitive", "abusive", "case_specific", "smalltalk")
        },
        "frustrated": lambda r: replace(r, mood=replace(r.mood, frustration=0.5)),
        "heat": lambda r: replace(r, mood=CALM),
    }  # fmt: skip
    order = [
        ("bot_failed", "bot_failed"), ("button", "button"), ("asked_for_human", "asks_human"),
        ("vulnerable", "vulnerable"), ("sensitive", "sensitive"), ("abusive", "abusive"),
        ("frustrated_message", "frustrated"), ("frustrated_conversation", "heat"),
        ("case_specific", "case_specific"), ("smalltalk", "smalltalk"),
    ]  # fmt: skip
    reading = everything
    for rule, cause in order:
        assert decide(reading, context, POLICY).rule == rule
        reading = taken_away[cause](reading)
    assert decide(reading, context, POLICY).rule == "no_answer_again"
    assert decide(reading, FRESH, POLICY).rule == "unsure"


@pytest.mark.parametrize(
    ("decision", "kind", "offer", "reason"),
    [
        (Answer("a", "r"), "answer", "none", None),
        (Clarify(("a",), "r"), "clarify", "none", None),
        (Smalltalk("thanks", "r"), "smalltalk", "none", None),
        (Decline("r"), "decline", "none", None),
        (HandOff("sensitive", "r"), "handoff", "requested", "sensitive"),
        (HandOff("stuck", "r", now=False), "handoff", "offered", "stuck"),
    ],
)
def test_what_the_outside_is_told(decision: Decision, kind: DecisionKind, offer: Offer, reason: Reason | None) -> None:
    assert kind_of(decision) == kind
    assert offer_of(decision) == (offer, reason)


def turn(
    decision: DecisionKind = "decline", handoff: Offer = "none", faq_id: str | None = None, frustration: float = 0.0
) -> Turn:
    return Turn(decision, handoff, faq_id, frustration)


ANSWERED = turn("answer", faq_id="returns")


@pytest.mark.parametrize(
    ("turns", "misses", "last"),
    [
        ([], 0, None),
        ([turn(), turn("clarify")], 2, None),
        ([turn(), ANSWERED, turn()], 1, None),
        ([turn(), turn(), ANSWERED], 0, "returns"),
        ([turn(), turn("smalltalk"), turn()], 1, None),
        ([turn(), turn("handoff", "offered"), turn("clarify")], 1, None),
    ],
)
def test_misses_are_counted_since_the_last_help(turns: list[Turn], misses: int, last: str | None) -> None:
    found = context_of(turns, 0.25)
    assert (found.misses, found.last_faq_id, found.repeated) == (misses, last, 0.25)


def test_heat_rises_with_each_angry_message_and_fades_with_calm_ones() -> None:
    one = context_of([turn(frustration=0.5)], 0).heat
    two = context_of([turn(frustration=0.5)] * 2, 0).heat
    cooled = context_of([turn(frustration=0.5)] * 2 + [turn()] * 5, 0).heat
    assert 0 == context_of([turn()], 0).heat < cooled < one < two < 1
    assert heat_after(0.0, 1.0) == 1.0
    assert heat_after(1.0, 0.0) == pytest.approx(0.7)


def test_nothing_read_is_calm() -> None:
    assert (CALM.frustration, CALM.frustrated, NOTHING.asks_human) == (0.0, False, 0.0)
