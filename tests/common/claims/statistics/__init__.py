"""Numbers that the tests draw, and p-values as they compare them."""

from hypothesis import strategies as st

NUMBER = st.integers(-1000, 1000).map(lambda i: i / 8)  # sums of these are exact


def evidence(test):
    return tuple(float(p) for p in (test.holds, test.low, test.high, test.against))
