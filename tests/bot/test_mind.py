"""bot/mind.py: one reading of what a visitor said."""

import pytest

from bot.evaluate import OneShelf
from bot.mind import Mind
from core.encoder import Encoder
from knowledge_base import articles
from knowledge_base.entry import Entry
from knowledge_base.search import made_of

ENTRIES = [
    Entry("hours", "visit", "When are you open?", "From nine to five.", ("opening times",)),
    Entry("parking", "visit", "Where can I park?", "Behind the house.", ()),
    Entry("returns", "orders", "How do I send something back?", "With the slip in the parcel.", ()),
]


@pytest.fixture
async def mind(encoder: Encoder) -> Mind:
    vectors = await articles.vectors_of(encoder, ENTRIES)
    return Mind(encoder, OneShelf(made_of("test", list(zip(ENTRIES, vectors, strict=True)))))


async def test_the_owners_own_wording_is_recognised_whatever_its_case_and_marks(mind: Mind) -> None:
    for text in ("When are you open?", "when are  you OPEN", "Opening times!"):
        seen = await mind.read([text])
        assert (seen.exact, seen.candidates[0].slug) == (True, "hours")
        assert seen.confidence >= 0.99


async def test_all_entries_are_ranked_best_first(mind: Mind) -> None:
    seen = await mind.read(["is there somewhere to leave the car"])
    assert len(seen.candidates) == 3
    assert seen.candidates[0].slug == "parking"
    assert [c.confidence for c in seen.candidates] == sorted((c.confidence for c in seen.candidates), reverse=True)
    assert all(0 <= c.confidence <= 1 for c in seen.candidates)


async def test_a_repeat_is_noticed_also_in_other_words(mind: Mind) -> None:
    first = await mind.read(["my parcel has not arrived"])
    again = await mind.read(["my package still hasn't arrived"], ["my parcel has not arrived"])
    other = await mind.read(["do you sell bread"], ["my parcel has not arrived"])
    assert first.repeated == 0.0
    assert again.repeated > 0.6 > other.repeated


async def test_the_button_of_a_machine_channel_is_no_text(mind: Mind) -> None:
    seen = await mind.read(["/human"])
    assert (seen.pressed_button, seen.read) == (True, False)


async def test_the_strongest_feeling_of_several_messages_counts(mind: Mind) -> None:
    calm = await mind.read(["where can I park"])
    both = await mind.read(["where can I park", "this is ridiculous, I am so fed up with you people"])
    assert both.mood.frustration > calm.mood.frustration


async def test_a_greeting_beside_a_question_is_a_question(mind: Mind) -> None:
    assert (await mind.read(["hi"])).intents.smalltalk > 0.5
    assert (await mind.read(["hi", "where can I park"])).intents.smalltalk < 0.5


async def test_an_empty_faq_is_read_too(encoder: Encoder) -> None:
    seen = await Mind(encoder, OneShelf(made_of("none", []))).read(["where can I park"])
    assert (seen.candidates, seen.confidence) == ((), 0.0)


async def test_two_questions_in_one_message_find_both_entries(mind: Mind) -> None:
    seen = await mind.read(["When are you open? Where can I park?"])
    assert seen.candidates[0].slug == "hours"
    assert [c.slug for c in seen.also] == ["parking"]
    assert len({c.slug for c in seen.candidates}) == len(seen.candidates) == 3
    assert [c.confidence for c in seen.candidates] == sorted((c.confidence for c in seen.candidates), reverse=True)


async def test_one_question_has_no_second_answer(mind: Mind) -> None:
    assert (await mind.read(["I come by car on Sunday. Where can I park?"])).also == ()


async def test_a_follow_up_is_read_with_the_message_before_it(mind: Mind) -> None:
    alone = await mind.read(["and at the weekend?"])
    after = await mind.read(["and at the weekend?"], ["what are your opening hours"])
    assert after.leaned
    assert not alone.leaned
    assert after.candidates[0].slug == "hours"
    assert after.confidence > alone.confidence


async def test_a_question_that_says_enough_leans_on_nothing(mind: Mind) -> None:
    seen = await mind.read(["Where can I park?"], ["When are you open?"])
    assert not seen.leaned
    assert seen.candidates[0].slug == "parking"


async def test_what_raised_frustration_is_found_and_only_where_it_is_high(mind: Mind) -> None:
    said = "this is ridiculous, I am so fed up with you people"
    loud = await mind.read([said])
    calm = await mind.read(["where can I park"])
    assert loud.heard
    assert all(words in said for words in loud.heard)
    assert calm.heard == ()


async def test_another_language_is_noticed(mind: Mind) -> None:
    assert (await mind.read(["Wo kann ich am Sonntag parken?"])).language == "de"
    assert (await mind.read(["where can I park"])).language is None


async def test_the_mood_of_who_does_not_want_it_is_not_read_nor_the_words_that_raised_it(mind: Mind) -> None:
    upset = "this is ridiculous, I am so fed up with you people"
    scored = await mind.read([upset])
    assert scored.mood.frustrated
    assert scored.heard != ()
    for seen in (await mind.read([upset], scored=False), scored.unscored()):
        assert (seen.felt, seen.heard, seen.scored) == (None, (), False)
        assert (seen.as_json()["mood"], seen.as_json()["heard"]) == (None, [])
    assert scored.intents == (await mind.read([upset], scored=False)).intents
