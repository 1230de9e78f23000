"""Tune a fork of the encoder's upper half to feelings and needs: ``python -m bot.train_feeling --data DIR``.

One training gives ``core/tuned/feeling`` (the fork), ``sentiment/heads/mood`` and ``bot/heads/intents`` (linear
on what the fork's layers make of a text, and on how it is written). An eighth of the labelled messages is held out
to calibrate the probabilities and choose the thresholds. Floor 2. Nothing here is imported by a running server.
"""

import argparse
import json
import random
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

from bot import lessons
from bot.intents import FLAGS, against_none
from bot.intents import OWN_HEADS as INTENTS
from bot.lessons import ABUSIVE, ASKS, CASE, DECLINES, FAQ_LIKE, MOOD, SENSITIVE_AT, SMALLTALK_AT, VULNERABLE, WIDTH
from bot.tower import Tower
from core.encoder import TUNED, fingerprint, fork_name, locate
from core.heads import Floats, save_heads, sigmoid
from sentiment.counterfactuals import rewritings
from sentiment.mood import LABELS, surface
from sentiment.mood import OWN_HEADS as MOODS
from sentiment.train import UNKNOWN, Row, best_threshold, f1, macro_recall, platt, rounded, rows, sharpness

EPOCHS = 4.5  # of the labelled messages
RATE, HEAD_RATE = 1e-4, 2e-3
LOT = {"messages": 32, "queries": 8, "public": 8, "turns": 3, "answers": 1}
PAIRS, EMOTIONS = 10, 12  # of a step, beside them
WRITTEN = 5  # of the pairs: the same message as two people wrote it; the others are rewritings
GOEMOTIONS = 20_000  # of its 43,410 training texts
HELD = 12  # per cent of the labelled messages
TWINS = 8_000  # of some 30,000 rewritings: what a training has time to see
GAIN = 8.0  # on vectors of norm 1, so that the heads' weights stay of the size of the others
SURFACE = len(surface(""))
INVARIANCE = 1.5
BOUND = (*range(MOOD), MOOD + ASKS, MOOD + DECLINES, MOOD + ABUSIVE)  # equal for whoever writes
OPEN = (MOOD + VULNERABLE, MOOD + CASE)  # age or a wheelchair may be the need itself: no label for a rewriting
GROUPS = tuple(
    slice(MOOD + span.start, MOOD + span.stop) for span in (SENSITIVE_AT, SMALLTALK_AT)
)  # and the three labels
STRESS = {"label": 1.5, "frustrated": 2.0}
# Share of the questions that the FAQ answers which must stay below a flag's threshold: these flags fetch a person.
QUIET = {"asks_human": 0.995, "sensitive": 0.99, "vulnerable": 0.99, "abusive": 0.998}
GLAD = {
    "admiration", "amusement", "approval", "caring", "excitement", "gratitude", "joy", "love", "optimism", "pride",
    "relief",
}  # fmt: skip
SORE = {
    "anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment", "fear", "grief",
    "nervousness", "remorse", "sadness",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Emotions:
    """GoEmotions as a helping task with outputs of its own, which are not kept."""

    texts: list[str]
    frustration: Tensor  # (n,)
    label: Tensor  # (n,), 0..2; -1: mixed or unclear

    @classmethod
    def read(cls, data: Path, chance: random.Random) -> "Emotions":
        found = [r for r in rows(data / "public/goemotions.jsonl") if r["split"] == "train"]
        chance.shuffle(found)
        found = found[:GOEMOTIONS]
        return cls(
            [r["text"] for r in found],
            torch.tensor([float(r["frustration"]) for r in found]),
            torch.tensor([_label(set(r["label"])) for r in found]),
        )


def _label(named: set[str]) -> int:
    glad, sore = bool(named & GLAD), bool(named & SORE)
    if glad != sore:
        return 2 if glad else 0
    return 1 if named == {"neutral"} else -1


class Student:
    """The fork with its linear heads: WIDTH outputs that are kept, and four that help."""

    def __init__(self, tower: Tower) -> None:
        torch.manual_seed(3)
        self.tower = tower
        width = 3 * int(tower.model.config.hidden_size) + SURFACE
        self.head = torch.nn.Linear(width, WIDTH + 4)
        torch.nn.init.zeros_(self.head.weight)
        self.drop = torch.nn.Dropout(0.15)

    def look(self, texts: Sequence[str]) -> Tensor:
        surfaces = torch.tensor(np.array([surface(text) for text in texts]))
        return torch.cat([*(GAIN * layer for layer in self.tower.pooled(texts)), surfaces], dim=1)

    def logits(self, texts: Sequence[str]) -> Tensor:
        return torch.as_tensor(self.head(self.drop(self.look(texts))))

    def judge(self, texts: Sequence[str]) -> Floats:
        """(n, WIDTH) logits, without learning."""
        with torch.no_grad():
            parts = [self.head(self.look(texts[i : i + 256])) for i in range(0, len(texts), 256)]
        return np.asarray(torch.cat(parts)[:, :WIDTH].numpy(), dtype=np.float32)

    def linear(self, columns: slice) -> dict[str, Floats]:
        """The head of these columns as ``core.heads.Network`` has it, for vectors of norm 1."""
        weight = self.head.weight.detach().numpy()[columns].T.copy()
        weight[:-SURFACE] *= GAIN
        inputs, outputs = weight.shape
        return {
            "straight": weight[None],
            "inner": np.zeros((1, inputs, 1), dtype=np.float32),
            "bias": np.zeros((1, 1), dtype=np.float32),
            "outer": np.zeros((1, 1, outputs), dtype=np.float32),
            "offset": self.head.bias.detach().numpy()[None, columns],
        }


class Draw:
    """Endless lots of a set of texts: each text once a round, or by weight."""

    def __init__(self, taught: lessons.Taught, seed: int) -> None:
        self._taught, self._chance = taught, np.random.default_rng(seed)
        self._even = bool(np.allclose(taught.weight, taught.weight[0]))
        self._left: list[int] = []

    def __call__(self, count: int) -> tuple[list[str], Floats]:
        if not self._even:
            chosen = self._chance.choice(len(self._taught.texts), count, p=self._taught.weight).tolist()
        else:
            while len(self._left) < count:
                self._left += self._chance.permutation(len(self._taught.texts)).tolist()
            chosen, self._left = self._left[:count], self._left[count:]
        return [self._taught.texts[i] for i in chosen], self._taught.y[chosen]


def twins(texts: Sequence[str], y: Floats) -> tuple[list[tuple[str, str]], Floats]:
    """The same message by two people, and the labels that hold for both."""
    chance = random.Random(0)  # noqa: S311  a seed for repeatable training, no secret
    found = [(one, other, i) for i, text in enumerate(texts) for _, one, other in rewritings(text, chance)]
    found = chance.sample(found, min(TWINS, len(found)))
    known = y[[i for _, _, i in found]]
    known[:, OPEN] = UNKNOWN
    return [(one, other) for one, other, _ in found], known


def loss(z: Tensor, y: Tensor) -> Tensor:
    """Cross-entropies, summed over what is known and counted per row of the lot."""
    alone = torch.ones(WIDTH, dtype=torch.bool)
    stress = torch.ones(WIDTH)
    stress[len(LABELS)] = STRESS["frustrated"]
    total = torch.zeros(())
    for span, weight in ((slice(0, len(LABELS)), STRESS["label"]), *((g, 1.0) for g in GROUPS)):
        alone[span] = False
        known = ~torch.isnan(y[:, span]).any(dim=1)
        # A row that marks several kinds knows only that it is one of them.
        chosen = z[known][:, span].log_softmax(1) + torch.where(y[known][:, span] > 0, 0.0, -1e9)
        total = total - weight * chosen.logsumexp(1).sum()
    known = ~torch.isnan(y) & alone
    each = functional.binary_cross_entropy_with_logits(z, torch.nan_to_num(y), reduction="none")
    return (total + ((each * known) * stress).sum()) / len(z)


def tune(student: Student, kept: lessons.Taught, data: Path, epochs: float) -> Iterator[tuple[int, float]]:
    """Train; yields (step, mean loss) now and then."""
    emotions = Emotions.read(data, random.Random(1))  # noqa: S311
    sets = {"messages": kept, "queries": lessons.queries(data), "public": lessons.public(data)}
    sets |= {"turns": lessons.turns(data), "answers": lessons.answers(data)}
    made, made_y = twins(kept.texts, kept.y)
    written, written_y = lessons.pairs()
    pairs, pair_y = [*written, *made], np.concatenate([written_y, made_y])
    student.tower.remember([t for one in sets.values() for t in one.texts])
    student.tower.remember([t for pair in pairs for t in pair])
    student.tower.remember(emotions.texts)
    draws = {name: Draw(taught, seed) for seed, (name, taught) in enumerate(sets.items())}
    chance = np.random.default_rng(9)
    steps = int(epochs * len(kept.texts) / LOT["messages"])
    optimiser = torch.optim.AdamW(
        [{"params": list(student.tower.layers.parameters())}, {"params": list(student.head.parameters())}],
        lr=RATE, weight_decay=0.01,
    )  # fmt: skip
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, [RATE, HEAD_RATE], total_steps=steps + 1, pct_start=0.1, anneal_strategy="linear"
    )
    seen = 0.0
    for step in range(1, steps + 1):
        chosen = np.concatenate(
            [chance.integers(0, len(written), WRITTEN), chance.integers(len(written), len(pairs), PAIRS - WRITTEN)]
        )
        reddit = chance.integers(0, len(emotions.texts), EMOTIONS)
        lots = [draws[name](count) for name, count in LOT.items()]
        both = [t for i in chosen for t in pairs[i]]
        texts = [t for some, _ in lots for t in some] + both + [emotions.texts[i] for i in reddit]
        y = torch.tensor(np.concatenate([*(known for _, known in lots), np.repeat(pair_y[chosen], 2, axis=0)]))
        z = student.logits(texts)
        own, twin, other = z[: len(y), :WIDTH], z[len(y) - 2 * PAIRS : len(y), BOUND], z[len(y) :, WIDTH:]
        total = loss(own, y) + INVARIANCE * ((twin[0::2] - twin[1::2]) ** 2).mean()
        total = total + _emotional(other, emotions, torch.tensor(reddit))
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(student.tower.layers.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        seen += total.item()
        if step % 200 == 0 or step == steps:
            yield step, seen / (step % 200 or 200)
            seen = 0.0


def _emotional(z: Tensor, emotions: Emotions, chosen: Tensor) -> Tensor:
    label = emotions.label[chosen]
    plain = functional.binary_cross_entropy_with_logits(z[:, 0], emotions.frustration[chosen])
    return 0.5 * plain + 0.3 * functional.cross_entropy(z[:, 1:], label, ignore_index=-1)


# Calibration, on messages that were held out


def calibrated_mood(z: Floats, y: Floats) -> tuple[dict[str, Any], dict[str, float]]:
    """What mood.json holds beside its labels, and figures."""
    slope, shift = platt(z[:, 3], y[:, 3])
    p = sigmoid(z[:, 3] * slope + shift)
    threshold = best_threshold(p, y[:, 3])
    truth = y[:, :3].argmax(axis=1)
    figures = {
        "macro_recall": macro_recall(z[:, :3].argmax(axis=1), truth),
        "frustration_auroc": float(roc_auc_score(y[:, 3], p)),
        "frustration_f1": f1(p >= threshold, y[:, 3] > 0),
        "frustration_brier": float(((p - y[:, 3]) ** 2).mean()),
    }
    scale = {"slope": slope, "shift": shift, "sharpness": sharpness(z[:, :3], truth)}
    return {"calibration": scale, "threshold": threshold}, figures


def flag_logits(z: Floats) -> dict[str, Floats]:
    named = {name: z[:, i] for i, name in enumerate(FLAGS)}
    return named | {"sensitive": against_none(z[:, SENSITIVE_AT]), "smalltalk": against_none(z[:, SMALLTALK_AT])}


def flag_truth(y: Floats) -> dict[str, Floats]:
    """1, 0 or UNKNOWN for each flag; a kind of sensitive or small talk counts as 1."""
    named = {name: y[:, i] for i, name in enumerate(FLAGS)}
    return named | {"sensitive": 1 - y[:, SENSITIVE_AT.start], "smalltalk": 1 - y[:, SMALLTALK_AT.start]}


def calibrated_intents(z: Floats, y: Floats) -> tuple[dict[str, Any], dict[str, float]]:
    """Platt scale, threshold and figures of each flag."""
    calm = y[:, FAQ_LIKE] == 1  # questions that an entry answers
    scale, thresholds, figures = {}, {}, {}
    for name, logit in flag_logits(z).items():
        truth = flag_truth(y)[name]
        known: NDArray[np.bool_] = ~np.isnan(truth)
        scale[name] = platt(logit[known], truth[known])
        p = sigmoid(logit * scale[name][0] + scale[name][1])
        at = best_threshold(p[known], truth[known])
        if name in QUIET:
            at = max(at, float(np.quantile(p[calm], QUIET[name])))
        elif name == "smalltalk":
            at = min(at, float(np.quantile(p[calm], 0.985)))
        thresholds[name] = at
        figures[f"{name}_auroc"] = float(roc_auc_score(truth[known] > 0.5, p[known]))
        figures[f"{name}_f1"] = f1(p[known] >= at, truth[known] > 0.5)
    return {"calibration": scale, "thresholds": thresholds}, figures


def held(row: Row) -> bool:
    return zlib.crc32(row["text"].encode()) % 100 < HELD


def main() -> None:
    parser = argparse.ArgumentParser(description="Tune the encoder's upper half to feelings and needs.")
    parser.add_argument("--data", type=Path, required=True, help="a folder laid out like shared/data")
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    parser.add_argument("--tuned", type=Path, default=TUNED)
    parser.add_argument("--mood", type=Path, default=MOODS)
    parser.add_argument("--intents", type=Path, default=INTENTS)
    asked = parser.parse_args()
    began = time.time()
    every = lessons.messages(asked.data)
    kept = [(r["text"], lessons.of_message(r)) for r in every if not held(r)]
    # Few are positive: drawn as they come, their recall was .1 lower.
    taught = lessons.Taught.of(kept, [1.0 + 0.5 * float(np.nan_to_num(y[2])) for _, y in kept])
    student = Student(Tower(locate(None)))
    for step, mean in tune(student, taught, asked.data, asked.epochs):
        print(f"step {step}: loss {mean:.3f}, {round((time.time() - began) / 60)} minutes", flush=True)
    aside = [r for r in every if held(r)]
    quiet = lessons.unseen_queries(asked.data)
    texts = [r["text"] for r in aside] + quiet.texts
    student.tower.remember(texts)
    z, y = student.judge(texts), np.concatenate([[lessons.of_message(r) for r in aside], quiet.y])
    felt = ~np.isnan(y[:, 3])
    mood, mood_figures = calibrated_mood(z[felt], y[felt])
    intents, intent_figures = calibrated_intents(z[:, MOOD:], y[:, MOOD:])
    published = fingerprint(locate(None))
    about = {"version": 2, "date": datetime.now(UTC).date().isoformat(), "messages": len(kept), "held_out": len(aside)}
    minutes = round((time.time() - began) / 60)
    student.tower.save(asked.tuned, "feeling", {"encoder": published, **about, "minutes": minutes})
    fork = json.loads((asked.tuned / "feeling.json").read_text(encoding="utf-8"))["sha256"]
    bound = {"encoder": fork_name(published, fork), **about}
    mood |= {"labels": [*LABELS, "frustration"], "figures": rounded(mood_figures)}
    save_heads(asked.mood, "mood", {**bound, **mood}, student.linear(slice(0, MOOD)))
    intents |= {"flags": [*FLAGS, "sensitive", "smalltalk"], "figures": rounded(intent_figures)}
    save_heads(asked.intents, "intents", {**bound, **intents}, student.linear(slice(MOOD, WIDTH)))
    print(json.dumps({"held out": rounded(mood_figures | intent_figures)}, indent=1))


if __name__ == "__main__":
    main()
