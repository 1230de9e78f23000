"""core/events.py: numbered once, seen by those it is for, and read back as it was recorded."""

from datetime import UTC, datetime
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from core import conversations
from core.bus import DESK, Notice, conversation_topic
from core.db import Database, reading, transaction
from core.errors import NotFound
from core.events import (
    EVENT,
    Audience,
    Basis,
    Button,
    ChatClaimed,
    ChatClosed,
    ChatOffered,
    ChatQueued,
    ChatReleased,
    ChatReopened,
    ChatReturned,
    ConsentChanged,
    ContactLeft,
    DecisionMade,
    Event,
    EventBase,
    MessageSaid,
    NoteWritten,
    OfferEnded,
    OutcomeNoted,
    ReviewAsked,
    ReviewDecided,
    Sender,
    events_after,
    record,
)

NOON = datetime(2030, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
ADA = uuid4()
BASIS = Basis(
    decision_id=uuid4(), decision="handoff", faq_id="returns", also=("refunds", "parcels"), confidence=0.125,
    handoff="offered", reason="stuck",
)  # fmt: skip


def one_of_each(conversation_id: UUID) -> list[Event]:
    here: Any = {"conversation_id": conversation_id, "at": NOON}
    return [
        MessageSaid(
            **here, message_id=uuid4(), key="k1", sender=Sender(kind="agent", id=uuid4(), name="Zoë 🙂"),
            text="\u202e\u05e9\u05dc\u05d5\u05dd\n**bold** \u2028", format="markdown", basis=BASIS,
            buttons=(Button(title="A person", payload="/human"), Button(title="b", payload="b")),
        ),
        ChatQueued(**here, reason="vulnerable"),
        ChatClaimed(**here, agent_id=uuid4(), agent_name="Sam"),
        ChatReleased(**here, cause="agent_vanished"),
        ChatReturned(**here, by="visitor"),
        ChatClosed(**here, by="agent"),
        ChatReopened(**here),
        ContactLeft(**here, email="ada@example.com", text="Call me, please."),
        DecisionMade(**here, basis=BASIS, covers=(1, 4), sentiment=None, frustration=0.5, rule="no_answer_again"),
        ConsentChanged(**here, chat=True, sentiment=False, remember=True),
        ReviewAsked(**here, review_id=uuid4(), decision_id=uuid4(), words="That is wrong."),
        ReviewDecided(**here, review_id=uuid4(), decision_id=uuid4(), outcome="upheld"),
        ChatOffered(**here, by_name="Sam", to_id=uuid4(), to_name="Kim", note="You know cats."),
        OfferEnded(**here, how="declined", agent_name="Kim"),
        OutcomeNoted(**here, outcome="solved", agent_id=uuid4()),
        NoteWritten(**here, key=str(uuid4()), author_id=uuid4(), author_name="Sam", text="Calls back at five."),
    ]  # fmt: skip


def kinds_of(union: object) -> set[type]:
    if get_origin(union) is Annotated:
        return kinds_of(get_args(union)[0])
    return set(get_args(union))


async def started(db: Database) -> UUID:
    async with transaction(db) as session:
        return (await conversations.start(session, now=NOON, channel="web", open_key=None))[0].id


def test_there_is_one_of_each_here() -> None:
    assert {type(event) for event in one_of_each(ADA)} == kinds_of(Event)


async def test_every_event_comes_back_as_it_was_recorded(db: Database) -> None:
    ada = await started(db)
    events = one_of_each(ada)
    async with transaction(db) as session:
        numbers = [await record(session, event) for event in events]
    async with reading(db) as session:
        found = await events_after(session, ada, 0)
    assert numbers == list(range(1, len(events) + 1))
    assert found == [e.model_copy(update={"seq": n}) for e, n in zip(events, numbers, strict=True)]


@pytest.mark.parametrize("event", one_of_each(ADA), ids=lambda e: e.kind)
def test_every_event_crosses_a_wire_as_it_is(event: Event) -> None:
    assert EVENT.validate_json(event.model_dump_json()) == event


async def test_events_come_in_pages(db: Database) -> None:
    ada = await started(db)
    async with transaction(db) as session:
        for _ in range(7):
            await record(session, ChatReopened(conversation_id=ada, at=NOON))
    pages, after = [], 0
    async with reading(db) as session:
        while page := await events_after(session, ada, after, limit=3):
            pages.append([e.seq for e in page])
            after = page[-1].seq
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]


async def test_another_conversations_events_are_not_among_them(db: Database) -> None:
    ada, mallory = await started(db), await started(db)
    async with transaction(db) as session:
        await record(session, ChatReopened(conversation_id=ada, at=NOON))
    async with reading(db) as session:
        assert await events_after(session, mallory, 0) == []


def test_a_new_kind_of_event_is_for_the_desk_until_somebody_widens_it() -> None:
    class SecretNoted(EventBase):
        pass

    assert SecretNoted.audience is Audience.DESK


def test_visitors_see_what_concerns_them_and_no_more() -> None:
    seen = {e.kind for e in one_of_each(ADA) if e.audience is Audience.EVERYONE}
    assert seen == {
        "message_said", "chat_queued", "chat_claimed", "chat_released", "chat_returned", "chat_closed",
        "chat_reopened",
    }  # fmt: skip


async def test_recording_wakes_the_conversations_readers_and_the_desk_where_its_list_changes(
    db: Database, notices: list[Notice]
) -> None:
    ada = await started(db)
    for event in one_of_each(ada):
        notices.clear()
        async with transaction(db) as session:
            await record(session, event)
            assert notices == []
        quiet = event.kind in ("decision_made", "outcome_noted", "note_written")
        desk = [] if quiet else [Notice(DESK)]
        assert notices == [Notice(conversation_topic(ada)), *desk]


async def test_an_event_of_no_conversation_is_refused(db: Database) -> None:
    with pytest.raises(NotFound):
        async with transaction(db) as session:
            await record(session, ChatReopened(conversation_id=uuid4(), at=NOON))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "chat_reopened", "shoe_size": 43},
        {"kind": "chat_exploded"},
        {"kind": "chat_queued", "reason": "because"},
        {"kind": "chat_released", "cause": None},
        {},
    ],
)
def test_an_event_that_is_none_of_these_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_python({"conversation_id": ADA, "at": NOON, **wrong})
