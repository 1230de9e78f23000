"""The desk over HTTP, on both databases: what a closed chat leaves, search, the owner's rules, a colleague's note."""

from uuid import uuid4

import httpx
from people import Running


def is_problem(got: httpx.Response, status: int, code: str) -> None:
    assert (got.status_code, got.json()["code"]) == (status, code), got.text


async def test_a_closed_chat_is_listed_searched_and_reopened_and_the_visitor_sees_none_of_the_staffs_words(
    both_houses: Running,
) -> None:
    async with both_houses.visitor() as ada, both_houses.desk("Sam"), both_houses.signed_in("Sam", "agent") as sam:
        chat = f"/api/v1/conversations/{ada.conversation_id}"
        await ada.say("My violin arrived in two halves, order BW-20931")
        await ada.ask_human()
        await ada.event("chat_queued")
        assert (await sam.post(f"{chat}/claim")).status_code == 204
        key = str(uuid4())
        first = await sam.post(f"{chat}/notes", json={"key": key, "text": "secretword: be generous"})
        assert (await sam.post(f"{chat}/notes", json={"key": key, "text": "secretword: be generous"})).json() == (
            first.json()
        )
        assert (await sam.post(f"{chat}/close", json={"outcome": "unsolved"})).status_code == 204
        await ada.event("chat_closed")
        is_problem(await sam.post(f"{chat}/close", json={"outcome": "splendid"}), 422, "bad_input")

        page = (await sam.get("/api/v1/conversations?state=closed&mine=true")).json()
        [item] = page["items"]
        assert (item["conversation_id"], item["state"], item["outcome"]) == (ada.conversation_id, "closed", "unsolved")
        assert page["before"] is None
        assert (await sam.get("/api/v1/queue")).json()["closed"] == 1
        assert (await sam.get(chat)).json() == item
        assert (await sam.get(f"{chat}/earlier")).json() == {"earlier": []}

        found = (await sam.get("/api/v1/search", params={"q": "20931 viol"})).json()
        assert [f["conversation_id"] for f in found["found"]] == [ada.conversation_id]
        assert [p["text"] for p in found["found"][0]["snippet"] if p["hit"]] == ["viol", "20931"]
        is_problem(await sam.get("/api/v1/search", params={"q": "!"}), 422, "nothing_to_search")

        assert (await sam.post(f"{chat}/reopen")).status_code == 204
        is_problem(await sam.post(f"{chat}/reopen"), 409, "cannot_reopen")
        assert (await sam.post(f"{chat}/return", json={"agreed": "A new one leaves today."})).status_code == 204
        assert (await ada.message("agent"))["text"] == "A new one leaves today."
        is_problem(await sam.post(f"{chat}/take-over"), 403, "not_allowed")
        assert (await sam.post(f"{chat}/step-in")).status_code == 204
        assert "secretword" not in str(ada.seen)
        assert "unsolved" not in str(ada.seen)


async def test_the_order_of_the_queue_is_for_owners_to_set_within_bounds(both_houses: Running) -> None:
    async with both_houses.signed_in("Sam", "agent") as sam, both_houses.signed_in("Olive", "owner") as olive:
        rules = (await sam.get("/api/v1/desk/rules")).json()
        is_problem(await sam.put("/api/v1/desk/rules", json=rules), 403, "needs_owner")
        is_problem(await olive.put("/api/v1/desk/rules", json={**rules, "danger": 0}), 422, "bad_input")
        assert (await olive.put("/api/v1/desk/rules", json={**rules, "danger": 90})).status_code == 204
        assert (await sam.get("/api/v1/desk/rules")).json() == {**rules, "danger": 90}


async def test_an_earlier_conversation_with_the_same_address_is_shown_as_not_checked(both_houses: Running) -> None:
    ids = []
    for _ in range(2):
        async with both_houses.visitor() as ada:
            await ada.say("Where is my parcel?")
            leave = {"kind": "leave_contact", "key": str(uuid4()), "email": "ada@example.com", "text": "Call me"}
            await ada.send(leave)
            await ada.until("stored", lambda f, key=leave["key"]: f["key"] == key)  # type: ignore[misc]
            ids.append(ada.conversation_id)
    async with both_houses.signed_in("Sam", "agent") as sam:
        [earlier] = (await sam.get(f"/api/v1/conversations/{ids[1]}/earlier")).json()["earlier"]
        assert (earlier["conversation_id"], earlier["why"]) == (ids[0], "same_address")
