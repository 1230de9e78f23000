"""knowledge_base/exporter.py: files that other programs read as they should. (The way back: test_importer.py.)"""

import csv
import io
import json
from typing import get_args

import pytest

from knowledge_base import exporter, importer
from knowledge_base.entry import Entry
from knowledge_base.exporter import MEDIA, Format

RETURNS = Entry("returns", "Orders", "May I send it back?", "Yes.\n\n# Free\nof charge", ("Refund | return?", "Back?"))
HOURS = Entry("hours", "Shop", "When?", "From 9 to 5. <b>Ä</b> 🙂")
BOTH = [RETURNS, HOURS]


def test_every_format_has_a_name_and_a_media_type() -> None:
    assert set(MEDIA) == set(get_args(Format))
    assert len({name for name, _ in MEDIA.values()}) == len(MEDIA)


@pytest.mark.parametrize("format", MEDIA)
def test_an_empty_faq_is_a_file_too(format: Format) -> None:
    assert isinstance(exporter.write([], format), str)


def test_jsonl_is_an_object_a_line_in_plain_letters() -> None:
    lines = exporter.write(BOTH, "jsonl").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["returns", "hours"]
    assert set(json.loads(lines[0])) == {"id", "category", "question", "answer", "alternates"}
    assert "Ä" in lines[1]


def test_csv_is_what_a_spreadsheet_reads() -> None:
    rows = list(csv.DictReader(io.StringIO(exporter.write(BOTH, "csv"), newline="")))
    assert rows[0] == {
        "id": "returns", "category": "Orders", "question": RETURNS.question, "answer": RETURNS.answer,
        "alternates": "Refund / return?|Back?",
    }  # fmt: skip
    assert exporter.write(BOTH, "csv").count("\r\n") == 3  # RFC 4180


@pytest.mark.parametrize("cell", ["=1+1", "+49 30", "-5 %", "@SUM(A1)", "\t=1", "'=1", "=cmd|' /C calc'!A0"])
def test_no_cell_is_run_as_a_formula(cell: str) -> None:
    made = Entry("a", cell, cell, cell, (cell.replace("|", "/"),))
    written = exporter.write([made], "csv")
    [row] = list(csv.DictReader(io.StringIO(written, newline="")))
    assert all(not value.startswith(("=", "+", "-", "@", "\t", "\r")) for value in row.values())
    assert row["answer"].startswith("'")


def test_json_ld_is_a_page_that_search_engines_know() -> None:
    page = json.loads(exporter.as_json_ld(BOTH, base="https://example.com/help"))
    assert (page["@context"], page["@type"]) == ("https://schema.org", "FAQPage")
    question = page["mainEntity"][0]
    assert question["@type"] == "Question"
    assert question["@id"] == "https://example.com/help#returns"
    assert question["acceptedAnswer"]["@type"] == "Answer"
    assert question["acceptedAnswer"]["text"] == RETURNS.answer


def test_markdown_reads_as_a_page() -> None:
    written = exporter.write(BOTH, "md")
    assert [line for line in written.splitlines() if line.startswith("#")] == [
        "# Orders", "## May I send it back?", "# Shop", "## When?",
    ]  # fmt: skip
    assert "\\# Free" in written  # a heading inside an answer is no question


def test_a_bar_in_a_phrasing_becomes_a_stroke_where_bars_part_them() -> None:
    for format in ("csv", "md"):
        [back, _] = importer.read(MEDIA[format][0], exporter.write(BOTH, format).encode())
        assert back.alternates == ("Refund / return?", "Back?")


def test_entries_of_one_category_stand_under_one_heading() -> None:
    made = [RETURNS, Entry("parcel", "Orders", "Where?", "Here."), HOURS]
    assert exporter.write(made, "md").count("# Orders") == 1
