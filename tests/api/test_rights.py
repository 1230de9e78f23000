"""A visitor's rights, as a visitor, an agent and an operator meet them."""

import asyncio
import json
import os
import shutil
import sqlite3
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from people import PATIENCE, Running, Visitor, running
from sqlalchemy import select, update
from websockets.exceptions import ConnectionClosed

from api import rights
from bot.turn import take_turn
from core import conversations
from core.db import reading, transaction
from core.encoder import Encoder
from core.errors import NotFound
from core.settings import Settings
from core.tables import ConversationRow, EventRow, MessageRow

ROOT = Path(__file__).parents[2]
WORDS = "My parrot Zanzibar ordered a drum, when does it arrive?"


async def visitor_id(house: Running, ada: Visitor) -> UUID:
    async with reading(house.house.db) as session:
        return (await conversations.get(session, UUID(ada.conversation_id))).visitor_id


async def erase(house: Running, ada: Visitor) -> None:
    await rights.erase(house.house, await visitor_id(house, ada), "test")


async def closed_with(ada: Visitor) -> int:
    with pytest.raises(ConnectionClosed) as gone:
        await ada.until("nothing that ever comes")
    assert gone.value.rcvd is not None
    return gone.value.rcvd.code


def words_in_files(house: Running, words: str) -> int:
    return sum(f.read_bytes().count(words.encode()) for f in house.house.settings.data_dir.glob("warmline.db*"))


async def until(true: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


# --- erased ---------------------------------------------------------------------------------------


async def test_an_erased_visitors_pages_close_and_stay_closed(both_houses: Running) -> None:
    async with both_houses.visitor() as ada, both_houses.visitor(ada.token) as second_page:
        await ada.ask(WORDS)
        await erase(both_houses, ada)
        assert await closed_with(ada) == await closed_with(second_page) == 4410
        with pytest.raises(ConnectionClosed) as refused:
            async with both_houses.visitor(ada.token):
                pass
        assert refused.value.rcvd is not None
        assert refused.value.rcvd.code == 4401


async def test_an_agent_who_holds_the_chat_is_told_and_can_do_nothing_more_in_it(both_houses: Running) -> None:
    async with both_houses.desk() as sam, both_houses.desk("Kim") as kim, both_houses.visitor() as ada:
        await ada.say(WORDS)
        await ada.ask_human()
        await sam.waiting(lambda rows: len(rows) == 1)
        assert (await sam.act("claim", ada.conversation_id))["kind"] == "done"
        for agent in (sam, kim):
            await agent.send({"kind": "watch", "conversation_id": ada.conversation_id})
            await agent.event("chat_claimed")
        await erase(both_houses, ada)
        for agent in (sam, kim):
            assert (await agent.until("erased"))["conversation_id"] == ada.conversation_id
            await agent.until("queue", lambda f: not f["mine"] and not f["others"])
        for act in ("release", "return_to_bot", "close", "claim", "watch"):
            assert (await sam.act(act, ada.conversation_id))["code"] == "not_found", act
        assert (await sam.say(ada.conversation_id, "Are you still there?"))["code"] == "not_found"
    assert await rows_with(both_houses, "still there") == 0


async def rows_with(house: Running, words: str) -> int:
    async with reading(house.house.db) as session:
        texts = [*await session.scalars(select(MessageRow.text)), *await session.scalars(select(EventRow.body))]
    return sum(words in str(one) for one in texts)


async def test_a_turn_under_way_does_not_write_the_message_back(both_houses: Running) -> None:
    async with both_houses.visitor() as ada:
        who, read = await visitor_id(both_houses, ada), both_houses.house.mind.read

        async def erased_while_reading(*given: Any) -> Any:
            seen = await read(*given)
            await rights.erase(both_houses.house, who, "test")
            return seen

        both_houses.house.mind.read = erased_while_reading  # type: ignore[assignment,method-assign]
        await ada.say(WORDS)
        assert await closed_with(ada) == 4410
        with pytest.raises(NotFound):
            await take_turn(both_houses.house.bot, UUID(ada.conversation_id))
    assert await rows_with(both_houses, "Zanzibar") == 0
    await until(lambda: not both_houses.house.mind._vectors)


async def test_the_running_server_leaves_no_word_in_its_files(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as bea:
        await bea.say("I am Bea and stay.")
        await ada.ask(WORDS)
        await ada.ask_human()
        contact = {"key": ada.conversation_id, "email": "a@zanzibar.example", "text": WORDS}
        await ada.send({"kind": "leave_contact", **contact})
        await ada.until("stored", lambda f: f["key"] == ada.conversation_id)
        assert words_in_files(house, "Zanzibar") > 3
        await erase(house, ada)
        await until(lambda: words_in_files(house, "Zanzibar") + words_in_files(house, "a@zanzibar") == 0)
        assert words_in_files(house, "I am Bea") > 0
        await bea.say("And the chat goes on.")
        await bea.message("bot")


@pytest.mark.parametrize("demo_url", ["postgresql"], indirect=True)
async def test_another_worker_forgets_too(demo_url: str, tmp_path: Path, encoder: Encoder) -> None:
    settings = Settings(database_url=demo_url, data_dir=tmp_path)
    async with (
        running(settings, encoder) as one, running(settings, encoder) as other, one.visitor() as ada,
        other.visitor(ada.token) as there, other.desk() as sam,
    ):  # fmt: skip
        await there.ask(WORDS)
        await sam.send({"kind": "watch", "conversation_id": ada.conversation_id})
        await sam.event("decision_made")
        assert other.house.mind._vectors
        await rights.erase(one.house, await visitor_id(one, ada), "test")
        assert await closed_with(there) == 4410
        await sam.until("erased")
        await until(lambda: not other.house.mind._vectors)


# --- the operator ---------------------------------------------------------------------------------


async def run(house: Running, *words: str, **settings: str) -> tuple[int, str, str]:
    """At the shell of the machine where the server runs."""
    mine = {"PYTHONPATH": str(ROOT), "WARMLINE_DATA_DIR": str(house.house.settings.data_dir)}
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api", *words, env=os.environ | mine | settings,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await made.communicate()
    assert made.returncode is not None
    return made.returncode, out.decode(), err.decode()


async def test_an_operator_exports_and_erases_a_visitor_while_the_server_runs(house: Running) -> None:
    async with house.visitor() as ada:
        await ada.ask(WORDS)
        code, out, err = await run(house, "visitor", "export", ada.conversation_id)
        assert (code, err) == (0, "")
        found = json.loads(out)
        [conversation] = found["conversations"]
        assert [m["text"] for m in conversation["messages"] if m["from"] == "visitor"] == [WORDS]
        assert conversation["decisions"][0]["why"]
        assert {"visitors", "conversations", "messages", "events", "decisions"} <= set(found["stored"])
        assert ada.token not in out

        code, out, err = await run(house, "visitor", "erase", found["visitor_id"])
        assert (code, err) == (0, ""), err
        assert "1 visitors" in out
        assert "Backups" in out
        assert await closed_with(ada) == 4410
        await until(lambda: words_in_files(house, "Zanzibar") == 0 and not house.house.mind._vectors)
        for command in ("export", "erase"):
            code, out, err = await run(house, "visitor", command, found["visitor_id"])
            assert (code, out) == (1, "")
            assert "There is no visitor and no conversation" in err
            assert (await run(house, "visitor", command, "no-uuid"))[0] == 2


async def test_retention_erases_what_is_older_than_the_setting_says_by_command_and_by_itself(house: Running) -> None:
    async with house.visitor() as ada, house.visitor() as bea:
        await ada.say(WORDS)
        await bea.say("I am Bea and stay.")
        await ada.message("bot")
        await bea.message("bot")
        async with transaction(house.house.db) as session:
            old = house.house.now() - timedelta(days=40)
            await session.execute(
                update(ConversationRow).where(ConversationRow.id == UUID(ada.conversation_id)).values(last_at=old)
            )
        kept = "1 conversations of 1 visitors, over for more than 30 days, would be erased; nothing was."
        for words, days, says in (
            (("--dry-run",), "30", kept), ((), "365", "0 conversations"), ((), "0", "kept until somebody erases them"),
        ):  # fmt: skip
            code, out, _err = await run(house, "retention", "run", *words, WARMLINE_KEEP_DAYS=days)
            assert code == 0
            assert says in out
        assert await rows_with(house, "Zanzibar") > 0
        code, out, _err = await run(house, "retention", "run", WARMLINE_KEEP_DAYS="30")
        assert (code, out) == (0, "1 conversations of 1 visitors, over for more than 30 days, were erased.\n")
        assert await closed_with(ada) == 4410
        assert (await rows_with(house, "Zanzibar"), await rows_with(house, "I am Bea")) == (0, 2)


async def test_a_server_erases_what_is_too_old_by_itself(demo_sqlite: Path, tmp_path: Path, encoder: Encoder) -> None:
    shutil.copy(demo_sqlite, tmp_path / "warmline.db")
    async with running(Settings(data_dir=tmp_path), encoder) as first, first.visitor() as ada:
        await ada.ask(WORDS)
    with sqlite3.connect(tmp_path / "warmline.db") as file:
        file.execute("UPDATE conversations SET last_at = '2020-01-01 00:00:00.000000'")
    async with running(Settings(data_dir=tmp_path), encoder) as second:
        await until(lambda: words_in_files(second, "Zanzibar") == 0)
        assert await rows_with(second, "Zanzibar") == 0
