"""The straight way from a visitor's message to the bot's reply. Floor 2.

    load what is unanswered ─▶ mind.read (no session held) ─▶ one transaction:
    lock, is the bot still to answer this? ─▶ policy.decide ─▶ record ─▶ say / handoff.ask ─▶ commit

The transaction looks again at who holds the conversation and up to where it is answered. So a person who
came meanwhile silences a reply that is already computed, two workers answer once, and a process killed
before the commit leaves the message unanswered for the sweep (Turns.sweep) to take again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from bot import policy as rules
from bot import records, words
from bot.mind import Mind
from bot.policy import Answer, Clarify, Context, Decision, HandOff, Smalltalk, decide
from bot.reading import Reading, button, failed, unread
from bot.words import Words
from core import consents, conversations
from core.db import Database, reading, transaction
from core.errors import NotFound, Refusal
from core.events import Basis, DecisionMade, Reason
from core.events import record as record_event
from core.tables import ConversationRow, MessageRow
from handoff import queue, waiting
from handoff.summary import Summary, summarise
from knowledge_base.entry import Entry

log = logging.getLogger("warmline.turn")
PATIENCE = 30.0  # seconds for one reading, loading the encoder included
SWEEP_AFTER = timedelta(seconds=10)  # a turn under way elsewhere is not taken over before this
REREADS = 3  # a visitor who types on gets one reply to all; after that the first part is answered


@dataclass(frozen=True, slots=True)
class Pending:
    """Visitor messages that wait for a reply, and what was said before them in this episode."""

    episode: int
    upto: int
    covers: tuple[int, ...]
    texts: tuple[str, ...]
    earlier: tuple[str, ...]
    holder: str
    scored: bool  # may the mood be read?


@dataclass(frozen=True, slots=True)
class Bot:
    """What a turn needs of the house."""

    db: Database
    mind: Mind
    business: Callable[[], str]
    now: Callable[[], datetime]


async def greet(session: AsyncSession, bot: Bot, conversation_id: UUID) -> None:
    """The first words of every conversation disclose the bot. Greeting twice is greeting once."""
    business = bot.business()
    await conversations.say(
        session, conversation_id, sender=words.sender(business), text=words.greeting(business), key="greeting",
        now=bot.now(),
    )  # fmt: skip


async def take_turn(bot: Bot, conversation_id: UUID, *, failure: str | None = None) -> None:
    """Reply to all that is unanswered, once.

    Args:
        failure: the bot is known to fail on this one; do not read, fetch a person.

    Raises:
        Unavailable, TimeoutError: the models or the database do not answer; nothing was said.

    """
    for attempt in range(1, REREADS + 1):
        async with reading(bot.db) as session:
            pending = await _pending(session, conversation_id)
        if pending is None:
            return
        if pending.holder == "queue":
            seen = unread()
        elif failure is not None:
            seen = failed(failure)
        else:
            async with asyncio.timeout(PATIENCE):
                seen = await bot.mind.read(pending.texts, pending.earlier, pending.scored)
        async with transaction(bot.db) as session:
            if await _reply(session, bot, conversation_id, pending, seen, last_try=attempt == REREADS):
                return


async def fetch_person(bot: Bot, conversation_id: UUID) -> None:
    """The button for a person: works at any moment, without any model; pressing twice is pressing once.

    Raises:
        NotFound: no such conversation.
        ConsentWithdrawn: the visitor wants nothing more stored.

    """
    async with transaction(bot.db) as session:
        conversation = await conversations.locked(session, conversation_id)
        await consents.require_chat(session, conversation.visitor_id)
        if conversation.holder == "closed":
            await conversations.reopen(session, conversation_id, bot.now())
            conversation = await conversations.locked(session, conversation_id)
        if conversation.holder != "bot":
            return
        pending = await _pending(session, conversation_id) or _none_pending(conversation)
        await _act(session, bot, conversation, pending, await _as_agreed(session, conversation, button()))


async def _pending(session: AsyncSession, conversation_id: UUID) -> Pending | None:
    conversation = await conversations.get(session, conversation_id)
    if conversation.holder not in ("bot", "queue"):
        return None
    if conversation.answered_seq >= conversation.last_visitor_seq:
        return None
    messages = await conversations.messages_between(session, conversation_id, conversation.episode_seq)
    said = [m for m in messages if m.sender_kind == "visitor"]
    fresh = [m for m in said if m.seq > conversation.answered_seq]
    return Pending(
        conversation.episode, conversation.last_visitor_seq, tuple(m.seq for m in fresh), _texts(fresh),
        _texts(said[: len(said) - len(fresh)])[-8:], conversation.holder,
        (await consents.of(session, conversation.visitor_id)).sentiment,
    )  # fmt: skip


def _still_there(decision: Answer, shelf: dict[str, Entry]) -> Decision:
    """The answer without what was withdrawn in this very moment."""
    if decision.slug not in shelf:
        return rules.Decline("no_entry")
    return replace(
        decision,
        also=tuple(s for s in decision.also if s in shelf),
        unsure=tuple(s for s in decision.unsure if s in shelf),
    )


def _none_pending(conversation: ConversationRow) -> Pending:
    return Pending(conversation.episode, conversation.last_seq, (), (), (), conversation.holder, scored=False)


def _texts(messages: Sequence[MessageRow]) -> tuple[str, ...]:
    return tuple(m.text for m in messages)


async def _reply(
    session: AsyncSession, bot: Bot, conversation_id: UUID, pending: Pending, seen: Reading, *, last_try: bool
) -> bool:
    """Reply if it is still the bot's to do. Returns False where more was said meanwhile: read again."""
    conversation = await conversations.locked(session, conversation_id)
    if conversation.holder not in ("bot", "queue") or conversation.answered_seq >= pending.upto:
        return True
    if conversation.holder != pending.holder or (conversation.last_visitor_seq > pending.upto and not last_try):
        return False
    seen = await _as_agreed(session, conversation, seen)
    if conversation.holder == "queue":
        await _add_to_case(session, bot, conversation, pending, seen)
    else:
        await _act(session, bot, conversation, pending, seen)
    return True


async def _as_agreed(session: AsyncSession, conversation: ConversationRow, seen: Reading) -> Reading:
    """Without the mood where the visitor does not want it, also if that was said while it was read."""
    return seen if (await consents.of(session, conversation.visitor_id)).sentiment else seen.unscored()


async def _act(session: AsyncSession, bot: Bot, conversation: ConversationRow, pending: Pending, seen: Reading) -> None:
    """Decide, record, speak: everything that a turn changes, in the caller's transaction."""
    context = await records.context(session, conversation.id, conversation.episode, seen.repeated)
    if not seen.scored:
        context = replace(context, heat=0.0)  # nor is what was scored before
    decision = decide(seen, context, bot.mind.policy)
    shelf = bot.mind.shelf_at_hand()
    if isinstance(decision, Answer):
        decision = _still_there(decision, shelf)
    basis = await _record(session, bot, conversation, pending, seen, context, decision)
    if isinstance(decision, HandOff) and decision.now:
        await _hand_over(session, bot, conversation, decision.reason, pending, seen, context, basis, shelf)
        return
    said = _say(decision, seen, context, shelf)
    markdown = isinstance(decision, Answer)
    await _speak(session, bot, conversation.id, f"reply:{pending.upto}", said, basis, markdown=markdown)


async def _add_to_case(
    session: AsyncSession, bot: Bot, conversation: ConversationRow, pending: Pending, seen: Reading
) -> None:
    """Somebody who waits for a person writes more: it is kept with the case.

    In a widget, where the place in line is always to be seen, the bot says so once a wait; a machine's
    client sees nothing but replies, so it gets one each time.
    """
    case = await queue.get(session, conversation.id)
    reason: Reason = "asked_for_human"
    if case is not None and case.reason != "stepped_in":  # that one nobody asked for
        reason = case.reason
    decision = HandOff(reason, "already_waiting")
    basis = await _record(session, bot, conversation, pending, seen, Context(), decision)
    await queue.update_summary(
        session, conversation.id, await _summary(session, conversation.id, bot.mind.shelf_at_hand())
    )
    place = await waiting.place(session, conversation.id, bot.now())
    key = f"waiting:{conversation.episode}" if conversation.channel == "web" else f"reply:{pending.upto}"
    await _speak(session, bot, conversation.id, key, words.still_waiting(place), basis)


async def _record(
    session: AsyncSession,
    bot: Bot,
    conversation: ConversationRow,
    pending: Pending,
    seen: Reading,
    context: Context,
    decision: Decision,
) -> Basis:
    """One decision record a turn, its event for the desk, and the mark that these messages had their turn."""
    now = bot.now()
    given = bot.mind.shelf_at_hand().get(decision.slug) if isinstance(decision, Answer) else None
    title = given.question if given is not None else ""
    made = await records.write(
        session, conversation_id=conversation.id, episode=conversation.episode, covers=pending.covers,
        texts=pending.texts, upto=pending.upto, reading=seen, context=context, policy=bot.mind.policy,
        decision=decision, model_version=bot.mind.version, now=now,
    )  # fmt: skip
    basis = made.basis.model_copy(update={"title": title})
    await record_event(
        session,
        DecisionMade(
            conversation_id=conversation.id, at=now, basis=basis, covers=made.covers, rule=made.rule,
            sentiment=seen.felt.label if seen.felt else None, scored=seen.scored,
            frustration=seen.felt.frustration if seen.felt else None,
        ),
    )  # fmt: skip
    await conversations.set_answered(session, conversation.id, pending.upto)
    return basis


def _say(decision: Decision, seen: Reading, context: Context, shelf: dict[str, Entry]) -> Words:
    upset = seen.mood.frustrated or context.heat > 0.5
    match decision:
        case Answer(slug, also=also, unsure=unsure):
            given = [(shelf[s].question, shelf[s].answer) for s in (slug, *also)]
            return words.answers(given, [shelf[s].question for s in unsure])
        case Clarify(slugs):
            return words.clarify(tuple(shelf[slug].question for slug in slugs if slug in shelf), upset)
        case Smalltalk(kind):
            return words.smalltalk(kind, upset)
        case HandOff(rule="unreadable"):
            return words.unreadable(seen.language)
        case HandOff(reason):
            return words.offer(reason)
        case rules.Decline():
            return words.decline(upset)


async def _hand_over(
    session: AsyncSession,
    bot: Bot,
    conversation: ConversationRow,
    reason: Reason,
    pending: Pending,
    seen: Reading,
    context: Context,
    basis: Basis,
    shelf: dict[str, Entry],
) -> None:
    conversation_id = conversation.id
    # Who presses the button says nothing to read then, but has been heard before (or, unscored, has no heat).
    frustration = seen.felt.frustration if seen.felt else context.heat or None
    await queue.ask(
        session, conversation_id, reason=reason, now=bot.now(),
        summary=await _summary(session, conversation_id, shelf),
        sentiment=seen.felt.label if seen.felt else None, frustration=frustration,
        danger=rules.in_danger(seen, bot.mind.policy), abusive=await _was_abusive(session, bot, conversation, seen),
    )  # fmt: skip
    place = await waiting.place(session, conversation_id, bot.now())
    await _speak(session, bot, conversation_id, f"reply:{pending.upto}:{basis.decision_id.hex[:8]}",
                 words.passed_on(reason, place), basis)  # fmt: skip


async def _was_abusive(session: AsyncSession, bot: Bot, conversation: ConversationRow, seen: Reading) -> bool:
    """Did abusive words fall in this episode? The desk veils them until somebody wants to read them."""
    limit = bot.mind.policy.abusive
    if seen.intents.abusive >= limit:
        return True
    past = await records.of_conversation(session, conversation.id)
    return any(
        p.reading["intents"]["abusive"] >= limit for p in past if p.covers and p.covers[0] > conversation.episode_seq
    )


async def _summary(session: AsyncSession, conversation_id: UUID, shelf: dict[str, Entry]) -> Summary:
    conversation = await conversations.get(session, conversation_id)
    messages = await conversations.messages_between(session, conversation_id, conversation.episode_seq)
    tried = []
    for past in await records.of_conversation(session, conversation_id):
        slugs = [past.basis.faq_id, *past.basis.also] if past.basis.faq_id else []
        if past.basis.decision == "clarify":
            slugs = [c["slug"] for c in past.candidates[:3]]
        tried += [shelf[s].question for s in slugs if s in shelf]
    return summarise([m.text for m in messages if m.sender_kind == "visitor"], tried)


async def _speak(
    session: AsyncSession,
    bot: Bot,
    conversation_id: UUID,
    key: str,
    said: Words,
    basis: Basis | None,
    *,
    markdown: bool = False,
) -> None:
    if await conversations.has_key(session, conversation_id, key):
        return
    await conversations.say(
        session, conversation_id, sender=words.sender(bot.business()), text=said.text, key=key, now=bot.now(),
        format="markdown" if markdown else "plain", buttons=said.buttons, basis=basis,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the bot would do with a first message; nothing was stored."""

    decision: Decision
    reading: Reading
    said: Words
    why: str
    questions: dict[str, str]

    def as_json(self) -> dict[str, object]:
        offer, reason = rules.offer_of(self.decision)
        mood = self.reading.mood
        return {
            "decision": rules.kind_of(self.decision),
            "text": self.said.text,
            "buttons": [b.model_dump() for b in self.said.buttons],
            "faq_id": self.decision.slug if isinstance(self.decision, Answer) else None,
            "also": list(self.decision.also) if isinstance(self.decision, Answer) else [],
            "confidence": self.reading.confidence,
            "candidates": [
                {"faq_id": c.slug, "question": self.questions.get(c.slug, c.slug), "confidence": c.confidence}
                for c in self.reading.candidates[:5]
            ],
            "handoff": offer,
            "reason": reason,
            "sentiment": {n: getattr(mood, n) for n in ("label", "negative", "neutral", "positive")},
            "frustration": mood.frustration,
            "rule": self.decision.rule,
            "why": self.why,
        }


async def rehearse(bot: Bot, text: str) -> Rehearsal:
    """
    Raises:
        Unavailable: the models or the database do not answer.

    """
    seen = await bot.mind.read([text])
    context = Context()
    decision = decide(seen, context, bot.mind.policy)
    shelf = bot.mind.shelf_at_hand()
    questions = {slug: entry.question for slug, entry in shelf.items()}
    if isinstance(decision, HandOff) and decision.now:
        said = words.passed_on(decision.reason, waiting.Place(1, None, True))
    else:
        said = _say(decision, seen, context, shelf)
    candidates = [{"slug": c.slug, "confidence": c.confidence} for c in seen.candidates[:1]]
    why = records.in_words(decision.rule, candidates, seen.mood.frustration, questions, seen.heard, seen.leaned)
    return Rehearsal(decision, seen, said, why, questions)


class Turns:
    """Runs turns in the background, one at a time for each conversation. This is the job loop."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._again: set[UUID] = set()

    def wake(self, conversation_id: UUID) -> asyncio.Task[None]:
        """See that this conversation gets its reply; the task ends when nothing is unanswered."""
        task = self._running.get(conversation_id)
        if task is not None and not task.done():
            self._again.add(conversation_id)
            return task
        task = asyncio.create_task(self._work(conversation_id))
        self._running[conversation_id] = task
        task.add_done_callback(lambda done: self._forget(conversation_id, done))
        return task

    async def sweep(self, after: timedelta = SWEEP_AFTER) -> int:
        """Take the turns that a crash or a restart left behind. Returns how many there were."""
        async with reading(self._bot.db) as session:
            left = await conversations.unanswered(session, self._bot.now() - after)
        for conversation_id in left:
            self.wake(conversation_id)
        return len(left)

    async def stop(self, seconds: float = 8.0) -> None:
        """Let turns under way finish; what does not is taken again at the next start."""
        tasks = [t for t in self._running.values() if not t.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()

    def _forget(self, conversation_id: UUID, done: asyncio.Task[None]) -> None:
        if self._running.get(conversation_id) is done:
            del self._running[conversation_id]

    async def _work(self, conversation_id: UUID) -> None:
        while True:
            self._again.discard(conversation_id)
            await self._one(conversation_id)
            if conversation_id not in self._again:
                return

    async def _one(self, conversation_id: UUID) -> None:
        try:
            await take_turn(self._bot, conversation_id)
        except NotFound:  # erased meanwhile
            self._bot.mind.forget()  # it may have read the message after everybody else forgot it
            return
        except Exception as fault:
            # Whatever it was (no encoder, a bug, a time-out): never silence, always a person.
            if not isinstance(fault, Refusal):
                log.exception("a turn failed")
            await self._fail(conversation_id, getattr(fault, "code", type(fault).__name__))

    async def _fail(self, conversation_id: UUID, why: str) -> None:
        try:
            await take_turn(self._bot, conversation_id, failure=why)
        except NotFound:
            return
        except Exception:
            log.exception("a person could not be fetched; the sweep tries again")
