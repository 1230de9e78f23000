"""The demo business: loaded once by `make run`, with sign-in links that `serve` never makes. Floor 3."""

from collections.abc import Callable
from pathlib import Path

import knowledge_base
from api.house import BUSINESS, House
from core import house as facts
from core import staff
from core.db import reading, transaction
from core.encoder import EncoderTampered, expected_hash
from core.settings import Settings
from core.staff import Person, Role
from knowledge_base import articles, importer
from knowledge_base.articles import Author

NAME = "Burblewick"
FAQ = Path(knowledge_base.__file__).parent / "demo" / "faq.jsonl"
PEOPLE: tuple[tuple[str, str, Role], ...] = (
    ("sam@example.com", "Sam", "agent"),
    ("olive@example.com", "Olive", "owner"),
)
AUTHOR = Author("demo", "Demo")


def check_weights(settings: Settings, found: str) -> None:
    """
    Raises:
        EncoderTampered.

    """
    wanted = expected_hash(settings.encoder)
    if wanted is not None and wanted != found:
        raise EncoderTampered("The encoder's weights are not the published ones: delete .venv and install again.")


async def prepare(house: House, say: Callable[[str], None]) -> list[tuple[str, str]]:
    """Load what is missing and make fresh links. Returns what to open, and where."""
    async with reading(house.db) as session:
        there = await articles.everything(session)
    if not there:
        say("Loading the demo business (44 FAQ entries) ...")
        house.encoder.start()
        entries = importer.read(FAQ.name, FAQ.read_bytes())
        await articles.bring_in(house.db, house.encoder, entries, replace=False, by=AUTHOR, now=house.now())
        async with transaction(house.db) as session:
            await facts.set_fact(session, BUSINESS, NAME)
    base = house.settings.base_url
    agent, owner = [await _link(house, *person) for person in PEOPLE]
    return [
        ("Demo site", f"{base}/demo"),
        ("Desk", f"{base}/desk#link={agent}"),
        ("Owner", f"{base}/owner#link={owner}"),
    ]


async def _link(house: House, email: str, name: str, role: Role) -> str:
    async with transaction(house.db) as session:
        person: Person | None = await staff.by_email(session, email)
        if person is None:
            person = await staff.add(
                session,
                email=email,
                name=name,
                role=role,
                password_hash=None,
                now=house.now(),
                actor=AUTHOR.actor,
            )
        return await staff.make_link(session, person.id, house.now())
