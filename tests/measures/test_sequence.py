"""All measures of a sequence together: shared frames and looks, texts of ranges, and what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.measures.registry import MEASURES, chosen
from chatdesc.measures.sequence import measure_sequence, texts_of
from chatdesc.rows.schema import empty_row
from chatdesc.stages.track import Phrase
from chatdesc.types import ChatdescError, Embed, Embedding, FrameCache, Ground, Reply
from tests.makers.sequences import drive, flat, leads, sequence_of

HERE, THERE = [10, 10, 20, 20], [40, 10, 20, 20]
SETTINGS = Settings(measure_frames=3)
ALL = tuple(MEASURES)


def answer(request):
    if isinstance(request, Ground):
        words = request.text.split()
        box = HERE if "red" in words else THERE
        return leads(request.text, *((word, box, 0.9) for word in words), (words[-1], [0, 40, 5, 5], 0.1))
    if isinstance(request, Embed):
        return Embedding(
            np.tile(np.float32([1, 0]), (len(request.crops), 1)),
            np.float32([[1, 0] if "red" in text else [0, 1] for text in request.texts]),
            np.zeros(len(request.texts), bool),
        )
    return Reply(True, 0.75)


def run(texts, measures=ALL, settings=SETTINGS, **changes):
    sequence = sequence_of(9, HERE, **changes)
    said = {name: (Phrase(0, of),) if isinstance(of, str) else of for name, of in texts.items()}
    found, asked = drive(measure_sequence(sequence, said, measures, settings, 0.4), answer)
    return {(one["measure"], one["text"]): one for one in found}, flat(asked), sequence


def test_every_measure_of_every_text():
    found, _, _ = run({"manual": "red kite", "refined": "old kite"})
    assert set(found) == {(measure, text) for measure in ALL for text in ("manual", "refined")}
    assert found["margin", "manual"]["frames"] == [0, 4, 8]
    assert found["margin", "manual"]["value"] > 0 > found["margin", "refined"]["value"]
    assert found["alignment", "manual"]["value"] == pytest.approx(100) and found["vqa", "refined"]["value"] == 0.75


def test_equal_texts_and_all_measures_share_their_looks():
    _, asked, _ = run({"manual": "red kite", "refined": "red kite"}, ("rank", "margin", "validity", "alignment"))
    assert [one.text for one in asked if isinstance(one, Ground)] == ["red kite"] * 3
    assert len([one for one in asked if isinstance(one, Embed)]) == 1


def test_another_text_decodes_no_frame_a_second_time():
    texts = {"manual": "red kite", "refined": "old kite", "mine": "red car", "yours": "a bus"}
    for several in (dict(list(texts.items())[:1]), texts):
        sequence = sequence_of(9, HERE)
        sequence.frames.cache = FrameCache(8)
        said = {name: (Phrase(0, text),) for name, text in several.items()}
        drive(measure_sequence(sequence, said, ("rank", "validity", "words"), SETTINGS, 0.4), answer)
        assert sorted(sequence.frames.read_bytes.asked) == [sequence.frames.paths[i] for i in (0, 4, 8)]


def test_words_are_left_out_only_where_a_measure_needs_it():
    _, asked, _ = run({"manual": "red kite"}, ("validity",))
    assert {one.text for one in asked if isinstance(one, Ground)} == {"red kite"}
    _, asked, _ = run({"manual": "red kite"}, ("words",))
    assert {one.text for one in asked if isinstance(one, Ground)} == {"red kite", "red", "kite"}


def test_a_measure_that_asks_grounds_nothing():
    _, asked, _ = run({"manual": "red kite"}, ("vqa",))
    assert not any(isinstance(one, Ground | Embed) for one in asked) and len(asked) == 3


def test_texts_of_ranges_are_measured_where_they_are_in_force():
    ranges = (Phrase(0, "red kite"), Phrase(5, "old kite"))
    found, asked, _ = run({"manual": "red kite", "refined": ranges}, ("margin",), replace(SETTINGS, measure_frames=4))
    grounded = [(one.text, one.frame.index) for one in asked if isinstance(one, Ground)]
    frames = found["margin", "refined"]["frames"]
    assert frames == found["margin", "manual"]["frames"] and min(frames) < 5 <= max(frames)
    assert {(t, i) for t, i in grounded if t == "old kite"} == {("old kite", i) for i in frames if i >= 5}


def test_a_single_text_agrees_with_nobody():
    found, asked, _ = run({"manual": "red kite", "empty": " "}, ("agreement", "shared-words"))
    assert (found, asked) == ({}, [])


@pytest.mark.parametrize("changes", [{"visible": np.zeros(9, bool)}])
def test_a_target_that_is_never_seen_is_not_measured(changes):
    assert run({"manual": "red kite"}, **changes)[:2] == ({}, [])


def test_the_texts_of_a_row():
    row = empty_row() | {"manual_text": " a\tkite", "text": "red kite"}
    assert texts_of(row) == {"manual": (Phrase(0, "a kite"),), "refined": (Phrase(0, "red kite"),)}
    spans = [{"start": 2, "text": "red kite"}, {"start": 5, "text": "old kite"}]
    ranged = texts_of(row | {"manual_text": None, "ranges": spans})
    assert ranged == {"refined": (Phrase(0, "red kite"), Phrase(5, "old kite"))}


def test_names_of_measures():
    assert chosen("rank, validity,rank") == ("rank", "validity") == chosen(["rank", "validity"])
    with pytest.raises(ChatdescError, match=r"no measure is called .validty.*did you mean validity"):
        chosen("validty")
