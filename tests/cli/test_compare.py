import numpy as np
import pytest

from chatdesc.evaluation.compare import (
    arm_rows,
    common,
    difference_rows,
    external,
    judge_rows,
    never_verified,
    read_run,
    same_texts,
    scored,
    shown_arms,
    shown_differences,
    shown_judges,
    shown_verification,
    verification_rows,
)
from chatdesc.evaluation.evaluate import Truth
from chatdesc.evaluation.results import ResultFolder
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.rows.store import Store
from chatdesc.tables import plain_table
from chatdesc.types import ChatdescError
from tests.makers.datasets import put
from tests.reports.test_summary import a_row, aligned, printed

TRUTH = [[100.0, 100.0, 20.0, 20.0]] * 4
NAMES = {"a", "b", "c"}
TRUTHS = {name: Truth(np.array(TRUTH), None) for name in sorted(NAMES)}


def run_rows():
    """Three sequences of four frames; the last text is the manual one."""
    texts = {"a": "red kite", "b": "blue kite", "c": "a kite"}
    return [a_row(n, t, boxes=TRUTH, visible=[], num_frames=4, ranges=[]) for n, t in texts.items()]


def results(folder, **far):
    """A folder of tracks; per sequence the number of frames that are far from the target."""
    for name, count in far.items():
        rows = TRUTH[: 4 - count] + [[500.0, 500.0, 20.0, 20.0]] * count
        put(folder / f"{name}.txt", "".join(",".join(map(str, row)) + "\n" for row in rows))
    return folder


@pytest.fixture
def arms(tmp_path):
    folders = {
        "no-text": results(tmp_path / "no-text", a=2, b=2, c=2),
        "manual": results(tmp_path / "manual", a=3, b=1, c=0),
        "refined": results(tmp_path / "refined", a=0, b=2, c=0),
    }
    found = {name: ResultFolder(f"{path}={name}") for name, path in folders.items()}
    return scored(found, TRUTHS, "lasot", PROTOCOLS["lasot"])


def test_of_a_run_the_rows_are_kept_without_their_frames(tmp_path):
    with Store.open(tmp_path, {"dataset": "lasot"}) as store:
        for row in run_rows():
            store.save(row | ({"visible": [True, True, False, True]} if row["sequence"] == "a" else {}))
        store.save(a_row("none", None, boxes=TRUTH, visible=[]))
    rows, truths = read_run(tmp_path)
    assert [row["sequence"] for row in rows] == ["a", "b", "c"] and "boxes" not in rows[0]
    assert truths["b"].boxes.tolist() == TRUTH and truths["b"].visible is None
    assert truths["a"].visible.tolist() == [True, True, False, True]
    assert [row["sequence"] for row in read_run(tmp_path, {"b"})[0]] == ["b"]
    with pytest.raises(ChatdescError, match="no sequence with a text yet"):
        read_run(tmp_path, {"none"})


def test_arms_and_their_differences_by_hand(arms):
    kept, said = common(arms)
    assert said == []
    rows = {row["arm"]: row for row in arm_rows(kept, "dino")}
    assert [rows[arm]["P"] for arm in ("no-text", "manual", "refined")] == [0.5, 8 / 12, 10 / 12]
    assert rows["refined"]["AUC"] == pytest.approx(10 / 12 * 20 / 21)
    assert (rows["no-text"]["grounder"], rows["manual"]["grounder"], rows["manual"]["protocol"]) == (
        "-",
        "dino",
        "lasot",
    )
    assert shown_arms([rows["refined"]])[0]["P"] == "83.33"
    [gain] = [
        row
        for row in difference_rows(kept)
        if (row["before"], row["after"], row["measure"]) == ("manual", "refined", "P")
    ]
    assert gain["difference"] == pytest.approx((0.75 - 0.25 + 0) / 3)
    assert (gain["better"], gain["worse"], gain["sequences"]) == (1, 1, 3)
    assert gain["low"] == pytest.approx(-0.25) and gain["high"] == pytest.approx(0.75)  # three pairs: any of them alone
    [cell] = [row["gain (95 %)"] for row in shown_differences([gain])]
    assert cell == "+16.67 (-25.00..75.00)"


def test_means_rest_on_the_same_sequences(tmp_path):
    folders = {
        "no-text": results(tmp_path / "n", a=0, b=0, c=0),
        "manual": results(tmp_path / "m", a=0, c=4),
        "refined": results(tmp_path / "r", a=0, b=4, c=0),
    }
    put(tmp_path / "n" / "c.txt", "1,2,3\n")
    arms = scored({k: ResultFolder(str(p)) for k, p in folders.items()}, TRUTHS, "x", PROTOCOLS["lasot"])
    kept, said = common(arms)
    assert [row["sequences"] for row in arm_rows(kept, "g", 3)] == ["1/3", "1/3", "1/3"]
    assert said == [
        "2 of 3 sequences are not in every arm and are left out of all:",
        f"b: manual: {tmp_path / 'm'}: there is no b.txt",
        f"c: no-text: {tmp_path / 'n'}/c.txt:1: expected 4 numbers, found 3",
    ]
    assert common(arms, {"b": ["manual: it has no manual text"]})[1][1] == "b: manual: it has no manual text"


def test_a_sequence_in_no_arm_is_named_and_long_lists_are_cut(tmp_path):
    truths = {name: Truth(np.array(TRUTH), None) for name in "abcdefgh"}
    folders = {arm: ResultFolder(str(results(tmp_path / arm, a=0))) for arm in ("manual", "refined")}
    said = common(scored(folders, truths, "x", PROTOCOLS["lasot"]))[1]
    assert said[0].startswith("7 of 8") and "manual: " in said[1] and "refined: " in said[1]
    assert len(said) == 7 and said[-1] == "... and 2 more"


def test_an_arm_without_any_result_is_said_and_no_sequence_in_common_is_an_error(arms):
    from dataclasses import replace

    lost = tuple(replace(x, score=None, notes=("is empty",)) for x in arms["manual"].lines)
    empty = replace(arms["manual"], lines=lost)
    kept, said = common(arms | {"manual": empty})
    assert set(kept) == {"no-text", "refined"} and said == ["the arm manual has no result, for instance: is empty"]
    rows = arm_rows(kept, "g", 4, ("no-text", "manual", "refined"))
    assert [row["sequences"] for row in rows] == ["3/4", "0/4", "3/4"]
    assert rows[1]["AUC"] is None and shown_arms(rows)[1]["AUC"] == "-"
    with pytest.raises(ChatdescError, match=r"no sequence has a result in every arm[\s\S]*a: manual: is empty"):
        common({"manual": empty})


def test_external_results_say_which_text_they_were_made_with(tmp_path):
    for name in ("m", "r"):
        results(tmp_path / name, a=0)
    m, r = tmp_path / "m", tmp_path / "r"
    assert list(external([f"{r}=refined", f"{m}=manual"])) == ["manual", "refined"]
    with pytest.raises(ChatdescError, match=r"m does not say which text.*DIR=refined"):
        external([str(m)])
    with pytest.raises(ChatdescError, match="manual is named twice"):
        external([f"{m}=manual", f"{r}=manual"])
    with pytest.raises(ChatdescError, match="with the refined text are missing: add --results DIR=refined"):
        external([f"{m}=manual"])


def test_verification_lies_between_its_references():
    rows = [
        {"sequence": "a", "verified": {"no-text": [None] * 3, "refined": [0.5, 0.2, 0.8]}},
        {"sequence": "b", "verified": {"refined": [0.7, 0.4, 0.7]}},
        {"sequence": "elsewhere", "verified": {"refined": [0.0, 0.9, 0.9]}},
    ]
    floor, ceiling = verification_rows(rows, {"a", "b"}, "dino")
    assert (floor["arm"], floor["reference"], ceiling["reference"]) == ("refined", "random", "oracle")
    assert floor["chosen_iou"] == pytest.approx(0.6) and floor["reference_iou"] == pytest.approx(0.3)
    assert floor["difference"] == pytest.approx(0.3) and (floor["better"], floor["worse"]) == (2, 0)
    assert ceiling["difference"] == pytest.approx(-0.15)


@pytest.mark.parametrize("width", [80, 100])
def test_tables_fit_a_terminal_and_keep_words_whole(width, arms):
    judged = [{"sequence": n, "verified": {"refined": [0.5, 0.2, 0.8]}, "grounding": {}} for n in "abc"]
    rows = [r | {"alignment": [aligned(20.0, 45.0, -11.0, 22.0, encoder="g:x")]} for r in run_rows()]
    shown = [
        shown_arms(arm_rows(arms, "a long grounder", 3)),
        shown_differences(difference_rows(arms)),
        shown_verification(verification_rows(judged, NAMES, "dino")),
        shown_judges(judge_rows(rows, NAMES, judged, "owlv2")),
    ]
    for table in shown:
        lines = printed(plain_table(table, "", width), width).splitlines()
        assert max(map(len, lines)) <= width
        words = {word for line in lines for word in line.split()}
        assert {word for row in table for cell in (*row, *row.values()) for word in cell.split()} <= words
    assert [row["chose"] for row in shown[3]] == ["yes", "no", "partly", "partly"]


def test_every_judge_says_whether_it_took_part():
    rows = [r | {"alignment": [aligned(20.0, 25.0, 1.0, 2.0), aligned(1.0, 2.0, encoder="g:x")]} for r in run_rows()]
    judged = [{"sequence": "a", "grounding": {"manual": 0.1, "refined": 0.6}}, {"sequence": "b", "grounding": {}}]
    found = judge_rows(rows, NAMES, judged, "owlv2")
    part = {(row["judge"], row["measure"]): row["took part in choosing"] for row in found}
    assert part[("g", "grounding IoU")] == "yes: it chose the texts"
    assert part[("owlv2", "grounding IoU")] == "no" == part[("clip", "cosine")]
    assert part[("g:x", "cosine")].startswith("partly")
    numbers = {row["judge"]: row for row in found if row["measure"] == "grounding IoU"}
    assert numbers["g"]["difference"] == pytest.approx(0.6) and numbers["g"]["sequences"] == 3
    assert numbers["owlv2"]["difference"] == pytest.approx(0.5) and numbers["owlv2"]["sequences"] == 1
    assert np.isnan(judge_rows(rows, {"a"}, [judged[1]], "owlv2")[1]["difference"])


def test_sequences_that_kept_their_text_are_compared_all_the_same(arms):
    rows = run_rows()
    assert same_texts(rows, NAMES, arms) == ["1 of 3 sequences kept the manual text: both arms are the same there"]
    rows[0] |= {"manual_text": rows[0]["text"]}
    [said] = same_texts(rows, NAMES, arms)
    assert said.startswith("2 of 3") and "differ on 1 of them" in said
    assert same_texts(rows, {"b"}, arms) == []


def test_where_no_proposal_was_verified_equal_arms_say_nothing():
    judged = [{"sequence": n, "verified": {"refined": [iou] * 3}} for n, iou in (("a", None), ("b", 0.5))]
    [partly] = never_verified(run_rows(), judged, NAMES, 20)
    assert partly.startswith("1 of 2 sequences had no proposal verified") and "1 of them are too short" in partly
    [never] = never_verified(run_rows(), judged[:1], NAMES, 2)
    assert never.startswith("warning: 1 of 1") and "too short" not in never
    assert never_verified(run_rows(), judged[1:], NAMES, 20) == never_verified([], [], NAMES, 20) == []
