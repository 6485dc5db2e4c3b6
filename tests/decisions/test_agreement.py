"""Agreement of reviewers, with values worked out by hand."""

import pytest

from chatdesc import api
from chatdesc.decisions.agreement import kappa
from chatdesc.decisions.journal import Journal
from tests.decisions.test_decision import made
from tests.makers.commands import call, fails


def test_kappa_of_the_usual_example():
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: p_o = .7, p_e = .5 * .6 + .5 * .4 = .5, kappa = .2 / .5 = .4."""
    labels = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert kappa(labels) == pytest.approx(0.4)


def test_kappa_at_its_ends():
    assert kappa([("a", "a"), ("b", "b")]) == 1
    assert kappa([("a", "b"), ("b", "a")]) == -1  # p_o = 0, p_e = .5
    assert kappa([("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]) == 0
    assert kappa([("a", "a")] * 3) is None and kappa([]) is None


def keep(folder):
    """Three rows on which ada and bob agree, two on which they differ, and rows that do not count."""
    agree = [("accept", {}), ("accept", {"side": "manual"}), ("flag", {})]
    for reviewer in ("ada", "bob"):
        mine = [made(f"{reviewer}{n}", v, sequence=f"bus-{n}", **more) for n, (v, more) in enumerate(agree)]
        differ = {"ada": ("accept", "reject"), "bob": ("reject", "accept")}[reviewer]
        mine += [made(f"{reviewer}{n}", v, sequence=f"bus-{n}") for n, v in enumerate(differ, 3)]
        mine += [made(f"{reviewer}5", "edit", sequence="bus-5", text=f"{reviewer}'s <b>text</b>")]
        mine += [made(f"{reviewer}6", "accept" if reviewer == "ada" else "skip", sequence="bus-6")]
        mine += [made(f"{reviewer}7", "accept", sequence="bus-7", seen=reviewer)]
        mine += [made(f"{reviewer}8", sequence=f"{reviewer}'s alone", verdict="flag")]
        Journal(folder, reviewer).add(mine)
    return folder


def test_only_rows_that_both_decided_count(tmp_path):
    [pair] = api.agreement("nowhere", decisions=keep(tmp_path)).pairs
    assert (pair.reviewers, pair.both, pair.others) == (("ada", "bob"), 6, 1)
    assert pair.same == pytest.approx(4 / 6)
    # ada: refined 2, manual 1, flag 1, reject 1, edit 1; bob the same: p_e = (4 + 1 + 1 + 1 + 1) / 36 = 8 / 36
    assert pair.kappa == pytest.approx((4 / 6 - 8 / 36) / (1 - 8 / 36))
    assert [one.sequence for one, _ in pair.differing] == ["bus-3", "bus-4", "bus-5"]  # two edits, two texts


def test_accepting_either_of_two_equal_texts_is_the_same(tmp_path):
    for reviewer, side in (("ada", "manual"), ("bob", "refined")):
        Journal(tmp_path, reviewer).add([made("a", "accept", side=side, text="a bus"), made("b", sequence="bus-3")])
    [pair] = api.agreement("nowhere", decisions=tmp_path).pairs
    assert (pair.both, pair.same, pair.differing) == (1, 1, ())


def test_three_reviewers_are_three_pairs(tmp_path):
    for reviewer in ("ada", "bob", "eve"):
        Journal(tmp_path, reviewer).add([made("a", "accept")])
    pairs = api.agreement("nowhere", decisions=tmp_path).pairs
    assert [pair.reviewers for pair in pairs] == [("ada", "bob"), ("ada", "eve"), ("bob", "eve")]


def test_the_command_shows_kappa_and_where_they_differ(tmp_path):
    done = call("agreement", "nowhere", "--decisions", keep(tmp_path))
    assert done.exit_code == 0, done.output
    for said in ("ada and bob", "0.57", "bus-3", "bus-4", "ada's <b>text</b>", "1 row does not count"):
        assert said in done.output, said
    assert "bus-0" not in done.output


def test_one_reviewer_agrees_with_nobody(tmp_path):
    assert "it holds none" in fails("agreement", "nowhere", "--decisions", tmp_path)
    Journal(tmp_path, "ada").add([made("a", "accept")])
    assert "it holds those of ada alone" in fails("agreement", "nowhere", "--decisions", tmp_path)
