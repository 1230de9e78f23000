"""The owner's FAQ over HTTP: what is published is answered with, in every server; files come whole or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from people import Running, running

from core.encoder import Encoder
from core.settings import Settings
from knowledge_base import importer

TELESCOPE = "Which telescope shows the rings of Saturn?"
NEW = {
    "question": TELESCOPE,
    "answer": "Any with **60 mm** or more. Come to the *quay* on a clear night.",
    "category": "Stars",
    "alternates": ["can I see Saturn from the quay"],
}


async def decided(http: httpx.AsyncClient, text: str, sender: str = "ada") -> dict[str, Any]:
    got = await http.post("/webhooks/rest/webhook", json={"sender": sender, "message": text})
    assert got.status_code == 200, got.text
    [custom] = [m["custom"] | {"text": m["text"]} for m in got.json() if "decision" in m["custom"]]
    found: dict[str, Any] = custom
    return found


async def published(owner: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    made = (await owner.post("/api/v1/articles", json=body)).json()
    got = await owner.post(f"/api/v1/articles/{made['slug']}/publish", json={"revision": made["revision"]})
    assert got.status_code == 200, got.text
    article: dict[str, Any] = got.json()
    return article


async def test_the_next_message_is_answered_with_what_was_just_published_changed_or_withdrawn(
    both_houses: Running,
) -> None:
    async with both_houses.signed_in("Olive", "owner") as olive, both_houses.http(await both_houses.api_key()) as ada:
        assert (await decided(ada, TELESCOPE, "a"))["decision"] != "answer"
        made = await olive.post("/api/v1/articles", json=NEW)
        assert made.status_code == 201
        draft = made.json()
        assert (draft["state"], draft["changed"], draft["revision"]) == ("draft", True, 1)
        assert draft["slug"] == "which_telescope_shows_the_rings_of_saturn"
        assert (await decided(ada, TELESCOPE, "b"))["decision"] != "answer", "a draft is not answered with"

        path = f"/api/v1/articles/{draft['slug']}"
        live = (await olive.post(f"{path}/publish", json={"revision": 1})).json()
        assert (live["state"], live["changed"]) == ("published", False)
        answer = await decided(ada, TELESCOPE, "c")
        assert (answer["decision"], answer["faq_id"]) == ("answer", draft["slug"])
        assert answer["text"] == NEW["answer"]

        changed = NEW | {"answer": "Any with 80 mm.", "revision": live["revision"]}
        saved = (await olive.put(path, json=changed)).json()
        assert (saved["state"], saved["changed"]) == ("published", True)
        assert (await decided(ada, TELESCOPE, "d"))["text"] == NEW["answer"], "the working copy is nobody's answer"
        live = (await olive.post(f"{path}/publish", json={"revision": saved["revision"]})).json()
        assert (await decided(ada, TELESCOPE, "e"))["text"] == "Any with 80 mm."

        gone = (await olive.post(f"{path}/withdraw", json={"revision": live["revision"]})).json()
        assert gone["state"] == "withdrawn"
        assert (await decided(ada, TELESCOPE, "f"))["decision"] != "answer"
        versions = (await olive.get(f"{path}/history")).json()["versions"]
        assert [v["action"] for v in versions] == ["withdrawn", "published", "saved", "published", "saved"]
        assert {v["by"] for v in versions} == {"Olive"}


@pytest.fixture
async def two_servers(demo_url: str, tmp_path: Path, encoder: Encoder) -> AsyncIterator[tuple[Running, Running]]:
    """Two workers on one database."""
    settings = Settings(database_url=demo_url, data_dir=tmp_path)
    async with running(settings, encoder) as one, running(settings, encoder) as other:
        yield one, other


async def test_another_server_on_the_same_database_answers_with_it_at_its_next_message(
    two_servers: tuple[Running, Running],
) -> None:
    one, other = two_servers
    key = await one.api_key()
    async with one.signed_in("Olive", "owner") as olive, other.http(key) as there:
        assert (await decided(there, TELESCOPE, "a"))["decision"] != "answer"
        await published(olive, NEW)
        assert (await decided(there, TELESCOPE, "b"))["text"] == NEW["answer"]


async def test_visitor_and_agent_on_two_servers_talk_and_a_key_is_stored_once(
    two_servers: tuple[Running, Running],
) -> None:
    one, other = two_servers
    if one.house.db.is_sqlite:
        pytest.skip("more than one worker needs PostgreSQL")
    async with one.visitor() as ada, other.desk() as sam:
        await ada.ask_human()
        await sam.waiting(lambda rows: len(rows) == 1)
        await sam.act("claim", ada.conversation_id)
        await sam.say(ada.conversation_id, "Hello from the other server.")
        assert (await ada.message("agent"))["text"] == "Hello from the other server."
        async with other.visitor(ada.token) as also_ada:
            key = uuid4()
            here, there = await asyncio.gather(ada.say("Once.", key), also_ada.say("Once.", key))
            assert here["seq"] == there["seq"]


async def test_of_two_owners_the_second_is_told_and_overwrites_nothing(both_houses: Running) -> None:
    path = "/api/v1/articles/opening-hours"
    async with both_houses.signed_in("Olive", "owner") as olive, both_houses.signed_in("Otto", "owner") as otto:
        seen = (await olive.get(path)).json()
        change = {"revision": seen["revision"], "question": seen["question"], "category": seen["category"]}
        came = await asyncio.gather(
            olive.put(path, json=change | {"answer": "Olive's"}), otto.put(path, json=change | {"answer": "Otto's"})
        )
        assert sorted(c.status_code for c in came) == [200, 409]
        loser = next(c for c in came if c.status_code == 409)
        assert loser.json()["code"] == "stale_revision"
        now = (await otto.get(path)).json()
        assert now["revision"] == seen["revision"] + 1
        for step in ("publish", "withdraw"):
            got = await otto.post(f"{path}/{step}", json={"revision": seen["revision"]})
            assert (got.status_code, got.json()["code"]) == (409, "stale_revision")
        assert (await otto.get(path)).json() == now


async def test_only_a_draft_that_nobody_saw_can_be_deleted(house: Running) -> None:
    async with house.signed_in("Olive", "owner") as olive:
        draft = (await olive.post("/api/v1/articles", json=NEW)).json()
        assert (await olive.delete(f"/api/v1/articles/{draft['slug']}?revision=7")).json()["code"] == "stale_revision"
        assert (await olive.delete(f"/api/v1/articles/{draft['slug']}?revision=1")).status_code == 204
        assert (await olive.get(f"/api/v1/articles/{draft['slug']}")).status_code == 404
        got = await olive.delete("/api/v1/articles/opening-hours?revision=1")
        assert (got.status_code, got.json()["code"]) == (409, "was_published")


# --- files ----------------------------------------------------------------------------------------


async def bring(owner: httpx.AsyncClient, name: str, content: bytes, replace: bool = False) -> httpx.Response:
    return await owner.post(f"/api/v1/articles/import?name={name}&replace={str(replace).lower()}", content=content)


def row(slug: str, question: str = "What is it?", **more: Any) -> str:
    return json.dumps({"id": slug, "category": "c", "question": question, "answer": "It is.", **more})


async def test_a_file_with_one_bad_row_names_its_line_and_nothing_of_it_is_taken(house: Running) -> None:
    good = row("fine")
    bad: dict[str, tuple[str, bytes, str]] = {
        "not JSON": ("a.jsonl", f"{good}\n{{oops\n".encode(), "line 2"),
        "no object": ("a.jsonl", f"{good}\n\n[1]\n".encode(), "line 3"),
        "no answer": ("a.jsonl", f'{good}\n{{"id": "x", "question": "q"}}\n'.encode(), "line 2"),
        "an empty question": ("a.jsonl", f"{good}\n{row('x', ' ')}\n".encode(), "line 2"),
        "a bad id": ("a.jsonl", f"{good}\n{row('Not A Slug')}\n".encode(), "line 2"),
        "an id of another type": ("a.jsonl", good.encode() + b'\n{"id":7,"question":"q","answer":"a"}\n', "line 2"),
        "the same id twice": ("a.jsonl", f"{good}\n{row('x')}\n{good}\n".encode(), "line 3"),
        "alternates of another type": ("a.jsonl", f"{good}\n{row('x', alternates='y')}\n".encode(), "line 2"),
        "NUL": ("a.jsonl", f"{good}\n{row('x', 'a' + chr(0))}\n".encode(), "line 2"),
        "a lone surrogate": ("a.jsonl", good.encode() + b'\n{"id":"x","question":"\\ud800q","answer":"a"}\n', "line 2"),
        "too long": ("a.jsonl", f"{good}\n{row('x', 'q' * 501)}\n".encode(), "line 2"),
        "Latin-1": ("a.jsonl", good.encode() + b'\n{"id":"x","question":"caf\xe9","answer":"a"}\n', "line 2"),
        "UTF-16": ("a.csv", "id,question,answer\nx,q,a\n".encode("utf-16"), "line 1"),
        "a CSV without columns": ("a.csv", b"id,frage,antwort\nx,q,a\n", "line 1"),
        "a CSV row that is too long": ("a.csv", b"id,question,answer\nx,q,a\ny,q2,a,b,c\n", "line 3"),
        "deep nesting": ("a.jsonl", f"{good}\n{'[' * 50_000}\n".encode(), "line 2"),
        "JSON-LD of another kind": ("a.json", b'{"@type": "Recipe"}', ""),
        "a page without a FAQ": ("a.html", b"<h1>Hello</h1>", "line 1"),
        "an unknown format": ("a.exe", b"MZ", "format"),
        "nothing": ("a.jsonl", b"\n\n", "no entries"),
    }  # fmt: skip
    async with house.signed_in("Olive", "owner") as olive:
        before = (await olive.get("/api/v1/articles")).json()
        for what, (name, content, said) in bad.items():
            got = await bring(olive, name, content, replace=True)
            assert got.status_code == 422, (what, got.text)
            assert got.json()["code"] == "bad_import", what
            assert said in got.json()["detail"], (what, got.json()["detail"])
        assert (await olive.get("/api/v1/articles")).json() == before


async def test_a_file_of_50_mb_is_refused_before_it_is_all_read(house: Running) -> None:
    sent = 0

    async def fifty() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(50):
            sent += 1
            yield b"x" * 1_000_000

    async with house.signed_in("Olive", "owner") as olive:
        try:
            got = await olive.post("/api/v1/articles/import?name=a.jsonl", content=fifty())
        except (httpx.WriteError, httpx.ReadError):  # the server closed the door while we still pushed
            pass
        else:
            assert got.status_code == 413
            assert got.json()["code"] == "import_too_large"
            assert got.headers["content-type"] == "application/problem+json"
        assert sent <= 50
        declared = await olive.post("/api/v1/articles/import?name=a.jsonl", content=b"x" * (importer.MAX_FILE + 1))
        assert (declared.status_code, declared.json()["code"]) == (413, "import_too_large")
        assert len((await olive.get("/api/v1/articles")).json()["articles"]) == 44


async def test_what_is_exported_in_any_format_is_taken_back_unchanged(house: Running) -> None:
    kinds = {
        "jsonl": ("faq.jsonl", "application/x-ndjson"),
        "csv": ("faq.csv", "text/csv"),
        "json-ld": ("faq.json", "application/ld+json"),
        "md": ("faq.md", "text/markdown"),
    }
    async with house.signed_in("Olive", "owner") as olive:
        tricky = [
            ("formula", "=1+1 is what?", "-2+3+cmd|' /C calc'!A0"),
            ("quotes", 'Is "this" a, comma?', "Yes,\nand a\n\n- list | with bars\n- and ' quotes"),
            ("unicode", "\u05e9\u05dc\u05d5\u05dd \N{HOT BEVERAGE}?", "caf\u00e9"),
        ]
        rows = [json.dumps({"id": i, "category": "Tricky", "question": q, "answer": a}) for i, q, a in tricky]
        assert (await bring(olive, "t.jsonl", "\n".join(rows).encode())).json()["added"] == 3
        for kind, (name, media) in kinds.items():
            got = await olive.get(f"/api/v1/articles/export?format={kind}")
            assert got.status_code == 200
            assert got.headers["content-type"].startswith(media)
            assert got.headers["content-disposition"] == f'attachment; filename="{name}"'
            back = await bring(olive, name, got.content, replace=True)
            assert back.status_code == 200, (kind, back.text)
            assert back.json() == {"added": 0, "changed": 0, "unchanged": 47, "withdrawn": 0}, kind
        csv = (await olive.get("/api/v1/articles/export?format=csv")).text
        assert ",'=1+1 is what?,'-2+3" in csv, "a spreadsheet would run it"


async def test_replace_withdraws_all_that_is_not_in_the_file_and_the_next_message_sees_it(house: Running) -> None:
    key = await house.api_key()
    async with house.signed_in("Olive", "owner") as olive, house.http(key) as ada:
        got = await bring(olive, "new.jsonl", row("only", TELESCOPE).encode(), replace=True)
        assert got.json() == {"added": 1, "changed": 0, "unchanged": 0, "withdrawn": 44}
        assert (await decided(ada, TELESCOPE, "a"))["faq_id"] == "only"
        assert (await decided(ada, "What are your opening hours?", "b"))["faq_id"] != "opening-hours"


async def test_the_owner_sees_what_was_not_answered_and_what_the_bot_would_do(house: Running) -> None:
    async with house.signed_in("Olive", "owner") as olive, house.http(await house.api_key()) as ada:
        assert (await decided(ada, TELESCOPE))["decision"] != "answer"
        [missing] = [
            q for q in (await olive.get("/api/v1/questions/unanswered")).json()["questions"] if q["text"] == TELESCOPE
        ]
        assert set(missing) == {"conversation_id", "text", "at", "decision", "candidates"}
        await published(olive, NEW)
        would = (await olive.post("/api/v1/ask", json={"text": TELESCOPE})).json()
        assert set(would) == {
            "decision", "text", "buttons", "faq_id", "also", "confidence", "candidates", "handoff", "reason",
            "sentiment", "frustration", "rule", "why",
        }  # fmt: skip
        assert (would["decision"], would["text"]) == ("answer", NEW["answer"])
        assert would["candidates"][0]["question"] == TELESCOPE
