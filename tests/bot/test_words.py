"""bot/words.py: whatever is asked and whoever owns the place, the bot says that it is a bot."""

import re
import unicodedata
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import words
from bot.intents import SMALLTALK
from bot.words import HUMAN, Words
from core.events import Reason
from handoff.waiting import Place

REASONS: tuple[Reason, ...] = get_args(Reason)
PLACES = [Place(1, None, True), Place(3, 240, True), Place(1, None, False), Place(0, None, True)]
EVERYTHING = [
    *(words.smalltalk(kind, upset) for kind in (*SMALLTALK, "unheard of") for upset in (False, True)),
    *(words.clarify(questions, upset) for questions in (("Q?",), ("Q?", "R?", "S?")) for upset in (False, True)),
    *(words.unreadable(language) for language in (None, "und", "de", "ar", "zh")),
    words.decline(False),
    words.decline(True),
    *(words.offer(reason) for reason in REASONS),
    *(words.passed_on(reason, place) for reason in REASONS for place in PLACES),
    *(words.still_waiting(place) for place in PLACES),
    Words(words.greeting("Anna")),
    Words(words.greeting("")),
]
A_PERSON_WOULD_SAY = re.compile(
    r"\b(I'm|I am) (?!passing|a bot|only a bot|the bot|not sure)|\bI (feel|understand|love|hate|care|know how)\b"
    r"|\bmy name is\b|\bmy (colleague|team|shift)|\bas a (human|person)\b",
    re.IGNORECASE,
)  # fmt: skip


@pytest.mark.parametrize("said", EVERYTHING, ids=lambda said: said.text[:40])
def test_the_bot_never_speaks_as_a_person(said: Words) -> None:
    assert not A_PERSON_WOULD_SAY.search(said.text)


def test_what_a_person_would_say_is_seen() -> None:
    for text in ("Hi, I'm Anna!", "I am a person.", "I understand how you feel.", "I'll ask my colleague."):
        assert A_PERSON_WOULD_SAY.search(text)


def test_the_greeting_says_bot_and_person() -> None:
    for business in ("", "Lumen & Loom"):
        said = words.greeting(business)
        assert "I'm the bot" in said
        assert "a computer program, not a person" in said
        assert "you can talk to a person at any time" in said
    assert "bot of Lumen & Loom" in words.greeting("Lumen & Loom")


@pytest.mark.parametrize("upset", [False, True])
def test_are_you_a_robot_is_answered_truthfully_in_any_mood(upset: bool) -> None:
    said = words.smalltalk("about_bot", upset)
    assert "I'm a bot: a computer program" in said.text
    assert HUMAN in said.buttons


def test_a_persons_name_stays_the_name_of_a_bot() -> None:
    assert words.sender("Anna").name == "Anna bot"
    assert words.sender("").name == "Support bot"
    assert words.sender(" \u200b").name == "Support bot"
    assert words.sender("Zoë & Söhne 🙂").name == "Zoë & Söhne 🙂 bot"
    assert words.sender("שלום").name == "שלום bot"


@pytest.mark.parametrize(
    "business",
    [
        "Anna\u202e",  # would show the word backwards
        "Anna\n\n\n\n\n\n\n\n",
        "Anna" + "\u00a0" * 76,  # would push the word out of sight
        "Anna" + "\u3164" * 76,
        "Anna" + "\u2800" * 76,
        "Anna\u2066\u200b\ufeff",
        "Anna\x00\x1b[8m",
        "\U000e0041Anna\u2028",
    ],
)
def test_no_trick_in_a_business_name_hides_the_word(business: str) -> None:
    name = words.sender(business).name
    assert name.startswith("Anna")
    assert name.endswith(" bot")
    assert name.isprintable()
    assert len(name) < 14


@given(st.text(st.characters(), max_size=120))
def test_no_business_name_hides_it(business: str) -> None:
    sender, greeting = words.sender(business), words.greeting(business)
    assert sender.kind == "bot"
    assert sender.name.endswith(" bot")
    assert sender.id is None
    assert len(sender.name) <= 84
    assert not {unicodedata.category(c) for c in sender.name} & {"Cc", "Cf"}
    assert "  " not in sender.name
    assert greeting.startswith("Hello, I'm the bot")
    assert ": a computer program, not a person." in greeting


@pytest.mark.parametrize(
    "said",
    [
        words.clarify(("Q?",), False),
        words.decline(False),
        words.decline(True),
        *(words.offer(r) for r in REASONS),
        words.smalltalk("x", True),
    ],
    ids=lambda said: said.text[:40],
)
def test_where_the_bot_cannot_help_a_person_is_one_tap_away(said: Words) -> None:
    assert HUMAN in said.buttons
    assert HUMAN.payload == "/human"


def test_clarifying_sends_the_owners_own_questions() -> None:
    said = words.clarify(("May I?", "How?"), False)
    assert [(b.title, b.payload) for b in said.buttons] == [
        ("May I?", "May I?"),
        ("How?", "How?"),
        (HUMAN.title, "/human"),
    ]


def test_the_upset_are_not_met_with_cheerfulness() -> None:
    for kind in ("greeting", "thanks", "chitchat", "acknowledge"):
        assert "!" not in words.smalltalk(kind, True).text
    assert "Sorry" not in words.decline(True).text


@pytest.mark.parametrize(
    ("place", "says", "never"),
    [
        (Place(1, None, True), "You are next. I can't say how long", "minute"),
        (Place(3, 240, True), "You are number 3 in line. It usually takes about 4 minutes", "can't say"),
        (Place(1, 20, True), "about a minute", "0 minutes"),
        (Place(2, None, False), "Nobody is at the desk right now", "number 2"),
    ],
)
def test_the_wait_is_told_honestly(place: Place, says: str, never: str) -> None:
    for said in (words.passed_on("frustrated", place), words.still_waiting(place)):
        assert says in said.text
        assert never not in said.text


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "a minute"), (89, "a minute"), (91, "2 minutes"), (600, "10 minutes")]
)
def test_minutes(seconds: int, said: str) -> None:
    assert words.minutes(seconds) == said


def test_several_answers_stand_each_below_its_question_in_the_owners_words() -> None:
    assert words.answers([("Q?", "One *answer*.")]).text == "One *answer*."
    assert words.answers([("Q?", "One."), ("R?", "Two.")]).text == "**Q?**\n\nOne.\n\n**R?**\n\nTwo."


def test_what_is_unsure_beside_an_answer_is_asked_back_with_a_person_beside_it() -> None:
    said = words.answers([("Q?", "One.")], ["R?"])
    assert said.text == "**Q?**\n\nOne.\n\nI'm not sure about the rest of your message. Do you mean this?"
    assert [b.title for b in said.buttons] == ["R?", HUMAN.title]


def test_another_language_is_answered_in_it_and_in_english_and_offers_a_person() -> None:
    for language, says in (("de", "Ich bin ein Bot"), ("es", "Soy un bot"), ("ja", "ボット"), ("fi", "I'm a bot")):
        said = words.unreadable(language)
        assert says in said.text
        assert "can read only English" in said.text
        assert said.buttons[0].payload == HUMAN.payload
        assert HUMAN.title in said.buttons[0].title


def test_the_upset_are_asked_back_without_excuses_about_the_bot() -> None:
    assert "not sure" not in words.clarify(("Q?",), True).text
