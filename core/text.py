"""What counts as a text that somebody may send. Floor 0."""

import unicodedata

from core.errors import BadInput, TooLarge

MAX_TEXT = 4_000  # characters


class EmptyText(BadInput):
    code = "empty_text"


class TextTooLong(TooLarge):
    code = "text_too_long"


class BrokenText(BadInput):
    code = "broken_text"


def checked(text: str, limit: int = MAX_TEXT) -> str:
    """Return ``text`` byte for byte as it was sent, or refuse it.

    Raises:
        EmptyText: nothing visible in it (spaces, zero-width and control characters only).
        TextTooLong: more than ``limit`` characters.
        BrokenText: NUL (PostgreSQL cannot keep it) or half a surrogate pair (no valid UTF-8).

    """
    if len(text) > limit:
        raise TextTooLong(f"A message may have {limit:,} characters; this one has {len(text):,}.")
    if "\x00" in text:
        raise BrokenText("The text has a NUL character, which cannot be stored.")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise BrokenText("The text has half a character (a lone surrogate); please type it again.")
    if not any(is_visible(c) for c in text):
        raise EmptyText("The message is empty.")
    return text


def is_visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in (
        "Cf",
        "Cc",
        "Zs",
        "Zl",
        "Zp",
        "Mn",
    )
