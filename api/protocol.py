"""The WebSocket language, both ways. Floor 3.

Text frames of JSON, one object each, told apart by ``kind``. ``python -m api protocol`` writes
docs/protocol.md and web_widget/protocol.d.ts from these models; a test fails when they are stale.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from core.conversations import Holder
from core.events import Event, Outcome, Sender
from handoff.presence import Status
from handoff.queue import CaseReason
from handoff.routing import SuggestedWhy, Why

MAX_FRAME = 65_536  # bytes; a larger one closes the socket with 1009


class Frame(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


# --- what a visitor's page sends -----------------------------------------------------------------


class Start(Frame):
    """First frame of a new visitor: begin a conversation. Safe to send again with the same ``key``."""

    kind: Literal["start"]
    key: UUID = Field(description="made by the client, kept until `welcome` came; told to nobody")


class Resume(Frame):
    """First frame after every (re)connect of a known visitor: send me all that followed ``after``."""

    kind: Literal["resume"]
    token: str = Field(min_length=20, max_length=100, description="the conversation's capability token")
    after: int = Field(ge=0, description="last seq seen; 0 for the whole conversation")
    epoch: str | None = Field(default=None, description="of the last welcome; another one gives a `reset`")


class Say(Frame):
    """The visitor speaks. Safe to send again: the same ``key`` is stored once."""

    kind: Literal["say"]
    key: UUID = Field(description="made by the client, kept across retries")
    text: str = Field(max_length=20_000, description="1 to 4,000 characters; longer is refused with a code")


class AskHuman(Frame):
    """The visitor wants a person. Works at any moment, also before any message; asking twice is asking once."""

    kind: Literal["ask_human"]
    key: UUID


class BackToBot(Frame):
    """The visitor no longer waits for a person."""

    kind: Literal["back_to_bot"]


class LeaveContact(Frame):
    """Nobody is at the desk: leave an address and a message that wait there. Same ``key``: stored once."""

    kind: Literal["leave_contact"]
    key: UUID
    email: str = Field(max_length=320)
    text: str = Field(max_length=20_000)


class EndChat(Frame):
    """The visitor ends the conversation. Writing again reopens it with the bot."""

    kind: Literal["end"]


class Typing(Frame):
    """The visitor is typing (at most one a second is passed on; stored nowhere)."""

    kind: Literal["typing"]


class Ping(Frame):
    """Is the line still good both ways? Answered with `pong`; send one every 15 s and after waking up."""

    kind: Literal["ping"]


VisitorFrame = Annotated[
    Start | Resume | Say | AskHuman | BackToBot | LeaveContact | EndChat | Typing | Ping,
    Field(discriminator="kind"),
]
VISITOR_FRAME: TypeAdapter[VisitorFrame] = TypeAdapter(VisitorFrame)


# --- what an agent's page sends (signed in by its cookie) ------------------------------------------


class DeskFrameBase(Frame):
    ref: str = Field(default="", max_length=64, description="comes back in `done` or `refused`")


class Watch(DeskFrameBase):
    """Show me this conversation: its events after ``after``, then what happens."""

    kind: Literal["watch"]
    conversation_id: UUID
    after: int = Field(default=0, ge=0)


class Unwatch(DeskFrameBase):
    kind: Literal["unwatch"]
    conversation_id: UUID


class Claim(DeskFrameBase):
    """Take a waiting chat. The loser of a race gets `already_claimed`."""

    kind: Literal["claim"]
    conversation_id: UUID


class Release(DeskFrameBase):
    """Put my chat back into the queue, with its age kept."""

    kind: Literal["release"]
    conversation_id: UUID


class StepIn(DeskFrameBase):
    """Take a conversation from the bot without being asked."""

    kind: Literal["step_in"]
    conversation_id: UUID


class TakeOver(DeskFrameBase):
    """An owner takes a chat from the agent who holds it."""

    kind: Literal["take_over"]
    conversation_id: UUID


class OfferChat(DeskFrameBase):
    """Ask a colleague to take my chat over. It stays mine until it is accepted; a later offer replaces this one."""

    kind: Literal["offer"]
    conversation_id: UUID
    to: UUID
    note: str = Field(max_length=1_000, description="what the colleague should know; the visitor never sees it")


class AcceptOffer(DeskFrameBase):
    kind: Literal["accept_offer"]
    conversation_id: UUID


class EndOffer(DeskFrameBase):
    """Decline what is offered to me, or take back what I offered."""

    kind: Literal["end_offer"]
    conversation_id: UUID


class ReturnToBot(DeskFrameBase):
    kind: Literal["return_to_bot"]
    conversation_id: UUID
    agreed: str = Field(default="", max_length=20_000, description="what was agreed: a last message to the visitor")


class Close(DeskFrameBase):
    kind: Literal["close"]
    conversation_id: UUID
    outcome: Outcome = "solved"


class Reopen(DeskFrameBase):
    """A chat that was closed within the last day goes on, with me."""

    kind: Literal["reopen"]
    conversation_id: UUID


class WriteNote(DeskFrameBase):
    """A note for the staff; no visitor ever gets it. Same ``key``: stored once. Answered with `stored`."""

    kind: Literal["note"]
    conversation_id: UUID
    key: UUID
    text: str = Field(max_length=20_000)


class AgentSay(DeskFrameBase):
    """The agent speaks in a chat that it holds. Same ``key``: stored once."""

    kind: Literal["say"]
    conversation_id: UUID
    key: UUID
    text: str = Field(max_length=20_000)


class AgentTyping(DeskFrameBase):
    kind: Literal["typing"]
    conversation_id: UUID


class Presence(DeskFrameBase):
    """Do I take chats now? Whoever does not keeps what they hold. A break also ends a row of heated chats."""

    kind: Literal["presence"]
    status: Status


class DeskPing(DeskFrameBase):
    kind: Literal["ping"]


DeskFrame = Annotated[
    Watch
    | Unwatch
    | Claim
    | StepIn
    | TakeOver
    | OfferChat
    | AcceptOffer
    | EndOffer
    | Release
    | ReturnToBot
    | Close
    | Reopen
    | AgentSay
    | WriteNote
    | AgentTyping
    | Presence
    | DeskPing,
    Field(discriminator="kind"),
]
DESK_FRAME: TypeAdapter[DeskFrame] = TypeAdapter(DeskFrame)


# --- what the server sends ------------------------------------------------------------------------


class Welcome(Frame):
    """To a visitor, once: the conversation is open."""

    kind: Literal["welcome"] = "welcome"
    conversation_id: UUID
    token: str | None = Field(description="only after `start`: keep it, it alone opens this conversation")
    epoch: str = Field(description="of the database; a new one means that old sequence numbers are void")
    reset: bool = Field(description="forget what you have: everything is sent from the beginning")
    last_seq: int


class Happened(Frame):
    """One event. ``prev`` is the seq of the event before it *for this reader*: if you have not seen
    ``prev``, send `resume` (visitor) or `watch` (desk) with the last seq that you have."""

    kind: Literal["happened"] = "happened"
    prev: int
    event: Event


class Stored(Frame):
    """Acknowledgement: durable, under this number. A resend gets the same number."""

    kind: Literal["stored"] = "stored"
    key: UUID
    seq: int


class State(Frame):
    """To a visitor, at the start and after each change: who holds the chat, and how the desk is."""

    kind: Literal["state"] = "state"
    holder: Holder
    agent_name: str | None = None
    bot_thinking: bool = Field(description="a message of yours has not had its reply yet")
    position: int | None = Field(default=None, description="1 = next; only while waiting")
    wait_seconds: int | None = Field(
        default=None, description="median of recent waits at this place in the queue; null: not known"
    )
    desk_open: bool = Field(description="is anybody at the desk at all?")
    contact_left: bool = Field(default=False, description="an address was left since this wait began")


class IsTyping(Frame):
    kind: Literal["typing"] = "typing"
    conversation_id: UUID
    who: Sender


class Looking(Frame):
    """At the desk: a colleague opened or left a conversation that this page watches. Said again every 20 s."""

    kind: Literal["looking"] = "looking"
    conversation_id: UUID
    who: Sender
    here: bool


class Pong(Frame):
    kind: Literal["pong"] = "pong"
    last_seq: int = Field(default=0, description="last seq sent to this visitor; 0 at the desk")


class Refused(Frame):
    """The server declines one client frame and has stored nothing of it; the socket stays open."""

    kind: Literal["refused"] = "refused"
    code: str = Field(examples=["already_claimed"])
    message: str
    ref: str = Field(default="", description="the frame's key or ref, where it had one")
    retry_after: float | None = Field(default=None, description="seconds")


class Me(Frame):
    id: UUID
    name: str
    email: str
    role: Literal["owner", "agent"]


class DeskWelcome(Frame):
    """To an agent, once: you are signed in as ``me``."""

    kind: Literal["desk_welcome"] = "desk_welcome"
    me: Me
    epoch: str


class Fact(Frame):
    what: Literal["order", "email", "phone", "date", "amount", "reference"]
    text: str


class Summary(Frame):
    """Extractive: every word of it was said in the conversation."""

    wants: str = Field(description="the visitor's sentence that says best what is wanted")
    facts: tuple[Fact, ...] = ()
    tried: tuple[str, ...] = Field(default=(), description="questions of the entries that the bot gave or offered")
    open: str = Field(default="", description="the last thing the visitor asked or said")


class HeadStart(Frame):
    """Counts as waiting so many minutes longer, for this."""

    why: Why
    minutes: int


class Offered(Frame):
    to_id: UUID
    to_name: str
    note: str


class QueueItem(Frame):
    conversation_id: UUID
    state: Literal["bot", "waiting", "claimed", "closed"]
    reason: CaseReason | None
    sentiment: Literal["negative", "neutral", "positive"] | None
    frustration: float | None
    scored: bool = Field(default=True, description="false: the visitor does not want to be scored")
    waiting_since: datetime | None
    head_starts: tuple[HeadStart, ...] = Field(default=(), description="with the wait, all that the order is made of")
    veiled: bool = Field(default=False, description="abusive words fell: hide what was said until it is asked for")
    offered: Offered | None = None
    outcome: Outcome | None = None
    ended_at: datetime | None = None
    claimed_at: datetime | None = None
    agent_id: UUID | None
    agent_name: str | None
    summary: Summary | None
    last_text: str
    last_from: str
    last_at: datetime
    last_seq: int
    channel: str


class LeftMessage(Frame):
    id: UUID
    conversation_id: UUID
    email: str
    text: str
    at: datetime


class AgentState(Frame):
    id: UUID
    name: str
    status: Status
    holds: int


class Suggested(Frame):
    """Which chat this agent should take next; any other may be claimed all the same."""

    conversation_id: UUID | None
    why: SuggestedWhy


class Queue(Frame):
    """The desk as it is: sent whole at the start, after each change (at most four a second) and every
    30 s. Replace what you have."""

    kind: Literal["queue"] = "queue"
    waiting: tuple[QueueItem, ...] = Field(description="in the order of the queue; `head_starts` say why")
    mine: tuple[QueueItem, ...]
    others: tuple[QueueItem, ...] = Field(description="held by other agents")
    with_bot: tuple[QueueItem, ...] = Field(description="the latest 50 that the bot holds")
    left: tuple[LeftMessage, ...] = Field(description="addresses and messages left while nobody was here")
    agents: tuple[AgentState, ...]
    suggested: Suggested
    closed: int = Field(description="chats closed within the last 24 hours")


class Watched(Frame):
    """Answer to `watch`, before the events."""

    kind: Literal["watched"] = "watched"
    conversation_id: UUID
    last_seq: int
    holder: Holder
    ref: str = ""


class Erased(Frame):
    """This conversation was erased by its visitor or by the house: drop it and all that you keep of it."""

    kind: Literal["erased"] = "erased"
    conversation_id: UUID


class Done(Frame):
    kind: Literal["done"] = "done"
    ref: str


ServerFrame = Annotated[
    Welcome
    | Happened
    | Stored
    | State
    | IsTyping
    | Looking
    | Pong
    | Refused
    | DeskWelcome
    | Queue
    | Watched
    | Erased
    | Done,
    Field(discriminator="kind"),
]
SERVER_FRAME: TypeAdapter[ServerFrame] = TypeAdapter(ServerFrame)

CLOSE_CODES = {
    1001: "the server is going away (restart): reconnect after a moment",
    1003: "a binary frame came; the protocol is text only",
    1008: "the first frame was no `start` or `resume`, came too late (10 s), or too many bad frames came",
    1009: "a frame larger than 64 KiB",
    1011: "a fault of the server, or no answer to its pings",
    1013: "the reader was too slow or the server is overloaded: reconnect and resume",
    4401: "not signed in (any more), or the token is unknown or expired: do not reconnect with it",
    4410: "the conversation was erased: forget it and its token",
}
