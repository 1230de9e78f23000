"""The bias audit: honest pairs, right figures, and a page that anybody can read."""

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from api import bias_page
from api.cli import main
from bot import bias
from bot.bias import CONTROL, Pair, Scored, pairs, report, sentences, share
from sentiment.mood import Mood

TODAY = date(2026, 5, 1)
ROOT = Path(__file__).parents[2]


def felt(frustration: float, *, person: bool = False) -> Scored:
    label: Any = "negative" if frustration >= 0.5 else "neutral"
    return Scored(Mood(label, frustration, 1 - frustration, 0.0, frustration, frustration >= 0.5), person)


def made_of(*rows: tuple[str, float, float]) -> tuple[list[Pair], dict[str, Scored]]:
    """A pair for each (axis, frustration of one side, of the other)."""
    made, scored = [], {"plain": felt(0.0), "upset": felt(1.0)}
    for number, (axis, one, other) in enumerate(rows):
        made.append(Pair(axis, f"a{number}", f"b{number}", number))
        scored |= {f"a{number}": felt(one, person=one >= 0.9), f"b{number}": felt(other, person=other >= 0.9)}
    return made, scored


def test_no_head_was_trained_on_the_sentences() -> None:
    ours = set(sentences())
    assert len(ours) == 60
    learnt = set()
    for file in (*(ROOT / "sentiment" / "examples").glob("*.jsonl"), *(ROOT / "bot" / "examples").rglob("*.jsonl")):
        learnt |= {part for line in file.read_text(encoding="utf-8").splitlines() for part in line.split('"')}
    assert learnt
    assert not ours & learnt


def test_the_pairs_are_the_same_every_time_and_each_counts_once() -> None:
    made = pairs(sentences())
    assert made == pairs(sentences())
    assert made != pairs(sentences(), seed=2)
    assert len({(p.axis, frozenset((p.one, p.other))) for p in made}) == len(made)
    counts = {axis: sum(p.axis == axis for p in made) for axis in {p.axis for p in made}}
    assert set(counts) == {
        "age", "dialect", "disability", "ethnic_name", "gender", "nationality", "religion", "second_language",
        "sexuality", CONTROL,
    }  # fmt: skip
    assert min(counts.values()) >= 80, counts


def test_gap_spread_and_flips_are_what_they_say() -> None:
    made, scored = made_of(("age", 0.1, 0.3), ("age", 0.4, 0.6), ("age", 0.2, 0.2), (CONTROL, 0.1, 0.1))
    found = report(["plain", "upset"], made, scored, "m", TODAY)
    [age, control] = found.axes
    assert found.spread == pytest.approx(0.5)
    assert (age.pairs, age.sentences) == (3, 3)
    assert age.gap.value == pytest.approx(0.4 / 3)
    assert age.ratio.value == pytest.approx(0.8 / 3)
    assert age.ratio.low < age.ratio.value < age.ratio.high
    assert (age.frustrated_flips.count, age.label_flips.count, age.person_flips.count) == (1, 1, 0)
    assert (control.gap.value, control.frustrated_flips.count, age.leaning) == (0.0, 0, None)


def test_an_interval_holds_the_pairs_of_one_sentence_together() -> None:
    """Ten copies of one surprising sentence are one surprise."""
    made, scored = made_of(*[("age", 0.0, 0.5)] * 5, *[("age", 0.0, 0.0)] * 45, (CONTROL, 0.1, 0.1))
    alone = report(["plain", "upset"], made, scored, "m", TODAY).axes[0]
    together = [Pair(p.axis, p.one, p.other, 0 if n < 5 else n // 5) for n, p in enumerate(made)]
    held = report(["plain", "upset"], together, scored, "m", TODAY).axes[0]
    assert alone.gap.value == held.gap.value
    assert held.gap.high - held.gap.low > alone.gap.high - alone.gap.low


@pytest.mark.parametrize(
    ("count", "of", "low", "high"), [(0, 100, 0.0, 0.037), (5, 100, 0.022, 0.112), (0, 0, 0.0, 1.0)]
)
def test_no_flip_among_few_pairs_is_no_proof_of_none(count: int, of: int, low: float, high: float) -> None:
    found = share(count, of)
    assert found.low == pytest.approx(low, abs=0.001)
    assert found.high == pytest.approx(high, abs=0.001)


def test_a_group_differs_where_it_lies_wholly_above_the_control() -> None:
    control = [(CONTROL, 0.10, 0.11)] * 60
    worse, _ = made_of(*[("dialect", 0.3, 0.95)] * 60, *control), None
    found = report(["plain", "upset"], *worse, "m", TODAY)
    [dialect, _control] = found.axes
    assert len(dialect.beyond_control) == 4
    assert "read as more frustrated than the plain sentence" in dialect.reading
    assert "found for: dialect" in found.reading
    same = report(["plain", "upset"], *made_of(*[("dialect", 0.11, 0.10)] * 60, *control), "m", TODAY)
    assert same.axes[0].beyond_control == ()
    assert "could go unseen" in same.axes[0].reading
    assert "Nowhere" in same.reading


async def test_the_shipped_models_are_audited_from_the_command_line_without_a_database(
    tmp_path: Path, chromium: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    monkeypatch.setattr(bias, "DRAWS", 1)
    monkeypatch.setenv("WARMLINE_DATA_DIR", str(tmp_path / "none"))
    html, figures = tmp_path / "bias.html", tmp_path / "bias.json"
    code = await asyncio.to_thread(main, ["audit", "bias", "--html", str(html), "--json", str(figures)])
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert "second language" in said.out
    assert not (tmp_path / "none").exists()
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert {a["axis"] for a in found["axes"]} >= {"dialect", CONTROL}
    assert all(0 <= a["gap"]["low"] <= a["gap"]["value"] <= a["gap"]["high"] for a in found["axes"])
    assert found["spread"] > 0.2, "the models tell frustrated sentences from neutral ones"

    assert "<script" not in html.read_text(encoding="utf-8")
    for scheme in ("light", "dark"):
        context = await chromium.new_context(color_scheme=scheme, viewport={"width": 360, "height": 700})
        tab = await context.new_page()
        faults: list[str] = []
        tab.on("console", lambda message: faults.append(message.text))  # noqa: B023  read before the next round
        await tab.goto(html.as_uri())
        assert (await Axe().run(tab)).response["violations"] == []
        assert faults == []
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        await context.close()
    assert await asyncio.to_thread(main, ["audit", "bias", "--json", "/nonexistent/x.json"]) == 1


def test_the_page_says_what_was_measured_and_what_it_cannot_show() -> None:
    made, scored = made_of(("age", 0.1, 0.3), (CONTROL, 0.1, 0.1))
    page = bias_page.written(report(["plain", "upset"], made, scored, "<m>", TODAY))
    assert "&lt;m&gt;" in page
    for said in ("2026-05-01", "cannot show", "control pairs", "rough renderings"):
        assert said in page
