"""One entry of the FAQ as its owner writes it: what is allowed in it. Floor 1, pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import BadInput
from core.text import checked, is_visible

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
MAX_QUESTION = 500
MAX_ANSWER = 8_000
MAX_ALTERNATES = 60


class BadEntry(BadInput):
    code = "bad_entry"


@dataclass(frozen=True, slots=True)
class Entry:
    slug: str
    category: str
    question: str
    answer: str  # Markdown
    alternates: tuple[str, ...] = ()


def checked_entry(*, slug: str, category: str, question: str, answer: str, alternates: Sequence[str] = ()) -> Entry:
    """An entry that can be kept, or why not.

    Raises:
        BadEntry, EmptyText, TextTooLong, BrokenText.

    """
    if not SLUG.fullmatch(slug):
        raise BadEntry(
            f"The id {slug[:90]!r} is no slug: small letters, digits, '-' and '_', 80 at most, a letter or digit first."
        )
    kept = [a.strip() for a in alternates if any(is_visible(c) for c in a)]
    if len(kept) > MAX_ALTERNATES:
        raise BadEntry(f"An entry may have {MAX_ALTERNATES} other phrasings; this one has {len(kept)}.")
    return Entry(
        slug,
        checked(category.strip() or "General", 80),
        _named("question", question, MAX_QUESTION),
        _named("answer", answer, MAX_ANSWER),
        tuple(dict.fromkeys(_named("phrasing", a, MAX_QUESTION) for a in kept)),
    )


def slug_of(question: str, taken: set[str]) -> str:
    """A slug made of the question's first words, not yet taken."""
    plain = unicodedata.normalize("NFKD", question).encode("ascii", "ignore").decode().lower()
    stem = "_".join(re.findall(r"[a-z0-9]+", plain)[:8])[:70] or "entry"
    slug, number = stem, 2
    while slug in taken:
        slug, number = f"{stem}_{number}", number + 1
    return slug


def _named(what: str, text: str, limit: int) -> str:
    if not any(is_visible(c) for c in text):
        raise BadEntry(f"The {what} is empty.")
    if len(text) > limit:
        raise BadEntry(f"The {what} has {len(text):,} characters; {limit:,} are the most.")
    return checked(text.strip(), limit)
