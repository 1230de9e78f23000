"""bot/language.py: what the models can't read is noticed, and English in any voice is not mistaken for it."""

import pytest

from bot.language import foreign


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Wann habt ihr am Sonntag geöffnet?", "de"),
        ("hola, ¿cuándo llega mi pedido?", "es"),
        ("je voudrais annuler ma commande", "fr"),
        ("dove posso parcheggiare la macchina", "it"),
        ("czy mogę zwrócić towar bez paragonu", "pl"),
        ("wanneer komt mijn pakket aan", "nl"),
        ("posso pagar com cartão?", "pt"),
        ("注文はどこですか", "ja"),
        ("מתי החבילה שלי תגיע", "he"),
        ("mój kurier nie przyjechał", "pl"),
    ],
)
def test_another_language_is_named(text: str, code: str) -> None:
    assert foreign(text, 0.0) == code


@pytest.mark.parametrize(
    "text",
    [
        "wher is my parsel plz",
        "dae ye dae deliveries tae Shetland",
        "abeg when una go open",
        "me order no come since Tuesday, please to check it",
        "do you sell pains au chocolat",
        "I'd like the Gewürztraminer, is it in stock?",
        "ok", "thx", "??", "", "12.50", "merci",
    ],
)  # fmt: skip
def test_english_in_any_voice_is_read(text: str) -> None:
    assert foreign(text, 0.0) is None


def test_signs_that_the_encoder_has_no_word_for_are_noticed_without_a_name() -> None:
    assert foreign("hello ꯃꯤꯇꯩ", 0.7) == "und"
