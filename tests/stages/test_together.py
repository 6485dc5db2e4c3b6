import pytest

from chatdesc.stages.together import together


def adds(*requests):
    answers = {}
    for place, request in enumerate(requests):
        answers[place] = yield request
    return list(answers.values())


def echo(steps):
    """Answers each request by itself; the lists that were asked for, and the result."""
    asked, reply = [], None
    try:
        while True:
            asked.append(steps.send(reply))
            reply = list(asked[-1])
    except StopIteration as end:
        return asked, end.value


def test_stages_of_different_length_stay_in_step():
    asked, result = echo(together([adds("a", "b", "c"), adds("x"), adds()]))
    assert asked == [["a", "x"], ["b"], ["c"]]
    assert result == [["a", "b", "c"], ["x"], []]


def test_lists_come_back_as_lists_and_single_requests_as_themselves():
    asked, result = echo(together([adds(["a", "b"], []), adds("x", ["y"])]))
    assert asked == [["a", "b", "x"], ["y"]]
    assert result == [[["a", "b"], []], ["x", ["y"]]]


def test_no_stage_asks_for_nothing():
    assert echo(together([])) == ([], [])


def test_an_error_in_place_of_answers_ends_all_stages():
    ended = []

    def stage(name):
        try:
            yield name
        finally:
            ended.append(name)

    steps = together([stage("a"), stage("b")])
    next(steps)
    with pytest.raises(ValueError, match="no"):
        steps.throw(ValueError("no"))
    assert ended == ["a", "b"]


def test_an_error_of_one_stage_is_raised():
    def fails():
        yield "x"
        raise KeyError("x")

    with pytest.raises(KeyError):
        echo(together([fails(), adds("a", "b")]))
