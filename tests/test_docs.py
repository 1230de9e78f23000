"""The documents stay true: settings, error codes, commands and the protocol are all in them."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from api import protocol_docs
from api.cli import parser
from core.errors import Refusal
from core.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def _refusals(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _refusals(sub)


def test_every_setting_is_documented() -> None:
    text = (DOCS / "operating.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`WARMLINE_{name.upper()}`" not in text]
    assert missing == []


def test_every_refusal_has_its_code_and_status_in_the_docs() -> None:
    for package in ("core", "sentiment", "handoff", "knowledge_base", "bot", "api"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if not module.name.endswith(("__main__", ".train")):
                importlib.import_module(module.name)
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    missing = {f"`{r.code}` | {r.status}" for r in _refusals(Refusal)} - set(re.findall(r"`\w+` \| \d+", text))
    assert missing == set()


def test_the_protocol_is_documented_as_it_is() -> None:
    assert protocol_docs.write(check=True) == []


def test_every_command_is_documented() -> None:
    text = " ".join((DOCS / "operating.md").read_text(encoding="utf-8").split())
    usage = parser().format_help()
    commands = [c for c in re.findall(r"^    ([a-z-]+) ", usage, flags=re.M) if c != "protocol"]
    assert commands
    assert [c for c in commands if f"warmline {c}" not in text] == []


def test_every_link_between_documents_leads_somewhere() -> None:
    for page in (*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
