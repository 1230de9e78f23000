"""Contesting a decision: asked once, answered once, by a person, and the visitor is told."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from people import Running, Visitor
from sqlalchemy import select

from api import rights
from bot import records, reviews
from core import conversations, privacy
from core.db import reading, transaction
from core.tables import AuditRow, MessageRow

REVIEWS = "/api/v1/reviews"


async def asked(house: Running, ada: Visitor, words: str | None = "That is not what I meant.") -> dict[str, Any]:
    said = await ada.ask("What are your opening hours?")
    return await contest(house, ada, said["basis"]["decision_id"], words)


async def contest(house: Running, ada: Visitor, decision_id: str, words: str | None) -> dict[str, Any]:
    async with house.http(ada.token) as http:
        got = await http.post(f"/api/v1/visitor/decisions/{decision_id}/review", json={"words": words})
    assert got.status_code == 201, got.text
    return dict(got.json())


async def why(house: Running, ada: Visitor, decision_id: str) -> dict[str, Any]:
    async with house.http(ada.token) as http:
        return dict((await http.get(f"/api/v1/visitor/decisions/{decision_id}")).json())


async def the_open_one(http: httpx.AsyncClient) -> dict[str, Any]:
    [review] = (await http.get(REVIEWS)).json()["reviews"]
    return dict(review)


async def test_a_visitor_asks_a_person_answers_and_the_visitor_is_told(both_houses: Running) -> None:
    house = both_houses
    async with house.desk() as sam, house.visitor() as ada, house.signed_in("Kim", "agent") as kim:
        await sam.send({"kind": "watch", "conversation_id": ada.conversation_id})
        asked_for = await asked(house, ada)
        assert (asked_for["state"], asked_for["answer"]) == ("open", None)
        event = await sam.event("review_asked")
        assert event["words"] == "That is not what I meant."

        review = await the_open_one(kim)
        assert review["said"] == "What are your opening hours?"
        assert review["decision"]["why"]
        assert review["conversation_id"] == ada.conversation_id
        verdict = {"outcome": "changed", "answer": "On Sundays we are closed; the entry is corrected."}
        got = await kim.post(f"{REVIEWS}/{review['id']}", json=verdict)
        assert (got.status_code, got.json()["state"]) == (200, "changed")

        told = await ada.message("system")
        assert told["sender"]["name"] == "Burblewick"
        assert told["text"].endswith("agrees with you: On Sundays we are closed; the entry is corrected.")
        assert (await sam.event("review_decided"))["outcome"] == "changed"
        seen = (await why(house, ada, review["decision_id"]))["review"]
        assert (seen["state"], seen["answer"]) == ("changed", verdict["answer"])
        assert seen["answered_at"] is not None
        assert (await kim.get(REVIEWS)).json() == {"reviews": []}
        assert len((await kim.get(REVIEWS, params={"state": "decided"})).json()["reviews"]) == 1
        assert not [f for f in ada.seen if f["kind"] == "happened" and f["event"]["kind"].startswith("review")]
    async with reading(house.house.db) as session:
        notes = [row for row in await session.scalars(select(AuditRow)) if row.action == "review.changed"]
    assert [row.subject for row in notes] == [review["id"]]


async def test_asking_twice_is_asking_once_and_the_first_words_stand(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        said = await ada.ask("What are your opening hours?")
        decision_id = said["basis"]["decision_id"]
        came = await asyncio.gather(*(contest(both_houses, ada, decision_id, "Wrong!") for _ in range(4)))
        assert len({str(c) for c in came}) == 1
        assert (await contest(both_houses, ada, decision_id, "Other words"))["words"] == "Wrong!"
    async with reading(both_houses.house.db) as session:
        assert len(await reviews.some(session, ("open",))) == 1


async def test_two_who_answer_at_once_answer_once(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.signed_in("Kim", "agent") as kim:
        await asked(both_houses, ada, None)
        review = await the_open_one(kim)
        verdicts = ({"outcome": o, "answer": f"It is {o}."} for o in ("upheld", "changed", "upheld"))
        came = await asyncio.gather(*(kim.post(f"{REVIEWS}/{review['id']}", json=v) for v in verdicts))
        assert sorted(c.status_code for c in came) == [200, 409, 409]
        assert {c.json()["code"] for c in came if c.status_code == 409} == {"review_done"}
        await ada.message("system")
    async with reading(both_houses.house.db) as session:
        told = await session.scalars(select(MessageRow.id).where(MessageRow.sender_kind == "system"))
        assert len(list(told)) == 1


async def test_what_is_no_complaint_and_no_answer_is_refused(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as mallory, house.signed_in("Kim", "agent") as kim:
        said = await ada.ask("What are your opening hours?")
        path = f"/api/v1/visitor/decisions/{said['basis']['decision_id']}/review"
        async with house.http(mallory.token) as http:
            assert (await http.post(path, json={})).json()["code"] == "not_found"
        async with house.http(ada.token) as http:
            for body, code in (
                ({"words": "x" * 1_001}, "text_too_long"), ({"words": "a\x00"}, "broken_text"),
                ({"words": 5}, "bad_input"), ({"word": "x"}, "bad_input"),
            ):  # fmt: skip
                assert (await http.post(path, json=body)).json()["code"] == code
            assert (await http.post(path)).status_code == 201, "words are optional"
        review = await the_open_one(kim)
        for body, code in (
            ({"outcome": "maybe", "answer": "x"}, "bad_input"), ({"outcome": "upheld"}, "bad_input"),
            ({"outcome": "upheld", "answer": " "}, "empty_text"),
            ({"outcome": "upheld", "answer": "x" * 2_001}, "text_too_long"),
        ):  # fmt: skip
            assert (await kim.post(f"{REVIEWS}/{review['id']}", json=body)).json()["code"] == code
        got = await kim.post(f"{REVIEWS}/{uuid4()}", json={"outcome": "upheld", "answer": "x"})
        assert (got.status_code, got.json()["code"]) == (404, "not_found")


async def test_a_review_goes_with_its_visitor_and_is_in_the_export(house: Running) -> None:
    async with house.visitor() as ada, house.signed_in("Kim", "agent") as kim:
        await asked(house, ada, "Zanzibar is not on the list.")
        review = await the_open_one(kim)
        async with reading(house.house.db) as session:
            visitor_id = await privacy.who(session, UUID(ada.conversation_id))
        found = await rights.data_of(house.house, visitor_id)
        assert found["conversations"][0]["decisions"][0]["review"]["words"] == "Zanzibar is not on the list."
        assert found["stored"]["reviews"][0]["words"] == "Zanzibar is not on the list."
        await rights.erase(house.house, visitor_id, "test")
        assert (await kim.get(REVIEWS)).json() == {"reviews": []}
        got = await kim.post(f"{REVIEWS}/{review['id']}", json={"outcome": "upheld", "answer": "x"})
        assert got.status_code == 404


async def test_who_withdrew_gets_the_answer_at_the_decision_and_no_new_message(house: Running) -> None:
    async with house.visitor() as ada, house.signed_in("Kim", "agent") as kim, house.http(ada.token) as http:
        review = await asked(house, ada)
        await http.post("/api/v1/visitor/consent", json={"purposes": {"chat": False}, "version": "1"})
        [listed] = (await kim.get(REVIEWS)).json()["reviews"]
        got = await kim.post(f"{REVIEWS}/{listed['id']}", json={"outcome": "upheld", "answer": "It was right."})
        assert got.status_code == 200
        assert (await why(house, ada, review["decision_id"]))["review"]["answer"] == "It was right."
        async with reading(house.house.db) as session:
            kinds = list(await session.scalars(select(MessageRow.sender_kind)))
        assert "system" not in kinds


async def test_an_answer_in_a_closed_conversation_does_not_open_it(house: Running) -> None:
    async with house.visitor() as ada:
        review = await asked(house, ada)
        await ada.send({"kind": "end"})
        await ada.event("chat_closed")
        async with transaction(house.house.db) as session:
            [found] = await reviews.some(session, ("open",))
            assert str(found.decision_id) == review["decision_id"]
            later = house.house.now() + timedelta(days=1)
            await reviews.decide(
                session, found.id, outcome="upheld", answer="Yes.", business="B", actor="test", now=later
            )
        async with reading(house.house.db) as session:
            assert (await conversations.get(session, found.conversation_id)).holder == "closed"
            assert len(await records.of_conversation(session, found.conversation_id)) == 1


@pytest.mark.parametrize("outcome", ["upheld", "changed"])
async def test_an_api_key_may_answer_too(house: Running, outcome: str) -> None:
    async with house.visitor() as ada, house.http(await house.api_key("agent")) as machine:
        await asked(house, ada)
        review = await the_open_one(machine)
        got = await machine.post(f"{REVIEWS}/{review['id']}", json={"outcome": outcome, "answer": "Looked at."})
        assert got.json()["state"] == outcome
