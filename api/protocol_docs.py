"""Writes docs/protocol.md and web_widget/protocol.d.ts from the models of api/protocol.py, and the version of the
panel into web_widget/widget.js. Floor 3."""

import inspect
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

from api import widget_files
from api.protocol import CLOSE_CODES, DESK_FRAME, MAX_FRAME, SERVER_FRAME, VISITOR_FRAME
from core.events import EVENT, EventBase

ROOT = Path(__file__).parents[1]
GROUPS: tuple[tuple[str, TypeAdapter[Any], str], ...] = (
    ("A visitor's page sends, on `/ws/visitor`", VISITOR_FRAME, "VisitorFrame"),
    ("An agent's page sends, on `/ws/desk`", DESK_FRAME, "DeskFrame"),
    ("The server sends", SERVER_FRAME, "ServerFrame"),
    ("Events, inside `happened`", EVENT, "Event"),
)
INTRO = f"""# The WebSocket protocol

Written by `python -m api protocol` from `api/protocol.py` and `core/events.py`; do not edit.

Text frames of JSON, one object each, told apart by `kind`; unknown fields are refused. A frame may have
{MAX_FRAME:,} bytes, a message 4,000 characters. Both sides ping: the server by the WebSocket protocol every 5 s
(no answer for 5 s closes the socket), a page by `ping` every 15 s and whenever it wakes up.

- **Opening.** `/ws/visitor` takes `start` or `resume` as its first frame, within 10 s; the capability token travels
  in a frame, never in the address. `/ws/desk` needs the session cookie. The `Origin` must be our own, or for
  visitors one of `WARMLINE_ALLOWED_ORIGINS`; otherwise the handshake is answered with 403.
- **Sending.** Each message has a `key` made by the client. It is stored once for each conversation and key, on
  whatever socket, worker or day it is resent; `stored` is sent after the commit and means durable. The same key
  with another text is refused with `key_reused`.
- **Receiving.** Every event of a conversation has a number (`seq`), without gaps over all audiences. A visitor does
  not get the desk's own events, so each `happened` names in `prev` the number of the event before it *for this
  reader*. If you do not have `prev`, something was lost: resume after the last number you have.
- **Resuming.** Send the last `seq` that you have. If the server cannot go on from there (another `epoch`, or a
  number from the future), `welcome.reset` is true: forget what you have, all is sent again.
- **Refusals** have a stable `code` and store nothing. Twenty frames that are none of the protocol close the socket.
"""


def write(*, check: bool) -> list[str]:
    """Write these files, or with ``check`` only tell which are not up to date."""
    stale = []
    for path, text in (
        (ROOT / "docs" / "protocol.md", markdown()),
        (ROOT / "web_widget" / "protocol.d.ts", types()),
        (ROOT / "web_widget" / "widget.js", widget_files.stamped()),
    ):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(ROOT)))
            if not check:
                path.write_text(text, encoding="utf-8")
    return stale if check else []


def markdown() -> str:
    parts = [INTRO]
    for title, adapter, _name in GROUPS:
        parts.append(f"## {title}\n")
        parts += [_model_in_words(model) for model in _members(adapter)]
    parts.append("## Close codes\n\n| code | meaning |\n|---|---|")
    parts += [f"| {code} | {meaning} |" for code, meaning in CLOSE_CODES.items()]
    return "\n".join(parts) + "\n"


def _model_in_words(model: type[BaseModel]) -> str:
    kind = model.model_fields["kind"]
    said = " ".join(inspect.cleandoc(model.__dict__.get("__doc__") or "").split())
    audience = f" *(audience: {model.audience.value})*" if issubclass(model, EventBase) else ""
    lines = [f"### `{get_args(kind.annotation)[0]}`{audience}\n"]
    if said:
        lines.append(said + "\n")
    rows = [(n, f) for n, f in model.model_fields.items() if n != "kind"]
    if rows:
        lines.append("| field | type | |\n|---|---|---|")
        lines += [
            f"| `{name}` | `{_ts(_schema(model)['properties'][name]).replace('|', chr(92) + '|')}`"
            f"{'' if field.is_required() else ' (optional)'} | {field.description or ''} |"
            for name, field in rows
        ]
    return "\n".join(lines) + "\n"


def types() -> str:
    done: dict[str, str] = {}
    for _title, adapter, _name in GROUPS:
        for model in _members(adapter):
            _declare(model, done)
    unions = [f"export type {name} =\n{_union(adapter)};" for _t, adapter, name in GROUPS]
    head = "// Written by `python -m api protocol` from api/protocol.py and core/events.py; do not edit.\n"
    return head + "\n" + "\n\n".join([*done.values(), *unions]) + "\n"


def _union(adapter: TypeAdapter[Any]) -> str:
    return "\n".join(f"  | {_name(model)}" for model in _members(adapter))


def _declare(model: type[BaseModel], done: dict[str, str]) -> None:
    schema = _schema(model)
    for name, inner in (schema.get("$defs") or {}).items():
        if inner.get("type") == "object" and name not in done:
            done[name] = _interface(name, inner)
    done.setdefault(_name(model), _interface(_name(model), schema))


def _interface(name: str, schema: dict[str, Any]) -> str:
    required = {*schema.get("required", ()), "kind"}
    fields = [
        f"  {field}{'' if field in required else '?'}: {_ts(inner)};" for field, inner in schema["properties"].items()
    ]
    return f"export interface {name} {{\n" + "\n".join(fields) + "\n}"


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _ts(schema: dict[str, Any]) -> str:
    """A JSON schema's type in TypeScript."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(_ts(inner) for inner in schema[union]))
    if schema.get("type") == "array":
        inner = _ts(schema.get("items") or {})
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    return {
        "integer": "number",
        "number": "number",
        "boolean": "boolean",
        "null": "null",
        "string": "string",
    }.get(str(schema.get("type")), "unknown")


def _members(adapter: TypeAdapter[Any]) -> list[type[BaseModel]]:
    union = get_args(adapter._type)[0]
    return list(get_args(union))


def _name(model: type[BaseModel]) -> str:
    return model.__name__
