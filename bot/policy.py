"""From what was read to what is done: one pure function. Floor 2.

No session, no model, no clock: the rules of the house fit one screen and one table of tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.ranker import Candidate
from bot.reading import Reading
from core.events import DecisionKind, Offer, Reason

VERSION = "2026-11-24.2"
CLEARLY = 0.7
SURELY = 0.9


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds on calibrated probabilities.

    Those of confidence and small talk come with their heads (Mind.policy). The others weigh a person called in
    vain, or for a plain question, against one not called, over 420 conversations (bot/train_policy.py).
    """

    answer: float = 0.85
    clarify: float = 0.10
    also: float = 0.75  # of a further question in the same message, beside one that is sure
    offered: float = 0.40  # of a further question that is asked back
    smalltalk: float = 0.10
    asks_human: float = 0.38
    declines_human: float = 0.60
    vulnerable: float = 0.35
    sensitive: float = 0.45
    abusive: float = 0.75
    case_specific: float = 0.40
    tried: float = 0.20
    frustration: float = 0.85
    heat: float = 0.95  # of the conversation so far, this message included
    repeat: float = 0.86  # similarity to an earlier message that got no help
    misses: int = 4  # turns in a row without an answer, this one included


@dataclass(frozen=True, slots=True)
class Context:
    """What happened in this episode before this message."""

    misses: int = 0  # turns in a row that were no answer
    heat: float = 0.0  # frustration of the earlier messages, fading
    repeated: float = 0.0  # greatest similarity to an earlier message
    last_faq_id: str | None = None  # what the turn before answered with
    tries: int = 0  # earlier messages which said that something tried did not help


@dataclass(frozen=True, slots=True)
class Answer:
    """Of a message that asked several things, further entries.

    Args:
        also: answered with too.
        unsure: offered, since they are not sure enough.

    """

    slug: str
    rule: str
    also: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clarify:
    slugs: tuple[str, ...]
    rule: str


@dataclass(frozen=True, slots=True)
class Smalltalk:
    kind: str
    rule: str


@dataclass(frozen=True, slots=True)
class Decline:
    """Say honestly that there is no answer; the way to a person stands beside it as always."""

    rule: str


@dataclass(frozen=True, slots=True)
class HandOff:
    """``now``: into the queue at once; otherwise a person is recommended and one tap away."""

    reason: Reason
    rule: str
    now: bool = True


Decision = Answer | Clarify | Smalltalk | Decline | HandOff


def decide(reading: Reading, context: Context, policy: Policy) -> Decision:
    """Choose the bot's next move.

    The order is the priority: a failure of the bot first, then a request for a person, then people in
    need, then feelings, then the question itself.
    """
    if reading.failed:
        return HandOff("bot_failure", "bot_failed")
    if reading.pressed_button:
        return HandOff("asked_for_human", "button")
    if _asks_who_speaks(reading, policy):
        return Smalltalk("about_bot", "about_bot")
    return (
        _cannot_be_read(reading, policy)
        or _who_needs_a_person(reading, context, policy)
        or _small_talk(reading, policy)
        or _what_is_asked(reading, context, policy)
    )


def _asks_who_speaks(reading: Reading, policy: Policy) -> bool:
    """ "Am I talking to a person or a bot?" names a person and asks for none: it is answered truthfully."""
    intents = reading.intents
    return (
        intents.smalltalk_kind == "about_bot"
        and intents.smalltalk >= policy.smalltalk
        and intents.asks_human < CLEARLY
        and intents.vulnerable < policy.vulnerable
        and intents.sensitive < policy.sensitive
        and (reading.confidence < policy.answer or intents.smalltalk >= SURELY)
    )


def _cannot_be_read(reading: Reading, policy: Policy) -> HandOff | None:
    """Models that read English only say nothing of worth about another language; the owner's very words still do."""
    if reading.language is None or (reading.exact and reading.confidence >= policy.answer):
        return None
    return HandOff("stuck", "unreadable", now=False)


def _who_needs_a_person(reading: Reading, context: Context, policy: Policy) -> HandOff | None:
    intents = reading.intents
    declines = intents.declines_human >= policy.declines_human and intents.declines_human > intents.asks_human
    if intents.asks_human >= policy.asks_human and not declines:
        return HandOff("asked_for_human", "asked_for_human")
    if intents.vulnerable >= policy.vulnerable:
        return HandOff("vulnerable", "vulnerable")
    # What the owner wrote an entry about is answered with it, unless it is surely a matter for a person.
    if intents.sensitive >= (policy.sensitive if reading.confidence < policy.answer else SURELY):
        return HandOff("sensitive", "sensitive")
    if intents.abusive >= policy.abusive:
        return HandOff("abusive", "abusive", now=False)
    if declines:
        return None  # who says "no person, please" is not sent to one for being upset
    if reading.mood.frustration >= policy.frustration:
        return HandOff("frustrated", "frustrated_message")
    if heat_after(context.heat, reading.mood.frustration) >= policy.heat:
        return HandOff("frustrated", "frustrated_conversation")
    if intents.case_specific >= policy.case_specific and reading.confidence < policy.answer:
        return HandOff("complex", "case_specific")
    return None


def in_danger(reading: Reading, policy: Policy) -> bool:
    """Somebody may come to harm: that chat comes first, whatever the reason is called."""
    intents = reading.intents
    safety = intents.sensitive_kind == "safety" and intents.sensitive >= policy.sensitive
    return safety or intents.vulnerable >= policy.vulnerable


def _small_talk(reading: Reading, policy: Policy) -> Smalltalk | None:
    intents = reading.intents
    if intents.smalltalk >= policy.smalltalk and reading.confidence < policy.answer:
        return Smalltalk(intents.smalltalk_kind or "chitchat", "smalltalk")
    return None


def _what_is_asked(reading: Reading, context: Context, policy: Policy) -> Decision:
    best = reading.candidates[0] if reading.candidates else None
    again = context.repeated >= policy.repeat
    if reading.intents.tried >= policy.tried and (context.tries > 0 or _same(best, context)):
        return HandOff("stuck", "tried_again", now=False)
    if best is not None and best.confidence >= policy.answer and not _only_leans(reading, best, context):
        if again and _same(best, context):
            return HandOff("stuck", "same_answer_again", now=False)
        also = tuple(c.slug for c in reading.also if c.confidence >= policy.also)
        unsure = tuple(c.slug for c in reading.also if policy.offered <= c.confidence < policy.also)
        rule = "exact_question" if reading.exact else "several" if also else "confident"
        return Answer(best.slug, rule, also, unsure)
    if context.misses + 1 >= policy.misses or (again and context.misses > 0):
        return HandOff("stuck", "no_answer_again", now=False)
    if best is not None and best.confidence >= policy.clarify:
        return Clarify(tuple(c.slug for c in reading.candidates[:3]), "unsure")
    return Decline("no_entry")


def _only_leans(reading: Reading, best: Candidate, context: Context) -> bool:
    """Does the entry come from the message before rather than from this one?

    Of 306 follow-ups, those that together with the message before named its entry once more were right in 44
    cases of 85: offered they help, as an answer they would be wrong every second time.
    """
    return reading.leaned and (context.last_faq_id is None or _same(best, context))


def _same(best: Candidate | None, context: Context) -> bool:
    """Would the bot give the answer again that it has just given?"""
    return best is not None and best.slug == context.last_faq_id


def heat_after(before: float, frustration: float) -> float:
    """Frustration of a conversation: a noisy-or of this message and what is left of the earlier heat."""
    return 1 - (1 - frustration) * (1 - 0.7 * before)


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier turn of the episode, as far as the policy looks back at it."""

    decision: DecisionKind
    handoff: Offer
    faq_id: str | None
    frustration: float
    tried: bool = False


def context_of(turns: Sequence[Turn], repeated: float) -> Context:
    """``turns`` of this episode, oldest first; ``repeated``: how like an earlier message the new one is."""
    heat = 0.0
    for turn in turns:
        heat = heat_after(heat, turn.frustration)
    misses = 0
    for turn in reversed(turns):
        if turn.decision in ("answer", "smalltalk") or turn.handoff != "none":
            break
        misses += 1
    return Context(misses, heat, repeated, turns[-1].faq_id if turns else None, sum(t.tried for t in turns))


def kind_of(decision: Decision) -> DecisionKind:
    match decision:
        case Answer():
            return "answer"
        case Clarify():
            return "clarify"
        case Smalltalk():
            return "smalltalk"
        case Decline():
            return "decline"
        case HandOff():
            return "handoff"
        case _ as never:
            assert_never(never)


def offer_of(decision: Decision) -> tuple[Offer, Reason | None]:
    if isinstance(decision, HandOff):
        return ("requested" if decision.now else "offered"), decision.reason
    return "none", None
