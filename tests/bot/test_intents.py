"""bot/intents.py: who asks for a person gets one, and who only asks about people does not."""

import pytest

from bot.intents import IntentModel, Intents
from bot.policy import Policy
from core.encoder import Encoder
from core.heads import HeadsMismatch


@pytest.fixture(scope="module")
def model(encoder: Encoder) -> IntentModel:
    return IntentModel.load(None, encoder.feeling_hash)


def read(encoder: Encoder, model: IntentModel, text: str) -> Intents:
    return model.read(encoder.encode_now([text])[0], text)


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a person",
        "is there someone I can talk to",
        "fetch your colleague please",
        "I'd rather not talk to a machine",
        "human please",
        "agent",
        "can I speak to a manager",
        "put me through to somebody who knows",
        "please call me back",
    ],
)
def test_asking_for_a_person_is_understood(encoder: Encoder, model: IntentModel, text: str) -> None:
    assert read(encoder, model, text).asks_human >= Policy().asks_human


@pytest.mark.parametrize(
    "text",
    [
        "when is your phone line open",
        "how many people work there",
        "what does it cost per person",
        "can a friend collect my order",
        "no need to bring anyone in, just tell me the price",
        "do you deliver on sundays",
        "are you a robot?",
    ],
)
def test_a_question_about_people_is_not_a_wish_for_one(encoder: Encoder, model: IntentModel, text: str) -> None:
    assert read(encoder, model, text).asks_human < Policy().asks_human


@pytest.mark.parametrize(
    "text",
    [
        "are you a robot",
        "is this a human?",
        "are you real",
        "is that a person typing or a computer program?",
        "am I talking to a real person or a bot",
    ],
)
def test_asking_what_it_is_is_small_talk_about_the_bot(encoder: Encoder, model: IntentModel, text: str) -> None:
    intents = read(encoder, model, text)
    assert intents.smalltalk_kind == "about_bot"
    assert intents.asks_human < Policy().asks_human


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hello", "greeting"),
        ("thanks a lot!", "thanks"),
        ("bye", "goodbye"),
        ("ok got it", "acknowledge"),
        ("tell me a joke", "chitchat"),
    ],
)
def test_small_talk_has_its_kind(encoder: Encoder, model: IntentModel, text: str, kind: str) -> None:
    assert read(encoder, model, text).smalltalk_kind == kind


@pytest.mark.parametrize(
    "text", ["do you open on sundays", "hi, what does shipping cost", "how do I reset my password"]
)
def test_a_question_is_no_small_talk(encoder: Encoder, model: IntentModel, text: str) -> None:
    assert read(encoder, model, text).smalltalk_kind is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I can smell gas from the boiler you fitted", "safety"),
        ("there is a charge on my card that I did not make", "payment_dispute"),
        ("you charged my card twice", "payment_dispute"),
        ("I came out in a rash after the cream, should I see a doctor", "medical"),
        ("I will take you to court over this contract", "legal"),
        ("delete all the personal data you hold on me", "privacy"),
    ],
)
def test_a_sensitive_matter_has_its_kind(encoder: Encoder, model: IntentModel, text: str, kind: str) -> None:
    assert read(encoder, model, text).sensitive_kind == kind


def test_need_and_abuse_are_seen(encoder: Encoder, model: IntentModel) -> None:
    grieving = read(encoder, model, "my husband died last week and I don't know how to do any of this")
    cursing = read(encoder, model, "you stupid useless idiots, go to hell")
    calm = read(encoder, model, "what time do you close")
    assert grieving.vulnerable >= model.thresholds["vulnerable"] > calm.vulnerable
    assert cursing.abusive >= model.thresholds["abusive"] > calm.abusive


def test_declining_a_person_is_seen(encoder: Encoder, model: IntentModel) -> None:
    assert read(encoder, model, "I don't need an agent, thanks").declines_human >= model.thresholds["declines_human"]


@pytest.mark.parametrize("text", ["", "\u200b", "😀", "你好", "x" * 4000, "\u202eabc"])
def test_any_text_gives_probabilities(encoder: Encoder, model: IntentModel, text: str) -> None:
    intents = read(encoder, model, text)
    for name in (*model.thresholds, "faq_like"):
        assert 0 <= getattr(intents, name) <= 1


def test_a_wish_at_the_end_of_a_long_message_is_read(encoder: Encoder, model: IntentModel) -> None:
    long = "The table came on Monday and we put it up in the kitchen by the window. " * 45
    wish = "I want to talk to a person. Please let me speak to a human. " * 8
    assert read(encoder, model, long + wish).asks_human > read(encoder, model, long).asks_human + 0.3


def test_heads_of_another_encoder_are_refused() -> None:
    with pytest.raises(HeadsMismatch):
        IntentModel.load(None, "0" * 64)
