"""The two sockets: a visitor's page and an agent's page. Floor 3.

Each socket has one reader (frames in, in order), one feed (wakes by the bus, reads the database) and one
writer (a bounded queue out). A slow page therefore delays only itself, and is cut with 1013.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, WebSocket
from pydantic import BaseModel, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.websockets import WebSocketDisconnect, WebSocketState

from api import desk_view, metrics
from api.auth import house_of, limits_of, origin_allowed, session_of
from api.house import House
from api.limits import MESSAGES, STARTS
from api.problems import in_words
from api.protocol import (
    DESK_FRAME,
    VISITOR_FRAME,
    AcceptOffer,
    AgentSay,
    AgentTyping,
    AskHuman,
    BackToBot,
    Claim,
    Close,
    DeskFrame,
    DeskPing,
    DeskWelcome,
    Done,
    EndChat,
    EndOffer,
    Erased,
    Happened,
    IsTyping,
    LeaveContact,
    Looking,
    Me,
    OfferChat,
    Ping,
    Pong,
    Presence,
    Refused,
    Release,
    Reopen,
    Resume,
    ReturnToBot,
    Say,
    Start,
    StepIn,
    Stored,
    TakeOver,
    Typing,
    Unwatch,
    VisitorFrame,
    Watch,
    Watched,
    Welcome,
    WriteNote,
)  # fmt: skip
from bot import turn
from core import conversations, staff
from core.bus import DESK, Mailbox, Notice, conversation_topic
from core.db import reading, transaction
from core.errors import BadInput, NotFound, NotSignedIn, Refusal, TooMany
from core.events import Audience, Event, Sender, events_after
from core.staff import Person, Session
from handoff import left, notes, presence, queue, replies, transfer

log = logging.getLogger("warmline.sockets")
router = APIRouter()

FIRST_FRAME = 10.0  # seconds
SEND_PATIENCE = 5.0
OUTGOING = 256  # frames
BAD_FRAMES = 20
LOOK_ANYWAY = 30.0  # a lost wake-up costs at most this long; a link that is down wakes all once a second
QUEUE_PAUSE = 0.25
STATE_PAUSE = 1.0  # while others in the line move
PAGE = 200
ERASED = 4410  # of api.protocol.CLOSE_CODES
LOOKING_AGAIN = 4  # beats of presence: who looks at a chat says so again every 20 s
EVERYONE_WAITING = 30.0  # the desk's snapshot is sent this often even if nothing happened
Frame = TypeVar("Frame")
Taking = Claim | StepIn | TakeOver | Reopen
Passing = OfferChat | AcceptOffer | EndOffer
LettingGo = Release | ReturnToBot | Close


class BadFrame(BadInput):
    code = "bad_frame"


class Goodbye(Exception):
    """Close this socket with ``code``; see api.protocol.CLOSE_CODES."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class Line:
    """One accepted socket: parsed frames in, models out through a bounded queue and one writer."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._out: asyncio.Queue[str] = asyncio.Queue(OUTGOING)
        self._bad = 0

    async def send(self, frame: BaseModel) -> None:
        """Queue a frame. A page that has not read 256 of them within 5 s is cut off.

        Raises:
            Goodbye: 1013.

        """
        try:
            async with asyncio.timeout(SEND_PATIENCE):
                await self._out.put(frame.model_dump_json())
        except TimeoutError:
            raise Goodbye(1013, "too slow") from None

    async def write(self) -> None:
        while True:
            text = await self._out.get()
            try:
                async with asyncio.timeout(SEND_PATIENCE):
                    await self._socket.send_text(text)
            except TimeoutError:
                raise Goodbye(1013, "too slow") from None

    async def first(self, adapter: TypeAdapter[Frame]) -> Frame:
        """
        Raises:
            Goodbye: nothing valid came in time.

        """
        try:
            async with asyncio.timeout(FIRST_FRAME):
                async for frame in self.frames(adapter):
                    return frame
        except TimeoutError:
            pass
        raise Goodbye(1008, "no first frame")

    async def frames(self, adapter: TypeAdapter[Frame]) -> AsyncIterator[Frame]:
        """Valid frames, in order. An invalid one is refused; after twenty the socket closes."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code") or 1006)
            text = message.get("text")
            if text is None:
                raise Goodbye(1003, "text only")
            try:
                yield adapter.validate_json(text)
            except ValidationError as error:
                await self._refuse_bad(in_words(error.errors(include_input=False, include_url=False)))

    async def refuse(self, refusal: Refusal, ref: str = "") -> None:
        wait = refusal.retry_after if isinstance(refusal, TooMany) else None
        await self.send(Refused(code=refusal.code, message=str(refusal), ref=ref, retry_after=wait))

    async def _refuse_bad(self, why: str) -> None:
        self._bad += 1
        if self._bad > BAD_FRAMES:
            raise Goodbye(1008, "too many bad frames")
        await self.refuse(BadFrame(f"That is no frame of the protocol: {why}"[:400]))


class Follower:
    """Sends one conversation's events to one reader, each naming its predecessor for that reader."""

    def __init__(self, house: House, line: Line, conversation_id: UUID, after: int, audience: Audience) -> None:
        self._house = house
        self._line = line
        self._id = conversation_id
        self._seen = after
        self._everything = audience is Audience.DESK
        self.last_sent = after
        self._one_at_a_time = asyncio.Lock()

    async def catch_up(self) -> bool:
        """Send what followed. Returns whether there was anything new, for whomever."""
        async with self._one_at_a_time:
            start = self._seen
            while True:
                async with reading(self._house.db) as session:
                    events = await events_after(session, self._id, self._seen, PAGE)
                for event in events:
                    await self._send(event)
                if len(events) < PAGE:
                    return self._seen > start

    async def _send(self, event: Event) -> None:
        self._seen = event.seq
        if self._everything or event.audience is Audience.EVERYONE:
            await self._line.send(Happened(prev=self.last_sent, event=event))
            self.last_sent = event.seq


@router.websocket("/ws/visitor")
async def visitor_socket(socket: WebSocket) -> None:
    house = house_of(socket)
    if not origin_allowed(house, socket):
        # Closed before accept, so the handshake is answered with 403; the page cannot tell why, the log can.
        log.warning("a page of origin %r may not embed the widget: WARMLINE_ALLOWED_ORIGINS", _origin(socket))
        await socket.close(1008)
        return
    await _run(socket, lambda line: VisitorPage(house, socket, line).live())


@router.websocket("/ws/desk")
async def desk_socket(socket: WebSocket) -> None:
    house = house_of(socket)
    session = await session_of(house, socket) if origin_allowed(house, socket, own_only=True) else None
    if session is None and not origin_allowed(house, socket, own_only=True):
        await socket.close(1008)
        return
    await _run(socket, lambda line: DeskPage(house, line, session).live())


def _code_for(refusal: Refusal) -> int:
    if isinstance(refusal, NotFound):
        return ERASED
    return 4401 if isinstance(refusal, NotSignedIn) else 1013


def _origin(socket: WebSocket) -> str:
    return socket.headers.get("origin", "")[:200]


async def _run(socket: WebSocket, live: Callable[[Line], Awaitable[None]]) -> None:
    """The socket loop: the one place where any fault ends in a close code instead of a traceback."""
    await socket.accept()
    line = Line(socket)
    code = 1000
    metrics.SOCKETS.inc()
    try:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(line.write())
            await live(line)
            writer.cancel()
    except* WebSocketDisconnect:
        code = 0
    except* Goodbye as goodbyes:
        code = next(_leaves(goodbyes)).code
    except* Refusal as refusals:
        code = 1013 if next(_leaves(refusals)).status == 503 else 1008
    except* RuntimeError as faults:  # starlette's word for "the other side is gone"
        code = 0 if socket.client_state is WebSocketState.DISCONNECTED else 1011
        if code:
            log.error("a socket failed", exc_info=faults)
    except* Exception as faults:
        log.error("a socket failed", exc_info=faults)
        code = 1011
    finally:
        metrics.SOCKETS.dec()
    if code and socket.client_state is not WebSocketState.DISCONNECTED:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)


def _leaves(group: BaseExceptionGroup[Any]) -> Any:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


class VisitorPage:
    """One visitor's page. It sees and changes the one conversation that its token opens."""

    def __init__(self, house: House, socket: WebSocket, line: Line) -> None:
        self._house = house
        self._line = line
        self._limits = limits_of(socket)
        self._peer = socket.client.host if socket.client else ""
        self._id: UUID
        self._follower: Follower
        self._typed_at = 0.0

    async def live(self) -> None:
        try:
            await self._open(await self._line.first(VISITOR_FRAME))
        except Refusal as refusal:
            await self._line.refuse(refusal)
            await asyncio.sleep(0.05)  # let the writer send the reason before the close
            raise Goodbye(_code_for(refusal), refusal.code) from None
        with self._house.bus.subscription({conversation_topic(self._id)}) as box:
            async with asyncio.TaskGroup() as group:
                feed = group.create_task(self._feed(box))
                try:
                    async for frame in self._line.frames(VISITOR_FRAME):
                        await self._answer(frame)
                finally:
                    feed.cancel()

    async def _open(self, frame: VisitorFrame) -> None:
        now = self._house.now()
        token, after, reset = None, 0, False
        if isinstance(frame, Start):
            await self._limits.spend(STARTS, "start", self._peer)
            async with transaction(self._house.db) as session:
                row, token, new = await conversations.start(session, now=now, channel="web", open_key=str(frame.key))
                if new:
                    await turn.greet(session, self._house.bot, row.id)
        elif isinstance(frame, Resume):
            async with reading(self._house.db) as session:
                row = await conversations.by_token(session, frame.token, now)
            reset = frame.after > row.last_seq or frame.epoch not in (None, self._house.epoch)
            after = 0 if reset else frame.after
        else:
            raise Goodbye(1008, "start or resume first")
        self._id = row.id
        async with reading(self._house.db) as session:
            last_seq = (await conversations.get(session, row.id)).last_seq
        self._follower = Follower(self._house, self._line, row.id, after, Audience.EVERYONE)
        await self._line.send(
            Welcome(conversation_id=row.id, token=token, epoch=self._house.epoch, reset=reset, last_seq=last_seq)
        )

    async def _feed(self, box: Mailbox) -> None:
        await self._follower.catch_up()
        state = None
        while True:
            try:
                fresh = await desk_view.visitor_state(self._house, self._id)
            except NotFound:
                raise Goodbye(ERASED, "erased") from None
            if fresh != state:
                state = fresh
                await self._line.send(state)
            # Only who stands in line sees the desk move; waking everybody for it would cost each message
            # four queries for every open page.
            if state.holder != "queue":
                box.topics.discard(DESK)
            elif DESK not in box.topics:
                box.topics.add(DESK)
                continue  # subscribed only now: look once more
            told = time.monotonic()
            woken, signals = await _next(box)
            for signal in signals:
                await self._pass_on(signal)
            if not await self._follower.catch_up() and DESK in woken:
                # a busy line moves often; a visitor need not see each step
                await asyncio.sleep(max(0.0, told + STATE_PAUSE - time.monotonic()))

    async def _pass_on(self, signal: dict[str, str]) -> None:
        if signal["kind"] == "agent":
            who = Sender(kind="agent", id=UUID(signal["id"]), name=signal["name"])
            await self._line.send(IsTyping(conversation_id=self._id, who=who))

    async def _answer(self, frame: VisitorFrame) -> None:
        ref = str(getattr(frame, "key", ""))
        try:
            await self._do(frame)
        except NotFound:
            raise Goodbye(ERASED, "erased") from None
        except Refusal as refusal:
            await self._line.refuse(refusal, ref)

    async def _do(self, frame: VisitorFrame) -> None:
        house, now = self._house, self._house.now()
        match frame:
            case Say(key=key, text=text):
                await self._limits.spend(MESSAGES, "say", str(self._id))
                async with transaction(house.db) as session:
                    said = await conversations.say(
                        session, self._id, sender=Sender(kind="visitor"), text=text, key=str(key), now=now
                    )
                await self._line.send(Stored(key=key, seq=said.seq))
                metrics.MESSAGES.labels("visitor").inc(not said.repeated)
                house.turns.wake(self._id)
            case AskHuman(key=key):
                await self._limits.spend(MESSAGES, "ask", str(self._id))
                await turn.fetch_person(house.bot, self._id)
                await self._line.send(Stored(key=key, seq=self._follower.last_sent))
            case BackToBot():
                await self._limits.spend(MESSAGES, "ask", str(self._id))
                async with transaction(house.db) as session:
                    await queue.leave_line(session, self._id, now=now)
                house.turns.wake(self._id)  # what was said just before still gets its reply
            case LeaveContact(key=key, email=email, text=text):
                await self._limits.spend(MESSAGES, "say", str(self._id))
                async with transaction(house.db) as session:
                    seq = await left.leave(session, self._id, key=str(key), email=email, text=text, now=now)
                await self._line.send(Stored(key=key, seq=seq))
            case EndChat():
                async with transaction(house.db) as session:
                    await queue.end_by_visitor(session, self._id, now=now)
            case Typing():
                if time.monotonic() - self._typed_at >= 1.0:
                    self._typed_at = time.monotonic()
                    signal = {"kind": "visitor", "conversation": str(self._id)}
                    await house.bus.publish([Notice(conversation_topic(self._id), signal)])
            case Ping():
                await self._line.send(Pong(last_seq=self._follower.last_sent))
            case Start() | Resume():
                raise BadFrame("The conversation is open already.")


class DeskPage:
    """One page of an agent or owner. The session is looked up again at every frame."""

    def __init__(self, house: House, line: Line, session: Session | None) -> None:
        self._house = house
        self._line = line
        self._session = session
        self._watched: dict[UUID, Follower] = {}
        self._typed_at: dict[UUID, float] = {}
        self._box: Mailbox

    async def live(self) -> None:
        if self._session is None:
            raise Goodbye(4401, "not signed in")
        me = self._session.person
        await self._line.send(
            DeskWelcome(me=Me(id=me.id, name=me.name, email=me.email, role=me.role), epoch=self._house.epoch)
        )
        try:
            with self._house.bus.subscription({DESK}) as self._box:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(self._feed(me.id)), group.create_task(self._beat(me))]
                    try:
                        async for frame in self._line.frames(DESK_FRAME):
                            await self._answer(frame)
                    finally:
                        for task in tasks:
                            task.cancel()
        finally:
            await asyncio.shield(self._gone(me))

    async def _gone(self, me: Person) -> None:
        """Another page of the same agent renews the lease within seconds and takes this back."""
        with contextlib.suppress(Refusal):
            await self._look(me, self._watched, here=False)
            async with transaction(self._house.db) as session:
                await presence.leave_soon(session, me.id, self._house.now())

    async def _beat(self, me: Person) -> None:
        beats = 0
        while True:
            with contextlib.suppress(Refusal):  # a database that is away for a moment: try at the next beat
                await self._require_session()
                async with transaction(self._house.db) as session:
                    await presence.renew(session, me.id, self._house.now())
                if (beats := beats + 1) % LOOKING_AGAIN == 0:
                    await self._look(me, self._watched, here=True)
            await asyncio.sleep(presence.BEAT)

    async def _look(self, me: Person, chats: Iterable[UUID], *, here: bool, first: bool = False) -> None:
        """Tell the colleagues who look at the same chat. Stored nowhere, as typing is."""
        signal = {"kind": "looking", "id": str(me.id), "name": me.name, "here": str(here), "first": str(first)}
        notices = [Notice(conversation_topic(chat), {**signal, "conversation": str(chat)}) for chat in chats]
        if notices:
            await self._house.bus.publish(notices)

    async def _feed(self, me: UUID) -> None:
        sent_at = 0.0
        dirty = True
        while True:
            if dirty or time.monotonic() - sent_at > EVERYONE_WAITING:
                sent_at = time.monotonic()
                await self._line.send(await desk_view.snapshot(self._house, me))
            woken, signals = await _next(self._box)
            for signal in signals:
                await self._pass_on(signal)
            nothing_new = [
                conversation_id
                for conversation_id, follower in list(self._watched.items())
                if not await follower.catch_up() and (not woken or conversation_topic(conversation_id) in woken)
            ]
            await self._drop_erased(nothing_new)
            dirty = DESK in woken
            if dirty and (pause := sent_at + QUEUE_PAUSE - time.monotonic()) > 0:
                await asyncio.sleep(pause)

    async def _drop_erased(self, conversation_ids: list[UUID]) -> None:
        """Woken, and nothing happened: is it still there?"""
        if not conversation_ids:
            return
        async with reading(self._house.db) as session:
            there = await conversations.many(session, conversation_ids)
        for conversation_id in set(conversation_ids) - set(there):
            self._watched.pop(conversation_id, None)
            self._box.topics.discard(conversation_topic(conversation_id))
            await self._line.send(Erased(conversation_id=conversation_id))

    async def _pass_on(self, signal: dict[str, str]) -> None:
        chat = UUID(signal["conversation"])
        if signal["kind"] == "visitor":
            await self._line.send(IsTyping(conversation_id=chat, who=Sender(kind="visitor")))
            return
        if self._session is None or signal["id"] == str(self._session.person.id):
            return
        who = Sender(kind="agent", id=UUID(signal["id"]), name=signal["name"])
        if signal["kind"] == "agent":
            await self._line.send(IsTyping(conversation_id=chat, who=who))
        elif signal["kind"] == "looking":
            await self._line.send(Looking(conversation_id=chat, who=who, here=signal["here"] == "True"))
            if signal["first"] == "True" and chat in self._watched:
                await self._look(self._session.person, [chat], here=True)

    async def _require_session(self) -> Person:
        """
        Raises:
            Goodbye: signed out, expired or deactivated since.

        """
        assert self._session is not None  # noqa: S101
        async with reading(self._house.db) as session:
            found = await staff.session_of(session, self._session.token, self._house.now())
        if found is None:
            raise Goodbye(4401, "signed out")
        return found.person

    async def _answer(self, frame: DeskFrame) -> None:
        key = getattr(frame, "key", None)
        try:
            await self._do(frame, await self._require_session())
        except Refusal as refusal:
            await self._line.refuse(refusal, frame.ref or (str(key) if key else ""))

    async def _do(self, frame: DeskFrame, me: Person) -> None:
        match frame:
            case Watch(conversation_id=conversation_id, after=after):
                await self._watch(conversation_id, after, frame.ref)
                await self._look(me, [conversation_id], here=True, first=True)
            case Unwatch(conversation_id=conversation_id):
                if self._watched.pop(conversation_id, None) is not None:
                    await self._look(me, [conversation_id], here=False)
                self._box.topics.discard(conversation_topic(conversation_id))
            case AgentSay(conversation_id=conversation_id, key=key, text=text):
                async with transaction(self._house.db) as session:
                    said = await replies.reply(
                        session, conversation_id, agent=me, key=str(key), text=text, now=self._house.now()
                    )
                metrics.MESSAGES.labels("agent").inc(not said.repeated)
                await self._line.send(Stored(key=key, seq=said.seq))
            case WriteNote(conversation_id=conversation_id, key=key, text=text):
                async with transaction(self._house.db) as session:
                    seq = await notes.write(
                        session, conversation_id, author=me, key=str(key), text=text, now=self._house.now()
                    )
                await self._line.send(Stored(key=key, seq=seq))
            case AgentTyping(conversation_id=conversation_id):
                await self._type(conversation_id, me)
            case DeskPing():
                await self._line.send(Pong())
            case _:
                await self._act(frame, me)
                await self._line.send(Done(ref=frame.ref))

    async def _act(self, frame: Taking | Passing | LettingGo | Presence, me: Person) -> None:
        async with transaction(self._house.db) as session:
            if isinstance(frame, Taking):
                await _take(session, frame, me, self._house.now())
            elif isinstance(frame, Passing):
                await _pass_to(session, frame, me, self._house.now())
            elif isinstance(frame, LettingGo):
                await _let_go(session, frame, me, self._house.now())
            else:
                await presence.renew(session, me.id, self._house.now(), frame.status)

    async def _watch(self, conversation_id: UUID, after: int, ref: str) -> None:
        async with reading(self._house.db) as session:
            row = await conversations.get(session, conversation_id)
        after = min(after, row.last_seq)
        self._box.topics.add(conversation_topic(conversation_id))
        follower = Follower(self._house, self._line, conversation_id, after, Audience.DESK)
        await self._line.send(
            Watched.model_validate(
                {
                    "conversation_id": conversation_id,
                    "last_seq": row.last_seq,
                    "holder": row.holder,
                    "ref": ref,
                }
            )
        )
        self._watched[conversation_id] = follower
        await follower.catch_up()

    async def _type(self, conversation_id: UUID, me: Person) -> None:
        if time.monotonic() - self._typed_at.get(conversation_id, 0.0) < 1.0:
            return
        self._typed_at[conversation_id] = time.monotonic()
        async with reading(self._house.db) as session:
            case = await queue.get(session, conversation_id)
        if case is not None and case.state == "claimed" and case.agent_id == me.id:
            signal = {
                "kind": "agent",
                "id": str(me.id),
                "name": me.name,
                "conversation": str(conversation_id),
            }
            await self._house.bus.publish([Notice(conversation_topic(conversation_id), signal)])


async def _next(box: Mailbox) -> tuple[set[str], list[dict[str, str]]]:
    """What the mailbox holds next; after a quiet while, look at everything anyway."""
    try:
        async with asyncio.timeout(LOOK_ANYWAY):
            return await box.get()
    except TimeoutError:
        return set(), []


async def _take(session: AsyncSession, frame: Taking, me: Person, now: datetime) -> None:
    match frame:
        case Claim(conversation_id=chat):
            await queue.claim(session, chat, agent=me, now=now)
        case StepIn(conversation_id=chat):
            await queue.step_in(session, chat, agent=me, now=now)
        case TakeOver(conversation_id=chat):
            await queue.take_over(session, chat, agent=me, now=now)
        case Reopen(conversation_id=chat):
            await queue.reopen(session, chat, agent=me, now=now)


async def _pass_to(session: AsyncSession, frame: Passing, me: Person, now: datetime) -> None:
    match frame:
        case OfferChat(conversation_id=chat, to=to, note=note):
            await transfer.offer(session, chat, agent=me, to=to, note=note, now=now)
        case AcceptOffer(conversation_id=chat):
            await transfer.accept(session, chat, agent=me, now=now)
        case EndOffer(conversation_id=chat):
            await transfer.end_offer(session, chat, agent=me, now=now)


async def _let_go(session: AsyncSession, frame: LettingGo, me: Person, now: datetime) -> None:
    match frame:
        case Release(conversation_id=chat):
            await queue.release(session, chat, agent_id=me.id, now=now)
        case ReturnToBot(conversation_id=chat, agreed=agreed):
            await replies.hand_back(session, chat, agent=me, agreed=agreed, now=now)
        case Close(conversation_id=chat, outcome=outcome):
            await queue.close(session, chat, agent_id=me.id, now=now, outcome=outcome)
