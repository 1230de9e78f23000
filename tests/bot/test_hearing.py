"""bot/hearing.py: the words that are named are the words that the model heard."""

import random
from statistics import mean

import pytest

from bot.hearing import LONG, NAMED, loudest, trials
from core.encoder import Encoder
from sentiment.mood import MoodModel

FED_UP = [
    "I ordered the blue lamp on Monday and I am sick of waiting for it, where is it",
    "This is the third time I have written about the oven and nobody answers",
    "the app logged me out again, absolutely useless, and now the ticket is gone",
    "My name is Priya, order 4417, and I have had enough of these excuses",
    "You promised Tuesday. It is Friday. Unbelievable service from a shop of your size",
    "oh brilliant, you cancelled it again, well done, and the party is tomorrow",
    "still no reply about the table, I want my money back and I want it now",
    "we drove to Leeds for the fitting and your shop was shut, what a joke",
]


def test_each_span_is_left_out_once() -> None:
    tried = trials("no one ever answers")
    assert [t.said for t in tried] == [
        "no", "one", "ever", "answers", "no one", "one ever", "ever answers", "no one ever", "one ever answers"
    ]  # fmt: skip
    assert tried[4].rest == "ever answers"
    assert trials("hello") == trials("") == []
    assert len(trials("word " * 900)) <= LONG


def test_the_span_without_which_it_falls_most_is_named_and_none_twice() -> None:
    tried = trials("hi this is rubbish thanks")
    without = [0.2 if "rubbish" not in t.rest else 0.8 for t in tried]
    assert loudest(tried, 0.8, without) == ("rubbish",)
    assert loudest(tried, 0.8, [0.9] * len(tried)) == ()
    assert len(loudest(tried, 0.9, [0.1] * len(tried))) <= NAMED


@pytest.mark.parametrize("seed", [1, 2])
def test_leaving_the_named_words_out_calms_more_than_leaving_out_as_many_others(encoder: Encoder, seed: int) -> None:
    model, chance = MoodModel.load(None, encoder.feeling_hash), random.Random(seed)  # noqa: S311

    def frustration(texts: list[str]) -> list[float]:
        return [model.read(e, t).frustration for e, t in zip(encoder.encode_now(texts), texts, strict=True)]

    named_falls, other_falls = [], []
    for text in FED_UP:
        whole, tried = frustration([text])[0], trials(text)
        named = loudest(tried, whole, frustration([t.rest for t in tried]))
        assert named
        chosen = {i for t in tried if t.said in named for i in t.words}
        words = text.split()
        others = sorted(set(range(len(words))) - chosen)
        left_out = set(chance.sample(others, min(len(chosen), len(others))))
        calm, control = (
            frustration([" ".join(w for i, w in enumerate(words) if i not in gone)])[0] for gone in (chosen, left_out)
        )
        named_falls.append(whole - calm)
        other_falls.append(whole - control)
    assert mean(named_falls) > mean(other_falls) + 0.2
