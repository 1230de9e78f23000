"""What /metrics tells; nothing about any person. Floor 3."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

REGISTRY = CollectorRegistry()
SOCKETS = Gauge("warmline_sockets", "Open WebSockets", registry=REGISTRY)
MESSAGES = Counter("warmline_messages", "Messages stored, by who said them", ["sender"], registry=REGISTRY)
TURNS = Histogram(
    "warmline_turn_seconds", "From a visitor's message to the bot's reply, REST channel", registry=REGISTRY,
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 30),
)  # fmt: skip
WAITING = Gauge("warmline_waiting", "Chats that wait for a person", registry=REGISTRY)
HELD = Gauge("warmline_held", "Chats that agents hold", registry=REGISTRY)
AGENTS = Gauge("warmline_agents_online", "Agents at the desk", registry=REGISTRY)
UNANSWERED = Gauge("warmline_unanswered", "Conversations in which the bot owes a reply", registry=REGISTRY)
READY = Gauge("warmline_ready", "1 when database, encoder and index all answer", registry=REGISTRY)


def text() -> tuple[bytes, str]:
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
