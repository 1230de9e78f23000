"""The house stands on floors, a table has one owner, and the log has one writer: read off the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOOR = {"core": 0, "sentiment": 1, "knowledge_base": 1, "handoff": 1, "bot": 2, "api": 3}
SOURCES = [path for package in FLOOR for path in sorted((ROOT / package).rglob("*.py"))]
# The only module that may construct or insert a row of these.
ONE_WRITER = {"MessageRow": "core/conversations.py", "EventRow": "core/events.py"}
GATHERS_ALL_TABLES = "api/tables.py"  # hands the whole metadata to the migrations and reads none of it


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names; ``from a import b`` counts as ``a.b`` too, since b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(node: ast.expr) -> str:
    """The last part of ``a.b.c`` or ``c``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def faults(where: str, source: str) -> list[str]:
    """What a module at ``where`` does against the rules of the house."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [*import_faults(where, tree), *(fault for call in calls for fault in call_faults(where, call))]


def import_faults(where: str, tree: ast.AST) -> Iterator[str]:
    package = where.partition("/")[0]
    for name in dict.fromkeys(imports(tree)):
        other = name.partition(".")[0]
        if other not in FLOOR or other == package:
            continue
        if FLOOR[other] >= FLOOR[package]:
            yield f"{package} may not import {name}"
        if ".tables" in name and other != "core" and where != GATHERS_ALL_TABLES:
            yield f"{name} is private to {other}; call its functions"


def call_faults(where: str, call: ast.Call) -> Iterator[str]:
    called = name_of(call.func)
    if called == "commit" and where != "core/db.py":
        yield "only core.db commits"
    if called in ("writers", "readers") and where != "core/db.py":
        yield "only core.db opens sessions"
    if called == "relationship":
        yield "no relationship(): a query says what it loads"
    for target in [called, *(name_of(a) for a in call.args if called in ("insert", "Insert"))]:
        if target in ONE_WRITER and where != ONE_WRITER[target]:
            yield f"only {ONE_WRITER[target]} writes {target}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_keeps_the_rules_of_the_house(path: Path) -> None:
    assert faults(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("core/x.py", "import handoff"),
        ("core/x.py", "def f():\n    from bot.words import greeting"),
        ("handoff/x.py", "from knowledge_base import articles"),
        ("sentiment/x.py", "import handoff.queue"),
        ("knowledge_base/x.py", "from api.app import create"),
        ("bot/x.py", "from handoff.tables import CaseRow"),
        ("bot/x.py", "from handoff import tables"),
        ("api/routes/x.py", "import knowledge_base.tables"),
        ("handoff/x.py", "async def f(session):\n    await session.commit()"),
        ("api/x.py", "async def f(db):\n    async with db.writers() as session: ..."),
        ("bot/x.py", "session.add(MessageRow(seq=1))"),
        ("core/x.py", "session.execute(insert(tables.MessageRow))"),
        ("handoff/x.py", "session.add(tables.EventRow(seq=1))"),
        ("core/x.py", "messages = relationship('MessageRow')"),
    ],
)
def test_a_module_that_breaks_a_rule_is_found(where: str, source: str) -> None:
    assert faults(where, source)


def test_there_is_something_to_read_in_every_package() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(FLOOR)


def test_the_migrations_are_no_package() -> None:
    """alembic/__init__.py would shadow the library of that name."""
    assert not list((ROOT / "alembic").rglob("__init__.py"))
