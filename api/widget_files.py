"""What the visitor's launcher fetches at the first click, as it is sent. Floor 3.

The panel's modules are small files for us and one file for a visitor: joined and without comments they are half as
many bytes on the wire, and one request instead of a dozen. Their address names what is in them.
"""

import hashlib
import re
from functools import lru_cache
from pathlib import Path

import rjsmin

FOLDER = Path(__file__).parents[1] / "web_widget"
ENTRY = "panel"
_IMPORT = re.compile(r"^import \{[^}]*\} from '\./(\w+)\.js';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) )", re.MULTILINE)
_VERSION = re.compile(r"(?<='widget/)[0-9a-f]{10}(?=/')")


def version() -> str:
    """A name for the panel and all languages as they are now."""
    return _version(_state())


@lru_cache(maxsize=2)
def _version(_now: tuple[tuple[str, int], ...]) -> str:
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:10]


def _sources() -> list[Path]:
    return sorted([*(FOLDER / "panel").glob("*.js"), *(FOLDER / "languages").glob("*.json")])


def _state() -> tuple[tuple[str, int], ...]:
    return tuple((path.name, path.stat().st_mtime_ns) for path in _sources())


def file(name: str) -> tuple[str, str] | None:
    """``panel.js`` or ``languages/de.json``: its text and media type; None: there is no such file."""
    if name == f"{ENTRY}.js":
        return _panel(_state()), "text/javascript; charset=utf-8"
    wanted = FOLDER / name
    if wanted.parent == FOLDER / "languages" and wanted in _sources():
        return wanted.read_text(encoding="utf-8"), "application/json"
    return None


@lru_cache(maxsize=2)
def _panel(_now: tuple[tuple[str, int], ...]) -> str:
    modules: dict[str, str] = {}
    _add(ENTRY, modules)
    small: str = rjsmin.jsmin("\n".join(modules.values()))
    return small


def _add(name: str, modules: dict[str, str]) -> None:
    """This module, after those that it imports; all share one scope, so their names differ."""
    source = (FOLDER / "panel" / f"{name}.js").read_text(encoding="utf-8")
    for needed in _IMPORT.findall(source):
        if needed not in modules:
            _add(needed, modules)
    source = _IMPORT.sub("", source)
    modules[name] = source if name == ENTRY else _EXPORT.sub("", source)


def stamped() -> str:
    """widget.js with the address of the present files in it."""
    return _VERSION.sub(version(), (FOLDER / "widget.js").read_text(encoding="utf-8"))
