"""A file of entries, read whole or not at all. Floor 1, pure.

.jsonl  {id, category, question, answer, alternates} a line
.csv    the same columns, alternates parted by |
.json   schema.org FAQPage (JSON-LD); also inside .html
.md     a heading a question; see exporter.as_markdown for how ids and categories are kept
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from bs4 import BeautifulSoup, Tag

from core.errors import BadInput, Refusal, TooLarge
from knowledge_base.entry import Entry, checked_entry, slug_of

MAX_FILE = 10 * 1024 * 1024  # bytes
MAX_ENTRIES = 5_000
Row = tuple[int, dict[str, Any]]  # line (or number) in the file, fields


class BadImport(BadInput):
    code = "bad_import"


class ImportTooLarge(TooLarge):
    code = "import_too_large"


def read(name: str, content: bytes) -> list[Entry]:
    """The entries of a file; the format is told by the name's ending.

    Raises:
        BadImport: names the line and what is wrong with it; nothing of the file should be taken.
        ImportTooLarge: over 10 MB, or over 5,000 entries.

    """
    if len(content) > MAX_FILE:
        raise ImportTooLarge(f"The file has {len(content) / 1e6:.0f} MB; {MAX_FILE // 1024 // 1024} MB are the most.")
    ending = name.rpartition(".")[2].lower()
    reader = _READERS.get(ending)
    if reader is None:
        raise BadImport(f"{name}: cannot tell the format; use a name that ends in .jsonl, .csv, .json, .html or .md.")
    entries = list(_entries(reader(_decoded(content))))
    if not entries:
        raise BadImport(f"{name}: there are no entries in it.")
    return entries


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadImport(f"line {line}: the file is not UTF-8 text; save it as UTF-8 and try again.") from error


def _entries(rows: Iterable[Row]) -> Iterator[Entry]:
    seen: dict[str, int] = {}
    for count, (line, fields) in enumerate(rows):
        if count >= MAX_ENTRIES:
            raise ImportTooLarge(f"The file has more than {MAX_ENTRIES:,} entries.")
        entry = _entry(line, fields, set(seen))
        if entry.slug in seen:
            raise BadImport(f"line {line}: the id {entry.slug!r} stands on line {seen[entry.slug]} already.")
        seen[entry.slug] = line
        yield entry


def _entry(line: int, fields: dict[str, Any], taken: set[str]) -> Entry:
    for name in ("question", "answer"):
        if not isinstance(fields.get(name), str):
            raise BadImport(f"line {line}: {name!r} is missing or no text.")
    alternates = fields.get("alternates") or []
    if not isinstance(alternates, list) or not all(isinstance(a, str) for a in alternates):
        raise BadImport(f"line {line}: 'alternates' must be a list of texts.")
    slug = fields.get("id") or slug_of(fields["question"], taken)
    if not isinstance(slug, str):
        raise BadImport(f"line {line}: 'id' must be a text.")
    try:
        return checked_entry(
            slug=slug, category=str(fields.get("category") or ""), question=fields["question"],
            answer=fields["answer"], alternates=alternates,
        )  # fmt: skip
    except Refusal as refusal:
        raise BadImport(f"line {line}: {refusal}") from refusal


def _jsonl(text: str) -> Iterator[Row]:
    for line, raw in enumerate(text.split("\n"), start=1):
        if raw.strip():
            fields = _json(raw, line)
            if not isinstance(fields, dict):
                raise BadImport(f"line {line}: expected an object {{...}}.")
            yield line, fields


def _csv(text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = {"question", "answer"} - set(reader.fieldnames or ())
        if missing:
            raise BadImport(f"line 1: the columns {', '.join(sorted(missing))} are missing.")
        for row in reader:
            if None in row:
                raise BadImport(f"line {reader.line_num}: more cells than there are columns.")
            fields: dict[str, Any] = {name: _without_guard(value or "") for name, value in row.items()}
            fields["alternates"] = [a for a in (fields.get("alternates") or "").split("|") if a.strip()]
            yield reader.line_num, fields
    except csv.Error as error:
        raise BadImport(f"line {reader.reader.line_num}: not readable as CSV ({error}).") from error


def _without_guard(cell: str) -> str:
    """The exporter puts ' before a cell that a spreadsheet would run as a formula."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell


def _json_ld(text: str) -> Iterator[Row]:
    yield from _faq_page(_json(text, 1))


def _html(text: str) -> Iterator[Row]:
    scripts = BeautifulSoup(text, "html.parser").find_all("script", type="application/ld+json")
    found = False
    for script in scripts:
        if isinstance(script, Tag):
            for row in _faq_page(_json(script.get_text(), script.sourceline or 1)):
                found = True
                yield row
    if not found:
        raise BadImport("line 1: the page has no schema.org FAQPage in it.")


def _faq_page(data: Any) -> Iterator[Row]:
    number = 0
    for node in _nodes(data):
        if not _is_a(node, "FAQPage"):
            continue
        questions = node.get("mainEntity") or []
        for question in questions if isinstance(questions, list) else [questions]:
            number += 1
            if not isinstance(question, dict):
                raise BadImport(f"line {number}: a question must be an object {{...}}.")
            answer = question.get("acceptedAnswer") or {}
            answer = answer[0] if isinstance(answer, list) and answer else answer
            yield (
                number,
                {
                    "id": _slug_in(question.get("@id")),
                    "category": question.get("about") if isinstance(question.get("about"), str) else "",
                    "question": _readable(question, "name"),
                    "answer": _readable(answer, "text") if isinstance(answer, dict) else None,
                    "alternates": _texts(question.get("alternateName")),
                },
            )


def _nodes(data: Any) -> Iterator[dict[str, Any]]:
    for node in data if isinstance(data, list) else [data]:
        if isinstance(node, dict):
            yield node
            yield from (n for n in node.get("@graph") or [] if isinstance(n, dict))


def _is_a(node: dict[str, Any], kind: str) -> bool:
    types = node.get("@type")
    return kind in (types if isinstance(types, list) else [types])


def _slug_in(identifier: object) -> str | None:
    return identifier.rpartition("#")[2] if isinstance(identifier, str) and "#" in identifier else None


def _texts(value: object) -> list[str]:
    return (
        [v for v in value if isinstance(v, str)]
        if isinstance(value, list)
        else [value]
        if isinstance(value, str)
        else []
    )


def _readable(node: dict[str, Any], name: str) -> str | None:
    """What the exporter wrote says that it is no HTML: an answer may speak of <b> without being bold."""
    value = node.get(name)
    if node.get("encodingFormat") in ("text/markdown", "text/plain"):
        return value if isinstance(value, str) else None
    return _from_html(value)


def _from_html(value: object) -> str | None:
    """Google lets an answer hold HTML. Plain text stays as it is, paragraphs and lists become Markdown."""
    if not isinstance(value, str) or not re.search(r"<[a-zA-Z/]", value):
        return value if isinstance(value, str) else None
    soup = BeautifulSoup(value, "html.parser")
    for unwanted in soup(["script", "style"]):
        unwanted.decompose()
    for tag in soup.find_all(["strong", "b"]):
        tag.replace_with(f"**{tag.get_text()}**")
    for tag in soup.find_all("a", href=re.compile(r"^(https?:|mailto:|/)")):
        tag.replace_with(f"[{tag.get_text()}]({tag['href']})")
    for tag in soup.find_all("li"):
        tag.replace_with(f"\n- {tag.get_text().strip()}")
    for tag in soup.find_all("br"):
        tag.replace_with("\n")
    for tag in soup.find_all(["p", "ul", "ol", "div"]):
        tag.replace_with(f"\n\n{tag.get_text().strip(' ')}\n\n")
    return re.sub(r"\n{3,}", "\n\n", soup.get_text()).strip()


_HEADING = re.compile(r"(#{1,6})\s+(.*?)(?:\s+#+)?\s*$")  # "# C#" is about C#, "# C #" about C
_NOTE = re.compile(r"<!--\s*id:\s*(?P<id>[^;\s]+)\s*(?:;\s*alternates:\s*(?P<alternates>.*?))?\s*-->\s*$")


@dataclass(slots=True)
class _Section:
    line: int
    level: int
    heading: str
    body: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.body).strip()


def _markdown(text: str) -> Iterator[Row]:
    """A heading with a text below is a question; one without, right above a deeper one, is a category."""
    category = ""
    sections = _sections(text)
    for section, following in zip_longest(sections, sections[1:]):
        note = _NOTE.match(section.body[0]) if section.body else None
        answer = "\n".join(section.body[1:]).strip() if note is not None else section.text
        if answer:
            alternates = note["alternates"] if note is not None else None
            yield section.line, {
                "id": note["id"] if note is not None else None, "category": category,
                "question": section.heading, "answer": answer,
                "alternates": [a for a in (alternates or "").split("|") if a.strip()],
            }  # fmt: skip
        elif following is not None and following.level > section.level:
            category = section.heading
        else:
            raise BadImport(f"line {section.line}: the question {section.heading[:60]!r} has no answer below it.")


def _sections(text: str) -> list[_Section]:
    found: list[_Section] = []
    for line, raw in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if (heading := _HEADING.match(raw)) is not None:
            found.append(_Section(line, len(heading[1]), re.sub(r"\\(\\*#+)$", r"\1", heading[2])))
        elif found:  # what stands above the first heading is no entry
            found[-1].body.append(raw[1:] if re.match(r"\\+#", raw) else raw)
    return found


def _json(text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = getattr(error, "lineno", 1) + line - 1
        raise BadImport(f"line {where}: not valid JSON ({getattr(error, 'msg', 'too deep')}).") from error


_READERS: dict[str, Callable[[str], Iterator[Row]]] = {
    "jsonl": _jsonl, "ndjson": _jsonl, "csv": _csv, "json": _json_ld, "jsonld": _json_ld,
    "html": _html, "htm": _html, "md": _markdown, "markdown": _markdown,
}  # fmt: skip
