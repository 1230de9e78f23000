"""The published FAQ as a file that the importer reads back to the same entries. Floor 1, pure."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Literal

from knowledge_base.entry import Entry

Format = Literal["jsonl", "csv", "json-ld", "md"]
MEDIA: dict[Format, tuple[str, str]] = {
    "jsonl": ("faq.jsonl", "application/x-ndjson"),
    "csv": ("faq.csv", "text/csv; charset=utf-8"),
    "json-ld": ("faq.json", "application/ld+json"),
    "md": ("faq.md", "text/markdown; charset=utf-8"),
}


def write(entries: Sequence[Entry], format: Format) -> str:
    return _WRITERS[format](entries)


def as_jsonl(entries: Sequence[Entry]) -> str:
    return "".join(
        json.dumps(
            {
                "id": e.slug, "category": e.category, "question": e.question, "answer": e.answer,
                "alternates": list(e.alternates),
            },
            ensure_ascii=False,
        )
        + "\n"
        for e in entries
    )  # fmt: skip


def as_csv(entries: Sequence[Entry]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["id", "category", "question", "answer", "alternates"])
    for e in entries:
        cells = [
            e.slug,
            e.category,
            e.question,
            e.answer,
            "|".join(a.replace("|", "/") for a in e.alternates),
        ]
        writer.writerow([_guarded(cell) for cell in cells])
    return out.getvalue()


def _guarded(cell: str) -> str:
    """A spreadsheet must not run what a visitor's words suggested: ' before = + - @ tab and return."""
    return f"'{cell}" if re.match(r"[=+\-@\t\r]|'[=+\-@\t\r]", cell) else cell


def as_json_ld(entries: Sequence[Entry], base: str = "") -> str:
    page = {
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "mainEntity": [
            {
                "@type": "Question",
                "@id": f"{base}#{e.slug}",
                "about": e.category,
                "name": e.question,
                "alternateName": list(e.alternates),
                "acceptedAnswer": {"@type": "Answer", "text": e.answer},
            }
            for e in entries
        ],
    }
    return json.dumps(page, ensure_ascii=False, indent=1) + "\n"


def as_markdown(entries: Sequence[Entry]) -> str:
    parts: list[str] = []
    category = None
    for e in entries:
        if e.category != category:
            parts.append(f"# {e.category}\n")
            category = e.category
        alternates = (
            f"; alternates: {' | '.join(a.replace('|', '/').replace('--', '-') for a in e.alternates)}"
        )
        answer = re.sub(r"^(?=#)", r"\\", e.answer, flags=re.M)
        parts.append(
            f"## {' '.join(e.question.split())}\n<!-- id: {e.slug}{alternates if e.alternates else ''} -->\n\n{answer}\n"
        )
    return "\n".join(parts)


_WRITERS: dict[Format, Callable[[Sequence[Entry]], str]] = {
    "jsonl": as_jsonl, "csv": as_csv, "json-ld": as_json_ld, "md": as_markdown,
}  # fmt: skip
