"""Everything the bot says that is not the owner's answer. Floor 2, pure.

The bot never pretends to feel or to be a person. ``name`` and ``greeting`` disclose what it is; there is
no setting that changes them into something else: a business's name only stands before "bot".
"""

from dataclasses import dataclass
from unicodedata import category

from core.events import Button, Reason, ReviewOutcome, Sender
from handoff.waiting import Place

HUMAN = Button(title="Talk to a person", payload="/human")


@dataclass(frozen=True, slots=True)
class Words:
    text: str
    buttons: tuple[Button, ...] = ()


def sender(business: str) -> Sender:
    shown = _shown(business)
    return Sender(kind="bot", name=f"{shown} bot" if shown else "Support bot")


def greeting(business: str) -> str:
    shown = _shown(business)
    whose = f" of {shown}" if shown else ""
    return (
        f"Hello, I'm the bot{whose}: a computer program, not a person. I answer from our FAQ, and you can talk to "
        "a person at any time with the button below."
    )


def _shown(business: str) -> str:
    """A business's name on one line, so that nothing in it hides, reverses or pushes away the word "bot"."""
    seen = (" " if c in _BLANK or category(c) == "Cc" else c for c in business if category(c) != "Cf")
    return " ".join("".join(seen).split())[:80].rstrip()


_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters by name, and nothing to see


def smalltalk(kind: str, upset: bool) -> Words:
    if kind == "about_bot":
        return Words(
            "I'm a bot: a computer program that answers from this business's own FAQ. No person reads along unless "
            "you ask for one, and you can do that at any time.",
            (HUMAN,),
        )
    if upset:  # no cheerfulness at somebody who is angry
        return Words("Understood. Tell me what you need, or talk to a person.", (HUMAN,))
    return Words(_SMALLTALK.get(kind, _SMALLTALK["chitchat"]))


_SMALLTALK = {
    "greeting": "Hello! I'm the bot here. What would you like to know?",
    "thanks": "You're welcome. Ask away if there is anything else.",
    "goodbye": "Goodbye! You can write again at any time.",
    "acknowledge": "All right. Is there anything else you would like to know?",
    "chitchat": "I'm only a bot and not much of a talker, but I can answer questions about this business. "
    "What would you like to know?",
}


def clarify(questions: tuple[str, ...]) -> Words:
    one = len(questions) == 1
    return Words(
        "I'm not sure that I understood. Do you mean this?"
        if one
        else "I'm not sure that I understood. Do you mean one of these?",
        (*(Button(title=q, payload=q) for q in questions), HUMAN),
    )


def decline(upset: bool) -> Words:
    sorry = "" if upset else "Sorry: "
    return Words(f"{sorry}I don't have an answer to that in our FAQ, and I won't guess. A person can help.", (HUMAN,))


_NOW: dict[Reason, str] = {
    "asked_for_human": "Of course. I'm passing you on to a person.",
    "frustrated": "This isn't working well for you, so I'm passing you on to a person.",
    "stuck": "I can't solve this, so I'm passing you on to a person.",
    "complex": "Somebody has to look at your case for this, so I'm passing you on to a person.",
    "sensitive": "This is something for a person, not for a bot. I'm passing you on.",
    "vulnerable": "A person should take care of this. I'm passing you on.",
    "abusive": "I'm passing you on to a person.",
    "bot_failure": "Something went wrong on my side, so I'm passing you on to a person.",
}

_OFFER: dict[Reason, str] = {
    "stuck": "I don't seem to get you any further. Shall I pass you on to a person? They will see what you wrote.",
    "abusive": "I'm a bot and can't do more than answer from our FAQ. A person can: shall I pass you on?",
}


def offer(reason: Reason) -> Words:
    return Words(_OFFER.get(reason, "A person can help you better with this. Shall I pass you on?"), (HUMAN,))


def passed_on(reason: Reason, place: Place) -> Words:
    return Words(f"{_NOW[reason]} They will see what you wrote, so you need not say it again. {_line(place)}")


def still_waiting(place: Place) -> Words:
    return Words(f"I've added that to what the person will see. {_line(place)}")


def reviewed(outcome: ReviewOutcome, answer: str) -> str:
    """From the house, not from the bot: a person wrote ``answer``."""
    verdict = "and finds that it was right" if outcome == "upheld" else "and agrees with you"
    return f"You asked us to look again at one of the bot's replies. A person did, {verdict}: {answer}"


def _line(place: Place) -> str:
    if not place.desk_open:
        return (
            "Nobody is at the desk right now. Your chat stays in line; if you leave your e-mail address and a "
            "message, it waits there for the first person who comes."
        )
    where = "You are next." if place.position <= 1 else f"You are number {place.position} in line."
    if place.wait_seconds is None:
        return f"{where} I can't say how long it will take yet."
    return f"{where} It usually takes about {minutes(place.wait_seconds)} from here."


def minutes(seconds: int) -> str:
    whole = max(1, round(seconds / 60))
    return "a minute" if whole == 1 else f"{whole} minutes"
