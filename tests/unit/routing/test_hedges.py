"""The budget of second tries: a share of the requests, with little saved up."""

from hypothesis import given, strategies as st

from wideband.routing.hedges import MOST_SAVED, Budget


def test_the_first_late_request_is_hedged_and_then_one_in_twenty() -> None:
    budget = Budget()
    given_: list[int] = []
    for nth in range(100):
        budget.pay_in(0.05)
        if budget.take():
            given_.append(nth)
    assert given_[0] == 0
    assert len(given_) in {5, 6}
    assert budget.withheld == 100 - len(given_)


def test_quiet_hours_save_up_a_handful() -> None:
    budget = Budget()
    for _ in range(100_000):
        budget.pay_in(0.05)
    assert sum(budget.take() for _ in range(100)) == MOST_SAVED


def test_a_share_of_nothing_gives_nothing_after_the_first() -> None:
    budget = Budget()
    for _ in range(100):
        budget.pay_in(0.0)
    assert [budget.take(), budget.take()] == [True, False]


@given(st.lists(st.booleans(), max_size=300), st.floats(0.0, 1.0))
def test_hedges_never_pass_their_share(late: list[bool], share: float) -> None:
    budget, taken = Budget(), 0
    for nth, is_late in enumerate(late, 1):
        budget.pay_in(share)
        taken += is_late and budget.take()
        assert taken <= 1 + share * nth + 1e-9
