"""handoff/summary.py: nothing in a summary that was not said."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.summary import MAX_WANTS, Fact, Summary, summarise

STORY = [
    "Hi there",
    "My order #A-10442 arrived on 3 May and the lamp is broken. I paid €129.90 for it!",
    "Can I get a refund, please? You can reach me at ada.l+shop@example.co.uk or +49 30 901820.",
    "hello??",
]
SAID = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=400), max_size=6)
TALK = st.lists(
    st.lists(
        st.sampled_from(
            [
                "where", "is", "my", "order", "A-10442", "number", "€129.90", "refund", "please", "?", "!", "\n",
                "ada@example.com", "+49 30 901820", "2026-05-03", "3rd of May", "booking:", "XK-99812", "12345678",
                "broken", ". ", "…", "it", "20 euros", "customer id 77-12", "don't",
            ]
        ),
        max_size=60,
    ).map(" ".join),
    max_size=6,
)  # fmt: skip


@given(SAID | TALK)
def test_every_word_of_a_summary_stands_in_the_conversation(said: list[str]) -> None:
    made = summarise(said, [])
    everything = "\n".join(said)
    for text in (made.wants, made.open, *(fact.text for fact in made.facts)):
        assert text.removesuffix("…") in everything
    if not made.wants.endswith("…"):
        assert set(re.findall(r"\w+", made.wants)) <= set(re.findall(r"\w+", everything))
    assert max(len(made.wants), len(made.open)) <= MAX_WANTS
    assert len(made.facts) <= 12


def test_a_story_is_told_in_short() -> None:
    made = summarise(STORY, ["How do I send something back?", "How do I send something back?", "Who pays?"])
    assert made == Summary(
        wants="Can I get a refund, please?",
        facts=(
            Fact("order", "A-10442"), Fact("amount", "€129.90"), Fact("date", "3 May"),
            Fact("email", "ada.l+shop@example.co.uk"), Fact("phone", "+49 30 901820"),
        ),
        tried=("How do I send something back?", "Who pays?"),
        open="hello??",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("order 10442", [("order", "10442")]),
        ("my order number is W-2044-X.", [("order", "W-2044-X")]),
        ("Booking: QX81ZZ", [("order", "QX81ZZ")]),
        ("invoice no. 2026/17", [("order", "2026")]),
        ("I want to order a lamp", []),
        ("the order is late", []),
        ("write to ada@example.com.", [("email", "ada@example.com")]),
        ("it cost 20 euros", [("amount", "20 euros")]),
        ("$5", [("amount", "$5")]),
        ("on 2026-05-03", [("date", "2026-05-03")]),
        ("by the 3rd of May", [("date", "3rd of May")]),
        ("call 030 9018200", [("phone", "030 9018200")]),
        ("it says ERR-4471", [("reference", "ERR-4471")]),
        ("serial 998877665", [("phone", "998877665")]),
        ("two lamps in 5 rooms", []),
        ("order A-1 and again order A-1", [("order", "A-1")]),
    ],
)
def test_facts_are_found(text: str, facts: list[tuple[str, str]]) -> None:
    assert [(fact.what, fact.text) for fact in summarise([text], []).facts] == facts


def test_a_long_story_is_cut_where_it_was_said() -> None:
    story = "I want to tell you everything about the lamp " * 40
    made = summarise([story], [])
    assert len(made.wants) == MAX_WANTS
    assert made.wants.endswith("…")
    assert story.startswith(made.wants[:-1])


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert summarise([], []) == Summary()
    assert summarise(["...", " \n"], []) == Summary()


def test_many_facts_do_not_flood_the_card() -> None:
    assert len(summarise([" ".join(f"order A-{n}00" for n in range(99))], []).facts) == 12


@pytest.mark.parametrize(
    "piece",
    [
        "1.1", "a", "1", "a-", "1- ", "1 ", "(0", "a@b.", "a.", "€1,", "3 of ", "order ", "case-",
        "order is was number ", "order: ", "#A1-", "A-", " ", ".", "can ",
    ],
)  # fmt: skip
def test_a_hostile_message_takes_no_time(piece: str) -> None:
    """Patterns that go back and forth took 0.6 s for each 4,000 characters, and a long chat has hundreds."""
    said = [(piece * 4_000)[:4_000]] * 5
    began = time.thread_time()
    summarise(said, [])
    assert time.thread_time() - began < 0.5
