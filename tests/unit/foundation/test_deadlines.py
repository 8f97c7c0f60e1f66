"""The heap of deadlines against a plain dictionary, whatever is set, moved, cancelled and taken."""

from hypothesis import given
from hypothesis import strategies as st

from foundation.clock import Monotonic
from foundation.deadlines import Deadlines

_STEP = st.one_of(
    st.tuples(st.just("set"), st.integers(0, 8), st.floats(0, 100)),
    st.tuples(st.just("cancel"), st.integers(0, 8), st.just(0.0)),
    st.tuples(st.just("due"), st.just(0), st.floats(0, 100)),
)


@given(st.lists(_STEP, max_size=200))
def test_it_agrees_with_a_plain_dictionary(steps: list[tuple[str, int, float]]) -> None:
    deadlines: Deadlines[int] = Deadlines()
    plain: dict[int, float] = {}
    for verb, key, moment in steps:
        if verb == "set":
            deadlines.set(key, Monotonic(moment))
            plain[key] = moment
        elif verb == "cancel":
            deadlines.cancel(key)
            plain.pop(key, None)
        else:
            ready = deadlines.due(Monotonic(moment))
            assert set(ready) == {name for name, at in plain.items() if at <= moment}
            assert [plain[name] for name in ready] == sorted(plain[name] for name in ready)
            plain = {name: at for name, at in plain.items() if at > moment}
        assert len(deadlines) == len(plain)
        assert deadlines.next() == min(plain.values(), default=None)
        assert deadlines.at(key) == plain.get(key)


def test_a_deadline_moved_many_times_leaves_no_heap_of_leftovers() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for moment in range(10_000):
        deadlines.set("ping", Monotonic(float(moment)))
    assert len(deadlines._heap) < 200
    assert deadlines.due(Monotonic(1e9)) == ["ping"]
