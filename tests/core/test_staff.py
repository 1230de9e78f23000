"""core/staff.py: who may sign in, by what, and for how long."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from core import staff
from core.db import Database, reading, transaction
from core.errors import NotFound
from core.staff import (
    LINK_LIFE,
    SESSION_LIFE,
    BadEmail,
    EmailTaken,
    LinkExpired,
    LinkUsed,
    Person,
    Role,
    WeakPassword,
)
from core.tables import ApiKeyRow, AuditRow, SignInLinkRow, StaffRow, StaffSessionRow
from core.text import BrokenText, EmptyText, TextTooLong

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PASSWORD = "correct horse battery staple"


async def add(db: Database, name: str = "Sam", role: Role = "agent", password_hash: str | None = None) -> Person:
    async with transaction(db) as session:
        return await staff.add(
            session, email=f"{name}@example.com", name=name, role=role, password_hash=password_hash, now=NOON,
            actor="test",
        )  # fmt: skip


async def deactivate(db: Database, person: Person) -> None:
    async with transaction(db) as session:
        await staff.deactivate(session, person.id, now=NOON, actor="test")


async def link_for(db: Database, person: Person) -> str:
    async with transaction(db) as session:
        return await staff.make_link(session, person.id, NOON)


async def use(db: Database, token: str, now: datetime = NOON) -> Person:
    async with transaction(db) as session:
        return await staff.use_link(session, token, now)


async def session_for(db: Database, person: Person) -> staff.Session:
    async with transaction(db) as session:
        return await staff.open_session(session, person, NOON)


async def who(db: Database, token: str, now: datetime = NOON) -> Person | None:
    async with reading(db) as session:
        found = await staff.session_of(session, token, now)
    return found.person if found is not None else None


async def test_a_link_signs_in_once(db: Database) -> None:
    sam = await add(db)
    token = await link_for(db, sam)
    assert await use(db, token, NOON + LINK_LIFE - SECOND) == sam
    with pytest.raises(LinkUsed) as refusal:
        await use(db, token)
    assert refusal.value.code == "link_used"


async def test_a_link_that_is_clicked_ten_times_at_once_signs_in_once(db: Database) -> None:
    token = await link_for(db, await add(db))
    results = await asyncio.gather(*(use(db, token) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(r, Person) for r in results) == 1
    assert sum(isinstance(r, LinkUsed) for r in results) == 9


async def test_a_link_expires_after_half_an_hour(db: Database) -> None:
    token = await link_for(db, await add(db))
    with pytest.raises(LinkExpired) as refusal:
        await use(db, token, NOON + LINK_LIFE)
    assert refusal.value.code == "link_expired"
    assert await use(db, token, NOON + LINK_LIFE - SECOND)  # the refusal did not use it up


async def test_what_is_no_link_signs_nobody_in(db: Database) -> None:
    await link_for(db, await add(db))
    for token in ("", "x", "\ud800"):
        with pytest.raises(LinkUsed):
            await use(db, token)


async def test_a_deactivated_persons_link_signs_nobody_in(db: Database) -> None:
    sam = await add(db)
    token = await link_for(db, sam)
    await deactivate(db, sam)
    with pytest.raises(LinkUsed):
        await use(db, token)


async def test_the_right_password_fits_and_is_not_kept_as_it_is(db: Database) -> None:
    sam = await add(db, password_hash=await staff.hashed(PASSWORD))
    async with reading(db) as session:
        found = await staff.password_hash_of(session, " SAM@example.com ")
        unknown = await staff.password_hash_of(session, "mallory@example.com")
    assert found is not None
    staff_id, stored = found
    assert staff_id == sam.id
    assert PASSWORD not in stored
    assert await staff.verify(stored, PASSWORD)
    assert unknown is None


async def test_a_wrong_password_does_not_fit_and_an_unknown_account_has_none() -> None:
    stored = await staff.hashed("x" * 12)  # twelve characters are enough
    assert await staff.verify(stored, "x" * 12)
    for wrong in ("x" * 13, "X" * 12, "\ud800"):
        assert not await staff.verify(stored, wrong)
    assert not await staff.verify("no hash at all", "x" * 12)
    assert not await staff.verify(None, "x" * 12)  # and takes as long


async def test_who_has_no_password_yet_cannot_sign_in_with_one(db: Database) -> None:
    await add(db)
    async with reading(db) as session:
        assert await staff.password_hash_of(session, "sam@example.com") is None


async def test_a_deactivated_person_is_nobody(db: Database) -> None:
    sam = await add(db, password_hash="x")
    signed_in = await session_for(db, sam)
    await deactivate(db, sam)
    async with reading(db) as session:
        assert await staff.password_hash_of(session, sam.email) is None
        assert await staff.by_email(session, sam.email) is None
        assert await staff.get(session, sam.id) is None
        assert await staff.names(session) == {sam.id: "Sam"}  # the history still says who it was
        assert await staff.everybody(session) == [(sam, False)]
    assert await who(db, signed_in.token) is None
    with pytest.raises(NotFound):
        await deactivate(db, sam)


async def test_deactivating_ends_every_session_for_good(db: Database) -> None:
    sam, kim = await add(db), await add(db, "Kim")
    here, there, kims = [await session_for(db, person) for person in (sam, sam, kim)]
    await deactivate(db, sam)
    async with transaction(db) as session:  # even if somebody takes it back by hand
        await session.execute(update(StaffRow).values(active=True))
    assert await who(db, here.token) is await who(db, there.token) is None
    assert await who(db, kims.token) == kim


@pytest.mark.parametrize("password", ["", "x" * 11, "🙂" * 11])
async def test_a_short_password_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword) as refusal:
        await staff.hashed(password)
    assert refusal.value.code == "weak_password"


async def test_a_session_ends_after_twelve_hours(db: Database) -> None:
    sam = await add(db)
    signed_in = await session_for(db, sam)
    assert await who(db, signed_in.token, NOON + SESSION_LIFE - SECOND) == sam
    assert await who(db, signed_in.token, NOON + SESSION_LIFE) is None


async def test_signing_out_ends_this_session_alone(db: Database) -> None:
    sam = await add(db)
    here, there = await session_for(db, sam), await session_for(db, sam)
    async with transaction(db) as session:
        await staff.close_session(session, here.token)
    assert await who(db, here.token) is None
    assert await who(db, there.token) == sam


async def test_changing_the_password_ends_the_persons_other_sessions(db: Database) -> None:
    sam, kim = await add(db), await add(db, "Kim")
    here, there, kims = [await session_for(db, person) for person in (sam, sam, kim)]
    async with transaction(db) as session:
        await staff.set_password(session, sam.id, "another hash", keep_token=here.token)
    assert await who(db, here.token) == sam
    assert await who(db, there.token) is None
    assert await who(db, kims.token) == kim
    async with reading(db) as session:
        assert await staff.password_hash_of(session, sam.email) == (sam.id, "another hash")


async def test_an_api_key_is_shown_once_and_works_until_it_is_revoked(db: Database) -> None:
    async with transaction(db) as session:
        key = await staff.make_api_key(session, name="shop", role="agent", now=NOON, actor="test")
    async with transaction(db) as session:
        found = await staff.api_key_of(session, key)
        assert found is not None
        assert (found.name, found.role, found.actor) == ("shop", "agent", f"key:{found.id}")
        for wrong in ("", key[:-1], key.upper(), str(found.id)):
            assert await staff.api_key_of(session, wrong) is None
        await session.execute(update(ApiKeyRow).values(revoked_at=NOON))
    async with reading(db) as session:
        assert await staff.api_key_of(session, key) is None


async def test_a_copy_of_the_database_opens_nothing(db: Database) -> None:
    sam = await add(db)
    link, signed_in = await link_for(db, sam), await session_for(db, sam)
    async with transaction(db) as session:
        key = await staff.make_api_key(session, name="shop", role="owner", now=NOON, actor="test")
    async with reading(db) as session:
        tables = (SignInLinkRow, StaffSessionRow, ApiKeyRow, AuditRow)
        rows = [vars(row) for table in tables for row in await session.scalars(select(table))]
    assert len(rows) == 5
    for secret in (link, signed_in.token, key):
        assert secret not in str(rows)


async def test_an_address_belongs_to_one_account(db: Database) -> None:
    await add(db, "Sam")
    with pytest.raises(EmailTaken) as refusal:
        await add(db, "SAM")
    assert refusal.value.code == "email_taken"


async def test_two_who_add_the_same_address_at_once_make_one_account(db: Database) -> None:
    results = await asyncio.gather(*(add(db) for _ in range(5)), return_exceptions=True)
    async with reading(db) as session:
        assert len(list(await session.scalars(select(StaffRow)))) == 1
    assert sum(isinstance(r, Person) for r in results) == 1
    assert {getattr(r, "status", 409) for r in results} == {409}


@pytest.mark.parametrize(
    "address", ["", "sam", "sam@", "@example.com", "sam@localhost\n", "a b@example.com", "sam@exa\x00mple.com"]
)
def test_what_cannot_be_an_address_is_refused(address: str) -> None:
    with pytest.raises(BadEmail) as refusal:
        staff.checked_email(address)
    assert refusal.value.code == "bad_email"


async def test_a_name_that_cannot_be_shown_is_refused(db: Database) -> None:
    for name, why in {" \u200b": EmptyText, "x" * 81: TextTooLong, "a\x00": BrokenText}.items():
        with pytest.raises(why):
            async with transaction(db) as session:
                await staff.add(
                    session, email="sam@example.com", name=name, role="agent", password_hash=None, now=NOON,
                    actor="test",
                )  # fmt: skip
