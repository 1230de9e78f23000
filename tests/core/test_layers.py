"""core/layers.py: the library's layers, faster; not other ones."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from core.encoder import locate
from core.layers import Layer, pool, run

TEXTS = ["where is it", "a much longer message which says at length where the parcel may have got to since Monday"]


@pytest.mark.parametrize("texts", [TEXTS[:1], TEXTS], ids=["one", "padded"])
def test_the_states_are_those_of_the_library(texts: list[str]) -> None:
    model = AutoModel.from_pretrained(locate(None), local_files_only=True).eval()
    inputs = AutoTokenizer.from_pretrained(locate(None))(texts, return_tensors="pt", padding=True)
    real = inputs["attention_mask"].bool()
    mask = None if len(texts) == 1 else real[:, None, None, :]
    with torch.inference_mode():
        theirs = model(**inputs, output_hidden_states=True).hidden_states
        ours = run([Layer(one) for one in model.encoder.layer], theirs[0], mask)
    assert len(ours) == len(theirs) - 1
    for mine, other in zip(ours, theirs[1:], strict=True):
        assert torch.allclose(mine[real], other[real], atol=1e-4)


def test_padding_has_no_part_in_the_mean() -> None:
    states = torch.tensor([[[1.0, 0.0], [0.0, 0.0], [9.0, 9.0]]])
    mask = torch.tensor([[[[True, True, False]]]])
    assert pool(states, mask).tolist() == [[1.0, 0.0]]
    assert pool(states[:, :2], None).tolist() == [[1.0, 0.0]]
