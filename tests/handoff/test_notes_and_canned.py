"""handoff/notes.py and canned.py: what the staff write for themselves."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from core import consents, conversations, staff
from core.consents import ConsentWithdrawn
from core.conversations import KeyReused
from core.db import Database, reading, transaction
from core.errors import NotFound
from core.events import Audience, NoteWritten, events_after
from core.staff import Person
from core.text import EmptyText
from handoff import canned, notes
from handoff.canned import BadCannedReply, NameTaken

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
async def sam(db: Database) -> Person:
    async with transaction(db) as session:
        return await staff.add(
            session, email="sam@example.com", name="Sam", role="agent", password_hash=None, now=NOON, actor="test"
        )


@pytest.fixture
async def ada(db: Database) -> UUID:
    async with transaction(db) as session:
        return (await conversations.start(session, now=NOON, channel="web", open_key=None))[0].id


async def note(db: Database, chat: UUID, author: Person, key: str, text: str) -> int:
    async with transaction(db) as session:
        return await notes.write(session, chat, author=author, key=key, text=text, now=NOON)


async def test_a_note_is_kept_once_for_its_key_and_is_for_the_desk_alone(db: Database, ada: UUID, sam: Person) -> None:
    first = await note(db, ada, sam, "k", "A regular; be generous.")
    assert await note(db, ada, sam, "k", "A regular; be generous.") == first
    with pytest.raises(KeyReused):
        await note(db, ada, sam, "k", "Something else.")
    with pytest.raises(EmptyText):
        await note(db, ada, sam, "l", " ")
    with pytest.raises(NotFound):
        await note(db, uuid4(), sam, "m", "To nobody.")
    async with reading(db) as session:
        [kept] = await events_after(session, ada, 0)
        assert (await conversations.get(session, ada)).last_visitor_seq == 0  # no bot answers it
    assert isinstance(kept, NoteWritten)
    assert (kept.text, kept.author_name, kept.audience) == ("A regular; be generous.", "Sam", Audience.DESK)


async def test_no_note_is_kept_of_who_withdrew_the_consent(db: Database, ada: UUID, sam: Person) -> None:
    async with transaction(db) as session:
        visitor_id = (await conversations.get(session, ada)).visitor_id
        await consents.give(session, visitor_id, {"chat": False}, version="1", now=NOON)
    with pytest.raises(ConsentWithdrawn):
        await note(db, ada, sam, "k", "She was angry.")


async def keep(db: Database, by: Person, name: str, text: str, reply_id: UUID | None = None) -> UUID:
    async with transaction(db) as session:
        return await canned.keep(session, name=name, text=text, by=by, now=NOON, reply_id=reply_id)


async def test_canned_replies_are_made_changed_and_removed(db: Database, sam: Person) -> None:
    late = await keep(db, sam, "late", "Order {order} is late, {business} is sorry.")
    await keep(db, sam, "bye", "Goodbye!")
    await keep(db, sam, "late-parcel", "It is late.", late)
    async with reading(db) as session:
        assert [(r.name, r.text) for r in await canned.everything(session)] == [
            ("bye", "Goodbye!"), ("late-parcel", "It is late."),
        ]  # fmt: skip
    with pytest.raises(NameTaken):
        await keep(db, sam, "bye", "Again", late)
    with pytest.raises(NotFound):
        await keep(db, sam, "hello", "Hello", uuid4())
    async with transaction(db) as session:
        await canned.remove(session, late, by=sam, now=NOON)
    with pytest.raises(NotFound):
        async with transaction(db) as session:
            await canned.remove(session, late, by=sam, now=NOON)


@pytest.mark.parametrize(
    ("name", "text"),
    [("Late", "x"), ("", "x"), ("a b", "x"), ("-a", "x"), ("a" * 41, "x"), ("ok", "Dear {visitor}"), ("ok", "{}")],
)
async def test_a_canned_reply_that_could_not_be_used_is_refused(
    db: Database, sam: Person, name: str, text: str
) -> None:
    with pytest.raises(BadCannedReply):
        await keep(db, sam, name, text)
