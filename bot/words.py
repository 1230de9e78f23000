"""Everything the bot says that is not the owner's answer. Floor 2, pure.

The bot never pretends to feel or to be a person. ``name`` and ``greeting`` disclose what it is; there is
no setting that changes them into something else: a business's name only stands before "bot".
"""

from collections.abc import Sequence
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


def answers(found: Sequence[tuple[str, str]], unsure: Sequence[str] = ()) -> Words:
    """The owner's words, and where several things were asked each below the question that it answers.

    Args:
        found: (question, answer in Markdown).
        unsure: questions that may have been asked too.

    """
    one = len(found) == 1 and not unsure
    told = found[0][1] if one else "\n\n".join(f"**{question}**\n\n{answer}" for question, answer in found)
    if not unsure:
        return Words(told)
    mean = "Do you mean this?" if len(unsure) == 1 else "Do you mean one of these?"
    return Words(f"{told}\n\nI'm not sure about the rest of your message. {mean}", _choices(unsure))


def clarify(questions: tuple[str, ...], upset: bool) -> Words:
    mean = "Do you mean this?" if len(questions) == 1 else "Do you mean one of these?"
    unsure = "So that you get the right answer:" if upset else "I'm not sure that I understood."
    return Words(
        f"{unsure} {mean}",
        _choices(questions),
    )


def _choices(questions: Sequence[str]) -> tuple[Button, ...]:
    return (*(Button(title=q, payload=q) for q in questions), HUMAN)


def decline(upset: bool) -> Words:
    sorry = "" if upset else "Sorry: "
    return Words(f"{sorry}I don't have an answer to that in our FAQ, and I won't guess. A person can help.", (HUMAN,))


_NOW: dict[Reason, str] = {
    "asked_for_human": "Of course. I'm passing you on to a person.",
    "frustrated": "This isn't working well for you, so I'm passing you on to a person.",
    "stuck": "I can't solve this, so I'm passing you on to a person.",
    "complex": "Somebody has to look at your case for this, so I'm passing you on to a person.",
    "sensitive": "This is something for a person, not for a bot. I'm passing you on.",
    "vulnerable": "Thank you for saying so. A person should take care of this, and I'm passing you on.",
    "abusive": "I'm passing you on to a person.",
    "bot_failure": "Something went wrong on my side, so I'm passing you on to a person.",
}

_OFFER: dict[Reason, str] = {
    "stuck": "I don't seem to get you any further. Shall I pass you on to a person? They will see what you wrote.",
    "abusive": "I'm a bot and can't do more than answer from our FAQ. A person can: shall I pass you on?",
}


# (what it says, what the button says); the reply gives English too. Formal where the language knows it.
_ELSEWHERE = {
    "ar": ("أنا روبوت ولا أقرأ إلا الإنجليزية. يمكن لشخص أن يساعدك.", "التحدث إلى شخص"),
    "de": ("Ich bin ein Bot und kann nur Englisch lesen. Ein Mensch kann Ihnen helfen.", "Mit einem Menschen sprechen"),
    "es": ("Soy un bot y solo puedo leer inglés. Una persona puede ayudarle.", "Hablar con una persona"),
    "fr": ("Je suis un robot et je ne lis que l'anglais. Une personne peut vous aider.", "Parler à une personne"),
    "he": ("אני בוט וקורא אנגלית בלבד. אדם יכול לעזור.", "לדבר עם אדם"),
    "hi": ("मैं एक बॉट हूँ और केवल अंग्रेज़ी पढ़ सकता हूँ। कोई व्यक्ति आपकी मदद कर सकता है।", "किसी व्यक्ति से बात करें"),
    "it": ("Sono un bot e leggo solo l'inglese. Una persona può aiutarla.", "Parlare con una persona"),
    "ja": ("私はボットで、英語しか読めません。担当者がお手伝いできます。", "担当者と話す"),
    "nl": ("Ik ben een bot en kan alleen Engels lezen. Een medewerker kan u helpen.", "Met een medewerker praten"),
    "pl": ("Jestem botem i czytam tylko po angielsku. Może Państwu pomóc człowiek.", "Rozmowa z człowiekiem"),
    "pt": ("Sou um bot e só consigo ler inglês. Uma pessoa pode ajudar.", "Falar com uma pessoa"),
    "tr": (
        "Ben bir botum ve yalnızca İngilizce okuyabiliyorum. Bir kişi size yardımcı olabilir.",
        "Bir kişiyle görüşün",
    ),
    "zh": ("我是机器人，只能阅读英文。人工客服可以帮助您。", "联系人工客服"),
}


def unreadable(language: str | None) -> Words:
    """Args: language: its code; in those that we can write, it is said there too."""
    english = "I'm a bot and can read only English, and this seems to be another language. A person can help."
    theirs, button = _ELSEWHERE.get(language or "", ("", ""))
    if not theirs:
        return Words(english, (HUMAN,))
    return Words(f"{theirs}\n\n{english}", (Button(title=f"{button} / {HUMAN.title}", payload=HUMAN.payload),))


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
