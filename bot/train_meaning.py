"""Tune a fork of the encoder's upper half to questions and entries: ``python -m bot.train_meaning --data DIR``.

Each step takes one business: its questions against its entries at hand, with one more place for "no entry",
so that the cosines of out-of-scope questions are pushed down together. Floor 2. Nothing here is imported by a
running server.
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

from bot.lessons import HELD_OUT, folders
from bot.tower import Tower
from core.encoder import PROJECTION, TUNED, fingerprint, locate
from knowledge_base.features import EntryText, pieces
from sentiment.train import rows

SCALE = 20.0  # 1 / temperature of the cosines
QUESTIONS = 24  # of one business in a step
OTHERS = 10  # entries beside those that answer
RATE = 5e-5
WORD = 96  # dimensions of a token's vector; of 384, so that an entry's tokens take 10 KB and not 84


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
        EntryText(r["id"], r["question"], r["answer"], tuple(r["alternates"])) for r in rows(folder / "faq.jsonl")
    ]
    kinds = {e.slug: pieces(e) for e in entries}
    return Business(
        folder.name,
        [_question(r) for r in rows(folder / "queries.jsonl")],
        {s: [t for k, t in some if k in ("question", "alternate")] for s, some in kinds.items()},
        {s: [t for k, t in some if k == "both"] for s, some in kinds.items()},
    )


def _question(row: dict[str, Any]) -> Question:
    right = {row["expected"], *row["also_ok"]} if row["expected"] is not None else set()
    return Question(row["text"], frozenset(right))


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


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune the encoder's last layers to questions and entries.")
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out like shared/data")
    parser.add_argument("--out", type=Path, default=TUNED)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    folder = locate(None)
    everything = folders(asked.data)
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
    tower.save(asked.out, "meaning", info, **{PROJECTION: projection(tower, tuned)})
    print(json.dumps(figures, indent=1))


def projection(tower: Tower, businesses: Sequence[Business]) -> Tensor:
    """(d, WORD): the directions in which the tokens of entries differ most, for comparing word by word."""
    texts = [text for b in businesses for some in (*b.phrases.values(), *b.wholes.values()) for text in some]
    chosen = random.Random(5).sample(texts, min(1500, len(texts)))  # noqa: S311
    found = torch.nn.functional.normalize(tower.words(chosen), dim=-1)
    _, _, directions = torch.linalg.svd(found, full_matrices=False)
    return directions[:WORD].T.contiguous()


def tune(tower: Tower, businesses: Sequence[Business], epochs: int) -> None:
    steps = epochs * sum(-(-len(b.questions) // QUESTIONS) for b in businesses)
    trainer = Trainer(tower, steps)
    for epoch in range(epochs):
        losses = [trainer.step(b, questions) for b, questions in trainer.lots(businesses)]
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}", flush=True)


if __name__ == "__main__":
    main()
