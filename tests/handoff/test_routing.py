"""handoff/routing.py: the order of the line and who is suggested what, for whatever arrives."""

from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.events import Reason
from handoff.routing import (
    FAIR_FOR,
    LATEST,
    HeadStart,
    Load,
    Rules,
    Suggestion,
    Urgency,
    Waiting,
    counts_from,
    head_starts,
    suggest,
)

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
RULES = Rules()
FIELDS = Rules.model_fields

rules = st.builds(
    Rules, danger=st.integers(60, 1440), frustration=st.integers(0, 30), sensitive=st.integers(0, 15),
    put_back=st.integers(0, 10), heated_in_a_row=st.integers(1, 10),
)  # fmt: skip
cases = st.builds(
    Urgency, reason=st.sampled_from(get_args(Reason)), frustration=st.none() | st.floats(0, 1), danger=st.booleans(),
    put_back=st.booleans(),
)  # fmt: skip
moments = st.integers(0, 10**6).map(lambda s: NOON + timedelta(seconds=s))


@given(cases, moments, rules, cases, st.integers(1, 10**7))
def test_nobody_who_comes_a_bounded_time_later_is_ever_first_so_nobody_starves(
    mine: Urgency, since: datetime, rules: Rules, theirs: Urgency, seconds: int
) -> None:
    """The whole proof: only cases that began to wait before ``since + LATEST`` can be before mine. Those are as many
    as have come by then, no more are ever added, and each one that is taken is one less.
    """
    later = since + LATEST + timedelta(seconds=seconds)
    assert counts_from(since, mine, rules) < counts_from(later, theirs, rules)


@given(st.lists(st.tuples(cases, st.integers(0, 120)), min_size=1, max_size=30), rules, cases)
def test_any_case_is_first_at_last_though_the_most_urgent_keep_arriving(
    start: list[tuple[Urgency, int]], rules: Rules, mine: Urgency
) -> None:
    """Played through: one is taken a minute, and every minute somebody in danger, furious and put back arrives."""
    worst = Urgency("sensitive", 1.0, danger=True, put_back=True)
    line = {n: counts_from(NOON + timedelta(minutes=m), case, rules) for n, (case, m) in enumerate(start)}
    line[-1] = counts_from(NOON, mine, rules)
    for minute in range(int(LATEST / timedelta(minutes=1)) + len(start) + 2):
        first = min(line, key=lambda n: (line[n], n))
        if first == -1:
            return
        del line[first]
        line[1000 + minute] = counts_from(NOON + timedelta(minutes=minute), worst, rules)
    pytest.fail("it waited for ever")


@given(cases, cases, moments, rules)
def test_of_two_who_came_together_the_one_in_danger_is_first_whatever_the_owner_set(
    one: Urgency, other: Urgency, since: datetime, rules: Rules
) -> None:
    danger = Urgency(one.reason, one.frustration, danger=True, put_back=one.put_back)
    calm = Urgency(other.reason, other.frustration, danger=False, put_back=other.put_back)
    assert counts_from(since, danger, rules) < counts_from(since, calm, rules)


@given(cases, moments, moments, rules)
def test_of_two_alike_the_longer_wait_is_first(case: Urgency, a: datetime, b: datetime, rules: Rules) -> None:
    assert (counts_from(a, case, rules) < counts_from(b, case, rules)) == (a < b)


@given(cases, st.floats(0, 1), st.floats(0, 1), rules)
def test_more_frustration_never_stands_further_back(case: Urgency, a: float, b: float, rules: Rules) -> None:
    low, high = (Urgency(case.reason, f, case.danger, case.put_back) for f in sorted((a, b)))
    assert counts_from(NOON, high, rules) <= counts_from(NOON, low, rules)


@given(cases, moments, rules)
def test_what_is_shown_as_the_reason_is_what_the_order_is_made_of(case: Urgency, since: datetime, rules: Rules) -> None:
    shown = head_starts(case, rules)
    assert since - timedelta(minutes=sum(s.minutes for s in shown)) == counts_from(since, case, rules)
    assert all(s.minutes > 0 for s in shown)


def test_the_head_starts_of_the_house_as_it_comes() -> None:
    case = Urgency("sensitive", 0.8, danger=True, put_back=True)
    assert head_starts(case, RULES) == (
        HeadStart("danger", 240), HeadStart("frustration", 12), HeadStart("sensitive", 5), HeadStart("put_back", 5),
    )  # fmt: skip
    assert head_starts(Urgency("stuck", None), RULES) == ()


def test_the_bounds_are_such_that_danger_outweighs_all_the_rest() -> None:
    def bound(name: str, which: str) -> int:
        return next(int(getattr(m, which)) for m in FIELDS[name].metadata if hasattr(m, which))

    assert bound("danger", "ge") > sum(bound(name, "le") for name in ("frustration", "sensitive", "put_back"))
    longest = sum(bound(name, "le") for name in ("danger", "frustration", "sensitive", "put_back"))
    assert timedelta(minutes=longest) == LATEST
    for wrong in ({"danger": 59}, {"frustration": 31}, {"heated_in_a_row": 0}, {"mood": 1}, {"danger": 10**30}):
        with pytest.raises(ValidationError):
            Rules.model_validate(wrong)


# --- suggestions ----------------------------------------------------------------------------------


def waiting(*, danger: bool = False, heated: bool = False, minutes: float = 1) -> Waiting:
    return Waiting(uuid4(), danger, heated and not danger, timedelta(minutes=minutes))


lines = st.lists(
    st.builds(waiting, danger=st.booleans(), heated=st.booleans(), minutes=st.floats(0, 10)), max_size=8
)  # fmt: skip
loads = st.builds(Load, in_a_row=st.integers(0, 6), today=st.integers(0, 9))


def by_id(line: list[Waiting], wanted: UUID | None) -> Waiting:
    return next(case for case in line if case.conversation_id == wanted)


@given(lines, loads, st.lists(loads, max_size=4), st.integers(1, 5))
def test_nobody_is_ever_suggested_more_heated_chats_in_a_row_than_the_owner_allows(
    line: list[Waiting], me: Load, others: list[Load], limit: int
) -> None:
    found = suggest(line, me, others, limit)
    if found.conversation_id is not None and by_id(line, found.conversation_id).heated:
        assert me.in_a_row < limit


@given(lines, loads, st.lists(loads, max_size=4), st.integers(1, 5))
def test_a_person_in_danger_at_the_front_is_suggested_to_anybody(
    line: list[Waiting], me: Load, others: list[Load], limit: int
) -> None:
    first = waiting(danger=True)
    assert suggest([first, *line], me, others, limit) == Suggestion(first.conversation_id, "first")


@given(lines, loads, st.lists(loads, max_size=4), st.integers(1, 5))
def test_nothing_is_suggested_only_to_who_needs_a_rest_or_when_nobody_waits(
    line: list[Waiting], me: Load, others: list[Load], limit: int
) -> None:
    found = suggest(line, me, others, limit)
    if found.conversation_id is None:
        assert all(case.heated for case in line)
        assert found.why == ("rest" if line else "nobody_waits")
        assert not line or me.in_a_row >= limit


def test_a_heated_chat_goes_to_who_had_fewer_but_does_not_wait_long_for_that() -> None:
    hot, calm = waiting(heated=True), waiting()
    tired, fresh = Load(0, 3), Load(0, 1)
    assert suggest([hot, calm], fresh, [tired], 2) == Suggestion(hot.conversation_id, "first")
    assert suggest([hot, calm], tired, [fresh], 2) == Suggestion(calm.conversation_id, "calm_next")
    assert suggest([hot], tired, [fresh], 2) == Suggestion(hot.conversation_id, "only_heated")
    assert suggest([hot, calm], tired, [Load(2, 1)], 2).conversation_id == hot.conversation_id  # that one rests
    long = waiting(heated=True, minutes=FAIR_FOR / timedelta(minutes=1) + 1)
    assert suggest([long, calm], tired, [fresh], 2) == Suggestion(long.conversation_id, "first")


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 3), st.integers(1, 3))
def test_two_agents_who_follow_the_suggestions_share_the_heated_chats_and_leave_none(
    heats: list[bool], limit: int, agents: int
) -> None:
    """Played through: who gets nothing takes a break, which ends the row."""
    line = [waiting(heated=hot) for hot in heats]
    team = [Load() for _ in range(agents)]
    rows = [0] * agents
    for turn in range(len(heats) * 4):
        n = turn % agents
        found = suggest(line, team[n], [other for m, other in enumerate(team) if m != n], limit)
        if found.conversation_id is None:
            team[n] = Load(0, team[n].today)
            rows[n] = 0
            continue
        case = by_id(line, found.conversation_id)
        line.remove(case)
        rows[n] = rows[n] + 1 if case.heated else 0
        assert rows[n] <= limit
        team[n] = Load(rows[n], team[n].today + case.heated)
    assert line == []
    assert max(t.today for t in team) - min(t.today for t in team) <= max(2, limit)


@pytest.mark.parametrize(
    ("case", "heated"),
    [
        (Urgency("abusive"), True), (Urgency("frustrated"), True), (Urgency("stuck", 0.65), True),
        (Urgency("stuck", 0.64), False), (Urgency("asked_for_human"), False),
        (Urgency("frustrated", 0.9, danger=True), False),
    ],
)  # fmt: skip
def test_what_counts_as_heated(case: Urgency, heated: bool) -> None:
    assert case.heated is heated
