"""knowledge_base/importer.py: a file is read whole, or the line that is wrong is named and nothing is taken."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refusal
from knowledge_base import exporter, importer
from knowledge_base.entry import Entry, checked_entry
from knowledge_base.exporter import Format
from knowledge_base.importer import MAX_ENTRIES, MAX_FILE, BadImport, ImportTooLarge

RETURNS = Entry(
    "returns", "Orders", "May I send it back?", "Yes, within **30 days**.\n\n- free", ("Can I return it?", "Refund?")
)
HOURS = Entry("hours", "Shop", "When are you open?", "From 9 to 5.")

JSONL = b"""\xef\xbb\xbf{"id": "returns", "category": "Orders", "question": "May I send it back?", \
"answer": "Yes, within **30 days**.\\n\\n- free", "alternates": ["Can I return it?", "Refund?"]}\r
\r
{"id": "hours", "category": "Shop", "question": "When are you open?", "answer": "From 9 to 5."}
"""
CSV = (
    b"question,answer,id,alternates,category,a column of their own\r\n"
    b'May I send it back?,"Yes, within **30 days**.\n\n- free",returns,Can I return it?|Refund?| ,Orders,x\r\n'
    b"When are you open?,From 9 to 5.,hours,,Shop,\r\n"
)
JSON_LD = b"""{"@context": "https://schema.org", "@graph": [
{"@type": "WebSite"}, {"@type": ["WebPage", "FAQPage"], "mainEntity": [
{"@type": "Question", "@id": "https://example.com/help#returns", "about": "Orders", "name": "May I send it back?",
 "alternateName": ["Can I return it?", "Refund?"],
 "acceptedAnswer": {"@type": "Answer", "text":
  "<p>Yes, within <b>30 days</b>.</p><ul><li>free</li></ul><script>x()</script>"}},
{"@type": "Question", "@id": "#hours", "about": "Shop", "name": "When are you open?",
 "acceptedAnswer": [{"@type": "Answer", "text": "From 9 to 5."}]}]}]}"""
HTML = (
    b"<!doctype html><p>hi<script>1</script><script type='application/ld+json'>"
    + JSON_LD.replace(b"</", b"<\\/")
    + b"</script>"
)
MARKDOWN = b"""# Orders

## May I send it back?
<!-- id: returns; alternates: Can I return it? | Refund? -->

Yes, within **30 days**.\r
\r
- free

# Shop
## When are you open? ##
<!-- id: hours -->
From 9 to 5.
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("faq.jsonl", JSONL),
        ("FAQ.NDJSON", JSONL),
        ("faq.csv", CSV),
        ("faq.json", JSON_LD),
        ("faq.jsonld", JSON_LD),
        ("my.page.html", HTML),
        ("faq.htm", HTML),
        ("faq.md", MARKDOWN),
        ("faq.markdown", MARKDOWN),
    ],
)
def test_every_format_gives_the_same_entries(name: str, content: bytes) -> None:
    assert importer.read(name, content) == [RETURNS, HOURS]


def test_what_has_no_id_gets_one_from_its_question() -> None:
    content = b"# When are you open?\nAt nine.\n# When are you open\nAt ten.\n"
    assert [(e.slug, e.category) for e in importer.read("a.md", content)] == [
        ("when_are_you_open", "General"),
        ("when_are_you_open_2", "General"),
    ]


def row(**changes: object) -> str:
    fields: dict[str, object] = {"id": "a", "question": "Q?", "answer": "A."}
    return json.dumps({k: v for k, v in {**fields, **changes}.items() if v is not ...}) + "\n"


GOOD = row(id="good")
BAD = {
    "no JSON": ("f.jsonl", GOOD + "{oops}\n", "line 2: not valid JSON"),
    "a list": ("f.jsonl", GOOD + "\n[1]\n", "line 3: expected an object"),
    "no question": ("f.jsonl", GOOD + row(question=...), "line 2: 'question' is missing"),
    "a number for an answer": ("f.jsonl", GOOD + row(answer=7), "line 2: 'answer' is missing or no text"),
    "an empty answer": ("f.jsonl", GOOD + row(answer=" "), "line 2: The answer is empty"),
    "alternates that are a text": ("f.jsonl", row(alternates="a|b"), "line 1: 'alternates' must be a list"),
    "alternates of numbers": ("f.jsonl", row(alternates=[1]), "line 1: 'alternates' must be a list"),
    "an id that is a number": ("f.jsonl", row(id=7), "line 1: 'id' must be a text"),
    "an id that is no slug": ("f.jsonl", row(id="No slug"), "line 1: The id 'No slug' is no slug"),
    "a duplicate id": (
        "f.jsonl",
        GOOD + row() + "\n" + row(answer="B."),
        "line 4: the id 'a' stands on line 2 already",
    ),
    "a lone surrogate": ("f.jsonl", GOOD + row(answer="\ud83d"), "line 2: The text has half a character"),
    "NUL": ("f.jsonl", GOOD + row(answer="a\x00"), "line 2: The text has a NUL"),
    "too long": ("f.jsonl", GOOD + row(answer="x" * 8_001), "line 2: The answer has 8,001 characters"),
    "NaN": ("f.jsonl", row(answer=float("nan")), "line 1: 'answer' is missing or no text"),
    "nothing": ("f.jsonl", "\n \n", "there are no entries"),
    "no columns": ("f.csv", "id,text\n1,2\n", "line 1: the columns answer, question are missing"),
    "an empty table": ("f.csv", "", "line 1: the columns"),
    "a table without rows": ("f.csv", "question,answer\n", "there are no entries"),
    "too many cells": ("f.csv", 'question,answer\nQ?,A.\n"Two\nlines?",A.,more\n', "line 4: more cells"),
    "a missing cell": ("f.csv", "question,answer\nQ?,A.\nQ?\n", "line 3: The answer is empty"),
    "a quote that never ends": ("f.csv", 'question,answer\nQ?,A.\nQ?,"A.\n', "line 3: not readable as CSV"),
    "a quote in the head that never ends": ("f.csv", '"question,answer\nQ?,A.\n', "not readable as CSV"),
    "a duplicate id in a table": (
        "f.csv",
        "id,question,answer\na,Q?,A.\na,Q?,A.\n",
        "line 3: the id 'a' stands on line 2",
    ),
    "a page that is none": ("f.json", '{"@type": "WebPage"}', "there are no entries"),
    "a text": ("f.json", '"FAQPage"', "there are no entries"),
    "a question that is a text": ("f.json", '{"@type": "FAQPage", "mainEntity": ["Q?"]}', "line 1: a question must be"),
    "a question without an answer": (
        "f.json",
        '{"@type": "FAQPage", "mainEntity": {"name": "Q?"}}',
        "line 1: 'answer'",
    ),
    "broken over lines": ("f.json", '{\n"@type":\noops}', "line 3: not valid JSON"),
    "a page without data": ("f.html", "<h1>FAQ</h1>", "no schema.org FAQPage"),
    "a heading without a text": ("f.md", "# Q?\nA.\n\n## Why?\n\n## How?\nSo.\n", "line 4: .*has no answer"),
    "no heading": ("f.md", "Just a text.\n", "there are no entries"),
    "an unknown ending": ("f.xlsx", "PK", "f.xlsx: cannot tell the format"),
    "no ending": ("faq", "x", "cannot tell the format"),
}


@pytest.mark.parametrize(("name", "content", "says"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named_with_its_line(name: str, content: str, says: str) -> None:
    with pytest.raises(BadImport, match=says) as refusal:
        importer.read(name, content.encode("utf-8", "surrogatepass") if "\ud83d" not in content else content.encode())
    assert refusal.value.code == "bad_import"
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode() + '{"question": "Größe"}'.encode("latin-1"),
        GOOD.encode() + b"\xff\xfe",
        "\ud83d".encode("utf-8", "surrogatepass"),
    ],
)
def test_another_encoding_is_named_with_its_line(content: bytes) -> None:
    with pytest.raises(BadImport, match=r"line [12]: the file is not UTF-8"):
        importer.read("f.jsonl", content)


def test_a_spreadsheets_utf_16_is_refused() -> None:
    with pytest.raises(BadImport, match="not UTF-8"):
        importer.read("f.csv", "question,answer\nQ?,Ä.\n".encode("utf-16"))


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(ImportTooLarge, match="50 MB") as refusal:
        importer.read("f.jsonl", b"x" * 50_000_000)
    assert refusal.value.code == "import_too_large"
    with pytest.raises(BadImport):
        importer.read("f.jsonl", b" " * MAX_FILE)


def test_too_many_entries_are_refused() -> None:
    rows = [row(id=f"e{n}") for n in range(MAX_ENTRIES)]
    assert len(importer.read("f.jsonl", "".join(rows).encode())) == MAX_ENTRIES
    with pytest.raises(ImportTooLarge, match="5,000"):
        importer.read("f.jsonl", "".join([*rows, row()]).encode())


@pytest.mark.parametrize("name", ["f.jsonl", "f.json"])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
def test_a_hundred_thousand_brackets_are_refused_and_break_nothing(name: str, opens: str, closes: str) -> None:
    for content in (opens * 100_000, opens * 100_000 + "1" + closes * 100_000):
        with pytest.raises(BadImport):
            importer.read(name, content.encode())


@pytest.mark.parametrize("tag", ["<div>", "<b>", "<li>", "<a href='/x'>"])
def test_deeply_nested_markup_breaks_nothing(tag: str) -> None:
    answer = tag * 1_200 + "x"
    page = {"@type": "FAQPage", "mainEntity": [{"name": "Q?", "acceptedAnswer": {"text": answer}}]}
    try:
        importer.read("f.json", json.dumps(page).encode())
    except Refusal as refusal:
        assert refusal.status < 500  # noqa: PT017
    try:
        importer.read("f.html", (tag * 5_000).encode())
    except Refusal as refusal:
        assert refusal.status < 500  # noqa: PT017


def test_a_formula_guard_is_taken_off_again() -> None:
    content = b"id,question,answer\nq,'=1+1?,'+49 30 1\nr,'tis so?,''=x\n"
    assert [(e.question, e.answer) for e in importer.read("f.csv", content)] == [
        ("=1+1?", "+49 30 1"),
        ("'tis so?", "'=x"),
    ]


SLUGS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
# Anything that can be stored. A file's lines end in their own way, so a lone \r is not asked for, and the bar
# parts the alternates of two formats (test_exporter.py says what becomes of it).
ANYTHING = st.characters(codec="utf-8", exclude_characters="\x00\r|")
SPICE = st.sampled_from(
    [
        "#", "# x", "\n# x", "\n\\# x", "\\", " # ", "C#", "```\n# x\n```", "-->", "--", "<!-- id: a -->", "<b>",
        "</p>", "<https://x.y>", "&amp;", "&lt;", "'", "'=", "=1", "''+", "@", '"', '""', ",", ";", "\t",
        "\n", "\n\n\n", "\u2028", "\x85", "\x0b", "{", "]",
    ]
)  # fmt: skip
TEXT = st.lists(st.text(ANYTHING, max_size=8) | SPICE, min_size=1, max_size=6).map("".join)
LINE = TEXT.map(lambda text: " ".join(text.split()))  # a heading of Markdown is one line


@st.composite
def entries(
    draw: st.DrawFn, text: st.SearchStrategy[str] = TEXT, alternate: st.SearchStrategy[str] = TEXT
) -> list[Entry]:
    made = []
    for slug in draw(st.lists(SLUGS, min_size=1, max_size=4, unique=True)):
        try:
            made.append(
                checked_entry(
                    slug=slug, category=draw(text), question=draw(text), answer=draw(TEXT),
                    alternates=draw(st.lists(alternate, max_size=3)),
                )
            )  # fmt: skip
        except Refusal:
            continue
    return made or [HOURS]


def come_back(made: list[Entry], format: Format) -> None:
    name, _ = exporter.MEDIA[format]
    assert importer.read(name, exporter.write(made, format).encode()) == made


@given(entries())
@settings(deadline=None)
def test_what_is_exported_as_jsonl_comes_back_as_it_was(made: list[Entry]) -> None:
    come_back(made, "jsonl")


@given(entries())
@settings(deadline=None)
def test_what_is_exported_as_csv_comes_back_as_it_was(made: list[Entry]) -> None:
    come_back(made, "csv")


@given(entries())
@settings(deadline=None)
def test_what_is_exported_as_json_ld_comes_back_as_it_was(made: list[Entry]) -> None:
    come_back(made, "json-ld")


@given(entries(LINE, LINE.map(lambda text: re.sub("-{2,}", "-", text))))
@settings(deadline=None)
def test_what_is_exported_as_markdown_comes_back_as_it_was(made: list[Entry]) -> None:
    come_back(made, "md")


@given(st.sampled_from(["f.jsonl", "f.csv", "f.json", "f.html", "f.md"]), st.binary(max_size=80) | TEXT.map(str.encode))
@settings(deadline=None)
def test_whatever_the_file_holds_it_is_read_or_refused(name: str, content: bytes) -> None:
    try:
        assert importer.read(name, content)
    except Refusal as refusal:
        assert refusal.code in ("bad_import", "import_too_large")  # noqa: PT017
