from chatdesc.metrics.spare import Spare


def test_what_is_large_is_not_kept_and_what_is_in_use_is_not_given_twice():
    made = []
    spare = Spare(lambda size: made.append(size) or bytearray(size), most=30)
    with spare.room(20) as first, spare.room(20) as second:
        assert first is not second
    with spare.room(21) as again:
        assert again is second or again is first
    with spare.room(100):
        pass
    with spare.room(100):
        pass
    assert made == [30, 30, 150, 150]
