"""The published FAQ in memory, swapped as a whole. Floor 1."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core import house
from core.db import Database, reading
from core.encoder import Encoder
from knowledge_base import articles
from knowledge_base.entry import Entry
from knowledge_base.features import EntryVectors, Index


@dataclass(frozen=True, slots=True)
class Shelf:
    """One state of the published FAQ; never changed, only replaced."""

    revision: str
    index: Index
    entries: dict[str, Entry] = field(default_factory=dict)
    phrases: dict[str, str] = field(default_factory=dict)  # the owner's wordings, folded -> slug

    def exact(self, text: str) -> str | None:
        """The entry of which ``text`` is the question or a phrasing, word for word."""
        return self.phrases.get(folded(text))


def folded(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!. ")


class Shelves(Protocol):
    """Where a mind finds the FAQ: the database's, or a file's (bot/evaluate.py)."""

    @property
    def entries_at_hand(self) -> dict[str, Entry]: ...

    async def shelf(self) -> Shelf: ...


def made_of(revision: str, found: Sequence[tuple[Entry, EntryVectors]]) -> Shelf:
    index = Index([(articles.entry_text(entry), vectors) for entry, vectors in found])
    entries = {entry.slug: entry for entry, _ in found}
    return Shelf(revision, index, entries, _phrases(entries.values()))


class Search:
    """Hands out the shelf that the database has now.

    The revision is read for every message (one primary key), so the next message sees a publication in
    every worker, also one by the command line; the bus only spares it the wait.
    """

    def __init__(self, db: Database, encoder: Encoder) -> None:
        self._db = db
        self._encoder = encoder
        self._shelf: Shelf | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def loaded(self) -> bool:
        return self._shelf is not None

    @property
    def entries_at_hand(self) -> dict[str, Entry]:
        return self._shelf.entries if self._shelf is not None else {}

    async def shelf(self) -> Shelf:
        """
        Raises:
            Unavailable: the encoder or the database does not answer.

        """
        if (shelf := await self._fresh()) is not None:
            return shelf
        async with self._one_at_a_time:
            if (shelf := await self._fresh()) is not None:
                return shelf
            await self._encoder.ready()
            revision, found = await articles.load(self._db, self._encoder)
            self._shelf = await asyncio.to_thread(made_of, revision, found)
            return self._shelf

    async def _fresh(self) -> Shelf | None:
        async with reading(self._db) as session:
            revision = await house.fact(session, house.KNOWLEDGE) or "0"
        shelf = self._shelf
        return shelf if shelf is not None and shelf.revision == revision else None


def _phrases(entries: Iterable[Entry]) -> dict[str, str]:
    """A wording that two entries share tells nothing, so it is left out."""
    owners: dict[str, set[str]] = {}
    for entry in entries:
        for phrase in (entry.question, *entry.alternates):
            owners.setdefault(folded(phrase), set()).add(entry.slug)
    return {phrase: slugs.pop() for phrase, slugs in owners.items() if len(slugs) == 1}
