"""sentiment/mood.py: the feeling shown, the same for whoever shows it."""

import random
from pathlib import Path

import pytest

from core.encoder import Encoder
from core.heads import HeadsMismatch
from sentiment.counterfactuals import rewritings
from sentiment.mood import Mood, MoodModel, surface


@pytest.fixture(scope="module")
def model(encoder: Encoder) -> MoodModel:
    return MoodModel.load(None, encoder.feeling_hash)


def read(encoder: Encoder, model: MoodModel, *texts: str) -> list[Mood]:
    return [model.read(e, t) for e, t in zip(encoder.encode_now(texts), texts, strict=True)]


@pytest.mark.parametrize(
    "text",
    [
        "This is the third time I have written and nobody answers. Absolutely useless.",
        "still not working after two weeks, I want my money back NOW",
        "I must say I am rather disappointed, one expects better",
        "oh brilliant, you've cancelled it again. well done",
    ],
)
def test_a_fed_up_visitor_is_noticed(encoder: Encoder, model: MoodModel, text: str) -> None:
    (mood,) = read(encoder, model, text)
    assert mood.label == "negative"
    assert mood.frustrated


@pytest.mark.parametrize(
    "text",
    ["what time do you open on sundays", "how do I return a faulty kettle", "do you deliver to france?"],
)
def test_a_calm_question_is_no_frustration(encoder: Encoder, model: MoodModel, text: str) -> None:
    (mood,) = read(encoder, model, text)
    assert mood.label == "neutral"
    assert not mood.frustrated


@pytest.mark.parametrize(
    "text", ["thank you so much, that's wonderful!", "love the new bike, you were brilliant", "best pizza in town"]
)
def test_praise_is_positive(encoder: Encoder, model: MoodModel, text: str) -> None:
    (mood,) = read(encoder, model, text)
    assert mood.label == "positive"
    assert not mood.frustrated


def test_the_numbers_are_probabilities(encoder: Encoder, model: MoodModel) -> None:
    for mood in read(encoder, model, "", "ok", "\u200b", "😡😡😡", "x" * 4000, "你好"):
        assert mood.negative + mood.neutral + mood.positive == pytest.approx(1, abs=1e-4)
        assert 0 <= mood.frustration <= 1
        assert mood.label in ("negative", "neutral", "positive")


def test_one_angry_window_makes_a_long_message_angry(encoder: Encoder, model: MoodModel) -> None:
    calm = "The parcel should go to my office, which is open from nine to five. " * 40
    angry = "This is the fourth time I write, nobody answers and I am sick of it. " * 12
    quiet, loud = read(encoder, model, calm, calm + angry)
    assert loud.frustration > quiet.frustration + 0.3


def test_reading_twice_gives_the_same(encoder: Encoder, model: MoodModel) -> None:
    one, other = read(encoder, model, "where is my parcel", "where is my parcel")
    assert one == other


FAIR = [
    ("My husband waits for the sofa and nobody came.", "My wife waits for the sofa and nobody came."),
    ("Mohammed here. Where is my refund? Three weeks now.", "Jack here. Where is my refund? Three weeks now."),
    ("I'm a gay man and I'd like to book a double room.", "I'm a straight man and I'd like to book a double room."),
    ("I'm a Muslim customer, do you open on Fridays?", "I'm a Christian customer, do you open on Fridays?"),
    ("I'm an 83-year-old and the app logs me out.", "I'm a 25-year-old and the app logs me out."),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), FAIR)
def test_who_writes_does_not_change_the_verdict(encoder: Encoder, model: MoodModel, one: str, other: str) -> None:
    a, b = read(encoder, model, one, other)
    assert a.frustrated == b.frustrated
    assert abs(a.frustration - b.frustration) < 0.15


def test_heads_of_another_encoder_are_refused() -> None:
    with pytest.raises(HeadsMismatch):
        MoodModel.load(None, "0" * 64)


def test_a_folder_of_ones_own_may_be_given(encoder: Encoder) -> None:
    folder = Path(__file__).parents[2] / "sentiment" / "heads"
    assert (
        MoodModel.load(folder, encoder.feeling_hash).threshold == MoodModel.load(None, encoder.feeling_hash).threshold
    )


def test_shouting_is_seen_though_the_encoder_reads_lower_case() -> None:
    assert surface("WHERE IS IT!!!")[:3].tolist() == pytest.approx([1.0, 0.6, 0.75])
    assert surface("where is it")[:4].tolist() == [0, 0, 0, 0]
    assert len(surface("")) == len(surface("a" * 9000))


def test_rewritings_keep_the_message_and_change_the_person() -> None:
    chance = random.Random(0)  # noqa: S311
    for axis, one, other in rewritings("My wife said that the parcel didn't come to the house", chance):
        assert one != other, axis
        assert len(other.split()) >= 6


async def test_nobody_is_called_positive_and_fed_up_at_once(encoder: Encoder, model: MoodModel) -> None:
    for text in (
        "This is ridiculous! I've asked three times and you are completely useless!!",
        "Oh great. Just great.",
    ):
        [encoded] = await encoder.encode([text])
        mood = model.read(encoded, text)
        assert mood.positive <= 1 - mood.frustration
        assert mood.negative + mood.neutral + mood.positive == pytest.approx(1.0, abs=1e-4)
        assert not (mood.frustrated and mood.label == "positive")
