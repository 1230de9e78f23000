"""Search over what people said, in every conversation. Floor 0.

SQLite: an FTS5 table that triggers keep (alembic 0004), so whoever erases a message erases its words. PostgreSQL:
a GIN index on an expression. Either finds words by their beginning, in any case; text in quotes as it stands.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import BadInput
from core.tables import MessageRow

MAX_QUERY = 200
MAX_TERMS = 12
AROUND = 70  # characters of a snippet on each side of what was found
_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')
# What joins parts of an order number or an address is blanked on both sides: PostgreSQL reads "BW-20931" as bw
# and minus 20931. The expression is that of the index of alembic 0004, or the index is not used.
_JOINERS = str.maketrans(dict.fromkeys("-_@./:#+", " "))
_POSTGRES = text(
    "SELECT id FROM messages WHERE sender_kind IN ('visitor', 'agent') AND"
    " to_tsvector('simple', translate(text, '-_@./:#+', '        ')) @@ to_tsquery('simple', :match)"
    " ORDER BY at DESC, seq DESC LIMIT :limit"
)
_SQLITE = text(
    "SELECT n.message_id FROM search_words w JOIN search_numbers n ON n.id = w.rowid"
    " WHERE search_words MATCH :match ORDER BY w.rowid DESC LIMIT :limit"
)


class NothingToSearch(BadInput):
    code = "nothing_to_search"


@dataclass(frozen=True, slots=True)
class Term:
    text: str
    whole: bool  # as it stands, not only the beginning of a word


@dataclass(frozen=True, slots=True)
class Hit:
    conversation_id: UUID
    seq: int
    sender_kind: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a snippet; ``hit``: it is what was searched for."""

    text: str
    hit: bool


def terms_of(query: str) -> tuple[Term, ...]:
    """
    Raises:
        NothingToSearch: no letter and no digit in it, or too much.

    """
    if len(query) > MAX_QUERY:
        raise NothingToSearch(f"That is too long to search for: at most {MAX_QUERY} characters.")
    # Cc: the database would stumble over a NUL; a surrogate half cannot be sent to it at all
    clean = "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in query)
    found = [Term(" ".join((quoted or word).split()), bool(quoted)) for quoted, word in _TERM.findall(clean)]
    terms = tuple(term for term in found if any(map(str.isalnum, term.text)))
    if not terms or len(terms) > MAX_TERMS:
        raise NothingToSearch(f"Write one to {MAX_TERMS} words to search for.")
    return terms


async def find(session: AsyncSession, terms: Sequence[Term], limit: int) -> list[Hit]:
    """Messages in which all the terms stand, the newest first."""
    found = await session.scalars(
        select(MessageRow)
        .where(MessageRow.id.in_(_numbers(session, terms, limit).columns(MessageRow.id).scalar_subquery()))
        .order_by(MessageRow.at.desc(), MessageRow.seq.desc())
    )
    return [Hit(m.conversation_id, m.seq, m.sender_kind, m.at, m.text) for m in found]


def _numbers(session: AsyncSession, terms: Sequence[Term], limit: int) -> TextClause:
    if session.get_bind().dialect.name == "sqlite":
        match = " AND ".join(f'"{t.text}"' if t.whole else f'"{t.text}" *' for t in terms)
        return _SQLITE.bindparams(match=match, limit=limit)
    return _POSTGRES.bindparams(match=" & ".join(_for_postgres(t) for t in terms), limit=limit)


def _for_postgres(term: Term) -> str:
    words = term.text.translate(_JOINERS).replace("\\", " ").replace("'", "''")
    return f"'{words}'" if term.whole else f"'{words}':*"


async def scrub(session: AsyncSession) -> None:
    """Call it after erasing (core/privacy.scrub does): words of erased messages leave SQLite's index files too.

    FTS5 only marks what was deleted until its segments are merged; this merges them all. (PostgreSQL forgets at its
    next VACUUM; see docs/operating.md.)
    """
    if session.get_bind().dialect.name == "sqlite":
        await session.execute(text("INSERT INTO search_words (search_words) VALUES ('optimize')"))


def snippet(said: str, terms: Sequence[Term]) -> tuple[Piece, ...]:
    """What stands around the first place that was found, in pieces; every place in it is marked."""
    folded, places = _folded(said)
    needles = sorted({_folded(w)[0] for t in terms for w in _needles(t)}, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(n)}" for n in needles if n) or r"(?!)")
    spans = [(places[m.start()], places[m.end() - 1] + 1) for m in pattern.finditer(folded)]
    first = spans[0] if spans else (0, 0)
    start, end = max(0, first[0] - AROUND), min(len(said), first[1] + AROUND)
    pieces: list[Piece] = [Piece("…", False)] if start else []
    at = start
    for begin, over in spans:
        if begin < at or over > end:
            continue
        pieces += [Piece(said[at:begin], False), Piece(said[begin:over], True)]
        at = over
    pieces += [Piece(said[at:end] + ("…" if end < len(said) else ""), False)]
    return tuple(p for p in pieces if p.text)


def _needles(term: Term) -> list[str]:
    """A phrase is looked for as it stands; where only its words are next to each other, by its words."""
    return [term.text, *re.findall(r"\w+", term.text)]


def _folded(said: str) -> tuple[str, list[int]]:
    """Without accents and capitals, and where in ``said`` each character came from."""
    letters: list[str] = []
    places: list[int] = []
    for place, char in enumerate(said):
        for part in unicodedata.normalize("NFD", char.casefold()):
            if unicodedata.category(part) != "Mn":
                letters.append(part)
                places.append(place)
    return "".join(letters), places


def not_of_search(name: str | None, kind: str, _parents: object = None) -> bool:
    """For comparing a database with the tables we declare: those of SQLite's index are made by the migration alone."""
    return not (kind in ("table", "index") and (name or "").startswith("search_"))
