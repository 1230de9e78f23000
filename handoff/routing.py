"""Who comes next, why, and to whom a chat is suggested. Floor 1, pure: no session and no clock.

A case counts as if it had begun to wait earlier, by a head start for each thing that makes it urgent. Head starts
are whole minutes and bounded, so the order of two cases never changes while they wait, and nobody who comes
later than the largest head start can ever stand before: any case is first at last, whatever arrives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

HEATED = 0.65  # frustration from which a chat is hard on the agent too; the desk calls it "upset"
Why = Literal["danger", "frustration", "sensitive", "put_back"]
SuggestedWhy = Literal["first", "calm_next", "only_heated", "rest", "nobody_waits"]


class Rules(BaseModel):
    """What an owner may set. Minutes are head starts; by their bounds danger outweighs all the others together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    danger: int = Field(default=240, ge=60, le=1440, description="minutes for a person in danger or distress")
    frustration: int = Field(default=15, ge=0, le=30, description="minutes at a frustration of 1; less in proportion")
    sensitive: int = Field(default=5, ge=0, le=15, description="minutes for a sensitive matter")
    put_back: int = Field(default=5, ge=0, le=10, description="minutes for who was helped and put back into the queue")
    heated_in_a_row: int = Field(
        default=2, ge=1, le=10, description="heated chats that are suggested to one person in a row"
    )


LATEST = timedelta(minutes=1440 + 30 + 15 + 10)  # no rules give more head start than this


@dataclass(frozen=True, slots=True)
class Urgency:
    """What the order rests on, beside the time of waiting."""

    reason: str
    frustration: float | None = None
    danger: bool = False
    put_back: bool = False

    @property
    def heated(self) -> bool:
        """Hard on whoever takes it. A person in danger is never counted so: nobody is spared that chat."""
        return not self.danger and (
            self.reason in ("abusive", "frustrated") or (self.frustration is not None and self.frustration >= HEATED)
        )


@dataclass(frozen=True, slots=True)
class HeadStart:
    why: Why
    minutes: int


def in_danger(reason: str, *, vulnerable: bool = False, safety: bool = False) -> bool:
    return reason == "vulnerable" or vulnerable or safety


def head_starts(case: Urgency, rules: Rules) -> tuple[HeadStart, ...]:
    """The very numbers that the order is made of, the largest reasons first; none that is zero."""
    found = (
        HeadStart("danger", rules.danger if case.danger else 0),
        HeadStart("frustration", round(rules.frustration * (case.frustration or 0.0))),
        HeadStart("sensitive", rules.sensitive if case.reason == "sensitive" else 0),
        HeadStart("put_back", rules.put_back if case.put_back else 0),
    )
    return tuple(start for start in found if start.minutes > 0)


def counts_from(waiting_since: datetime, case: Urgency, rules: Rules) -> datetime:
    """The moment since which this case counts as waiting; the earliest is first."""
    return waiting_since - timedelta(minutes=sum(start.minutes for start in head_starts(case, rules)))


# --- to whom ---------------------------------------------------------------------------------------

FAIR_FOR = timedelta(minutes=3)  # so long a heated chat is left to who had fewer of them


@dataclass(frozen=True, slots=True)
class Waiting:
    """One of the line, as far as a suggestion looks at it."""

    conversation_id: UUID
    danger: bool
    heated: bool
    waited: timedelta


@dataclass(frozen=True, slots=True)
class Load:
    """The heated chats of one agent: in a row since the last calm one or break, and of this day."""

    in_a_row: int = 0
    today: int = 0


@dataclass(frozen=True, slots=True)
class Suggestion:
    conversation_id: UUID | None
    why: SuggestedWhy


def suggest(line: Sequence[Waiting], me: Load, others: Sequence[Load], limit: int) -> Suggestion:
    """Which of ``line`` (in its order) this agent should take next.

    Never a heated chat to somebody who had ``limit`` of them in a row; a calm one or a break ends the row. Of two
    agents a heated chat goes to the one who had fewer today, but it does not wait longer than FAIR_FOR for that.
    Anybody may still claim any chat by hand.

    Args:
        others: the other agents who take chats now.

    """
    spare: UUID | None = None
    for place, case in enumerate(line):
        if not case.heated:
            return Suggestion(case.conversation_id, "first" if place == 0 else "calm_next")
        if me.in_a_row >= limit:
            continue
        somebody_fresher = any(other.today < me.today and other.in_a_row < limit for other in others)
        if not somebody_fresher or case.waited > FAIR_FOR:
            return Suggestion(case.conversation_id, "first" if place == 0 else "only_heated")
        spare = spare or case.conversation_id
    if spare is not None:
        return Suggestion(spare, "only_heated")
    return Suggestion(None, "rest" if line else "nobody_waits")
