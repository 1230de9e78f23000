"""Tune the encoder's last layers to questions and entries: ``python -m bot.train_encoder --data DIR``. Floor 2.

The lower layers stay as published, so their states are computed once; what is learnt is the last three
layers, kept as 16-bit safetensors beside the model card and laid over the published weights when the
encoder loads. Each step takes one business: its questions against all of its entries at hand, with one
more place for "no entry", so that the cosines of out-of-scope questions are pushed down together.
Nothing here is imported by a running server.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from bot.train import EXAMPLES
from core.encoder import TUNED, fingerprint, locate
from core.heads import save_heads
from knowledge_base.features import EntryText, pieces

FROZEN = 3  # layers whose states are cached
SCALE = 20.0  # 1 / temperature of the cosines
QUESTIONS = 24  # of one business in a step
OTHERS = 10  # entries beside those that answer
LONGEST = 96  # tokens; longer texts are cut for training only
RATE = 5e-5
# Unseen by the tuning, so that ranker and calibrator learn from cosines as a new business has them.
HELD_OUT = ("garage", "meal_kits", "web_hosting", "climbing_gym", "car_hire", "online_courses")


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    right: frozenset[str]  # slugs; empty: no entry answers it


@dataclass(frozen=True, slots=True)
class Business:
    name: str
    questions: list[Question]
    phrases: dict[str, list[str]]  # slug -> question and phrasings
    wholes: dict[str, list[str]]  # slug -> question with answer

    @property
    def texts(self) -> list[str]:
        said = [t for some in (*self.phrases.values(), *self.wholes.values()) for t in some]
        return [q.text for q in self.questions] + said


def read(folder: Path) -> Business:
    entries = [
        EntryText(r["id"], r["question"], r["answer"], tuple(r["alternates"])) for r in _rows(folder / "faq.jsonl")
    ]
    kinds = {e.slug: pieces(e) for e in entries}
    return Business(
        folder.name,
        [_question(r) for r in _rows(folder / "queries.jsonl")],
        {s: [t for k, t in some if k in ("question", "alternate")] for s, some in kinds.items()},
        {s: [t for k, t in some if k == "both"] for s, some in kinds.items()},
    )


def _question(row: dict[str, Any]) -> Question:
    right = {row["expected"], *row["also_ok"]} if row["expected"] is not None else set()
    return Question(row["text"], frozenset(right))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


class Tower:
    """The encoder in two parts: cached states below, trainable layers above."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._states: dict[str, Tensor] = {}
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self.layers = self.model.encoder.layer[FROZEN:]
        for parameter in self.layers.parameters():
            parameter.requires_grad_(True)

    def remember(self, texts: Sequence[str]) -> None:
        """Compute what stays the same, in batches of one length."""
        fresh = sorted({t for t in texts if t not in self._states}, key=len)
        for start in range(0, len(fresh), 64):
            batch = fresh[start : start + 64]
            inputs = self.tokenizer(batch, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
            with torch.no_grad():
                states = self.model(**inputs, output_hidden_states=True).hidden_states[FROZEN]
            for row, text in enumerate(batch):
                length = int(inputs["attention_mask"][row].sum())
                self._states[text] = states[row, :length].half().clone()

    def embed(self, texts: Sequence[str]) -> Tensor:
        """(n, d), norm 1, with gradients through the trainable layers."""
        order = sorted(range(len(texts)), key=lambda i: len(self._states[texts[i]]))
        out: list[Tensor] = []
        for start in range(0, len(order), 32):
            out.append(self._top([self._states[texts[i]] for i in order[start : start + 32]]))
        together = torch.cat(out)
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return together[back]

    def _top(self, states: Sequence[Tensor]) -> Tensor:
        x = torch.nn.utils.rnn.pad_sequence([s.float() for s in states], batch_first=True)
        real = torch.zeros(x.shape[:2])
        for row, s in enumerate(states):
            real[row, : len(s)] = 1
        mask = (1.0 - real)[:, None, None, :] * torch.finfo(torch.float32).min
        for layer in self.layers:
            made = layer(x, attention_mask=mask)
            x = made[0] if isinstance(made, tuple) else made
        mean = (x * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)
        return torch.nn.functional.normalize(mean, dim=-1)


class Trainer:
    def __init__(self, tower: Tower, steps: int, rate: float = RATE, seed: int = 7) -> None:
        torch.manual_seed(seed)
        self.tower = tower
        self.nothing = torch.nn.Parameter(torch.tensor(0.45))  # the cosine at which no entry is as good
        self.optimiser = torch.optim.AdamW(
            [{"params": list(tower.layers.parameters())}, {"params": [self.nothing], "lr": 1e-3}],
            lr=rate,
            weight_decay=0.01,
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, [rate, 1e-3], total_steps=steps + 1, pct_start=0.1, anneal_strategy="linear"
        )
        self.random = random.Random(seed)  # noqa: S311  a seed for repeatable training, no secret

    def step(self, business: Business, questions: Sequence[Question]) -> float:
        slugs = self._entries(business, questions)
        phrases = [(i, t) for i, s in enumerate(slugs) for t in business.phrases[s]]
        with_wholes = self.random.random() < 0.5
        wholes = [(i, t) for i, s in enumerate(slugs) for t in business.wholes[s]] if with_wholes else []
        texts = [q.text for q in questions] + [t for _, t in phrases] + [t for _, t in wholes]
        vectors = self.tower.embed(texts)
        asked, said = vectors[: len(questions)], vectors[len(questions) :]
        right = torch.tensor([[s in q.right for s in slugs] for q in questions])
        loss = self._loss(asked @ said[: len(phrases)].T, [i for i, _ in phrases], right)
        if with_wholes:
            loss = loss + self._loss(asked @ said[len(phrases) :].T, [i for i, _ in wholes], right)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.tower.layers.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        return float(loss.item())

    def _loss(self, cosines: Tensor, owners: Sequence[int], right: Tensor) -> Tensor:
        """Softmax over entries and "nothing"; an entry counts by its best text."""
        columns = torch.tensor(list(owners)).expand(len(cosines), -1)
        best = torch.full(right.shape, -1.0).scatter_reduce(1, columns, cosines, "amax")
        logits = torch.cat([best, self.nothing.expand(len(best), 1)], dim=1) * SCALE
        wanted = torch.cat([right, ~right.any(1, keepdim=True)], dim=1)
        return -(torch.logsumexp(logits.masked_fill(~wanted, -1e9), 1) - torch.logsumexp(logits, 1)).mean()

    def _entries(self, business: Business, questions: Sequence[Question]) -> list[str]:
        wanted = sorted({s for q in questions for s in q.right if s in business.phrases})
        others = sorted(set(business.phrases) - set(wanted))
        return wanted + self.random.sample(others, min(OTHERS, len(others)))

    def lots(self, businesses: Sequence[Business]) -> Iterator[tuple[Business, list[Question]]]:
        """One epoch: every question once, in lots of one business, the businesses mixed."""
        lots = []
        for business in businesses:
            mixed = self.random.sample(business.questions, len(business.questions))
            lots += [(business, mixed[i : i + QUESTIONS]) for i in range(0, len(mixed), QUESTIONS)]
        self.random.shuffle(lots)
        yield from lots


def quality(tower: Tower, businesses: Sequence[Business]) -> dict[str, float]:
    """Plain cosine, best phrase or whole: share of questions whose first, first three are right; AUROC in/out."""
    top1 = top3 = count = 0
    inside: list[float] = []
    outside: list[float] = []
    with torch.no_grad():
        for b in businesses:
            slugs = list(b.phrases)
            texts = [(i, t) for i, s in enumerate(slugs) for t in (*b.phrases[s], *b.wholes[s])]
            cosines = tower.embed([q.text for q in b.questions]) @ tower.embed([t for _, t in texts]).T
            columns = torch.tensor([i for i, _ in texts]).expand(len(cosines), -1)
            best = torch.full((len(cosines), len(slugs)), -1.0).scatter_reduce(1, columns, cosines, "amax")
            for q, row in zip(b.questions, best, strict=True):
                (inside if q.right else outside).append(float(row.max()))
                if q.right:
                    order = [slugs[int(i)] for i in row.topk(3).indices]
                    top1 += order[0] in q.right
                    top3 += bool(q.right.intersection(order))
                    count += 1
    wins = (
        np.mean([a > b for a in inside for b in outside[:: max(1, len(outside) // 200)]]) if outside else float("nan")
    )
    return {"top1": top1 / count, "top3": top3 / count, "in_out_auroc": float(wins)}


def save(tower: Tower, out: Path, info: dict[str, Any]) -> None:
    tensors = {name: tensor.detach().numpy() for name, tensor in tower.layers.state_dict().items()}
    save_heads(out, "encoder", {"first_layer": FROZEN, **info}, tensors)


CARD = """# The encoder's last three layers, tuned to questions and FAQ entries

A fork of layers 4 to 6 of all-MiniLM-L6-v2 (Apache-2.0), run beside the published ones on the states of layer 3.
It gives `meaning`, by which messages are compared with entries; sentiment and intents go on reading the published
layers. 5.3 million parameters, 16-bit.

## Data and licences
The questions and entries of {tuned} businesses: `train/` (written for this project) and `bot/examples/businesses`
(written by us). {held} more were held out, and the ranker and its calibrator are fitted on those alone: fitted on
businesses that the encoder was tuned on they would be over-confident.

## Figures
Plain cosine of the best phrasing or of question with answer, no ranker; AUROC tells questions that an entry answers
from those that none does.

{figures}

## Bias and limits
English only. Tuned on questions to small businesses, one writer a file. It reads what is asked, not who asks: how
people are treated hangs on the heads, whose cards say what was measured.

## Train again
`python -m bot.train_encoder --data DIR` (about {minutes} minutes on two cores), then `python -m bot.train --data DIR`.
"""


def write_card(out: Path, info: dict[str, Any]) -> None:
    table = ["| | top-1 | top-3 | AUROC in / out |", "|---|---|---|---|"]
    for name, figures in info["figures"].items():
        cells = " | ".join(f"{figures[key]:.3f}" for key in ("top1", "top3", "in_out_auroc"))
        table.append(f"| {name} | {cells} |")
    text = CARD.format(
        tuned=len(info["tuned_on"]), held=len(info["held_out"]), minutes=info["minutes"], figures="\n".join(table)
    )
    (out / "MODEL_CARD.md").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune the encoder's last layers to questions and entries.")
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out like shared/data")
    parser.add_argument("--out", type=Path, default=TUNED)
    parser.add_argument("--epochs", type=int, default=4)
    asked = parser.parse_args()
    folder = locate(None)
    everything = [
        f.parent for d in (asked.data / "train", EXAMPLES / "businesses") for f in sorted(d.glob("*/faq.jsonl"))
    ]
    tuned = [read(f) for f in everything if f.name not in HELD_OUT]
    held = [read(f) for f in everything if f.name in HELD_OUT]
    dev = [read(f.parent) for f in sorted((asked.data / "dev").glob("*/faq.jsonl"))]
    began = time.time()
    tower = Tower(folder)
    for business in (*tuned, *held, *dev):
        tower.remember(business.texts)
    figures = {"dev, as published": quality(tower, dev), "held out, as published": quality(tower, held)}
    tune(tower, tuned, asked.epochs)
    figures |= {"dev, tuned": quality(tower, dev), "held out, tuned": quality(tower, held)}
    info = {
        "encoder": fingerprint(folder), "date": time.strftime("%Y-%m-%d"), "tuned_on": [b.name for b in tuned],
        "held_out": list(HELD_OUT), "figures": figures, "minutes": round((time.time() - began) / 60),
    }  # fmt: skip
    save(tower, asked.out, info)
    write_card(asked.out, info)
    print(json.dumps(figures, indent=1))


def tune(tower: Tower, businesses: Sequence[Business], epochs: int) -> None:
    steps = epochs * sum(-(-len(b.questions) // QUESTIONS) for b in businesses)
    trainer = Trainer(tower, steps)
    for epoch in range(epochs):
        losses = [trainer.step(b, questions) for b, questions in trainer.lots(businesses)]
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)


if __name__ == "__main__":
    main()
