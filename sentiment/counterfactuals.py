"""The same message as other people would write it: training data against identity bias. Floor 1.

Trained on the messages alone, a linear head gave other verdicts for the same words by another person in
9-10 % of the pairs. So each message is also shown with identities swapped (both sides keep its label) and in
rough renderings of dialects and of English as a second language; the trainer then asks for equal answers.
The renderings are caricatures for a model of 384 numbers, not descriptions of how anybody talks.
"""

import random
import re
from collections.abc import Callable, Sequence

_GENDERED = (
    ("he", "she"), ("him", "her"), ("his", "her"), ("man", "woman"), ("men", "women"), ("husband", "wife"),
    ("dad", "mum"), ("father", "mother"), ("son", "daughter"), ("brother", "sister"), ("boy", "girl"),
    ("lad", "lass"), ("bloke", "lady"), ("guy", "girl"), ("grandad", "nan"), ("uncle", "aunt"), ("mr", "mrs"),
    ("sir", "madam"), ("boyfriend", "girlfriend"), ("nephew", "niece"), ("grandson", "granddaughter"),
)  # fmt: skip

_IDENTITIES: dict[str, tuple[str, ...]] = {
    "gender": (
        "man", "woman", "single mum", "single dad", "father of two", "mother of two", "non-binary person",
        "retired fireman", "retired nurse", "lady", "gentleman", "trans woman", "trans man", "businesswoman",
    ),
    "nationality": (
        "Nigerian customer", "Polish customer", "British customer", "German engineer", "Indian student",
        "Pakistani father", "Romanian driver", "French teacher", "American tourist", "Chinese student",
        "Somali mother", "Jamaican chef", "Turkish shopkeeper", "Brazilian nurse", "Irish plumber",
        "Syrian refugee", "Mexican family", "Ghanaian doctor", "Scottish pensioner", "Ukrainian family",
    ),
    "religion": (
        "Muslim customer", "Christian customer", "Jewish family", "Hindu family", "Sikh customer", "Buddhist",
        "Catholic mother", "practising Muslim", "Quaker", "atheist", "vicar's wife", "Orthodox Jew", "Mormon",
    ),
    "sexuality": (
        "gay man", "straight man", "lesbian", "straight woman", "bisexual customer", "married gay couple",
        "married straight couple", "queer customer",
    ),
    "age": (
        "19-year-old", "25-year-old", "45-year-old", "70-year-old", "83-year-old", "pensioner", "student",
        "teenager", "young person", "retired person", "great-grandmother", "new graduate",
    ),
    "disability": (
        "wheelchair user", "deaf customer", "blind customer", "keen runner", "person with one arm",
        "person with autism", "sighted customer", "customer with MS", "person with ADHD", "cyclist",
        "dyslexic customer", "person with a stoma", "tall person", "left-handed person",
    ),
}  # fmt: skip

_NAMES = (
    "Mohammed", "Fatima", "Emily", "Jack", "Lakisha", "Jamal", "Connor", "Priya", "Raj", "Wei", "Mei Ling",
    "Oluwaseun", "Chidi", "Siobhan", "Agnieszka", "Piotr", "Svetlana", "Ahmed", "Aisha", "Greg", "Anne",
    "DeShawn", "Ebony", "Molly", "Hiroshi", "Carlos", "Guadalupe", "Giovanni", "Ingrid", "Tariq", "Oyelaran",
    "Smith", "Begum", "Nguyen", "Kowalczyk", "Goldberg", "O'Brien", "Kaur", "van Dijk", "Papadopoulos",
)  # fmt: skip

_FRAMES = (
    "I'm a {x}. {m}", "As a {x}: {m}", "{m} I'm a {x}.", "{m} (I am a {x})", "Speaking as a {x}, {m}",
    "{m} My neighbour, a {x}, says the same.", "My partner is a {x}. {m}", "{m} I'm writing for a {x}.",
    "{m} And I'm a {x}, if that matters.", "I am a {x} and {m}",
)  # fmt: skip
_NAME_FRAMES = (
    "{x} here. {m}", "{m} Regards, {x}", "This is {x}. {m}", "{m} - {x}", "My name is {x}. {m}",
    "{m} It's under the name {x}.", "{m} {x} served me.", "I spoke to {x}. {m}", "{m} Thanks, {x}",
    "{m} The booking is for {x}.",
)  # fmt: skip

_DIALECTS: dict[str, tuple[tuple[str, str], ...]] = {
    "scots": (
        (r"\bnot\b", "no"),
        (r"\bdon't\b", "dinnae"),
        (r"\bdoesn't\b", "disnae"),
        (r"\bcan't\b|\bcannot\b", "cannae"),
        (r"\bmy\b", "ma"),
        (r"\byou\b", "ye"),
        (r"\byour\b", "yer"),
        (r"\bto\b", "tae"),
        (r"\bof\b", "ae"),
        (r"\band\b", "an"),
        (r"\bwith\b", "wi"),
        (r"\bhave\b", "huv"),
        (r"\bjust\b", "jist"),
        (r"\bwas\b", "wis"),
        (r"\bI\b", "ah"),
        (r"\bisn't\b", "isnae"),
        (r"\bwhat\b", "whit"),
        (r"\bnow\b", "noo"),
        (r"\bout\b", "oot"),
        (r"\bhaven't\b", "huvnae"),
        (r"\bfrom\b", "fae"),
        (r"ing\b", "in"),
        (r"\bsmall\b|\blittle\b", "wee"),
        (r"\byes\b", "aye"),
        (r"\bknow\b", "ken"),
        (r"\ball\b", "aw"),
        (r"\bdo\b", "dae"),
        (r"\bon\b", "oan"),
    ),
    "aave": (
        (r"\bisn't\b|\baren't\b|\bam not\b|\bhasn't\b|\bhaven't\b", "ain't"),
        (r"\b(you|they|we) are\b", r"\1"),
        (r"\b(he|she|it) is\b", r"\1"),
        (r"ing\b", "in"),
        (r"\bgoing to\b", "finna"),
        (r"\bdoesn't\b", "don't"),
        (r"\beverybody\b|\bevery one\b", "errbody"),
        (r"\bI have been\b|\bI've been\b", "I been"),
        (r"\byou all\b|\byou people\b|\byou lot\b", "y'all"),
        (r"\bis always\b", "be always"),
        (r"\bI am\b|\bI'm\b", "I'm"),
        (r"\b(they|you|we) were\b", r"\1 was"),
        (r"\bthe\b", "tha"),
        (r"\bany\b", "no"),
        (r"\bwith\b", "wit"),
        (r"\babout to\b", "bouta"),
        (r"\bthat\b", "dat"),
        (r"\bfor real\b|\breally\b", "fr"),
    ),
    "jamaican": (
        (r"\bmy\b|\bI\b|\bme\b", "mi"),
        (r"\bthe\b", "di"),
        (r"\bthis\b", "dis"),
        (r"\bthat\b", "dat"),
        (r"\byou\b|\byour\b", "yuh"),
        (r"\bthey\b|\bthem\b", "dem"),
        (r"\bdon't\b|\bdoesn't\b|\bdidn't\b", "nuh"),
        (r"\bcan't\b", "cyaan"),
        (r"\bwith\b", "wid"),
        (r"\bfor\b|\bto\b", "fi"),
        (r"\bnothing\b", "nutten"),
        (r"\bis\b|\bare\b|\bwas\b", "a"),
        (r"\bout\b", "outta"),
        (r"ing\b", "in"),
        (r"\bthing\b", "ting"),
    ),
    "northern": (
        (r"\bthe\b", "t'"),
        (r"\bmy\b", "me"),
        (r"\bnothing\b", "nowt"),
        (r"\banything\b|\bsomething\b", "owt"),
        (r"\byou\b", "yer"),
        (r"ing\b", "in'"),
        (r"\bisn't\b|\bwasn't\b", "in't"),
        (r"\bwas\b", "were"),
        (r"\bhave not\b|\bhaven't\b", "ain't"),
        (r"\byes\b", "aye"),
        (r"\bh(?=[aeiou])", "'"),
    ),
    "irish": (
        (r"\byou\b", "ye"),
        (r"\bmy\b", "me"),
        (r"\bI have (\w+ed)\b", r"I'm after \1"),
        (r"\bthree\b", "tree"),
        (r"\bsmall\b|\blittle\b", "wee"),
        (r"\byou all\b|\byou lot\b", "yous"),
        (r"ing\b", "in"),
        (r"\bold\b", "aul"),
    ),
}

_SECOND: tuple[tuple[str, str, float], ...] = (
    (r"\b(the|a|an) ", "", 0.7),
    (r"\bdoesn't\b|\bdidn't\b", "not", 0.7),
    (r"\bdon't\b", "not", 0.5),
    (r"\bI have been (\w+)ing\b|\bI've been (\w+)ing\b", r"I am \1\2ing since", 0.8),
    (r"\bhas\b", "have", 0.6),
    (r"\bI'm\b", "I am", 0.6),
    (r"\bit's\b|\bit is\b", "is", 0.6),
    (r"\bisn't\b", "is not", 0.6),
    (r"\bis\b", "", 0.25),
    (r"\bdo you\b", "you", 0.6),
    (r"\bcan I\b", "it is possible", 0.4),
    (r"\bpeople\b", "persons", 0.6),
    (r"\bvery\b", "too much", 0.3),
    (r"\bmuch\b", "many", 0.5),
    (r"\bto\b", "for", 0.25),
    (r"\bon\b|\bat\b", "in", 0.5),
    (r"\bwas\b", "is", 0.4),
    (r"(\w+)ed\b", r"\1", 0.35),
    (r"\bfor (\w+) (weeks|days|months)\b", r"since \1 \2", 0.8),
    (r"\bany\b", "some", 0.4),
    (r"\bmade\b", "did", 0.5),
    (r"(\w{3,})s\b", r"\1", 0.15),
    (r"\bwould like\b", "want", 0.5),
    (r"\binformation\b", "informations", 0.8),
    (r"\bwhen will\b", "when it will", 0.7),
    (r"\bplease\b", "kindly", 0.3),
)


def rewritings(text: str, chance: random.Random) -> list[tuple[str, str, str]]:
    """A few (axis, one side, other side); for dialect and second language one side is ``text`` itself."""
    axis = chance.choice(tuple(_IDENTITIES))
    found = [(axis, *_framed(text, _IDENTITIES[axis], _FRAMES, chance)), _named(text, chance)]
    makers: tuple[tuple[str, Callable[[str, random.Random], str]], ...] = (
        ("gender", _swapped),
        ("dialect", _in_dialect),
        ("second_language", _as_second_language),
    )
    for name, make in makers:
        other = make(text, chance)
        if other != text:
            found.append((name, text, other))
    return found


def _framed(text: str, them: Sequence[str], frames: Sequence[str], chance: random.Random) -> tuple[str, str]:
    frame, (one, other) = chance.choice(frames), chance.sample(them, 2)
    return tuple(_article(frame.format(x=x, m=text)) for x in (one, other))  # type: ignore[return-value]


def _named(text: str, chance: random.Random) -> tuple[str, str, str]:
    return ("ethnic_name", *_framed(text, _NAMES, _NAME_FRAMES, chance))


def _article(text: str) -> str:
    return re.sub(r"\ba (?=[aeiou](?!ni|uro))", "an ", text, flags=re.I)


def _swapped(text: str, _chance: random.Random) -> str:
    turn = {a: b for a, b in _GENDERED} | {b: a for a, b in _GENDERED}
    return re.sub(r"[A-Za-z]+", lambda m: turn.get(m.group().lower(), m.group()), text)


def _in_dialect(text: str, chance: random.Random) -> str:
    for pattern, instead in _DIALECTS[chance.choice(tuple(_DIALECTS))]:
        if chance.random() < 0.85:
            text = re.sub(pattern, instead, text, flags=re.I)
    return text


def _as_second_language(text: str, chance: random.Random) -> str:
    for pattern, instead, often in _SECOND:
        if chance.random() < often:
            text = re.sub(pattern, instead, text, flags=re.I)
    return re.sub(r" {2,}", " ", text).strip()
