"""One event, one line of JSON; never a visitor's word. Floor 3."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime


class AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "what": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["fault"] = _without_values(record)
        return json.dumps(line, ensure_ascii=False)


def _without_values(record: logging.LogRecord) -> str:
    """Where it happened and of which type; an exception's own text may quote a visitor."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return f"{type(error).__name__} at " + " > ".join(
        f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in frames
    )


def set_up(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(AsJson())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "aiosqlite", "transformers", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
