"""core/conversations.py: each message once, numbers without a gap, a token for one conversation alone."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from core import conversations
from core.bus import DESK, Notice, conversation_topic
from core.conversations import TOKEN_LIFE, KeyReused, Said, TokenExpired, UnknownToken, say
from core.db import Database, reading, transaction
from core.errors import NotFound, Refusal
from core.events import ChatReopened, MessageSaid, Sender, events_after
from core.tables import ConversationRow, VisitorRow
from core.text import BrokenText, EmptyText, TextTooLong

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ADA = Sender(kind="visitor")
BOT = Sender(kind="bot", name="Support bot")


async def started(db: Database, open_key: str | None = None) -> tuple[UUID, str]:
    """A new conversation and its token."""
    async with transaction(db) as session:
        conversation, token, _ = await conversations.start(session, now=NOON, channel="web", open_key=open_key)
        return conversation.id, token


async def said(
    db: Database, conversation_id: UUID, text: str, key: str | None = None, sender: Sender = ADA, now: datetime = NOON
) -> Said:
    async with transaction(db) as session:
        return await say(session, conversation_id, sender=sender, text=text, key=key or uuid4().hex, now=now)


async def log(db: Database, conversation_id: UUID) -> list[tuple[int, str]]:
    async with reading(db) as session:
        rows = await conversations.messages_between(session, conversation_id, 0)
    return [(row.seq, row.text) for row in rows]


async def get(db: Database, conversation_id: UUID) -> ConversationRow:
    async with reading(db) as session:
        return await conversations.get(session, conversation_id)


async def test_a_resent_message_is_stored_and_told_once(db: Database, notices: list[Notice]) -> None:
    ada, _ = await started(db)
    first = await said(db, ada, "Where is my parcel?", "k1")
    told = list(notices)
    again = await said(db, ada, "Where is my parcel?", "k1", now=NOON + timedelta(days=1))
    assert (again.seq, again.message_id, again.repeated) == (first.seq, first.message_id, True)
    assert await log(db, ada) == [(1, "Where is my parcel?")]
    assert told == notices == [Notice(conversation_topic(ada)), Notice(DESK)]


async def test_ten_resends_at_once_are_stored_once(db: Database) -> None:
    ada, _ = await started(db)
    results = await asyncio.gather(*(said(db, ada, "hello", "k1") for _ in range(10)))
    assert len({(r.seq, r.message_id) for r in results}) == 1
    assert sorted(r.repeated for r in results) == [False] + [True] * 9
    assert await log(db, ada) == [(1, "hello")]


async def test_the_same_key_with_another_body_is_refused(db: Database) -> None:
    ada, _ = await started(db)
    await said(db, ada, "hello", "k1")
    with pytest.raises(KeyReused) as refusal:
        await said(db, ada, "hello!", "k1")
    with pytest.raises(KeyReused):
        await said(db, ada, "hello", "k1", sender=BOT)
    with pytest.raises(KeyReused):
        await said(db, ada, "hello", "k1", sender=Sender(kind="agent", id=uuid4(), name="Sam"))
    assert refusal.value.code == "key_reused"
    assert await log(db, ada) == [(1, "hello")]


async def test_a_key_belongs_to_its_own_conversation(db: Database) -> None:
    ada, _ = await started(db)
    mallory, _ = await started(db)
    await said(db, ada, "hello", "k1")
    assert not (await said(db, mallory, "something else", "k1")).repeated
    assert await log(db, ada) == [(1, "hello")]


async def test_thirty_who_speak_at_once_get_thirty_numbers_without_a_gap(db: Database) -> None:
    ada, _ = await started(db)
    results = await asyncio.gather(*(said(db, ada, f"line {n}") for n in range(30)))
    assert sorted(r.seq for r in results) == list(range(1, 31))
    assert [seq for seq, _ in await log(db, ada)] == list(range(1, 31))
    assert {r.seq: f"line {n}" for n, r in enumerate(results)} == dict(await log(db, ada))
    assert (await get(db, ada)).last_seq == 30


async def test_a_message_that_fails_leaves_no_gap(db: Database) -> None:
    ada, _ = await started(db)
    await said(db, ada, "one")

    async def fail() -> None:
        async with transaction(db) as session:
            await say(session, ada, sender=ADA, text="lost", key="k", now=NOON)
            raise RuntimeError("the line is cut")

    with pytest.raises(RuntimeError):
        await fail()
    await said(db, ada, "two")
    assert await log(db, ada) == [(1, "one"), (2, "two")]


async def test_a_token_opens_its_own_conversation_alone(db: Database) -> None:
    ada, token = await started(db)
    await started(db)
    async with reading(db) as session:
        assert (await conversations.by_token(session, token, NOON)).id == ada
        for wrong in ("", token[:-1], token + "x", str(ada), "\ud800", "' OR 1=1 --"):
            with pytest.raises(UnknownToken):
                await conversations.by_token(session, wrong, NOON)


async def test_a_token_is_not_kept_as_it_is(db: Database) -> None:
    ada, token = await started(db, "open-me")
    row = await get(db, ada)
    assert token not in str(vars(row))
    assert "open-me" not in str(vars(row))
    assert len(token) >= 43  # 256 bits


async def test_a_token_lives_for_thirty_days_from_the_visitors_last_message(db: Database) -> None:
    ada, token = await started(db)
    await said(db, ada, "hello", now=NOON + timedelta(days=20))
    await said(db, ada, "still here?", sender=BOT, now=NOON + timedelta(days=40))
    ends = NOON + timedelta(days=20) + TOKEN_LIFE
    async with reading(db) as session:
        assert (await conversations.by_token(session, token, ends - timedelta(seconds=1))).id == ada
        with pytest.raises(TokenExpired) as refusal:
            await conversations.by_token(session, token, ends)
    assert refusal.value.code == "token_expired"


async def test_the_same_open_key_twice_gives_one_conversation_and_a_fresh_token(db: Database) -> None:
    ada, lost = await started(db, "open-me")
    async with transaction(db) as session:
        again, token, new = await conversations.start(session, now=NOON, channel="web", open_key="open-me")
    assert (again.id, new) == (ada, False)
    async with reading(db) as session:
        assert (await conversations.by_token(session, token, NOON)).id == ada
        with pytest.raises(UnknownToken):
            await conversations.by_token(session, lost, NOON)


async def test_the_same_open_key_ten_times_at_once_gives_one_conversation(db: Database) -> None:
    found = await asyncio.gather(*(started(db, "open-me") for _ in range(10)))
    assert len({conversation_id for conversation_id, _ in found}) == 1
    async with reading(db) as session:
        assert await session.scalar(select(func.count()).select_from(ConversationRow)) == 1
        assert await session.scalar(select(func.count()).select_from(VisitorRow)) == 1


async def test_without_an_open_key_every_start_is_a_conversation(db: Database) -> None:
    assert (await started(db))[0] != (await started(db))[0]


async def test_a_machine_channels_conversation_is_found_by_its_whole_key(db: Database) -> None:
    async with transaction(db) as session:
        mine, _, _ = await conversations.start(
            session, now=NOON, channel="rest", open_key=None, external_key="key1:ada"
        )
    async with reading(db) as session:
        found = await conversations.by_external_key(session, "key1:ada")
        assert found is not None
        assert found.id == mine.id
        assert await conversations.by_external_key(session, "key2:ada") is None


async def test_a_visitor_who_writes_in_a_closed_conversation_starts_a_new_episode(db: Database) -> None:
    ada, _ = await started(db)
    await said(db, ada, "where is it?")
    async with transaction(db) as session:
        await conversations.set_holder(session, ada, "closed", new_episode=True)
    await said(db, ada, "one more thing")
    row = await get(db, ada)
    async with reading(db) as session:
        events = await events_after(session, ada, 0)
    assert [type(e) for e in events] == [MessageSaid, ChatReopened, MessageSaid]
    assert (row.holder, row.episode) == ("bot", 3)  # one by the close, one by the reopening
    assert row.episode_seq == 2  # what was said before it no longer counts
    assert row.answered_seq < row.last_visitor_seq == 3  # and the new message waits for its turn


@pytest.mark.parametrize("kind", ["bot", "system"])
async def test_nobody_but_the_visitor_opens_a_closed_conversation(db: Database, kind: str) -> None:
    ada, _ = await started(db)
    async with transaction(db) as session:
        await conversations.set_holder(session, ada, "closed")
    await said(db, ada, "Goodbye.", sender=Sender.model_validate({"kind": kind, "name": "Support bot"}))
    assert (await get(db, ada)).holder == "closed"


async def test_an_unknown_conversation_is_refused(db: Database) -> None:
    with pytest.raises(NotFound):
        await said(db, uuid4(), "hello")
    with pytest.raises(NotFound):
        await get(db, uuid4())


ODD_TEXTS = [
    "  spaces \r\n\t kept  ",
    "אני רוצה \u202eabc\u202c مرحبا",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u200b\ufeff!",
    "Z" + "\u0301" * 3_999,
    "cafe\u0301 is not caf\u00e9",
    "\U0001f600" * 4_000,
    "\x1b[31m \x07 <script>alert(1)</script> \\u0000 %s {} '; --",
]


async def test_odd_texts_are_kept_byte_for_byte(db: Database) -> None:
    ada, _ = await started(db)
    for text in ODD_TEXTS:
        await said(db, ada, text)
    async with reading(db) as session:
        events = await events_after(session, ada, 0)
    assert [text for _, text in await log(db, ada)] == ODD_TEXTS
    assert [e.text for e in events if isinstance(e, MessageSaid)] == ODD_TEXTS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", EmptyText),
        ("\u200b \n", EmptyText),
        ("x" * 4_001, TextTooLong),
        ("a\x00b", BrokenText),
        ("\ud83d", BrokenText),
    ],
)
async def test_a_text_that_cannot_be_kept_is_refused_and_nothing_is_stored(
    db: Database, text: str, why: type[Refusal]
) -> None:
    ada, _ = await started(db)
    with pytest.raises(why):
        await said(db, ada, text)
    assert (await get(db, ada)).last_seq == 0


async def test_the_owners_long_answer_is_said_whole(db: Database) -> None:
    ada, _ = await started(db)
    await said(db, ada, "x" * 8_000, sender=BOT)
    assert [len(text) for _, text in await log(db, ada)] == [8_000]


async def test_what_waits_for_its_turn_is_found_and_nothing_else(db: Database) -> None:
    asked, answered, with_agent, just_now = [(await started(db))[0] for _ in range(4)]
    for conversation_id in (asked, answered, with_agent):
        await said(db, conversation_id, "hello?")
    await said(db, just_now, "hello?", now=NOON + timedelta(minutes=1))
    async with transaction(db) as session:
        await conversations.set_answered(session, answered, 1)
        await conversations.set_holder(session, with_agent, "agent")
    async with reading(db) as session:
        assert await conversations.unanswered(session, NOON + timedelta(seconds=10)) == [asked]
        assert await conversations.unanswered(session, NOON + timedelta(minutes=2)) == [asked, just_now]


async def test_of_a_long_conversation_the_newest_messages_are_read_in_order(db: Database) -> None:
    ada, _ = await started(db)
    async with transaction(db) as session:
        for n in range(1, 8):
            await say(session, ada, sender=ADA, text=str(n), key=str(n), now=NOON)
    async with reading(db) as session:
        newest = await conversations.messages_between(session, ada, 1, upto=6, limit=3)
        last = await conversations.latest_messages(session, [ada, uuid4()])
    assert [m.text for m in newest] == ["4", "5", "6"]
    assert {conversation_id: m.text for conversation_id, m in last.items()} == {ada: "7"}
