"""core/text.py: a text is kept byte for byte or refused with a code that stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refusal
from core.text import BrokenText, EmptyText, TextTooLong, checked

KEPT = {
    "a plain line": "Where is my parcel?",
    "spaces around it": "  hello\n\n",
    "4,000 characters": "x" * 4_000,
    "4,000 characters outside the basic plane": "\U0001f600" * 4_000,
    "right to left": "אני רוצה לדבר עם נציג \u202eabc\u202c مرحبا",
    "an emoji of several": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 ok",
    "zero-width between letters": "re\u200bfund\ufeff",
    "combining marks on a letter": "Z" + "\u0301" * 3_999,
    "a decomposed letter, not composed": "cafe\u0301",
    "tabs, returns and an escape": "a\tb\r\nc\x1b[31m",
    "only a digit": "7",
    "only a question mark": "?",
    "markup": "<script>alert(1)</script> & ]]> {{7*7}} '; DROP TABLE messages; --",
}
REFUSED = {
    "nothing": ("", EmptyText),
    "spaces": (" \t\r\n\u3000\u00a0", EmptyText),
    "zero-width only": ("\u200b\u200c\u200d\u2060\ufeff", EmptyText),
    "direction marks only": ("\u202e\u202c\u200f", EmptyText),
    "control characters only": ("\x01\x02\x7f", EmptyText),
    "combining marks on nothing": ("\u0301" * 40, EmptyText),
    "4,001 characters": ("x" * 4_001, TextTooLong),
    "4,001 spaces": (" " * 4_001, TextTooLong),
    "NUL": ("a\x00b", BrokenText),
    "a lone high surrogate": ("a\ud83d", BrokenText),
    "a lone low surrogate": ("\ude00b", BrokenText),
}
CODES = {EmptyText: "empty_text", TextTooLong: "text_too_long", BrokenText: "broken_text"}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_is_kept_as_it_was_sent(text: str) -> None:
    assert checked(text) == text


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED)
def test_is_refused(text: str, why: type[Refusal]) -> None:
    with pytest.raises(why) as refusal:
        checked(text)
    assert refusal.value.code == CODES[why]
    assert str(refusal.value).isprintable()


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_kept_whole_or_refused(text: str) -> None:
    try:
        kept = checked(text)
    except tuple(CODES):
        return
    assert kept == text == text.encode().decode()
    assert "\x00" not in text
