"""What ``chatdesc show`` tells of a row."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from chatdesc.reports.story import row_of, story
from chatdesc.rows.schema import empty_row
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from tests.makers.full_rows import NAN, bare, row

TRIED = row()["rounds"][0]


def told(one):
    return "\n".join(story(one))


def tried(text, source="refined", **more):
    return TRIED | {"text": text, "source": source} | more


def test_everything_is_in_it():
    text = told(
        row(rounds=[TRIED, tried("red swing seat", iou=0.75, margin=0.5, negative=[], accepted=True)], ranges=[])
    )
    for expected in (
        "swing-1 of lasot, split test: 3 frames, 640 x 360, class swing",
        "status ok",
        'typo (non-word): "swing": no word; rather "swings"?',
        'manual text:  "human on a swing seat, 中文 ü |"',
        'text to use:  "red swing seat"',
        "It replaces the manual text.",
        "feedback saw the first frame only",
        "surround the target: tree, lawn",
        'the tracker itself was given "a red kite" from frame 1',
        '  1. "human on a swing seat"  (the manual text)\n     its best proposal found the target: IoU 0.50, '
        "margin -0.25; not accepted",
        "words that led to the target: seat",
        "words that led elsewhere: human, swing",
        '  2. "red swing seat"  (chosen)\n     its best proposal found the target: IoU 0.75, margin +0.50; accepted',
        "clip on 4 frames: cosine 20.00 > 24.00, margin 1.00 > -; it cut the chosen text",
        "Tracked by csrt with the text, protocol lasot:",
        "success AUC 0.50, precision at 20 px 0.75, normalised precision 1.00",
        "given 1, tracker 1, language 1",
        "none of the proposals was the target on key frames 2",
        "2 key frames, proposals chosen by similarity: IoU 0.50 (random 0.25, best possible 0.75)",
        "Made by chatdesc 0.1.0, seed 0, configuration abc:",
        "describer: name attributes, revision 1",
        "settings: rounds 3",
    ):
        assert expected in text, expected
    assert text.count("chosen)") == 1


def test_the_choice_is_named_once_and_right():
    again = [tried("a", iou=0.1), tried("b", iou=0.9), tried("b", iou=0.9), tried("b", "manual", iou=0.9)]
    lines = told(row(rounds=again, text="b", ranges=[])).splitlines()
    assert [line for line in lines if "chosen)" in line] == ['  2. "b"  (chosen)']
    lines = told(row(rounds=again, text="b", text_source="manual", ranges=[])).splitlines()
    assert [line for line in lines if "chosen)" in line] == ['  4. "b"  (the manual text, chosen)']
    assert "The manual text was kept" in told(row(text_source="manual"))


def test_ranges_each_have_a_choice():
    ranges = [
        row()["ranges"][0] | {"start": 0, "stop": 100, "text": "a"},
        row()["ranges"][0] | {"start": 100, "stop": 150, "text": "b"},
    ]
    rounds = [tried("a"), tried("b"), tried("a", start=100), tried("b", start=100)]
    text = told(row(ranges=ranges, rounds=rounds, text="a", scope="range"))
    assert '  1. "a"  (from frame 0, chosen)' in text
    assert '  4. "b"  (from frame 100, chosen)' in text
    assert text.count("chosen)") == 2
    assert 'frames 100 to 149: "b" (refined; IoU 0.50, margin +0.25)' in text


def test_what_is_missing_is_said():
    text = told(bare("c-1", None, problems=["missing_text: c/c-1/nlp.txt"]))
    for expected in ("split unknown", "nothing is known of its frames", "status missing_text", "  missing_text: c/c-1"):
        assert expected in text
    for expected in ("manual text:  none", "No text could be made.", "No text was tried.", "was not tracked"):
        assert expected in text
    assert "None" not in text and "nan" not in text


def test_numbers_that_are_none():
    rounds = [tried("a", iou=None, margin=None), tried("b", iou=NAN, margin=NAN), tried("c", iou=0.0, margin=NAN)]
    text = told(row(rounds=rounds, tracking=row()["tracking"] | {"auc": NAN, "chosen_iou": None}, ranges=[]))
    assert text.count("nothing was found") == 2
    assert "missed the target: IoU 0.00, margin -" in text
    assert "AUC -" in text and "IoU - (random 0.25" in text
    assert "None" not in text and "nan" not in text


def test_provenance_in_plain_words():
    long = row()["provenance"] | {"prompts": json.dumps({"describe": "a" * 64}), "tracker": "none", "libraries": "{}"}
    text = told(row(provenance=long | {"settings": '{"theta": 0.3, "every": null, "encoders": ["x"]}'}))
    assert f"prompts: describe {'a' * 12}\n" in text + "\n"
    assert "tracker: none" in text and 'settings: theta 0.3, encoders ["x"]' in text
    assert "Nothing says what made" in told(empty_row() | {"sequence": "x", "dataset": "lasot", "status": "ok"})


def test_the_command(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(row())
        store.save(row("tree-2"))
    assert row_of(tmp_path / "run", "tree-2")["sequence"] == "tree-2"
    with pytest.raises(ChatdescError, match="did you mean swing-1"):
        row_of(tmp_path / "run", "swing-11")
    with pytest.raises(ChatdescError, match="it has 2, from swing-1 to tree-2"):
        row_of(tmp_path / "run", "zzzzzz")
    with pytest.raises(ChatdescError, match="no run of chatdesc"):
        row_of(tmp_path, "swing-1")
    command = [sys.executable, "-m", "chatdesc", "show", str(tmp_path / "run")]
    done = subprocess.run([*command, "swing-1"], capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, told(row()) + "\n")
    wrong = subprocess.run([*command, "swing-11"], capture_output=True, encoding="utf-8")
    assert wrong.returncode == 2 and "did you mean" in wrong.stderr and "Traceback" not in wrong.stderr


def test_dropped_background_is_told_and_older_rows_have_none():
    text = told(row())
    assert "left out because it means the target: red swing." in text
    assert "no background, for it means the target: swing" in text
    older = {name: value for name, value in row().items() if name != "background_dropped"}
    older["rounds"] = [{k: v for k, v in r.items() if k != "background_dropped"} for r in row()["rounds"]]
    assert "means the target" not in told(older)


def test_words_of_place_are_told_with_their_frame():
    text = told(row())
    assert 'Words of place: "on the left", for frame 0 (the target is there).' in text
    assert "words of place left out on key frames 2" in text
    elsewhere = [{"start": 0, "words": "on the left", "frame": 7, "holds": False}]
    assert "for frame 7 (the target is not there)" in told(row(places=elsewhere))
    assert "Words of place" not in told({name: value for name, value in row().items() if name != "places"})


def test_measures_say_when_a_text_stops_holding_and_which_words_count():
    lines = story(row())
    start = lines.index("Further measures (a higher value is better):")
    assert lines[start + 1] == "  validity of refined: 0.50; it no longer holds from frame 2 on; red needed"
    assert "Further measures (a higher value is better):" not in story(
        {k: v for k, v in row().items() if k != "measures"}
    )
