"""What reading one message costs, as a ratio to one bare forward pass of the encoder in the same run.

    python benchmarks/reading_cost.py [--rounds 5] [--messages 60]

Both on one thread, alternating; the median of the rounds' ratios. The product's side is all of it: the
tokens, the pass with our forked layers, sentiment, intents, ranking against the demo FAQ, confidence.
"""

import argparse
import asyncio
import statistics
import time

import torch
from transformers import AutoModel, AutoTokenizer

from api.demo import FAQ
from bot.evaluate import OneShelf
from bot.mind import Mind
from core.encoder import Encoder, locate
from knowledge_base import articles, importer
from knowledge_base.search import made_of

STORY = "hello there could you tell me how long the parcel to my aunt in orkney will take"


def texts(count: int) -> list[str]:
    """Of about twelve words, all different, so that nothing is remembered."""
    words = STORY.split()
    return [" ".join((*words[n % 5 : n % 5 + 10], f"number {n}")) for n in range(count)]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=60)
    asked = parser.parse_args()
    encoder = Encoder(locate(None))
    encoder.start()
    await encoder.ready()
    entries = importer.read(FAQ.name, FAQ.read_bytes())
    vectors = await articles.vectors_of(encoder, entries)
    mind = Mind(encoder, OneShelf(made_of("bench", list(zip(entries, vectors, strict=True)))))
    await mind.read(["warm up"])
    torch.set_num_threads(1)
    model = AutoModel.from_pretrained(locate(None), local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(locate(None), local_files_only=True)
    ratios = []
    for turn in range(asked.rounds):
        messages = texts(asked.messages)
        inputs = [tokenizer(m, return_tensors="pt") for m in messages]
        began = time.perf_counter()
        with torch.inference_mode():
            for one in inputs:
                model(**one)
        bare = time.perf_counter() - began
        mind.forget()
        began = time.perf_counter()
        for message in messages:
            await mind.read([f"{message} {turn}"])
        whole = time.perf_counter() - began
        ratios.append(whole / bare)
        each = 1e3 / len(messages)
        print(f"bare {bare * each:6.2f} ms   whole {whole * each:6.2f} ms   x{ratios[-1]:.2f}")
    print(f"median ratio x{statistics.median(ratios):.2f}")
    encoder.stop()


asyncio.run(main())
