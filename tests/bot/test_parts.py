"""bot/parts.py: the questions of one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parts import MOST, may_lean, parts, punctuated


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("do you open Sundays and can I bring my dog", ["do you open Sundays", "can I bring my dog"]),
        ("When are you open? Where can I park?", ["When are you open?", "Where can I park?"]),
        ("how much is delivery, and also do you take cards", ["how much is delivery", "do you take cards"]),
        ("how late are you open thursday where do i leave the car", None),
        ("1) do you take cash 2) how do I get started", None),
        ("what is the deposit, what happens if I crack the glass", None),
        ("is parking free\nare dogs allowed", ["is parking free", "are dogs allowed"]),
    ],
)
def test_two_questions_are_parted(text: str, found: list[str] | None) -> None:
    assert len(parts(text)) == 2
    assert found is None or parts(text) == found


@pytest.mark.parametrize(
    "text", ["do you sell bread and butter", "hello", "", "cats and dogs", "When are you open?", "e.g. this one"]
)
def test_one_question_stays_whole(text: str) -> None:
    assert parts(text) == [text]


@given(st.text(max_size=300))
def test_any_text_gives_a_few_parts_of_its_own_words(text: str) -> None:
    found = parts(text)
    assert 1 <= len(found) <= MOST
    assert all(" ".join(piece.split()) in " ".join(text.split()) for piece in found)


def test_a_short_message_may_lean_on_the_one_before_and_a_story_not() -> None:
    assert may_lean("and on sundays?")
    assert may_lean("how much is that")
    assert not may_lean("we booked the large room for a birthday in May, with sixteen guests, three of them vegan")


def test_a_question_cut_out_of_a_message_gets_its_mark_and_a_story_does_not() -> None:
    assert punctuated("do you open Sundays") == "do you open Sundays?"
    assert punctuated("do you open Sundays!") == "do you open Sundays!"
    assert punctuated("my sister comes along") == "my sister comes along"
