"""What the models made of one visitor message, as data. Floor 2."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from bot.intents import Intents
from bot.ranker import Candidate
from sentiment.mood import Mood

HUMAN_PAYLOAD = "/human"  # what the "talk to a person" button of a machine channel sends
KEPT = 5  # candidates that a decision record keeps


@dataclass(frozen=True, slots=True)
class Reading:
    """Probabilities are calibrated, 0..1.

    Args:
        candidates: best first, all entries.
        also: of a message that asks several things, the best entry for each of the further ones.
        heard: the words that raised frustration most, each left out in turn; only where it is high.
        language: the code of a language that the bot can't read.
        leaned: the message was read together with the one before it.

    """

    mood: Mood
    intents: Intents
    candidates: tuple[Candidate, ...]
    repeated: float = 0.0
    exact: bool = False
    also: tuple[Candidate, ...] = ()
    heard: tuple[str, ...] = ()
    language: str | None = None
    leaned: bool = False
    pressed_button: bool = False
    failed: str | None = None
    read: bool = True  # did the models see it?
    scored: bool = True  # false: the visitor does not want it, and ``mood`` says nothing

    @property
    def confidence(self) -> float:
        return self.candidates[0].confidence if self.candidates else 0.0

    @property
    def felt(self) -> Mood | None:
        """The mood, where one was read."""
        return self.mood if self.read and self.scored else None

    def unscored(self) -> "Reading":
        return replace(self, mood=CALM, heard=(), scored=False)

    def as_json(self) -> dict[str, Any]:
        """For the decision record."""
        return {
            "mood": asdict(self.mood) if self.scored else None,
            "intents": asdict(self.intents),
            "candidates": [asdict(c) for c in self.candidates[:KEPT]],
            "repeated": self.repeated,
            "exact": self.exact,
            "also": [asdict(c) for c in self.also],
            "heard": list(self.heard),
            "language": self.language,
            "leaned": self.leaned,
            "pressed_button": self.pressed_button,
            "failed": self.failed,
            "read": self.read,
            "scored": self.scored,
        }


CALM = Mood(label="neutral", negative=0.0, neutral=1.0, positive=0.0, frustration=0.0, frustrated=False)
NOTHING = Intents(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, None, None, faq_like=0.0)


def failed(why: str) -> Reading:
    """The models could not read it; the policy then fetches a person."""
    return Reading(CALM, NOTHING, (), failed=why, read=False)


def button() -> Reading:
    """Nothing to read: the visitor pressed the button for a person."""
    return Reading(CALM, NOTHING, (), pressed_button=True, read=False)


def unread() -> Reading:
    """Said to a person who has not come yet; the bot does not read it."""
    return Reading(CALM, NOTHING, (), read=False)
