"""knowledge_base/features.py: how well each entry fits, for any number of entries."""

import numpy as np
import pytest

from core.encoder import Encoded, Encoder
from knowledge_base.features import (
    FEATURES,
    LATE,
    LOOKED_AT,
    EntryText,
    EntryVectors,
    Index,
    pieces,
    plain,
    sentences,
    words,
)

HOURS = EntryText("hours", "When are you open?", "We open at **9am**. On Sundays we are closed.", ("opening times",))
RETURNS = EntryText("returns", "How do I return something?", "Post it back within 30 days. Postage is free.")
PARKING = EntryText("parking", "Is there a car park?", "Yes, behind the shop.", ("where can I leave my car",))


def indexed(encoder: Encoder, *entries: EntryText) -> Index:
    return Index([(e, EntryVectors.of(e, encoder.encode_now([t for _, t in pieces(e)]))) for e in entries])


def features(encoder: Encoder, index: Index, text: str) -> dict[str, "np.typing.NDArray[np.float32]"]:
    found = index.features(text, encoder.encode_now([text])[0])
    assert found.shape == (len(index), len(FEATURES))
    assert np.isfinite(found).all()
    return dict(zip(FEATURES, found.T, strict=True))


def test_an_entry_is_encoded_in_every_way_that_it_can_be_asked_for() -> None:
    assert [kind for kind, _ in pieces(HOURS)] == ["question", "alternate", "answer", "both", "sentence", "sentence"]


def test_an_empty_answer_still_has_one_of_each() -> None:
    assert [kind for kind, _ in pieces(EntryText("a", "b", "", ("", " ")))] == [
        "question", "answer", "both", "sentence",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("markdown", "words_of_it"),
    [
        ("# Head\n\nSome **bold** and *thin*", "Head\n\nSome bold and thin"),
        ("see [our page](https://example.org/a?b=c)", "see our page"),
        ("- one\n- two\n1. three", "one\ntwo\nthree"),
        ("| a | b |\n|---|---|\n| c | d |", "a b \n\n c d"),
        ("```sh\nrun this\n```", "run this"),
        ("5 > 3 and 2 * 3", "5 > 3 and 2 3"),
    ],
)
def test_markdown_is_read_for_its_words(markdown: str, words_of_it: str) -> None:
    assert plain(markdown).split() == words_of_it.split()


def test_sentences_end_where_a_reader_ends_them() -> None:
    text = "Open at 9 a.m. Monday to Friday. It costs £4.50, e.g. Two people pay £9. Really?\nYes."
    found = sentences(text)
    assert " ".join(found) == " ".join(text.split())
    assert len(found) < 5
    assert any("£4.50" in s for s in found)


def test_words_of_one_stem_are_one() -> None:
    assert (
        set(words("deliveries delivery delivered delivering")) == {"deliver", "delivery"}
        or len(set(words("deliveries delivery"))) == 1
    )


def test_the_entry_that_is_meant_fits_best(encoder: Encoder) -> None:
    found = features(encoder, indexed(encoder, HOURS, RETURNS, PARKING), "can I send this back to you")
    assert found["phrase_max"].argmax() == 1
    assert found["both"].argmax() == 1


def test_a_typing_error_leaves_the_grams(encoder: Encoder) -> None:
    found = features(encoder, indexed(encoder, HOURS, RETURNS, PARKING), "retrun sumthing")
    assert found["grams_phrases"].argmax() == 1
    assert found["words_phrases"].max() == 0


def test_lexical_features_are_shares(encoder: Encoder) -> None:
    found = features(encoder, indexed(encoder, HOURS, RETURNS, PARKING), "When are you open?")
    for name in ("words_phrases", "words_answer", "covered", "grams_phrases", "grams_all"):
        assert (found[name] >= 0).all()
        assert (found[name] <= 1.0001).all()
    assert found["phrase_max"][0] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("text", ["when do you open", "", "\u200b", "😀", "the the the"])
def test_few_entries_and_odd_texts_are_fine(encoder: Encoder, count: int, text: str) -> None:
    features(encoder, indexed(encoder, *(HOURS, RETURNS)[:count]), text)


def test_a_long_message_is_compared_window_by_window(encoder: Encoder) -> None:
    index = indexed(encoder, HOURS, RETURNS, PARKING)
    rambling = "I was telling my neighbour about the weather and the football last night. " * 40
    found = features(encoder, index, rambling + "How do I return something? How do I return something?")
    assert found["phrase_max"].argmax() == 1


def test_vectors_survive_storage(encoder: Encoder) -> None:
    vectors = EntryVectors.of(HOURS, encoder.encode_now([t for _, t in pieces(HOURS)]))
    again = EntryVectors.from_bytes(vectors.to_bytes())
    assert again.kinds == vectors.kinds
    assert np.abs(again.matrix - vectors.matrix).max() < 1e-3


def test_five_thousand_entries_each_have_their_row() -> None:
    rng = np.random.default_rng(0)
    vocabulary = [f"w{i}ord" for i in range(3000)]

    def some(n: int) -> str:
        return " ".join(rng.choice(vocabulary, n))

    entries = []
    for i in range(5000):
        entry = EntryText(f"e{i}", some(7), ". ".join(some(8).capitalize() for _ in range(3)), (some(6), some(5)))
        kinds = tuple(kind for kind, _ in pieces(entry))
        matrix = rng.normal(size=(len(kinds), 384)).astype(np.float32)
        unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        said, told = (rng.integers(-127, 128, (n, 96), dtype=np.int8) for n in (20, 60))
        entries.append((entry, EntryVectors(kinds, unit, said, told)))
    index = Index(entries)
    meaning = rng.normal(size=(1, 384)).astype(np.float32)
    said_words = (rng.normal(size=(12, 96)) / 10).astype(np.float32)
    encoded = Encoded(meaning, np.tile(meaning, 3), 0.0, np.array([12]), said_words)
    text = some(12)
    found = index.features(text, encoded)
    assert found.shape == (5000, len(FEATURES))
    assert np.isfinite(found).all()


def test_words_are_compared_one_by_one(encoder: Encoder) -> None:
    entries = [
        EntryText("returns", "How do I send a parcel back?", "Use the slip in the box."),
        EntryText("hours", "When is the shop open?", "From nine to five on weekdays."),
    ]
    made = [(e, EntryVectors.of(e, encoder.encode_now([text for _, text in pieces(e)]))) for e in entries]
    index = Index(made)
    [asked] = encoder.encode_now(["which slip do I put in the parcel when it goes back"])
    found = index.features("which slip do I put in the parcel when it goes back", asked)[:, -LATE:]
    assert (found[0] > found[1]).all()
    kept = EntryVectors.from_bytes(made[0][1].to_bytes())
    assert np.array_equal(kept.phrase_words, made[0][1].phrase_words)
    assert np.array_equal(kept.answer_words, made[0][1].answer_words)


def test_an_entry_without_a_word_is_compared_too(encoder: Encoder) -> None:
    entry = EntryText("odd", "\u200b", "\u200b")
    vectors = EntryVectors.of(entry, encoder.encode_now([text for _, text in pieces(entry)]))
    [asked] = encoder.encode_now(["hello there"])
    assert np.isfinite(Index([(entry, vectors)]).features("hello there", asked)).all()


def test_more_entries_than_are_looked_at_word_by_word_all_have_their_row(encoder: Encoder) -> None:
    entries = [EntryText(f"e{i}", f"Is number {i} open?", f"Number {i} is open.") for i in range(LOOKED_AT + 8)]
    made = [(e, EntryVectors.of(e, encoder.encode_now([text for _, text in pieces(e)]))) for e in entries]
    [asked] = encoder.encode_now(["is number 3 open"])
    found = Index(made).features("is number 3 open", asked)
    assert found.shape == (LOOKED_AT + 8, len(FEATURES))
    least = found[:, -LATE:].min(axis=0)
    assert (found[:, -LATE:] == least).all(axis=1).sum() >= 8


def test_a_question_within_a_story_counts_by_itself(encoder: Encoder) -> None:
    entry = EntryText("parking", "Where can I park?", "Behind the house.")
    vectors = EntryVectors.of(entry, encoder.encode_now([text for _, text in pieces(entry)]))
    story = "We are driving up from Wales with my sister and her three children in the new van."
    whole, *parts = encoder.encode_now([f"{story} Where can I park?", story, "Where can I park?"])
    index = Index([(entry, vectors)])
    found = index.features(f"{story} Where can I park?", whole, parts)[0]
    assert found[FEATURES.index("part_phrase_max")] > found[FEATURES.index("phrase_max")] + 0.05
