"""Rasa's REST channel, field by field as the contract names it."""

import asyncio
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from people import Frame, Running, running

from core.encoder import PACKAGE_SHA256, Encoder, locate
from core.settings import Settings

OPENING = "What are your opening hours?"
DECISIONS = {"answer", "clarify", "smalltalk", "decline", "handoff"}
REASONS = {
    "asked_for_human", "frustrated", "stuck", "complex", "sensitive", "abusive", "vulnerable", "bot_failure", None,
}  # fmt: skip


async def ask(http: httpx.AsyncClient, text: str, sender: str = "ada", **more: object) -> list[Frame]:
    got = await http.post("/webhooks/rest/webhook", json={"sender": sender, "message": text, **more})
    assert got.status_code == 200, got.text
    said: list[Frame] = got.json()
    return said


def decided(said: list[Frame]) -> Frame:
    [custom] = [m["custom"] for m in said if "decision" in m["custom"]]
    found: Frame = custom
    return found


def in_form(custom: Frame) -> None:
    assert set(custom) == {
        "sender_kind", "decision", "faq_id", "also", "confidence", "candidates", "handoff", "reason", "sentiment",
        "frustration", "decision_id",
    }  # fmt: skip
    assert custom["sender_kind"] == "bot"
    assert custom["decision"] in DECISIONS
    assert custom["handoff"] in ("none", "offered", "requested")
    assert custom["reason"] in REASONS
    assert isinstance(custom["also"], list)
    assert 0 <= custom["confidence"] <= 1
    assert 0 <= custom["frustration"] <= 1
    assert len(custom["candidates"]) >= 3
    assert all(set(c) == {"faq_id", "confidence"} for c in custom["candidates"])
    confidences = [c["confidence"] for c in custom["candidates"]]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] == custom["confidence"]
    mood = custom["sentiment"]
    assert set(mood) == {"label", "negative", "neutral", "positive"}
    assert mood["label"] in ("negative", "neutral", "positive")
    assert sum(mood[n] for n in ("negative", "neutral", "positive")) == pytest.approx(1, abs=1e-3)
    UUID(custom["decision_id"])


async def test_an_answer_has_every_field_of_the_contract_and_the_first_words_disclose_the_bot(
    both_houses: Running,
) -> None:
    key = await both_houses.api_key()
    async with both_houses.http(key) as http:
        said = await ask(http, OPENING)
        assert [set(m) - {"buttons"} for m in said] == [{"recipient_id", "text", "custom"}] * len(said)
        assert {m["recipient_id"] for m in said} == {"ada"}
        assert "I'm the bot" in said[0]["text"]
        custom = decided(said)
        in_form(custom)
        assert custom["decision"] == "answer"
        assert custom["faq_id"] == custom["candidates"][0]["faq_id"] == "opening-hours"
        assert (custom["handoff"], custom["reason"]) == ("none", None)
        again = await ask(http, "How long does delivery take?")
        assert len(again) == 1, "the greeting is said once"
        assert decided(again)["faq_id"] == "delivery-time"


async def test_the_button_of_the_channel_asks_for_a_person(house: Running) -> None:
    async with house.http(await house.api_key()) as http:
        custom = decided(await ask(http, "/human"))
        assert (custom["decision"], custom["handoff"], custom["reason"]) == ("handoff", "requested", "asked_for_human")
        assert custom["faq_id"] is None


async def test_what_the_faq_does_not_know_is_no_answer_and_still_names_candidates(house: Running) -> None:
    async with house.http(await house.api_key()) as http:
        said = await ask(http, "Which telescope shows the rings of Saturn best?")
        custom = decided(said)
        in_form(custom)
        assert custom["decision"] != "answer"
        assert custom["faq_id"] is None
        for button in [b for m in said for b in m.get("buttons", [])]:
            assert set(button) == {"title", "payload"}


async def test_rasas_own_clients_may_send_more_fields(house: Running) -> None:
    async with house.http(await house.api_key()) as http:
        await ask(http, OPENING, metadata={"page": "/shop"}, input_channel="rest", stream=False)


async def test_the_same_sender_of_two_keys_is_two_conversations(both_houses: Running) -> None:
    one, two = await both_houses.api_key(), await both_houses.api_key()
    async with both_houses.http(one) as ours, both_houses.http(two) as theirs, both_houses.http() as local:
        await ask(ours, "My order is BW-4711.", "ada")
        for stranger in (theirs, local):
            got = await stranger.get("/webhooks/rest/messages", params={"sender": "ada"})
            assert (got.status_code, got.json()["code"]) == (404, "not_found")
            said = await ask(stranger, OPENING, "ada")
            assert "I'm the bot" in said[0]["text"], "not a conversation of its own"
        mine = await ours.get("/webhooks/rest/messages", params={"sender": "ada"})
        assert "10:00" not in mine.text, "somebody else's answer"


async def test_a_sender_cannot_spell_itself_into_another_keys_conversation(house: Running) -> None:
    key = await house.api_key()
    async with house.http(key) as ours, house.http() as local:
        await ask(ours, "My order is BW-4711.", "ada")
        for sender in ("ada:ada", ":ada", "../ada", f"{key}:ada", "ADA", " ada", "ada%00"):
            got = await local.get("/webhooks/rest/messages", params={"sender": sender})
            assert got.status_code == 404, sender


async def test_without_a_key_only_this_very_machine_is_answered(house: Running) -> None:
    body = {"sender": "ada", "message": OPENING}
    async with house.http() as http:
        assert (await http.post("/webhooks/rest/webhook", json=body)).status_code == 200
        elsewhere = [
            {"Host": "chat.example.com"}, {"Host": "127.0.0.1.mallory.example"}, {"X-Forwarded-For": "203.0.113.9"},
            {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-IP": "127.0.0.1"},
            {"Via": "1.1 proxy"}, {"Origin": "https://mallory.example"}, {"Origin": "null"},
        ]  # fmt: skip
        for headers in elsewhere:
            got = await http.post("/webhooks/rest/webhook", json=body, headers=headers)
            assert (got.status_code, got.json()["code"]) == (401, "needs_key"), headers
            got = await http.get("/webhooks/rest/messages", params={"sender": "ada"}, headers=headers)
            assert (got.status_code, got.json()["code"]) == (401, "needs_key"), headers
        assert (await http.get("/webhooks/rest/")).json() == {"status": "ok"}


async def test_an_unknown_key_is_refused_even_on_this_machine(house: Running) -> None:
    for key in ("wl_unknown", "wl_" + "x" * 43, "%00"):
        async with house.http(key) as http:
            got = await http.post("/webhooks/rest/webhook", json={"sender": "ada", "message": OPENING})
            assert (got.status_code, got.json()["code"]) == (401, "unknown_key")


async def test_a_caller_without_a_key_is_limited_and_one_with_a_key_is_not(house: Running) -> None:
    async with house.http() as local:
        codes = [
            (await local.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "Hello"})).status_code
            for _ in range(7)
        ]
        assert codes == [200] * 5 + [429] * 2
        late = await local.post("/webhooks/rest/webhook", json={"sender": "ada", "message": "Hello"})
        assert late.json()["code"] == "too_fast"
        assert int(late.headers["Retry-After"]) >= 1
    async with house.http(await house.api_key()) as http:
        await asyncio.gather(*(ask(http, OPENING, f"caller-{n % 2}") for n in range(12)))


async def test_a_message_that_cannot_be_kept_is_refused_and_the_next_one_is_answered(both_houses: Running) -> None:
    async with both_houses.http(await both_houses.api_key()) as http:
        for body, status, code in (
            ({"sender": "ada", "message": ""}, 422, "empty_text"),
            ({"sender": "ada", "message": "x" * 4_001}, 413, "text_too_long"),
            ({"sender": "ada", "message": "\x00"}, 422, "broken_text"),
            ({"sender": "", "message": OPENING}, 422, "bad_input"),
            ({"sender": "x" * 201, "message": OPENING}, 422, "bad_input"),
            ({"sender": "a\x00b", "message": OPENING}, 422, "bad_input"),
            ({"sender": True, "message": OPENING}, 422, "bad_input"),
            ({"message": OPENING}, 422, "bad_input"),
            ([], 422, "bad_input"),
        ):
            got = await http.post("/webhooks/rest/webhook", json=body)
            assert got.status_code == status, (body, got.text)
            assert got.headers["content-type"] == "application/problem+json"
            assert got.json()["code"] == code, body
        for raw in (b'{"sender": "\\ud800", "message": "hi"}', b'{"sender": "a", "message": "\\ud800"}', b"{", b"\xff"):
            got = await http.post("/webhooks/rest/webhook", content=raw, headers={"Content-Type": "application/json"})
            assert got.status_code in (400, 422), raw
            assert got.json()["code"] == "bad_input", raw
        for params in ("sender=a%00b", "sender=ada&after=-1", f"sender=ada&after={10**30}", "sender=%ff"):
            got = await http.get(f"/webhooks/rest/messages?{params}")
            assert got.status_code in (404, 422), (params, got.text)
        assert decided(await ask(http, OPENING))["decision"] == "answer"


async def test_while_a_person_holds_it_the_answer_is_empty_and_the_persons_words_are_fetched(house: Running) -> None:
    async with house.http(await house.api_key()) as http, house.desk() as sam:
        assert decided(await ask(http, "/human"))["handoff"] == "requested"
        [row] = await sam.waiting(lambda rows: len(rows) == 1)
        chat = row["conversation_id"]
        await sam.act("claim", chat)
        assert await ask(http, OPENING) == []
        await sam.say(chat, "Hello, this is Sam.")
        await sam.say(chat, "Ten to half past five.")
        everything = await messages(http)
        words = [m for m in everything if m["from"] == "agent"]
        assert [m["text"] for m in words] == ["Hello, this is Sam.", "Ten to half past five."]
        assert [m["custom"]["sender_kind"] for m in words] == ["agent", "agent"]
        assert [m["recipient_id"] for m in words] == ["ada", "ada"]
        assert [m["text"] for m in await messages(http, after=words[0]["seq"])] == ["Ten to half past five."]
        assert await messages(http, after=words[1]["seq"]) == []
        await sam.act("return_to_bot", chat)
        assert decided(await ask(http, OPENING))["faq_id"] == "opening-hours"


async def messages(http: httpx.AsyncClient, after: int = 0) -> list[Frame]:
    got = await http.get("/webhooks/rest/messages", params={"sender": "ada", "after": after})
    said: list[Frame] = got.json()
    return said


async def test_a_bot_that_fails_fetches_a_person_and_is_never_silent(demo_sqlite: Path, tmp_path: Path) -> None:
    shutil.copy(demo_sqlite, tmp_path / "warmline.db")
    own = Encoder(locate(None), expected=PACKAGE_SHA256)
    async with running(Settings(data_dir=tmp_path), own) as house, house.http(await house.api_key()) as http:
        assert decided(await ask(http, OPENING))["decision"] == "answer"
        await asyncio.to_thread(own.stop)
        failed_over(decided(await ask(http, "How long does delivery take?", "grace")))
        async with house.visitor() as ada:
            reply = await ada.ask("How long does delivery take?")
            assert reply["basis"]["reason"] == "bot_failure"
            assert [e["reason"] for e in ada.events if e["kind"] == "chat_queued"] == ["bot_failure"]


async def test_a_house_whose_encoder_is_missing_says_so_and_hands_every_question_to_a_person(
    demo_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(demo_sqlite, tmp_path / "warmline.db")
    gone = Encoder(tmp_path / "nothing")
    async with running(Settings(data_dir=tmp_path), gone) as house, house.http(await house.api_key()) as http:
        failed_over(decided(await ask(http, OPENING)))
        ready = await http.get("/readyz")
        assert ready.status_code == 503
        assert "model.safetensors" in ready.json()["checks"]["encoder"]
        assert (await http.get("/healthz")).status_code == 200
        got = await http.post("/api/v1/analyze", json={"texts": ["Hello"]})
        assert (got.status_code, got.json()["code"]) == (503, "encoder_missing")


def failed_over(custom: dict[str, Any]) -> None:
    assert custom["decision"] == "handoff"
    assert custom["handoff"] == "requested"
    assert custom["reason"] == "bot_failure"
    assert custom["faq_id"] is None
