"""The encoder in two parts, for training: cached states below, trainable layers above. Floor 2.

The lower layers stay as published, so what they make of a text is computed once. Nothing here is imported by a
running server.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from core.heads import save_heads

FROZEN = 3  # layers whose states are cached
LONGEST = 256  # tokens, a window of the encoder
BATCH = 32


class Tower:
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
            mask = inputs["attention_mask"]
            with torch.no_grad():
                states = self.model.embeddings(input_ids=inputs["input_ids"], token_type_ids=inputs["token_type_ids"])
                for layer in self.model.encoder.layer[:FROZEN]:
                    states = _after(layer, states, _hidden(mask.float()))
            for row, text in enumerate(batch):
                self._states[text] = states[row, : int(mask[row].sum())].half().clone()

    def pooled(self, texts: Sequence[str]) -> list[Tensor]:
        """What each trainable layer makes of the texts: (n, d) a layer, mean over the tokens, norm 1."""
        order = sorted(range(len(texts)), key=lambda i: len(self._states[texts[i]]))
        parts = [
            self._top([self._states[texts[i]] for i in order[start : start + BATCH]])
            for start in range(0, len(order), BATCH)
        ]
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return [torch.cat(column)[back] for column in zip(*parts, strict=True)]

    def embed(self, texts: Sequence[str]) -> Tensor:
        """(n, d): the last layer's."""
        return self.pooled(texts)[-1]

    def save(self, out: Path, name: str, info: dict[str, Any], **beside: Tensor) -> None:
        tensors = {**self.layers.state_dict(), **beside}
        numbers = {key: tensor.detach().numpy() for key, tensor in tensors.items()}
        save_heads(out, name, {"first_layer": FROZEN, **info}, numbers)

    def words(self, texts: Sequence[str]) -> Tensor:
        """(t, d): the last layer's states of all tokens of all texts but the marks of beginning and end."""
        with torch.no_grad():
            found = []
            for text in texts:
                x = self._states[text].float()[None]
                for layer in self.layers:
                    x = _after(layer, x, torch.zeros(1, 1, 1, x.shape[1]))
                found.append(x[0, 1:-1])
            return torch.cat(found)

    def _top(self, states: Sequence[Tensor]) -> list[Tensor]:
        x = torch.nn.utils.rnn.pad_sequence([s.float() for s in states], batch_first=True)
        real = torch.zeros(x.shape[:2])
        for row, s in enumerate(states):
            real[row, : len(s)] = 1
        hidden, means = _hidden(real), []
        for layer in self.layers:
            x = _after(layer, x, hidden)
            mean = (x * real.unsqueeze(-1)).sum(1) / real.sum(1, keepdim=True)
            means.append(torch.nn.functional.normalize(mean, dim=-1))
        return means


def _hidden(real: Tensor) -> Tensor:
    """The additive mask of the library's layers: 0 where a token is, the least number where none is."""
    return (1.0 - real)[:, None, None, :] * torch.finfo(torch.float32).min


def _after(layer: Any, x: Tensor, hidden: Tensor) -> Tensor:
    made = layer(x, attention_mask=hidden)
    return made[0] if isinstance(made, tuple) else made
