"""bot/ranker.py: an order over all entries, and a confidence that can be believed."""

import numpy as np
import pytest

from bot.intents import IntentModel
from bot.ranker import EVIDENCE, Candidate, Ranker, evidence
from core.encoder import Encoder
from core.heads import HeadsMismatch
from knowledge_base.features import FEATURES, EntryText, EntryVectors, Index, pieces

ENTRIES = (
    EntryText("hours", "When are you open?", "Monday to Saturday, 9am to 6pm.", ("What are your opening hours?",)),
    EntryText("returns", "How do I return something?", "Post it back within 30 days; postage is free."),
    EntryText("parking", "Is there a car park?", "Yes, behind the shop, free for two hours."),
    EntryText("shipping", "What does delivery cost?", "Delivery is £4, or free over £50.", ("How much is postage?",)),
    EntryText("warranty", "How long is the guarantee?", "Two years on everything we sell."),
)


@pytest.fixture(scope="module")
def ranker(encoder: Encoder) -> Ranker:
    return Ranker.load(None, encoder.meaning_hash)


@pytest.fixture(scope="module")
def model(encoder: Encoder) -> IntentModel:
    return IntentModel.load(None, encoder.feeling_hash)


@pytest.fixture(scope="module")
def index(encoder: Encoder) -> Index:
    return indexed(encoder, *ENTRIES)


def indexed(encoder: Encoder, *entries: EntryText) -> Index:
    return Index([(e, EntryVectors.of(e, encoder.encode_now([t for _, t in pieces(e)]))) for e in entries])


def ranked(encoder: Encoder, ranker: Ranker, model: IntentModel, index: Index, text: str) -> list[Candidate]:
    (encoded,) = encoder.encode_now([text])
    return ranker.rank(index.features(text, encoded), index.slugs, model.read(encoded, text))


def test_an_entrys_own_question_is_answered_with_it(
    encoder: Encoder, ranker: Ranker, model: IntentModel, index: Index
) -> None:
    for entry in ENTRIES:
        first = ranked(encoder, ranker, model, index, entry.question)[0]
        assert first.slug == entry.slug
        # Of five entries without phrasings; bot/mind.py is sure of the very words whatever the ranker says.
        assert first.confidence >= 0.7


@pytest.mark.parametrize(
    "text", ["what year did the titanic sink", "asdf qwer zxcv", "how do I boil an egg", "can you fix my roof"]
)
def test_what_no_entry_answers_is_not_answered(
    encoder: Encoder, ranker: Ranker, model: IntentModel, index: Index, text: str
) -> None:
    assert ranked(encoder, ranker, model, index, text)[0].confidence < ranker.thresholds.answer


@pytest.mark.parametrize("text", ["can I send it back", "", "😀", "when open", "x" * 4000])
def test_all_entries_are_ranked_and_the_first_is_the_surest(
    encoder: Encoder, ranker: Ranker, model: IntentModel, index: Index, text: str
) -> None:
    found = ranked(encoder, ranker, model, index, text)
    confidences = [c.confidence for c in found]
    assert sorted(c.slug for c in found) == sorted(index.slugs)
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= c <= 1 for c in confidences)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_entries_can_be_ranked(encoder: Encoder, ranker: Ranker, model: IntentModel, count: int) -> None:
    found = ranked(encoder, ranker, model, indexed(encoder, *ENTRIES[:count]), "when are you open")
    assert len(found) == count
    assert not found or found[0].slug == "hours"


def test_thresholds_are_in_order(ranker: Ranker) -> None:
    assert 0 < ranker.thresholds.clarify < ranker.thresholds.answer < 1


def test_the_evidence_has_a_name_for_every_number(encoder: Encoder, model: IntentModel, index: Index) -> None:
    (encoded,) = encoder.encode_now(["when open"])
    features = index.features("when open", encoded)
    found = evidence(features, features @ np.ones(len(FEATURES), dtype=np.float32), model.read(encoded, "when open"))
    assert found.shape == (len(EVIDENCE),)
    assert np.isfinite(found).all()


def test_heads_of_another_encoder_are_refused() -> None:
    with pytest.raises(HeadsMismatch):
        Ranker.load(None, "0" * 64)
