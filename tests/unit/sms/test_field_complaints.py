"""What the field complained of in other gateways, on the bind itself. Complaint 1, a crash that loses accepted messages, is
`tests/acceptance/test_story_field_complaints.py`, and `tests/interop/test_sms_kills_and_drops.py` with real kills; 4,
receipts, is `tests/unit/engine/test_texts_complaints.py`."""

from sms import status
from sms.session_events import Answered, NotLeft, Throttled
from tests.unit.sms.pair import Pair, text


def test_complaint_2_a_throttled_message_holds_the_whole_bind_and_keeps_its_place() -> None:
    pair = Pair(window=1).bound()
    pair.centre.refuses = lambda number: status.THROTTLED if number == 1 else status.OK
    first, *others = [text(b"%d" % number) for number in range(5)]
    pair.submit(first, *others)
    assert len(pair.of(Throttled)) == 1
    assert pair.of(Answered) == []
    pair.wait(0.4)
    assert pair.of(Answered) == []
    pair.wait(60)
    assert [event.outgoing for event in pair.of(Answered)] == [first, *others]


def test_complaint_3_the_rate_counts_segments_and_not_messages() -> None:
    pair = Pair(segments_per_second=10, window=100).bound()
    messages = [text() for _ in range(10)]
    for message in messages:
        message.weight = 3
    pair.submit(*messages)
    pair.wait(1.0)
    assert 1 <= pair.centre.submitted <= 3
    pair.wait(10)
    assert pair.centre.submitted == 10


def test_complaint_5_a_window_is_in_flight_before_the_first_response() -> None:
    pair = Pair(window=50).bound()
    pair.centre.refuses = lambda number: None
    pair.submit(*[text() for _ in range(80)])
    pair.wait(1)
    assert pair.centre.submitted == 50
    assert pair.most_in_flight == 50


def test_complaint_6_what_waited_past_its_deadline_never_leaves() -> None:
    pair = Pair(window=1).bound()
    pair.centre.refuses = lambda number: None
    on_time, late = text(), text(deadline=5.0)
    pair.submit(on_time, late)
    pair.wait(30)
    assert pair.centre.submitted == 1
    assert [(event.outgoing, event.reason) for event in pair.of(NotLeft)] == [(late, "its deadline is over")]
