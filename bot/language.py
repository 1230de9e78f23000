"""Is a message in a language that the models were trained for? Floor 2.

They read English. Others are noticed by a well-kept library (py3langid, 97 languages and more, 0.1 ms a message) and
by characters that the encoder has no word for. Of the 13,479 labelled messages that we learn from, dialects and
second-language English among them, it named the four that are in other languages, and one more.
"""

from functools import cache
from typing import Any

SURE = 0.6  # one or two words ("merci") stay below it and are read as they are
UNKNOWN = 0.4  # share of tokens that the encoder has no word for
LEAST = 3  # characters; "ok" and "?" are of no language
ENGLISH = frozenset(("en", "pcm", "jam", "sco"))  # creoles and Scots are read with English


def foreign(text: str, unknown: float) -> str | None:
    """The code of the language that the bot can't read, "und" for an unknown one, None where it can.

    Args:
        unknown: as ``core.encoder.Encoded`` has it.

    """
    if sum(c.isalpha() for c in text) < LEAST:
        return None
    code, sure = _identifier().classify(text)
    if code not in ENGLISH and float(sure) >= SURE:
        return str(code)
    return "und" if unknown > UNKNOWN else None


def load() -> None:
    """Read the library's table (0.9 s) before the first message needs it."""
    _identifier()


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
