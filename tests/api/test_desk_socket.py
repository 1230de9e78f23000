"""The desk's socket, over real sockets: who may open it, one holder at a time, what becomes of a vanished agent."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from people import PATIENCE, Desk, Frame, Running, Visitor
from sqlalchemy import func, select, update
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from api.cli import PING_EVERY
from api.jobs import TICK
from core.db import reading, transaction
from core.tables import AuditRow, MessageRow, StaffRow, StaffSessionRow
from handoff import presence
from handoff.tables import CaseRow

OPENING = "What are your opening hours?"


@asynccontextmanager
async def desk_line(house: Running, cookie: str | None, origin: str | None = "own") -> AsyncIterator[ClientConnection]:
    headers = {"Cookie": f"warmline_session={cookie}"} if cookie is not None else {}
    wanted = house.origin if origin == "own" else Origin(origin) if origin is not None else None
    async with connect(f"{house.ws}/ws/desk", origin=wanted, additional_headers=headers) as socket:
        yield socket


async def close_code(socket: ClientConnection) -> tuple[int, list[Frame]]:
    came: list[Frame] = []
    async with asyncio.timeout(PATIENCE):
        try:
            while True:
                came.append(json.loads(await socket.recv()))
        except ConnectionClosed as gone:
            return (gone.rcvd.code if gone.rcvd else 0), came


async def alive(page: Visitor | Desk) -> None:
    await page.send({"kind": "ping"})
    await page.until("pong")


async def in_line(ada: Visitor) -> None:
    await ada.send({"kind": "ask_human", "key": str(uuid4())})
    await ada.happened("chat_queued")


async def case_of(house: Running, ada: Visitor) -> CaseRow:
    async with reading(house.house.db) as session:
        return await session.get_one(CaseRow, UUID(ada.conversation_id))


# --- who may open it ------------------------------------------------------------------------------


async def test_who_is_not_signed_in_is_closed_with_4401_and_sees_nothing(house: Running) -> None:
    async with house.visitor() as ada:
        await in_line(ada)
        sam = await house.person("Sam", "agent")
        expired = await house.cookie(sam)
        async with transaction(house.house.db) as session:
            await session.execute(update(StaffSessionRow).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        for cookie in (None, "", "guess" * 9, expired, ada.token, "\u00e4"):
            async with desk_line(house, cookie) as socket:
                assert await close_code(socket) == (4401, []), cookie


async def test_a_deactivated_account_is_closed_with_4401(house: Running) -> None:
    sam = await house.person("Sam", "agent")
    cookie = await house.cookie(sam)
    async with transaction(house.house.db) as session:
        await session.execute(update(StaffRow).where(StaffRow.id == sam.id).values(active=False))
    async with desk_line(house, cookie) as socket:
        assert await close_code(socket) == (4401, [])


async def test_a_foreign_origin_is_refused_with_403_even_with_the_cookie(house: Running) -> None:
    cookie = await house.cookie(await house.person("Sam", "agent"))
    for origin in (None, "null", "https://mallory.example", f"{house.origin}.mallory.example"):
        with pytest.raises(InvalidStatus) as refused:
            async with desk_line(house, cookie, origin):
                pass
        assert refused.value.response.status_code == 403, origin


async def test_an_api_key_opens_no_desk(house: Running) -> None:
    key = await house.api_key("owner")
    async with connect(
        f"{house.ws}/ws/desk", origin=house.origin, additional_headers={"Authorization": f"Bearer {key}"}
    ) as socket:
        assert await close_code(socket) == (4401, [])


async def test_frames_before_the_sign_in_change_nothing(house: Running) -> None:
    async with house.visitor() as ada:
        await in_line(ada)
        async with desk_line(house, None) as socket:
            await socket.send(json.dumps({"kind": "claim", "conversation_id": ada.conversation_id, "ref": "x"}))
            assert (await close_code(socket))[0] == 4401
        assert (await case_of(house, ada)).state == "waiting"


# --- the queue ------------------------------------------------------------------------------------


async def test_the_snapshot_shows_who_waits_why_and_what_they_said(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.visitor() as grace:
        await grace.ask(OPENING)
        await ada.say("Where is my order BW-20931? It has still not come.")
        await in_line(ada)
        async with both_houses.desk() as sam:
            [row] = await sam.waiting(lambda rows: len(rows) == 1)
            queue = next(f for f in sam.seen if f["kind"] == "queue")
    assert row["conversation_id"] == ada.conversation_id
    assert row["state"] == "waiting"
    assert row["reason"] is not None
    assert row["agent_id"] is None
    assert "BW-20931" in row["summary"]["wants"]
    assert {"what": "order", "text": "BW-20931"} in row["summary"]["facts"]
    assert [r["conversation_id"] for r in queue["with_bot"]] == [grace.conversation_id]
    assert queue["with_bot"][0]["last_from"] == "bot"
    assert ada.token not in json.dumps(queue)


async def test_the_longest_wait_stands_first(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as grace, house.desk() as sam:
        await in_line(grace)
        await in_line(ada)
        rows = await sam.waiting(lambda rows: len(rows) == 2)
        assert [r["conversation_id"] for r in rows] == [grace.conversation_id, ada.conversation_id]
        second = await ada.shows(lambda f: f["position"] == 2)
        assert second["desk_open"] is True
        await sam.act("claim", grace.conversation_id)
        await ada.shows(lambda f: f["position"] == 1)


async def test_of_two_desks_that_claim_at_once_one_gets_the_chat_and_one_already_claimed(
    both_houses: Running,
) -> None:
    async with both_houses.desk("Sam") as sam, both_houses.desk("Kim") as kim:
        for round_ in range(3):
            async with both_houses.visitor() as ada:
                await in_line(ada)
                answers = await asyncio.gather(
                    sam.act("claim", ada.conversation_id), kim.act("claim", ada.conversation_id)
                )
                assert sorted(a["kind"] for a in answers) == ["done", "refused"], round_
                assert [a["code"] for a in answers if a["kind"] == "refused"] == ["already_claimed"]
                winner = sam if answers[0]["kind"] == "done" else kim
                claimed = await ada.happened("chat_claimed")
                assert claimed["agent_id"] == str(winner.person.id)
                again = await winner.act("claim", ada.conversation_id)
                assert again["code"] == "already_claimed"
                case = await case_of(both_houses, ada)
                assert (case.agent_id, case.claims) == (winner.person.id, 1)
    async with reading(both_houses.house.db) as session:
        noted = await session.scalar(
            select(func.count()).select_from(AuditRow).where(AuditRow.action == "chat.claimed")
        )
    assert noted == 3


async def test_a_claimed_chat_leaves_the_line_of_the_others_and_becomes_mine(house: Running) -> None:
    async with house.visitor() as ada, house.desk("Sam") as sam, house.desk("Kim") as kim:
        await in_line(ada)
        await kim.waiting(lambda rows: len(rows) == 1)
        await sam.act("claim", ada.conversation_id)
        theirs = await kim.until("queue", lambda f: bool(f["others"]))
        mine = await sam.until("queue", lambda f: bool(f["mine"]))
    assert theirs["waiting"] == []
    assert theirs["others"][0]["agent_name"] == "Sam"
    assert mine["mine"][0]["conversation_id"] == ada.conversation_id


async def test_a_bad_frame_or_an_unknown_conversation_is_refused_and_the_desk_stays_open(house: Running) -> None:
    async with house.desk() as sam:
        for kind in ("claim", "release", "return_to_bot", "close", "watch"):
            no = await sam.act(kind, str(uuid4()))
            assert no["code"] == "not_found", kind
            await sam.until("refused")
        for bad in (
            "{",
            '{"kind":"claim","conversation_id":true}',
            '{"kind":"say","text":"x"}',
            '{"kind":"start"}',
            '{"kind":"ping","role":"x"}',
        ):
            await sam.socket.send(bad)
            assert (await sam.until("refused"))["code"] == "bad_frame", bad
        await alive(sam)


# --- one voice at a time --------------------------------------------------------------------------


async def bot_lines(house: Running, ada: Visitor) -> list[str]:
    async with reading(house.house.db) as session:
        found = await session.scalars(
            select(MessageRow.text)
            .where(MessageRow.conversation_id == UUID(ada.conversation_id), MessageRow.sender_kind == "bot")
            .order_by(MessageRow.seq)
        )
        return list(found)


async def test_from_the_claim_on_the_bot_is_silent_and_agent_and_visitor_talk(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.desk() as sam:
        await in_line(ada)
        assert (await sam.act("claim", ada.conversation_id))["kind"] == "done"
        claimed = await ada.happened("chat_claimed")
        assert claimed["agent_name"] == "Sam"
        state = await ada.shows(lambda f: f["holder"] == "agent")
        assert state["agent_name"] == "Sam"
        before = await bot_lines(both_houses, ada)

        await sam.send({"kind": "watch", "conversation_id": ada.conversation_id, "after": claimed["seq"]})
        await ada.say(OPENING)
        heard = await sam.message("visitor")
        assert heard["text"] == OPENING
        key = uuid4()
        stored = await sam.say(ada.conversation_id, "Hello, this is Sam. Ten to half past five.", key)
        again = await resent(sam, ada.conversation_id, "Hello, this is Sam. Ten to half past five.", key)
        assert again == stored
        reply = await ada.message("agent")
        assert reply["sender"] == {"kind": "agent", "id": str(sam.person.id), "name": "Sam"}
        await asyncio.sleep(0.3)
        assert await bot_lines(both_houses, ada) == before


async def test_a_reply_that_is_still_being_computed_at_the_claim_is_never_said(house: Running) -> None:
    """The encoder is kept honestly busy: forty long texts are read in turn with the visitor's line."""
    encoder = house.house.encoder
    busy = [asyncio.create_task(encoder.encode([f"{n} " + "word after word " * 900])) for n in range(40)]
    await asyncio.sleep(0.05)
    async with house.visitor() as ada, house.desk() as sam:
        await ada.say(OPENING)
        await ada.shows(lambda f: f["bot_thinking"])
        turn = house.house.turns.wake(UUID(ada.conversation_id))
        await asyncio.sleep(0.2)
        await in_line(ada)
        assert (await sam.act("claim", ada.conversation_id))["kind"] == "done"
        assert not turn.done(), "the reply was not under way any more: the test proves nothing"
        claimed = await ada.happened("chat_claimed")
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        await asyncio.wait_for(turn, PATIENCE)
        await alive(ada)
        assert [e for e in ada.events if e["seq"] > claimed["seq"]] == []
        assert not [e for e in ada.events if e["kind"] == "message_said" and (e["basis"] or {}).get("faq_id")]
        assert len(await bot_lines(house, ada)) == 2, "the greeting, and that a person was fetched"


async def test_release_puts_the_chat_back_with_its_age_and_the_visitor_is_told(house: Running) -> None:
    async with house.visitor() as ada, house.desk("Sam") as sam, house.desk("Kim") as kim:
        await in_line(ada)
        since = (await case_of(house, ada)).waiting_since
        await sam.act("claim", ada.conversation_id)
        await sam.act("release", ada.conversation_id)
        released = await ada.happened("chat_released")
        assert released["cause"] == "released"
        await ada.shows(lambda f: f["holder"] == "queue")
        case = await case_of(house, ada)
        assert (case.state, case.waiting_since, case.agent_id) == ("waiting", since, None)
        assert (await kim.act("claim", ada.conversation_id))["kind"] == "done"
        late = await sam.say(ada.conversation_id, "One more thing.")
        assert (late["kind"], late["code"]) == ("refused", "not_yours")
        for kind in ("release", "return_to_bot", "close"):
            assert (await sam.act(kind, ada.conversation_id))["code"] == "not_yours", kind
        assert (await case_of(house, ada)).agent_id == kim.person.id
        assert not [e for e in ada.events if e["kind"] == "message_said" and e["sender"]["kind"] == "agent"]


async def test_a_chat_that_is_returned_is_answered_by_the_bot_again(house: Running) -> None:
    async with house.visitor() as ada, house.desk() as sam:
        await in_line(ada)
        await sam.act("claim", ada.conversation_id)
        await ada.say("Thanks, one more small thing for the bot.")
        await sam.act("return_to_bot", ada.conversation_id)
        assert (await ada.happened("chat_returned"))["by"] == "agent"
        reply = await ada.ask(OPENING)
        assert reply["basis"]["faq_id"] == "opening-hours"
        late = await sam.say(ada.conversation_id, "I am still here.")
        assert late["code"] == "not_yours"


async def test_a_chat_that_is_closed_ends_for_the_visitor_and_late_words_are_refused(house: Running) -> None:
    async with house.visitor() as ada, house.desk() as sam:
        await in_line(ada)
        await sam.act("claim", ada.conversation_id)
        await sam.act("close", ada.conversation_id)
        assert (await ada.happened("chat_closed"))["by"] == "agent"
        await ada.shows(lambda f: f["holder"] == "closed")
        assert (await sam.say(ada.conversation_id, "Bye."))["code"] == "not_yours"
        reply = await ada.ask(OPENING)
        assert reply["basis"]["faq_id"] == "opening-hours"
        assert [e["kind"] for e in ada.events][-4:-2] == ["chat_closed", "chat_reopened"]


async def test_words_that_cannot_be_sent_are_refused_at_the_desk_too(house: Running) -> None:
    async with house.visitor() as ada, house.desk() as sam:
        await in_line(ada)
        await sam.act("claim", ada.conversation_id)
        for text, code in (("", "empty_text"), ("x" * 4_001, "text_too_long"), ("\x00", "broken_text")):
            assert (await sam.say(ada.conversation_id, text))["code"] == code
        key = uuid4()
        await sam.say(ada.conversation_id, "Hello", key)
        assert (await resent(sam, ada.conversation_id, "Other words", key))["code"] == "key_reused"


async def resent(sam: Desk, conversation_id: str, text: str, key: UUID) -> Frame:
    """Say it under a key that was used before; the answer to this frame, not to the first."""
    ref, before = uuid4().hex, len(sam.seen)
    await sam.send({"kind": "say", "conversation_id": conversation_id, "key": str(key), "text": text, "ref": ref})
    while True:
        for frame in sam.seen[before:]:
            if frame.get("ref") == ref or (frame["kind"] == "stored" and frame["key"] == str(key)):
                return frame
        await sam.next()


# --- what the visitor must not see ----------------------------------------------------------------


async def test_what_is_for_the_desk_never_reaches_the_visitor(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.desk() as sam:
        await ada.ask(OPENING)
        await in_line(ada)
        contact = {"kind": "leave_contact", "key": str(uuid4()), "email": "ada@example.com", "text": "Call me"}
        await ada.send(contact)
        await ada.until("stored", lambda f: f["key"] == contact["key"])
        await sam.send({"kind": "watch", "conversation_id": ada.conversation_id})
        await sam.happened("contact_left")
        await sam.act("claim", ada.conversation_id)
        await sam.act("close", ada.conversation_id)
        await ada.happened("chat_closed")
        await sam.happened("chat_closed")
        async with both_houses.visitor(ada.token) as again:
            await again.happened("chat_closed")
        desk_only = {"decision_made", "contact_left"}
        for page in (ada, again):
            assert not desk_only & {e["kind"] for e in page.events}
            assert {f["kind"] for f in page.seen} <= {"welcome", "happened", "state", "stored", "pong"}
            words = json.dumps(page.seen)
            for secret in ("frustration", "sentiment", "ada@example.com", "rule", "summary", sam.person.email):
                assert secret not in words, secret
        assert desk_only <= {e["kind"] for e in sam.events}
        seqs = [e["seq"] for e in sam.events]
        assert seqs == list(range(1, len(seqs) + 1)), "the desk sees every number"


async def test_a_desk_that_watches_after_n_gets_the_rest_each_naming_its_predecessor(house: Running) -> None:
    async with house.visitor() as ada, house.desk() as sam:
        await ada.ask(OPENING)
        await sam.send({"kind": "watch", "conversation_id": ada.conversation_id, "after": 2, "ref": "w"})
        watched = await sam.until("watched")
        assert (watched["ref"], watched["last_seq"], watched["holder"]) == ("w", 4, "bot")
        await sam.event("message_said")
        happened = [f for f in sam.seen if f["kind"] == "happened"]
        assert [(f["prev"], f["event"]["seq"]) for f in happened] == [(2, 3), (3, 4)]
        await sam.send({"kind": "unwatch", "conversation_id": ada.conversation_id})
        await alive(sam)
        await ada.ask("Are you hiring?")
        await alive(sam)
        assert sum(f["kind"] == "happened" for f in sam.seen) == 2


# --- sessions and absences ------------------------------------------------------------------------


async def test_the_socket_of_a_signed_out_session_closes_within_six_seconds(house: Running) -> None:
    async with house.visitor() as ada, house.signed_in("Sam", "agent") as http:
        await in_line(ada)
        cookie = http.cookies["warmline_session"]
        async with desk_line(house, cookie) as idle, desk_line(house, cookie) as eager:
            for socket in (idle, eager):
                assert json.loads(await socket.recv())["kind"] == "desk_welcome"
            began = asyncio.get_running_loop().time()
            assert (await http.delete("/api/v1/session")).status_code == 204
            await eager.send(json.dumps({"kind": "claim", "conversation_id": ada.conversation_id, "ref": "x"}))
            code, came = await close_code(eager)
            assert code == 4401
            assert not [f for f in came if f["kind"] == "done"]
            assert (await close_code(idle))[0] == 4401
            assert asyncio.get_running_loop().time() - began < 6
        assert (await case_of(house, ada)).state == "waiting"


def test_a_vanished_agents_chats_are_back_within_twenty_seconds_by_the_real_numbers() -> None:
    notices_a_dead_line = 2 * PING_EVERY  # a ping, and no answer to it
    assert notices_a_dead_line + presence.GRACE.total_seconds() + TICK <= 20
    assert presence.LEASE.total_seconds() + TICK <= 20, "the whole server of the agent died"
    assert presence.LEASE.total_seconds() > presence.BEAT * 2, "one lost beat must not cost the lease"
    assert presence.GRACE.total_seconds() > presence.BEAT, "another page of the agent takes the grace back"


async def test_a_vanished_agents_chat_is_back_in_line_with_its_age_and_its_late_words_are_refused(
    house: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "GRACE", timedelta(seconds=1))
    monkeypatch.setattr(presence, "LEASE", timedelta(seconds=3))
    monkeypatch.setattr(presence, "BEAT", 0.5)
    cookie = await house.cookie(await house.person("Sam", "agent"))
    async with house.visitor() as ada, house.desk("Kim") as kim:
        await in_line(ada)
        since = (await case_of(house, ada)).waiting_since
        async with desk_line(house, cookie) as socket:
            await socket.send(json.dumps({"kind": "claim", "conversation_id": ada.conversation_id, "ref": "c"}))
            await ada.happened("chat_claimed")
            socket.transport.abort()
            released = await ada.happened("chat_released")
        assert released["cause"] == "agent_vanished"
        [row] = await kim.waiting(lambda rows: len(rows) == 1 and rows[0]["state"] == "waiting")
        assert datetime.fromisoformat(row["waiting_since"]) == since
        async with house.desk("Sam") as sam:
            late = await sam.say(ada.conversation_id, "I was away for a moment.")
            assert late["code"] == "not_yours"


async def test_a_reload_of_the_page_keeps_the_chat(house: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "GRACE", timedelta(seconds=2))
    monkeypatch.setattr(presence, "BEAT", 0.5)
    async with house.visitor() as ada:
        await in_line(ada)
        async with house.desk("Sam") as sam:
            await sam.act("claim", ada.conversation_id)
        async with house.desk("Sam") as sam:
            await asyncio.sleep(3.2)
            assert (await sam.say(ada.conversation_id, "Back again."))["kind"] == "stored"
        assert "chat_released" not in {e["kind"] for e in ada.events}


async def test_who_is_away_is_not_counted_as_a_person_at_the_desk(house: Running) -> None:
    async with house.visitor() as ada, house.desk() as sam:
        await in_line(ada)  # who waits is told of the desk at once, all others when they look
        await ada.shows(lambda f: f["desk_open"])
        assert (await act_present(sam, "away"))["kind"] == "done"
        await ada.shows(lambda f: not f["desk_open"])
        assert (await act_present(sam, "online"))["kind"] == "done"
        await ada.shows(lambda f: f["desk_open"])


async def act_present(sam: Desk, status: str) -> Frame:
    ref = uuid4().hex
    await sam.send({"kind": "presence", "status": status, "ref": ref})
    while True:
        frame = await sam.next()
        if frame.get("ref") == ref:
            return frame
