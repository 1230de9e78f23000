"""What an agent should know before saying hello. Extractive: every word was said. Floor 1, pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FactKind = Literal["order", "email", "phone", "date", "amount", "reference"]
MAX_WANTS = 280

_NUMBERED = "order|booking|invoice|reservation|tracking|ticket|case|account|customer"
_MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_COINS = "€|euros?|eur|usd|dollars?|pounds?|gbp"

# In this order: what an earlier pattern has taken, a later one does not take again. Every repetition is
# bounded: without that, 4,000 characters of "1.1" held up everybody for half a second.
_PATTERNS: tuple[tuple[FactKind, str], ...] = (
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"),
    (
        "order",
        rf"\b(?:{_NUMBERED})\b(?:\s+(?:is|was|number|no\.?|nr\.?|id|ref(?:erence)?))*[\s:#.-]*"
        r"((?=[\w-]{0,40}\d)[A-Za-z0-9][\w-]{2,40})",
    ),
    ("amount", rf"[€$£]\s?\d(?:[\d.,]{{0,16}}\d)?|(?<![\w.,])\d[\d.,]{{0,16}}\s?(?:{_COINS})(?!\w)"),
    (
        "date",
        r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}(?:[./]\d{2,4})?"
        rf"|{_DAY}\s+(?:of\s+)?{_MONTH}|{_MONTH}\s+{_DAY})\b",
    ),
    ("phone", r"(?<![\w-])\+?\d[\d ()/-]{7,24}\d(?![\w-])"),
    ("reference", r"(?<![\w-])#?(?=[A-Za-z0-9-]*\d)(?:[A-Z]{1,4}-?\d[\dA-Z-]{2,}|\d{5,})(?![\w-])"),
)
_FACTS = tuple((what, re.compile(p, 0 if what == "reference" else re.IGNORECASE)) for what, p in _PATTERNS)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")  # not the point in 64.90
_WANTING = re.compile(
    r"\b(?:want|need|would like|looking for|trying to|can (?:i|you|we)|could (?:i|you|we)|how (?:do|can|long|much)"
    r"|where|when|why|what|which|who|is there|are there|do you|please|refund|cancel|change|return|broken|wrong"
    r"|missing|not working|doesn't|hasn't|never|still)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    what: FactKind
    text: str


@dataclass(frozen=True, slots=True)
class Summary:
    wants: str = ""
    facts: tuple[Fact, ...] = ()
    tried: tuple[str, ...] = ()
    open: str = ""


def summarise(said: Sequence[str], tried: Sequence[str]) -> Summary:
    """``said``: the visitor's messages of this episode, oldest first; ``tried``: questions of the entries given."""
    return Summary(
        wants=_wants(said),
        facts=tuple(_facts(said)),
        tried=tuple(dict.fromkeys(tried)),
        open=_clipped(said[-1].strip()) if said else "",
    )


def _wants(said: Sequence[str]) -> str:
    sentences = [s.strip() for text in said for s in _SENTENCE_END.split(text) if any(map(str.isalnum, s))]
    if not sentences:
        return ""
    # What was said later is nearer to what is still wanted: a solved question stands at the beginning.
    later = 1.5 / len(sentences)
    best = max(range(len(sentences)), key=lambda n: _weight(sentences[n]) + n * later)
    return _clipped(sentences[best])


def _weight(sentence: str) -> float:
    # A wish or a question with some substance says best what is wanted; very long ones are stories.
    words = len(sentence.split())
    return len(_WANTING.findall(sentence)) + ("?" in sentence) + min(words, 14) / 14 - max(0, words - 30) / 30


def _facts(said: Sequence[str]) -> list[Fact]:
    found: list[Fact] = []
    for text in said:
        left = text
        for what, pattern in _FACTS:
            for match in pattern.finditer(left):
                fact = Fact(what, (match.group(1) if match.groups() else match.group(0)).strip())
                if fact not in found:
                    found.append(fact)
            left = pattern.sub(lambda m: " " * len(m.group(0)), left)
    return found[:12]


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_WANTS else text[: MAX_WANTS - 1].rstrip() + "…"
