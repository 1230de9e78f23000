"""Wakes the readers of a topic; carries no truth. Floor 0.

The database holds what happened. A notice only says "look again", so losing one costs a second and
never a message. Typing signals are the exception: they are worth nothing a second later, so they
travel here and are stored nowhere.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

DESK = "desk"  # the queue, presence, or anything a desk lists has changed
HOUSE = "house"  # the knowledge base or the settings have changed
MAX_SIGNALS = 64


def conversation_topic(conversation_id: UUID) -> str:
    return f"conversation:{conversation_id}"


@dataclass(frozen=True, slots=True)
class Notice:
    topic: str
    signal: dict[str, str] | None = None


@dataclass(slots=True)
class Mailbox:
    """One reader's bounded box: a set of woken topics (it cannot outgrow its topics) and few signals."""

    topics: set[str]
    _woken: set[str] = field(default_factory=set)
    _signals: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=MAX_SIGNALS))
    _something: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, notice: Notice) -> None:
        if notice.topic not in self.topics:
            return
        if notice.signal is None:
            self._woken.add(notice.topic)
        else:
            self._signals.append(notice.signal)
        self._something.set()

    def wake_all(self) -> None:
        self._woken |= self.topics
        self._something.set()

    async def get(self) -> tuple[set[str], list[dict[str, str]]]:
        """Wait for something; hand over and empty the box."""
        await self._something.wait()
        self._something.clear()
        woken, signals = self._woken & self.topics, list(self._signals)
        self._woken = set()
        self._signals.clear()
        return woken, signals


class Bus(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def publish(self, notices: list[Notice]) -> None: ...
    def wake_all(self) -> None: ...
    def subscription(self, topics: Iterable[str]) -> "Subscription": ...
    @property
    def healthy(self) -> bool: ...


class MemoryBus:
    """Within one process: SQLite, or PostgreSQL with a single worker."""

    def __init__(self) -> None:
        self._by_id: dict[int, Mailbox] = {}

    @property
    def healthy(self) -> bool:
        return True

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def publish(self, notices: list[Notice]) -> None:
        self.deliver(notices)

    def deliver(self, notices: list[Notice]) -> None:
        for box in self._by_id.values():
            for notice in notices:
                box.put(notice)

    def wake_all(self) -> None:
        for box in self._by_id.values():
            box.wake_all()

    def subscription(self, topics: Iterable[str]) -> "Subscription":
        return Subscription(self, set(topics))

    def _add(self, box: Mailbox) -> None:
        self._by_id[id(box)] = box

    def _drop(self, box: Mailbox) -> None:
        self._by_id.pop(id(box), None)


class Subscription:
    """``with bus.subscription({...}) as box``: subscribe first, read the rows after N, then drain."""

    def __init__(self, bus: MemoryBus, topics: set[str]) -> None:
        self._bus = bus
        self._box = Mailbox(topics)

    def __enter__(self) -> Mailbox:
        self._bus._add(self._box)
        return self._box

    def __exit__(self, *_exc: object) -> None:
        self._bus._drop(self._box)
