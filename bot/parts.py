"""The questions of one message, where it asks several; pure. Floor 2."""

import re

from knowledge_base.features import words

MOST = 4  # parts of one message that are looked at
LEAST = 1  # content words of a part
LEANING = 7  # content words, at most, of a message that may lean on the one before it

_ASKS = (
    r"(?:do|does|did|can|could|is|are|am|will|would|should|shall|may|might|have|has|what|what's|how|how's|when|"
    r"where|which|who|why|whether|if|any|is there|are there|i need|i want|i'd like|i would like|tell me)"
)
# Where nothing parts two questions, the second shows by how it opens.
_OPENS = (
    r"(?:how (?:much|many|long|late|far|do|does|can)|what (?:do|does|is|are|if|happens)|where (?:do|can|is|are)|"
    r"when (?:do|does|is|will)|can (?:i|we|you)|do (?:you|i|we)|are (?:you|we|your)|is there|will it|who do)"
)
_JOINT = re.compile(
    r"(?<=[?!.])\s+|\n+|;\s+"
    rf"|\s*,?\s+(?:oh\s+)?(?:and|also|plus|&)\s+(?:also\s+|then\s+)?(?={_ASKS}\b)"
    r"|\s*,\s+(?:oh\s+)?(?:also|plus)\s+"
    rf"|\s*[,:]\s+(?={_ASKS}\b)"
    r"|\s+-{1,2}\s+|\s+(?=\d[.)]\s)"
    rf"|(?<=\w\w)\s+(?={_OPENS}\b)",
    re.I,
)
_QUESTION = re.compile(
    rf"\?$|^(?:so |ok |hi |hello )?(?:{_ASKS}|{_OPENS})\b"
    r"|\b(?:how (?:much|many|long|do)|do you|can i|can you|where do|what (?:is|are|do))\b",
    re.I,
)
_LEAD = re.compile(r"^(?:oh|and|also|plus|then|ps|p\.s\.|btw|by the way|[,:\s-]|\d+[.)]|[-*•])+\s*", re.I)


# A piece that ends on one of these is no question yet: "when | are you open".
_OPEN_WORDS = """
when where what how which who why if whether and or but that know me tell ask wondering late early much many long
far often soon please to is are
"""
_OPEN_ENDS = frozenset(_OPEN_WORDS.split())


def parts(text: str) -> list[str]:
    """What the message asks, piece by piece; one piece (the text itself) where it can't be parted."""
    found = _whole([piece for piece in _JOINT.split(text) if piece])
    found = [_LEAD.sub("", piece).strip() for piece in found]
    kept = [piece for piece in found if len(words(piece)) >= LEAST and len(piece.split()) >= 2]
    if len(kept) < 2:
        return [text]
    return kept[:MOST]


def _whole(pieces: list[str]) -> list[str]:
    """Put back together what was cut within a question."""
    found: list[str] = []
    for piece in pieces:
        last = found[-1].split() if found else []
        if last and last[-1].lower() in _OPEN_ENDS:
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def pieces(text: str) -> tuple[str, ...]:
    """The parts of a message that are looked up beside it; none where it is one."""
    found = parts(text)
    return tuple(punctuated(piece) for piece in found) if len(found) > 1 else ()


def asks(piece: str) -> bool:
    """Does the piece look like a question of its own, and not like the story around one?"""
    return _QUESTION.search(piece.strip()) is not None


def punctuated(piece: str) -> str:
    """A question with its mark: cut out of a message, "do you open Sundays" was .47 sure and with the mark .89."""
    return f"{piece}?" if asks(piece) and piece[-1] not in "?!." else piece


def may_lean(text: str) -> bool:
    """Could it be a follow-up that says too little alone ("and on Sundays?")?"""
    return len(words(text)) <= LEANING and len(text.split()) <= 2 * LEANING
