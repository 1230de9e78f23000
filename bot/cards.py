"""The model cards beside everything that we trained: ``python -m bot.cards --data DIR`` writes them. Floor 2.

All figures come from the files that the trainers wrote and from measuring the shipped heads on ``DIR/dev``.
Nothing here is imported by a running server.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.intents import OWN_HEADS as INTENTS
from core.encoder import TUNED, Encoder, locate
from sentiment.mood import OWN_HEADS as MOODS
from sentiment.mood import MoodModel
from sentiment.train import Vectors, report_on

TUNED_CARD = """# Two forks of the encoder's upper half

Layers 4 to 6 of all-MiniLM-L6-v2 (Apache-2.0), tuned twice and run on the states of its published layer 3:
`meaning` for comparing messages with entries, `feeling` for mood and needs. 5.3 million parameters each, 16-bit.

## Data and licences
| fork | learnt from | licence |
|---|---|---|
| meaning | questions and entries of {businesses} businesses: `train/` (written for this project), `bot/examples/businesses` (ours) | - |
| feeling | {messages} labelled messages: `train/` and the turns and messages of `bot/examples`, `sentiment/examples` (ours) | - |
| feeling | their counterfactual rewritings (`sentiment/counterfactuals.py`), asked to be answered alike | - |
| feeling | GoEmotions, 20,000 training texts, with outputs of their own that are not kept | Apache-2.0 |
| feeling | ConvAbuse (train) CC BY 4.0; CLINC150 (train, half) CC BY 3.0; MultiDoGO CDLA-Permissive-1.0; Bitext CDLA-Sharing-1.0 (nothing of the data is shipped) | as named |

{held} businesses were held out of both: {names}. Ranker and calibrator are fitted on these alone; fitted on
businesses that the encoder was tuned on they would be over-confident. `dev/` was held out of everything here.
(The `feeling` layers of 2026-11-24 saw answers and run-together questions of the held-out businesses among their long calm
texts, as neutral and nothing else; the trainer no longer takes them.)

## Figures of `meaning`
Plain cosine of the best phrasing or of question with answer, no ranker; AUROC tells questions that an entry answers
from those that none does.

{figures}

The figures of `feeling` are those of its heads: [mood](../../sentiment/heads/MODEL_CARD.md),
[needs](../../bot/heads/MODEL_CARD.md).

## Bias and limits
English only. Few writers, no second annotator. The lower half is as published, with whatever the web that it was
trained on says about people; what is left of that in the verdicts is measured on the cards of the heads.

## Train again
`python -m bot.train_meaning --data DIR` ({meaning_minutes} minutes on two shared cores), `python -m bot.train_feeling --data DIR`
({feeling_minutes} minutes), then `python -m bot.train --data DIR`; `make train` runs all of it.
"""

MOOD_CARD = """# Mood: the feeling shown in one message

Linear on the three layers of the encoder's `feeling` fork and seven numbers on how the text is written. It gives
negative / neutral / positive and P(frustrated with the service). It serves to offer a person in time and to choose the
tone of a reply. It is no measure of a person and must not be used to rate visitors or staff.

Learnt together with the fork (`core/tuned/MODEL_CARD.md` names the data and licences). {held_out} messages were held
out to calibrate the probabilities and to choose the threshold ({threshold:.2f}, where F1 is best); {messages} were learnt from.

## Figures
{figures}

Before this version some of our examples were written after reading misses on dev, and near ones were taken out again; the
figures on dev are still a little kinder than on messages that nobody has looked at.

## Bias
The rewritings swap gender, names, nationality, religion, sexuality, age and disability, and render dialects and
second-language English; training asks for equal answers on both sides. `gap_over_spread` (mean gap of frustration in
units of its spread over ordinary messages) and `flips` are what is left on pairs written by others.

## Limits
English only. Irony without a marker is often missed; so is frustration worded as plain fact.

## Train again
`python -m bot.train_feeling --data DIR`, then `python -m bot.cards --data DIR`.
"""

HEADS_CARD = """# Needs, ranker and calibrator

`intents`: linear on the `feeling` fork: asks_human, declines_human, case_specific, vulnerable, abusive, tried, faq_like,
and the kinds of sensitive matters and small talk; learnt with the fork (`core/tuned/MODEL_CARD.md` names data and licences).
`ranker`: a linear mix of the features of knowledge_base/features.py, and two logistic regressions on the ranking's
evidence that give the calibrated confidence.

Ranker and calibrator learn from {businesses} businesses that the forks never saw{with_dev}. Thresholds are chosen on
businesses held out in turn: answer where 96.7 % are right on those of an everyday sort (`EVERYDAY` in bot/train.py; dev's
three are among them), clarify so that 97 % of the questions with a right entry among the first three are still offered.
In the other held-out businesses every fifth question is a near miss written to deceive: `answer_precision` has all.
The precision and the handover's thresholds were last set with reports on dev in view.

## Figures of the needs, on messages that were held out
{intents}

## Figures of ranker and calibrator
{ranker}

## Bias
Training asks for equal asks_human, declines_human and abusive on both sides of each rewriting. Vulnerable and
case_specific are not bound, since age, a disability or a name may be the need itself.

## Limits
English only. Confidence is calibrated for the mean of many businesses; one with entries that are near twins of
each other gets less coverage. Questions that look like the business but that no entry answers are the commonest
wrong answers.

## Train again
`python -m bot.train --data DIR [--include-dev] [--out FOLDER]` after the forks, then `python -m bot.cards --data DIR`.
"""


def tuned(meaning: Mapping[str, Any], feeling: Mapping[str, Any]) -> str:
    head = ["| | top-1 | top-3 | AUROC in / out |", "|---|---|---|---|"]
    lines = [
        f"| {name} | " + " | ".join(f"{row[key]:.3f}" for key in ("top1", "top3", "in_out_auroc")) + " |"
        for name, row in meaning["figures"].items()
    ]
    return TUNED_CARD.format(
        businesses=len(meaning["tuned_on"]), messages=feeling["messages"], held=len(meaning["held_out"]),
        names=", ".join(meaning["held_out"]), figures="\n".join(head + lines), meaning_minutes=meaning["minutes"],
        feeling_minutes=feeling["minutes"],
    )  # fmt: skip


def table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """One row a figure, one column a place where it was measured."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    lines = [f"| figure | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {n} | " + " | ".join(str(c.get(n, "-")) for c in columns.values()) + " |" for n in names]
    return "\n".join(lines)


def mood(info: Mapping[str, Any], dev: Mapping[str, float]) -> str:
    return MOOD_CARD.format(**{**info, "figures": table({"held-out messages": info["figures"], "dev": dev})})


def heads(intents: Mapping[str, Any], ranker: Mapping[str, Any]) -> str:
    seen = {"held-out businesses, in turn": ranker["cross_validated"], "dev, leaving one business out": ranker["dev"]}
    return HEADS_CARD.format(
        businesses=len(ranker["businesses"]), with_dev=" and from dev's three" if ranker["trained_with_dev"] else "",
        intents=table({"value": intents["figures"]}), ranker=table(seen),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the model cards.")
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out like shared/data")
    asked = parser.parse_args()
    vectors = Vectors(Encoder(locate(None)))
    dev = report_on(asked.data, vectors, MoodModel.load(None, vectors.feeling_hash))
    _write(TUNED, tuned(_read(TUNED / "meaning.json"), _read(TUNED / "feeling.json")))
    _write(MOODS, mood(_read(MOODS / "mood.json"), dev))
    _write(INTENTS, heads(_read(INTENTS / "intents.json"), _read(INTENTS / "ranker.json")))
    print(json.dumps(dev, indent=1))


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _write(folder: Path, card: str) -> None:
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
