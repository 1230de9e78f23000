"""What is stored about a visitor as one page that a person can read. Floor 3."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi.encoders import jsonable_encoder

from api.paper import Html, joined, page, tag

_STATES = {
    "bot": "open; the bot answers",
    "queue": "waiting for a person",
    "agent": "held by a person",
    "closed": "closed",
}
_PURPOSES = {
    "chat": "Store this chat",
    "sentiment": "Score the mood of messages",
    "remember": "Recognise me when I come back",
}
_WHO = {"visitor": "You", "bot": "Bot", "agent": "Agent", "system": "Note"}


def written(data: Mapping[str, Any]) -> str:
    """``data``: of api.rights.data_of."""
    business = data["business"] or "this business"
    talks = data["conversations"]
    return page(
        f"What {business} stores about you",
        tag(
            "p",
            f"Made on {moment(data['made_at'])}. This is everything that the support chat holds about you. Your "
            "browser may hold more, such as the key that opens your conversation.",
            class_="soft",
        ),
        facts(
            ("Your number", str(data["visitor_id"])),
            ("First seen", moment(data["first_seen"])),
            ("E-mail address", data["email"] or "none"),
            ("Conversations", str(len(talks))),
        ),
        _consents(data["consents"]),
        *(_conversation(number, talk) for number, talk in enumerate(talks, start=1)),
        _stored(data["stored"]),
    )


def facts(*pairs: tuple[str, str]) -> Html:
    return tag("dl", *(joined((tag("dt", name), tag("dd", value, dir="auto"))) for name, value in pairs))


def moment(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _consents(given: list[Mapping[str, Any]]) -> Html:
    if not given:
        said = tag("p", "You have not been asked yet, or have not answered.")
    else:
        said = tag("ol", *(tag("li", f"{moment(c['at'])}: {_choices(c['purposes'])}. Text shown to you: version "
                               f"{c['version']}.") for c in given))  # fmt: skip
    return tag("section", tag("h2", "What you agreed to"), said)


def _choices(purposes: Mapping[str, bool]) -> str:
    return "; ".join(f"{_PURPOSES.get(name, name)}: {'yes' if yes else 'no'}" for name, yes in purposes.items())


def _conversation(number: int, talk: Mapping[str, Any]) -> Html:
    parts = [
        tag("h2", f"Conversation {number}"),
        facts(
            ("Began", moment(talk["started_at"])),
            ("Last change", moment(talk["last_at"])),
            ("State", _STATES.get(talk["state"], talk["state"])),
            ("Came by", talk["channel"]),
        ),
        tag("h3", "What was said"),
        tag("ol", *(_message(m) for m in talk["messages"]), class_="said")
        if talk["messages"]
        else tag("p", "Nothing."),
    ]
    if talk["decisions"]:
        parts += [
            tag("h3", "What the bot decided, and why"),
            tag("ol", *(_decision(d) for d in talk["decisions"]), class_="said"),
        ]
    if talk["left_messages"]:
        parts += [
            tag("h3", "Messages that you left"),
            tag("ol", *(_left(m) for m in talk["left_messages"]), class_="said"),
        ]
    for case in talk["passed_on"]:
        parts += [tag("h3", "What the person was shown first"), _summary(case)]
    return tag("section", *parts)


def _message(said: Mapping[str, Any]) -> Html:
    who = _WHO.get(said["from"], said["from"]) + (f" ({said['name']})" if said["name"] else "")
    head = tag("p", f"{who}, {moment(said['at'])}", class_="who")
    return tag("li", head, tag("p", said["text"], class_="words", dir="auto"), class_=said["from"])


def _decision(made: Mapping[str, Any]) -> Html:
    mood = made["mood"]
    felt = "not scored" if mood is None else f"{mood['label']}, frustration {mood['frustration']:.0%}"
    review = made.get("review")
    return tag(
        "li",
        tag("p", moment(made["at"]), class_="who"),
        tag("p", made["why"], class_="words", dir="auto"),
        facts(
            *([("Answered with", "; ".join([made["entry"], *made["also"]]))] if made["entry"] else []),
            ("Mood read", felt),
            ("Rule", made["rule"]),
            ("Versions", f"policy {made['versions']['policy']}, model {made['versions']['model']}"),
            *([("Your complaint", _review(review))] if review else []),
        ),
    )


def _review(review: Mapping[str, Any]) -> str:
    said = f" “{review['words']}”" if review.get("words") else ""
    if review["state"] == "open":
        return f"asked on {moment(review['asked_at'])}, not answered yet.{said}"
    return f"asked on {moment(review['asked_at'])}.{said} {review['state'].capitalize()}: {review['answer']}"


def _left(message: Mapping[str, Any]) -> Html:
    return tag(
        "li",
        tag("p", f"{moment(message['at'])}, from {message['email'] or 'an address that you removed'}", class_="who"),
        tag("p", message["text"], class_="words", dir="auto"),
    )


def _summary(case: Mapping[str, Any]) -> Html:
    said = case["summary"]
    found = "; ".join(f"{f['what']}: {f['text']}" for f in said.get("facts", ()))
    return facts(
        ("Since", moment(case["waiting_since"])),
        ("Why a person", case["reason"].replace("_", " ")),
        ("What is wanted", said.get("wants") or "-"),
        ("Facts named", found or "-"),
        ("Still open", said.get("open") or "-"),
    )


def _stored(stored: Mapping[str, Any]) -> Html:
    """Every field, so that nothing is only told and not shown."""
    tables = [
        tag(
            "details",
            tag("summary", f"{name.replace('_', ' ').capitalize()} ({len(rows)})"),
            tag("pre", json.dumps(jsonable_encoder(rows), ensure_ascii=False, indent=1)),
        )
        for name, rows in stored.items()
        if rows
    ]
    return tag("section", tag("h2", "Every field, as it is stored"), *tables)
