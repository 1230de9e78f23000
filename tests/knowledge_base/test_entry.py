"""knowledge_base/entry.py: what an owner may write in an entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refusal
from core.text import BrokenText
from knowledge_base.entry import MAX_ALTERNATES, MAX_ANSWER, MAX_QUESTION, SLUG, BadEntry, Entry, checked_entry, slug_of


def entry(
    slug: str = "returns", category: str = "Orders", question: str = "May I send it back?",
    answer: str = "Yes, within **30 days**.", alternates: tuple[str, ...] = (),
) -> Entry:  # fmt: skip
    return checked_entry(slug=slug, category=category, question=question, answer=answer, alternates=alternates)


def test_an_entry_is_kept_without_the_space_around_it() -> None:
    made = entry(
        category=" Orders ",
        question="\nMay I?  ",
        answer="  Yes.\n\n- one\n",
        alternates=(" a", "b ", "a", " ", "\u200b"),
    )
    assert made == Entry("returns", "Orders", "May I?", "Yes.\n\n- one", ("a", "b"))


def test_without_a_category_it_is_general() -> None:
    assert entry(category=" ").category == "General"


@pytest.mark.parametrize("slug", ["a", "0", "a-b_c", "9-lives", "x" * 80, "refund--2_"])
def test_a_slug_is_kept_as_it_is(slug: str) -> None:
    assert entry(slug=slug).slug == slug


@pytest.mark.parametrize(
    "slug", ["", "A", "-a", "_a", "a b", "a.b", "a/b", "é", "x" * 81, "a\n", "../a", "a\x00", "\u0661"]
)
def test_what_is_no_slug_is_refused(slug: str) -> None:
    with pytest.raises(BadEntry) as refusal:
        entry(slug=slug)
    assert refusal.value.code == "bad_entry"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"question": " \u200b"}, "question is empty"),
        ({"answer": ""}, "answer is empty"),
        ({"question": "x" * (MAX_QUESTION + 1)}, "500"),
        ({"answer": "x" * (MAX_ANSWER + 1)}, "8,000"),
        ({"alternates": ("x" * (MAX_QUESTION + 1),)}, "phrasing"),
        ({"alternates": tuple(str(n) for n in range(MAX_ALTERNATES + 1))}, "60"),
        ({"question": "a\x00"}, "NUL"),
        ({"answer": "a\ud800"}, "half a character"),
        ({"category": "x" * 81}, "80"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_says_why(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(Refusal, match=says):
        entry(**wrong)  # type: ignore[arg-type]


def test_the_longest_of_everything_is_kept() -> None:
    made = entry(
        category="x" * 80, question="x" * MAX_QUESTION, answer="x" * MAX_ANSWER,
        alternates=tuple(str(n) for n in range(MAX_ALTERNATES)),
    )  # fmt: skip
    assert len(made.alternates) == MAX_ALTERNATES


def test_a_broken_text_has_its_own_code() -> None:
    with pytest.raises(BrokenText):
        entry(answer="a\x00")


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("How do I send it back?", "how_do_i_send_it_back"),
        ("Wie läuft's, Zoë?", "wie_lauft_s_zoe"),
        ("退货", "entry"),
        ("?!", "entry"),
        ("a b c d e f g h i j", "a_b_c_d_e_f_g_h"),
    ],
)
def test_a_slug_is_made_of_the_first_words(question: str, slug: str) -> None:
    assert slug_of(question, set()) == slug


@given(st.lists(st.text(max_size=200), max_size=5))
def test_a_made_slug_is_always_one_and_never_taken(questions: list[str]) -> None:
    taken: set[str] = set()
    for question in [*questions, *questions]:
        slug = slug_of(question, taken)
        assert SLUG.fullmatch(slug)
        assert slug not in taken
        taken.add(slug)
