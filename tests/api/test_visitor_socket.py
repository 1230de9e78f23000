"""The visitor's socket, over real sockets: promises of docs/protocol.md, bad input, other people's tokens."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from people import PATIENCE, Client, Frame, Running, Visitor, running
from sqlalchemy import func, select, update
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import protocol, sockets
from core.conversations import digest
from core.db import reading, transaction
from core.encoder import Encoder
from core.settings import Settings
from core.tables import ConversationRow, EventRow, MessageRow
from handoff.tables import CaseRow, LeftMessageRow

OPENING = "What are your opening hours?"
DELIVERY = "How long does delivery take?"
FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"


@asynccontextmanager
async def line(house: Running, origin: str | None = "own") -> AsyncIterator[ClientConnection]:
    """An open socket on which nothing was said yet."""
    wanted: Any = house.origin if origin == "own" else origin
    async with connect(f"{house.ws}/ws/visitor", origin=wanted) as socket:
        yield socket


async def closed_with(socket: ClientConnection) -> tuple[int, list[Frame]]:
    """Wait for the server to close; the code and all frames that came before."""
    came = []
    async with asyncio.timeout(PATIENCE):
        try:
            while True:
                came.append(json.loads(await socket.recv()))
        except ConnectionClosed as gone:
            return (gone.rcvd.code if gone.rcvd is not None else 1006), came


async def resumed(house: Running, token: str, after: int, epoch: str | None = None) -> tuple[Frame, list[Frame]]:
    """A second page of the same visitor: its welcome and every frame until the line is quiet."""
    async with line(house) as socket:
        page = Client(socket)
        await page.send({"kind": "resume", "token": token, "after": after, "epoch": epoch})
        welcome = await page.until("welcome")
        await page.until("state")
        return welcome, [f for f in page.seen if f["kind"] == "happened"]


async def still_alive(page: Client) -> None:
    await page.send({"kind": "ping"})
    await page.until("pong")


async def refusal(page: Client, frame: Frame | str) -> Frame:
    if isinstance(frame, str):
        await page.socket.send(frame)
    else:
        await page.send(frame)
    return await page.until("refused")


# --- the straight way -----------------------------------------------------------------------------


async def test_the_first_message_says_that_it_is_a_bot_and_that_a_person_can_be_had(house: Running) -> None:
    async with house.visitor() as ada:
        first = await ada.event("message_said")
    assert first["seq"] == 1
    assert first["sender"] == {"kind": "bot", "id": None, "name": "Burblewick bot"}
    assert "I'm the bot" in first["text"]
    assert "not a person" in first["text"]
    assert "talk to a person" in first["text"]


async def test_a_question_is_stored_under_a_number_and_answered_with_its_basis(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        key = uuid4()
        stored = await ada.say(OPENING, key)
        mine = await ada.happened("message_said", lambda e: e["key"] == str(key))
        reply = await ada.happened("message_said", lambda e: e["basis"] is not None)
    assert mine["seq"] == stored["seq"] == 2
    assert mine["sender"]["kind"] == "visitor"
    assert reply["sender"]["kind"] == "bot"
    assert reply["basis"]["faq_id"] == "opening-hours"
    assert reply["basis"]["decision"] == "answer"
    assert "10:00" in reply["text"]


async def test_two_quick_messages_are_each_covered_and_get_no_second_reply(house: Running) -> None:
    async with house.visitor() as ada:
        await asyncio.gather(ada.send(said("Hello there,")), ada.send(said(OPENING)))
        async with asyncio.timeout(PATIENCE):
            while await unanswered(house, ada):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        covered = await covers(house, ada)
    assert sorted(covered) == sorted(set(covered)), "a message was answered twice"
    assert len(covered) == 2


def said(text: str, key: UUID | str | None = None) -> Frame:
    return {"kind": "say", "key": str(key or uuid4()), "text": text}


async def unanswered(house: Running, ada: Visitor) -> bool:
    async with reading(house.house.db) as session:
        row = await session.get_one(ConversationRow, UUID(ada.conversation_id))
        return row.last_visitor_seq == 0 or row.answered_seq < row.last_visitor_seq


async def covers(house: Running, ada: Visitor) -> list[int]:
    async with reading(house.house.db) as session:
        bodies = await session.scalars(
            select(EventRow.body).where(
                EventRow.conversation_id == UUID(ada.conversation_id), EventRow.kind == "decision_made"
            )
        )
        return [seq for body in bodies for seq in body["covers"]]


# --- the same key again ---------------------------------------------------------------------------


async def test_a_resend_of_a_key_gets_the_same_number_and_is_stored_once(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        key = uuid4()
        first = await ada.say(OPENING, key)
        again = await ada.say(OPENING, key)
        async with both_houses.visitor(ada.token) as second_page:
            after_resume = await second_page.say(OPENING, key)
        assert first["seq"] == again["seq"] == after_resume["seq"]
        assert await times_stored(both_houses, key) == 1


async def test_one_key_from_two_sockets_at_once_is_stored_once(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.visitor(ada.token) as also_ada:
        for _ in range(2):  # a visitor may say five in five seconds, resends count
            key = uuid4()
            one, other = await asyncio.gather(ada.say(OPENING, key), also_ada.say(OPENING, key))
            assert one["seq"] == other["seq"]
            assert await times_stored(both_houses, key) == 1


async def times_stored(house: Running, key: UUID) -> int:
    async with reading(house.house.db) as session:
        found = await session.scalar(
            select(func.count()).select_from(MessageRow).where(MessageRow.client_key == str(key))
        )
        return found or 0


async def test_the_same_key_with_another_text_is_refused_and_changes_nothing(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        key = uuid4()
        await ada.say(OPENING, key)
        no = await refusal(ada, said("Something else.", key))
        assert no["code"] == "key_reused"
        assert no["ref"] == str(key)
        async with reading(both_houses.house.db) as session:
            texts = await session.scalars(select(MessageRow.text).where(MessageRow.client_key == str(key)))
            assert list(texts) == [OPENING]
        await still_alive(ada)


async def test_the_key_of_one_conversation_means_nothing_in_another(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as grace:
        key = uuid4()
        await ada.say(OPENING, key)
        await grace.say("Quite another question.", key)
    assert await times_stored(house, key) == 2


async def test_starting_twice_with_one_key_is_one_conversation(house: Running) -> None:
    key = str(uuid4())
    ids = []
    for _ in range(2):
        async with line(house) as socket:
            page = Client(socket)
            await page.send({"kind": "start", "key": key})
            ids.append((await page.until("welcome"))["conversation_id"])
    assert ids[0] == ids[1]


# --- resume ---------------------------------------------------------------------------------------


async def test_resume_after_n_sends_exactly_what_is_missing_each_naming_its_predecessor(
    both_houses: Running,
) -> None:
    async with both_houses.visitor() as ada:
        for question in (OPENING, DELIVERY, "Are you hiring?"):
            await ada.ask(question)
        all_of_it = [f for f in ada.seen if f["kind"] == "happened"]
        seqs = [f["event"]["seq"] for f in all_of_it]
        assert len(seqs) == 7
        for after in (0, *seqs):
            welcome, came = await resumed(both_houses, ada.token, after, ada.welcome["epoch"])
            assert welcome["reset"] is False
            assert [f["event"] for f in came] == [f["event"] for f in all_of_it if f["event"]["seq"] > after]
            assert [f["prev"] for f in came] == [after, *[f["event"]["seq"] for f in came]][: len(came)]
            assert welcome["last_seq"] >= seqs[-1]


async def test_events_for_the_desk_leave_gaps_that_prev_explains(house: Running) -> None:
    """A visitor can tell a number that was not for it from one that was lost."""
    async with house.visitor() as ada:
        await ada.ask(OPENING)
        frames = [f for f in ada.seen if f["kind"] == "happened"]
    last = 0
    for frame in frames:
        assert frame["prev"] == last
        last = frame["event"]["seq"]
    assert [f["event"]["seq"] for f in frames] == [1, 2, 4], "3 is the decision, for the desk"


async def test_a_number_of_the_future_or_another_epoch_is_answered_with_a_reset_and_the_whole(
    both_houses: Running,
) -> None:
    async with both_houses.visitor() as ada:
        await ada.ask(OPENING)
        expected = [f for f in ada.seen if f["kind"] == "happened"]
        for after, epoch in ((10_000, None), (2, "another"), (2**70, None)):
            welcome, came = await resumed(both_houses, ada.token, after, epoch)
            assert welcome["reset"] is True
            assert came == expected


async def test_what_is_said_while_nobody_listens_is_there_at_the_resume(house: Running) -> None:
    async with house.visitor() as ada:
        await ada.say(OPENING)
        token = ada.token
    await asyncio.sleep(0.3)
    async with house.visitor(token, after=2) as ada:
        reply = await ada.message("bot")
    assert reply["basis"]["faq_id"] == "opening-hours"


# --- bad frames -----------------------------------------------------------------------------------


BAD_FRAMES: dict[str, str] = {
    "not JSON": "{",
    "empty": "",
    "an array": "[]",
    "a number": "7",
    "NaN": "NaN",
    "an unknown kind": '{"kind": "become_owner"}',
    "no kind": '{"key": "00000000-0000-4000-8000-000000000000", "text": "x"}',
    "a frame of the desk": '{"kind": "claim", "conversation_id": "00000000-0000-4000-8000-000000000000"}',
    "a frame of the server": '{"kind": "stored", "key": "00000000-0000-4000-8000-000000000000", "seq": 1}',
    "an extra field": '{"kind": "ping", "role": "owner"}',
    "true for a key": '{"kind": "say", "key": true, "text": "x"}',
    "a number for a key": '{"kind": "say", "key": 7, "text": "x"}',
    "no UUID": '{"kind": "say", "key": "../../etc", "text": "x"}',
    "null for a text": '{"kind": "say", "key": "00000000-0000-4000-8000-000000000000", "text": null}',
    "true for a token": '{"kind": "resume", "token": true, "after": 0}',
    "a huge number": '{"kind": "resume", "token": "' + "x" * 43 + '", "after": ' + "9" * 5_000 + "}",
    "a negative number": '{"kind": "resume", "token": "' + "x" * 43 + '", "after": -1}',
    "deep nesting": "[" * 30_000 + "]" * 30_000,
    "deep nesting in a field": '{"kind": ' * 6_000 + "1" + "}" * 6_000,
    "a lone surrogate": '{"kind": "say", "key": "00000000-0000-4000-8000-000000000000", "text": "\\ud800 hi"}',
    "half a surrogate pair": '{"kind": "say", "key": "00000000-0000-4000-8000-000000000000", "text": "\\udc00"}',
}


async def test_a_frame_outside_the_protocol_is_refused_and_the_socket_stays_open(house: Running) -> None:
    async with house.visitor() as ada:
        token = ada.token
    for what, bad in BAD_FRAMES.items():
        async with house.visitor(token) as ada:
            no = await refusal(ada, bad)
            assert no["code"] == "bad_frame", what
            assert len(no["message"]) <= 400, what
            await still_alive(ada)
    assert await stored_texts(house, ada) == []


async def stored_texts(house: Running, ada: Visitor) -> list[str]:
    async with reading(house.house.db) as session:
        found = await session.scalars(
            select(MessageRow.text)
            .where(MessageRow.conversation_id == UUID(ada.conversation_id), MessageRow.sender_kind == "visitor")
            .order_by(MessageRow.seq)
        )
        return list(found)


async def test_a_refusal_does_not_repeat_what_was_sent(house: Running) -> None:
    """It may be personal, and what echoes it may be a log."""
    async with house.visitor() as ada:
        no = await refusal(ada, {"kind": "say", "key": "my-secret-is-4711", "text": ["4711"]})
    assert "4711" not in json.dumps(no)


async def test_nesting_of_a_hundred_thousand_levels_does_no_harm(house: Running) -> None:
    """Over 64 KiB it never reaches the parser; the others do not notice."""
    async with house.visitor() as ada, house.visitor() as mallory:
        await mallory.socket.send("[" * 100_000)
        code, _ = await closed_with(mallory.socket)
        assert code == 1009
        await still_alive(ada)


async def test_of_a_key_that_stands_twice_in_a_frame_the_last_counts_and_one_message_is_stored(
    house: Running,
) -> None:
    one, two = str(uuid4()), str(uuid4())
    async with house.visitor() as ada:
        await ada.socket.send(f'{{"kind":"say","key":"{one}","key":"{two}","text":"a","text":"b"}}')
        stored = await ada.until("stored")
        assert stored["key"] == two
        assert await stored_texts(house, ada) == ["b"]


async def test_a_second_start_on_an_open_conversation_is_refused(house: Running) -> None:
    async with house.visitor() as ada:
        assert (await refusal(ada, {"kind": "start", "key": str(uuid4())}))["code"] == "bad_frame"
        await still_alive(ada)


async def test_a_binary_frame_closes_with_1003(house: Running) -> None:
    async with house.visitor() as ada:
        await ada.socket.send(b"\x00\x01")
        assert (await closed_with(ada.socket))[0] == 1003


async def test_a_frame_of_70_kb_closes_with_1009(house: Running) -> None:
    async with house.visitor() as ada:
        await ada.socket.send(json.dumps(said("x" * 70_000)))
        assert (await closed_with(ada.socket))[0] == 1009


async def test_a_frame_of_64_kib_is_still_read(house: Running) -> None:
    async with house.visitor() as ada:
        frame = json.dumps(said("x"))
        no = await refusal(ada, frame[:-2] + "x" * (protocol.MAX_FRAME - len(frame)) + '"}')
        assert no["code"] == "bad_frame"
        await still_alive(ada)


async def test_invalid_utf_8_closes_with_1007(house: Running) -> None:
    async with house.visitor() as ada:
        text = b'{"kind":"ping"\xff\xfe}'
        mask = b"\x01\x02\x03\x04"
        body = bytes(b ^ mask[i % 4] for i, b in enumerate(text))
        ada.socket.transport.write(struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + body)
        assert (await closed_with(ada.socket))[0] == 1007


async def test_an_unmasked_frame_closes_with_1002(house: Running) -> None:
    async with house.visitor() as ada:
        ada.socket.transport.write(b"\x81\x02{}")
        assert (await closed_with(ada.socket))[0] == 1002


async def test_after_twenty_bad_frames_the_socket_closes_with_1008(house: Running) -> None:
    async with house.visitor() as ada:
        for _ in range(sockets.BAD_FRAMES):
            await refusal(ada, "{")
        await still_alive(ada)
        await ada.socket.send("{")
        assert (await closed_with(ada.socket))[0] == 1008


async def test_who_says_nothing_in_time_is_closed_with_1008(house: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "FIRST_FRAME", 0.3)
    async with line(house) as socket:
        code, came = await closed_with(socket)
    assert (code, came) == (1008, [])


async def test_who_only_sends_rubbish_before_a_first_frame_runs_out_of_time_too(
    house: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "FIRST_FRAME", 0.5)
    async with line(house) as socket:
        await socket.send("{")
        assert (await closed_with(socket))[0] == 1008


async def test_speaking_before_start_or_resume_closes_with_1008_and_stores_nothing(house: Running) -> None:
    async with line(house) as socket:
        await socket.send(json.dumps(said(OPENING)))
        assert (await closed_with(socket))[0] == 1008
    async with reading(house.house.db) as session:
        assert await session.scalar(select(func.count()).select_from(ConversationRow)) == 0


def test_the_real_limits_are_those_of_the_protocol() -> None:
    assert sockets.FIRST_FRAME == 10.0
    assert sockets.BAD_FRAMES == 20
    assert protocol.MAX_FRAME == 65_536


# --- tokens ---------------------------------------------------------------------------------------


async def refused_token(house: Running, token: str) -> list[Frame]:
    async with line(house) as socket:
        await socket.send(json.dumps({"kind": "resume", "token": token, "after": 0}))
        code, came = await closed_with(socket)
    assert code == 4401
    return came


async def test_a_wrong_token_closes_with_4401_and_leaks_nothing(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        await ada.say("My order is BW-ZX4711.")
        token = ada.token
        wrong = [token[:-1] + ("A" if token[-1] != "A" else "B"), token.lower(), token + "=", token[:30]]
        wrong += [ada.conversation_id, digest(token), "%" * 43, "' OR 1=1 --" + "x" * 30, "\x00" * 43]
        for guess in wrong:
            came = await refused_token(both_houses, guess)
            assert [f["kind"] for f in came] == ["refused"]
            assert came[0]["code"] == "unknown_token"
            assert "ZX4711" not in json.dumps(came)
            assert ada.conversation_id not in json.dumps(came)


async def test_an_expired_token_closes_with_4401(house: Running) -> None:
    async with house.visitor() as ada:
        token, conversation = ada.token, UUID(ada.conversation_id)
    async with transaction(house.house.db) as session:
        await session.execute(
            update(ConversationRow)
            .where(ConversationRow.id == conversation)
            .values(token_expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    came = await refused_token(house, token)
    assert [f["code"] for f in came] == ["token_expired"]
    assert str(conversation) not in json.dumps(came)


async def test_a_token_opens_its_own_conversation_only(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as mallory:
        await ada.say("My order is BW-ZX4711.")
        _, came = await resumed(house, mallory.token, 0)
        assert all(f["event"]["conversation_id"] == mallory.conversation_id for f in came)
        assert "ZX4711" not in json.dumps(came)


async def test_the_token_of_a_sign_in_session_is_no_visitors_token(house: Running) -> None:
    cookie = await house.cookie(await house.person("Sam", "agent"))
    assert [f["code"] for f in await refused_token(house, cookie)] == ["unknown_token"]


async def test_a_token_in_the_address_opens_nothing(house: Running) -> None:
    async with (
        house.visitor() as ada,
        connect(
            f"{house.ws}/ws/visitor?token={ada.token}&after=0",
            origin=house.origin,
        ) as socket,
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.4)


# --- texts ----------------------------------------------------------------------------------------


REFUSED_TEXTS = {
    "empty": ("", "empty_text"),
    "spaces": (" \t\n", "empty_text"),
    "zero-width only": ("\u200b\u200d\ufeff\u2060", "empty_text"),
    "direction marks only": ("\u202e\u200f", "empty_text"),
    "4,001 characters": ("x" * 4_001, "text_too_long"),
    "4,001 characters of four bytes": ("\N{HOT BEVERAGE}" * 4_001, "text_too_long"),
    "NUL": ("before\x00after", "broken_text"),
}


async def test_a_text_that_cannot_be_sent_is_refused_with_its_code(empty_house: Running) -> None:
    for what, (text, code) in REFUSED_TEXTS.items():
        async with empty_house.visitor() as ada:
            key = uuid4()
            no = await refusal(ada, said(text, key))
            assert (no["code"], no["ref"]) == (code, str(key)), what
            assert await stored_texts(empty_house, ada) == [], what
            await ada.say("Hello", key)  # the refusal has not spent the key


KEPT_TEXTS = {
    "4,000 characters": "y" * 4_000,
    "zero-width inside": "How\u200b late is it\u2060?",
    "right to left": "\u202eHello\u202c \u05e9\u05dc\u05d5\u05dd",
    "an emoji family": f"We are {FAMILY}",
    "combining marks": "e" + "\u0301" * 3_999,
    "markup": "<img src=x onerror=alert(1)> ${7*7} {{7*7}} '; DROP TABLE messages; --",
    "surrounding space": "  Hello  \n",
    "control characters": "bell\x07 escape\x1b[31m",
}


async def test_a_text_is_kept_byte_for_byte_and_answered(empty_house: Running) -> None:
    for what, text in KEPT_TEXTS.items():
        async with empty_house.visitor() as ada:
            await ada.say(text)
            assert (await ada.happened("message_said", lambda e: e["sender"]["kind"] == "visitor"))["text"] == text, (
                what
            )
            assert await stored_texts(empty_house, ada) == [text], what
            await ada.happened("message_said", lambda e: e["basis"] is not None)


# --- where from, how fast -------------------------------------------------------------------------


def foreign_origins(own: str) -> list[str | None]:
    port = own.rpartition(":")[2]
    return [
        None, "null", "", "https://mallory.example", f"{own}.mallory.example", f"http://127.0.0.1.mallory.example:{port}",
        f"http://mallory.example?{own}", f"http://mallory.example/{own}", f"http://127.0.0.1:{port}@mallory.example",
        "http://127.0.0.1", f"http://localhost:{port}", "file://", f"//127.0.0.1:{port}",
    ]  # fmt: skip


async def test_a_foreign_missing_null_or_look_alike_origin_is_refused_before_the_handshake(
    house: Running,
) -> None:
    for origin in foreign_origins(house.origin):
        with pytest.raises(InvalidStatus) as refused:
            async with line(house, origin):
                pass
        assert refused.value.response.status_code == 403, origin


async def test_an_origin_that_the_operator_named_may_open_the_visitors_socket(
    sqlite_url: str, tmp_path: Any, encoder: Encoder
) -> None:
    settings = Settings(database_url=sqlite_url, data_dir=tmp_path, allowed_origins=("https://shop.example",))
    async with running(settings, encoder) as house:
        async with line(house, "https://shop.example") as socket:
            await socket.send(json.dumps({"kind": "start", "key": str(uuid4())}))
            assert json.loads(await socket.recv())["kind"] == "welcome"
        for near in ("http://shop.example", "https://shop.example.mallory.example", "https://xshop.example"):
            with pytest.raises(InvalidStatus):
                async with line(house, near):
                    pass


async def test_who_writes_too_fast_is_told_when_to_send_again_and_nothing_is_stored(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as grace:
        for number in range(5):
            await ada.say(f"message {number}")
        key = str(uuid4())
        no = await refusal(ada, said("message 6", key))
        assert (no["code"], no["ref"]) == ("too_fast", key)
        assert 0 < no["retry_after"] <= 5
        await grace.say("I am not limited by Ada.")
        assert len(await stored_texts(house, ada)) == 5
        await still_alive(ada)


async def test_a_flood_of_new_conversations_from_one_address_is_limited(house: Running) -> None:
    async def start() -> str:
        async with line(house) as socket:
            await socket.send(json.dumps({"kind": "start", "key": str(uuid4())}))
            try:
                return str(json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))["kind"])
            except ConnectionClosed as gone:
                return str(gone.rcvd and gone.rcvd.code)

    came = [await start() for _ in range(32)]
    assert came[:30] == ["welcome"] * 30
    assert "welcome" not in came[30:]


# --- a person -------------------------------------------------------------------------------------


async def test_a_person_can_be_asked_for_before_any_message(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        await ada.ask_human()
        queued = await ada.happened("chat_queued")
        told = await ada.happened("message_said", lambda e: e["basis"] is not None)
        state = await ada.shows(lambda f: f["holder"] == "queue")
    assert queued["reason"] == "asked_for_human"
    assert told["basis"]["handoff"] == "requested"
    assert "Nobody is at the desk" in told["text"], "it must be honest about an empty desk"
    assert state["position"] == 1
    assert state["desk_open"] is False


async def test_asking_twice_is_one_case_with_one_age(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.visitor(ada.token) as also_ada:
        await asyncio.gather(ada.ask_human(), also_ada.ask_human())
        async with reading(both_houses.house.db) as session:
            since = await session.scalar(select(CaseRow.waiting_since))
        await ada.ask_human()
        async with reading(both_houses.house.db) as session:
            assert await session.scalar(select(func.count()).select_from(CaseRow)) == 1
            assert await session.scalar(select(CaseRow.waiting_since)) == since
            queued = await session.scalar(
                select(func.count()).select_from(EventRow).where(EventRow.kind == "chat_queued")
            )
    assert queued == 1


async def test_who_waits_is_told_once_that_more_words_are_kept_with_the_case(house: Running) -> None:
    async with house.visitor() as ada:
        await ada.ask_human()
        await ada.happened("chat_queued")
        await ada.say("My order number is BW-20931.")
        told = await ada.happened("message_said", lambda e: e["key"].startswith("waiting:"))
        await ada.say("And I am in a hurry.")
        await asyncio.sleep(0.4)
        await still_alive(ada)
        assert sum(e["kind"] == "message_said" and e["key"].startswith("waiting:") for e in ada.events) == 1
        async with reading(house.house.db) as session:
            summary = await session.scalar(select(CaseRow.summary))
    assert "I've added that" in told["text"]
    assert summary is not None
    assert {"what": "order", "text": "BW-20931"} in summary["facts"]


async def test_who_no_longer_wants_to_wait_gets_the_bot_back(house: Running) -> None:
    async with house.visitor() as ada:
        await ada.ask_human()
        await ada.happened("chat_queued")
        await ada.send({"kind": "back_to_bot"})
        assert (await ada.happened("chat_returned"))["by"] == "visitor"
        reply = await ada.ask(OPENING)
        assert reply["basis"]["faq_id"] == "opening-hours"
        await ada.send({"kind": "back_to_bot"})  # nothing to leave: nothing happens
        await still_alive(ada)


async def test_a_contact_is_left_once_and_only_the_desk_sees_it(both_houses: Running) -> None:
    key = str(uuid4())
    frame = {"kind": "leave_contact", "key": key, "email": "ada@example.com", "text": "Please call me back."}
    async with both_houses.visitor() as ada:
        await ada.ask_human()
        await ada.send(frame)
        first = await ada.until("stored", lambda f: f["key"] == key)
        state = await ada.shows(lambda f: f["contact_left"])
        await ada.send(frame)
        again = await ada.until("stored", lambda f: f["key"] == key)
        changed = await refusal(ada, {**frame, "text": "Never mind."})
        _, came = await resumed(both_houses, ada.token, 0)
    assert first["seq"] == again["seq"]
    assert state["holder"] == "queue"
    assert changed["code"] == "key_reused"
    assert "contact_left" not in {f["event"]["kind"] for f in came}
    async with reading(both_houses.house.db) as session:
        assert await session.scalar(select(func.count()).select_from(LeftMessageRow)) == 1


async def test_a_bad_address_is_refused_with_a_code_and_nothing_is_kept(house: Running) -> None:
    bad = ["", "ada", "ada@", "@example.com", "ada@example", "a b@example.com", "ada@example.com\r\nBcc: x@y.zz"]
    for email in bad:
        async with house.visitor() as ada:
            key = str(uuid4())
            no = await refusal(ada, {"kind": "leave_contact", "key": key, "email": email, "text": "Call me."})
            assert (no["code"], no["ref"]) == ("bad_email", key), email
    async with reading(house.house.db) as session:
        assert await session.scalar(select(func.count()).select_from(LeftMessageRow)) == 0


async def test_a_chat_that_was_ended_is_reopened_by_writing_again(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        await ada.ask(OPENING)
        await ada.send({"kind": "end"})
        assert (await ada.happened("chat_closed"))["by"] == "visitor"
        await ada.shows(lambda f: f["holder"] == "closed")
        await ada.send({"kind": "end"})  # twice is once
        reply = await ada.ask(DELIVERY)
        assert reply["basis"]["faq_id"] == "delivery-time"
        kinds = [e["kind"] for e in ada.events]
        assert kinds.count("chat_closed") == 1
        assert kinds.index("chat_reopened") == kinds.index("chat_closed") + 1


# --- typing ---------------------------------------------------------------------------------------


async def test_typing_is_shown_at_the_desk_and_never_in_another_conversation(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as grace, house.desk() as sam:
        await sam.send({"kind": "watch", "conversation_id": ada.conversation_id})
        await sam.until("watched")
        await ada.send({"kind": "typing"})
        seen = await sam.until("typing")
        assert seen == {"kind": "typing", "conversation_id": ada.conversation_id,
                        "who": {"kind": "visitor", "id": None, "name": ""}}  # fmt: skip
        await ada.send({"kind": "typing"})  # within a second: not passed on
        await grace.send({"kind": "typing"})  # not watched
        await still_alive(grace)
        await asyncio.sleep(0.2)
        for page in (ada, grace, sam):
            await page.send({"kind": "ping"})
            await page.until("pong")
        assert sum(f["kind"] == "typing" for f in sam.seen) == 1
        assert not [f for page in (ada, grace) for f in page.seen if f["kind"] == "typing"]


async def test_only_the_agent_who_holds_the_chat_is_shown_typing(house: Running) -> None:
    async with house.visitor() as ada, house.desk("Sam") as sam, house.desk("Kim") as kim:
        await ada.ask_human()
        await sam.act("claim", ada.conversation_id)
        await kim.send({"kind": "typing", "conversation_id": ada.conversation_id})
        await kim.send({"kind": "ping"})
        await kim.until("pong")
        await sam.send({"kind": "typing", "conversation_id": ada.conversation_id})
        seen = await ada.until("typing")
        assert seen["who"]["name"] == "Sam"
        assert seen["who"]["kind"] == "agent"
        assert sum(f["kind"] == "typing" for f in ada.seen) == 1


# --- one bad neighbour ----------------------------------------------------------------------------


async def test_a_socket_that_is_fed_rubbish_does_not_disturb_the_others(house: Running) -> None:
    rubbish: list[Callable[[ClientConnection], Any]] = [
        lambda s: s.send(b"\xff" * 100),
        lambda s: s.send("[" * 60_000),
        lambda s: s.send("x" * 70_000),
        lambda s: s.transport.abort(),
        lambda s: s.transport.write(b"\xff\xff\xff\xff\xff"),
    ]
    async with house.visitor() as ada:
        for throw in rubbish * 2:
            async with line(house) as socket:
                done = throw(socket)
                if done is not None:
                    await done
        reply = await ada.ask(OPENING)
    assert reply["basis"]["faq_id"] == "opening-hours"
