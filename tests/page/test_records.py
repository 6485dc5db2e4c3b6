"""Rows as records of the page, worked out by hand."""

import json
import math

import pytest

from chatdesc.checks.ranking import suspicion as ranked
from chatdesc.checks.rows import to_record
from chatdesc.page.records import FIELDS, SHORT, details, entry, made_by, plain
from chatdesc.page.suspicion import WEAK, WEIGHT, reasons, suspicion
from chatdesc.reports.story import story
from tests.checks.makers import a_finding
from tests.makers.full_rows import NAN, bare, row
from tests.makers.rows import TRACKING, a_row


def known(of, **more):
    return dict(zip(FIELDS, entry(of, 0, **more), strict=True))


def test_an_entry_has_the_numbers_before_and_after():
    of = known(row(), attributes=("occlusion",))
    assert (of["manual_iou"], of["iou"], of["manual_margin"], of["margin"]) == (0.25, 0.75, None, None)
    assert (of["manual_alignment"], of["alignment"], of["auc"]) == (20.0, 24.0, 0.5)
    assert (of["sequence"], of["frames"], of["findings"], of["attributes"]) == ("swing-1", 3, 1, ["occlusion"])


def test_a_row_of_nothing_has_an_entry_and_details():
    of = known(bare("empty"))
    assert of["text"] is None and of["iou"] is None and of["suspicion"] == 0
    assert details(bare("empty"))["rounds"] == []


def test_long_texts_are_cut_in_the_table_alone():
    long = row(text="x" * 10_000)
    assert known(long)["text"] == "x" * SHORT
    assert details(long)["text"] == "x" * 10_000


def test_plain_values_are_json_for_browsers():
    value = {"a": [NAN, float("inf"), 1 / 3, True, None, "\ud800"], "b": {"c": -0.00001}}
    assert plain(value) == {"a": [None, None, 0.3333, True, None, "\ud800"], "b": {"c": -0.0}}
    json.dumps(plain(row(boxes=[[NAN] * 4])), allow_nan=False)


def test_details_leave_out_what_grows_with_the_frames():
    shown = details(row())
    assert shown["tracking"]["key_frames"] == [0, 2]
    assert not {"boxes", "sources", "scores"} & set(shown["tracking"])
    assert shown["rounds"][0]["negative"] == ["human", "swing"]
    assert "raw" not in shown["rounds"][0]


def test_the_chosen_rounds_are_those_that_show_marks():
    first = row()["rounds"][0]
    tried = [first, first | {"text": "red"}, first | {"text": "red", "source": "refined"}]
    tried += [tried[2], tried[2] | {"start": 2, "text": "blue"}]
    whole = row(text="red", ranges=[], rounds=tried)
    parts = [row()["ranges"][0] | {"start": start, "text": text} for start, text in ((0, "red"), (2, "blue"))]
    for of, chosen in ((whole, [2]), (whole | {"ranges": parts}, [2, 4]), (whole | {"text_source": "manual"}, [1])):
        assert [place for place, shown in enumerate(details(of)["rounds"]) if shown["chosen"]] == chosen
        assert [place for place, line in enumerate(numbered(of)) if "chosen)" in line] == chosen


def numbered(of):
    """The lines of ``chatdesc show`` that have a round's text."""
    return [line for line in story(of) if line.lstrip().partition(".")[0].isdecimal()]


def test_provenance_is_opened():
    made = made_by(row())
    assert made["describer"] == {"name": "attributes", "revision": "1"}
    assert made["settings"] == {"rounds": 3}
    assert made_by(row(provenance=row()["provenance"] | {"settings": "[" * 5000}))["settings"] == "[" * 5000
    assert made_by(bare("x")) == {}


def test_findings_of_this_and_of_earlier_versions():
    earlier = {"kind": "typo", "evidence": "swign"}
    now = earlier | {"check": "non-words", "severity": 0.8, "start": 0, "stop": 5, "evidence": '{"near": ["swing"]}'}
    shown = details(a_row(audit=[earlier, now]))["audit"]
    assert shown[0] == earlier
    assert shown[1]["evidence"] == {"near": ["swing"]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"audit": [{"kind": "typo", "evidence": "", "severity": 0.8}]}, [0.8]),
        ({"audit": [{"kind": "typo", "evidence": ""}]}, [WEIGHT]),
        ({"audit": [{"kind": "typo", "evidence": "", "severity": NAN}]}, [WEIGHT]),
        ({"audit": [{"kind": "duplicate", "evidence": "", "severity": 0.8}]}, []),
        ({"status": "tracking_failed"}, [WEIGHT]),
        ({"tracking": TRACKING | {"auc": 0.2}}, [WEAK]),
        ({"tracking": TRACKING | {"chosen_iou": 0.5, "random_iou": 0.55}}, []),
        ({"tracking": TRACKING | {"chosen_iou": 0.4, "random_iou": 0.55}}, [WEAK]),
    ],
)
def test_reasons_and_their_weights(changes, expected):
    assert [weight for _, weight in reasons(a_row(**changes))] == expected


def test_the_audit_weighs_as_in_its_own_list():
    """Two checks on the same characters are one fault; findings of earlier versions say where they are in no way."""
    found = [
        a_finding("typo", 0.8, (2, 6)),
        a_finding("grammar", 0.5, (2, 6)),
        a_finding("data", 0.5, (7, 9), reason="so"),
    ]
    of = a_row(audit=[to_record(finding) for finding in found])
    assert suspicion(reasons(of)) == pytest.approx(ranked(found)) == pytest.approx(0.9)
    earlier = a_row(audit=[{"kind": "typo", "evidence": word} for word in ("swign", "kiet")])
    assert [weight for _, weight in reasons(earlier)] == [WEIGHT, WEIGHT]


def test_a_text_that_finds_something_else_is_suspicious():
    lost = a_row(grounding=a_row()["grounding"] | {"iou": 0.1, "margin": -0.2})
    assert math.isclose(suspicion(reasons(lost)), 0.75)
    assert suspicion(reasons(lost | {"text": None})) == 0
