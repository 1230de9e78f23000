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
    return f"'{cell}" if re.match(r"'*[=+\-@\t\r]", cell) else cell


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
                "encodingFormat": "text/plain",
                "alternateName": list(e.alternates),
                "acceptedAnswer": {"@type": "Answer", "text": e.answer, "encodingFormat": "text/markdown"},
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
            parts.append(f"# {_heading(e.category)}\n")
            category = e.category
        answer = re.sub(r"^(?=\\*#)", r"\\", re.sub(r"\r\n?", "\n", e.answer), flags=re.M)
        parts.append(f"## {_heading(e.question)}\n{_note(e)}\n\n{answer}\n")
    return "\n".join(parts)


def _heading(text: str) -> str:
    """One line; marks at its end are escaped, for else they only close the heading."""
    return re.sub(r"(\\*#+)$", r"\\\1", " ".join(text.split()))


def _note(entry: Entry) -> str:
    """A comment that the importer reads; it may hold neither `|` nor `--` but as its own marks."""
    alternates = " | ".join(re.sub("-{2,}", "-", " ".join(a.split())).replace("|", "/") for a in entry.alternates)
    return f"<!-- id: {entry.slug}{f'; alternates: {alternates}' if alternates else ''} -->"


_WRITERS: dict[Format, Callable[[Sequence[Entry]], str]] = {
    "jsonl": as_jsonl, "csv": as_csv, "json-ld": as_json_ld, "md": as_markdown,
}  # fmt: skip
