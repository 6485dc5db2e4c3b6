import numpy as np
import pytest

from chatdesc.compare import (
    arm_rows,
    common,
    difference_rows,
    external,
    judge_rows,
    read_run,
    same_texts,
    scored,
    shown_arms,
    shown_differences,
    verification_rows,
)
from chatdesc.evaluate import Truth
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.results import ResultFolder
from chatdesc.store import Store
from chatdesc.types import ChatdescError
from tests.loaders.conftest import put
from tests.test_report import a_row, aligned

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
    assert [row["sequences"] for row in arm_rows(kept, "g")] == ["1", "1", "1"]
    assert said == ["2 sequences are not in every arm and were left out: b, c"]


def test_an_arm_without_any_result_is_said_and_no_sequence_in_common_is_an_error(arms):
    from dataclasses import replace

    empty = replace(arms["manual"], lines=tuple(replace(x, score=None) for x in arms["manual"].lines))
    kept, said = common(arms | {"manual": empty})
    assert set(kept) == {"no-text", "refined"} and said == ["the arm manual has no result"]
    with pytest.raises(ChatdescError, match="no sequence has a result in every arm"):
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
    assert same_texts(rows, NAMES) == 1
    assert np.isnan(judge_rows(rows, {"a"}, [judged[1]], "owlv2")[1]["difference"])
