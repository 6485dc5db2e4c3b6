"""``chatdesc.report`` and its command: sources, pictures, and what cannot be shown."""

import json
import re
import shutil

import numpy as np
import pytest

from chatdesc import api
from chatdesc.page import material
from chatdesc.page.pictures import FULL, STEPS, crop, sizes_for
from chatdesc.page.words import grounded
from chatdesc.rows.sources import read_rows
from chatdesc.rows.store import Store
from chatdesc.types import BackendError, ChatdescError, Frames, Grounding, split_words
from tests.makers.commands import call, fails
from tests.makers.full_rows import row
from tests.standins.hostile_rows import hostile_rows


def data_of(page):
    """The index and the details in a page."""
    text = page.read_text(encoding="utf-8")
    found = dict(re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', text))
    index = json.loads(found.pop("index"))
    return index, [json.loads(found[f"details-{n}"]) for n in range(len(found))]


def lines(index):
    return [dict(zip(index["fields"], values, strict=True)) for values in index["rows"]]


def test_a_page_holds_what_the_rows_hold(annotated, report):
    index, details = data_of(report)
    rows = list(read_rows(str(annotated / "run")))
    assert [line["sequence"] for line in lines(index)] == [of["sequence"] for of in rows]
    for of, line, shown in zip(rows, lines(index), details, strict=True):
        assert (line["text"], line["manual_text"]) == (of["text"], of["manual_text"])
        assert line["iou"] == pytest.approx(of["grounding"]["iou"], abs=1e-4)
        assert [tried["text"] for tried in shown["rounds"]] == [tried["text"] for tried in of["rounds"]]
        assert len(shown["timeline"]["iou"]) == 16
    assert len(index["made_by"]) == 1  # all rows share it


def test_pictures_have_the_boxes_of_the_frame(annotated, report):
    _, details = data_of(report)
    for of, shown in zip(read_rows(str(annotated / "run")), details, strict=True):
        pictures = shown["pictures"]
        assert pictures["size"] == [320, 240]
        assert pictures["first"]["truth"] == pytest.approx(of["boxes"][0], abs=1e-3)
        assert pictures["crop"].startswith("data:image/webp;base64,")
        assert len(pictures["keys"]) == 6
        for key in pictures["keys"]:
            assert key["track"] == pytest.approx(of["tracking"]["boxes"][key["frame"]], abs=1e-3)
            assert key["source"] == of["tracking"]["sources"][key["frame"]]


def test_a_page_of_nothing_but_rows_needs_no_frames(annotated, tmp_path):
    made = api.report(annotated / "run", out=tmp_path / "report.html")
    assert made.sequences == 3 and made.size == made.page.stat().st_size
    assert all("pictures" not in shown for shown in data_of(made.page)[1])


def test_a_dataset_folder_gives_the_same_lines_as_its_run(annotated, tmp_path):
    pages = [api.report(annotated / "run" / part, out=tmp_path / "r.html").page for part in ("", "dataset")]
    one, other = (lines(data_of(page)[0]) for page in pages)
    assert [line["text"] for line in one] == [line["text"] for line in other]
    assert [line["iou"] for line in one] == pytest.approx([line["iou"] for line in other], abs=1e-3)


def test_several_sources_stand_side_by_side(annotated, tmp_path):
    shutil.copytree(annotated / "run", tmp_path / "other")
    made = api.report([annotated / "run", tmp_path / "other"], root=annotated / "data", out=tmp_path / "r.html")
    index, details = data_of(made.page)
    assert index["sources"] == ["run", "other"]
    assert [line["source"] for line in lines(index)] == [0] * 3 + [1] * 3
    assert all(shown["pictures"]["first"] for shown in details)


def test_full_pictures_lie_beside_the_page(annotated, tmp_path):
    made = api.report(annotated / "run", root=annotated / "data", out=tmp_path / "r.html", full=True)
    _, details = data_of(made.page)
    assert made.folder == tmp_path / "r_files"
    for shown in details:
        for picture in (shown["pictures"]["first"], *shown["pictures"]["keys"]):
            assert (tmp_path / picture["src"]).read_bytes().startswith(b"RIFF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r_files"]
    again = api.report(annotated / "run", root=annotated / "data", out=tmp_path / "r.html", full=True)
    assert again.size == made.size


def test_another_copy_of_the_dataset_gives_no_pictures(annotated, tmp_path):
    shutil.copytree(annotated / "run", tmp_path / "run")
    config = json.loads((tmp_path / "run" / "run.json").read_text())
    with Store.open(tmp_path / "run", config) as store:
        name = store.names()[0]
        store.save(store.load(name) | {"num_frames": 99})
    made = api.report(tmp_path / "run", root=annotated / "data", out=tmp_path / "r.html")
    assert made.without_pictures == (name,)
    done = call("report", tmp_path / "run", "--root", annotated / "data", "--out", tmp_path / "r.html")
    assert done.exit_code == 0 and f"without pictures: {name}" in done.output


def test_hostile_rows_are_shown_or_left_out_by_name(monkeypatch, tmp_path):
    rows = hostile_rows()
    monkeypatch.setattr(material, "read_rows", lambda *_: iter(rows))
    made = api.report("anything", out=tmp_path / "r.html")
    index, details = data_of(made.page)
    assert made.sequences == len(index["rows"]) == len(details)
    assert made.sequences > len(rows) / 2 and made.left_out
    assert all(why.startswith("column ") for why in made.left_out.values())


def test_wrong_input_is_refused_with_a_remedy(annotated, tmp_path):
    run, data = annotated / "run", annotated / "data"
    assert "there is no such folder" in fails("report", tmp_path / "none")
    assert "is a folder; name the page" in fails("report", run, "--out", tmp_path)
    assert "--root" in fails("report", run, "--grounder", "attributes")
    assert "--root" in fails("report", run, "--full")
    assert "2 roots for 1 sources" in fails("report", run, "--root", data, "--root", data)
    assert "no grounder" in fails("report", run, "--root", data, "--grounder", "grounder-of-nobody")
    assert "holds no synthetic sequence" in fails("report", run, "--root", tmp_path)


def test_the_command_says_what_it_wrote(annotated, tmp_path):
    done = call("report", annotated / "run", "--out", tmp_path / "new" / "r.html")
    assert done.exit_code == 0, done.output
    assert "3 sequences in " in done.output and "open it in a browser" in done.output
    assert (tmp_path / "new" / "r.html").is_file()


def test_more_sequences_have_smaller_pictures():
    assert [sizes_for(count) for count in (1, 300, 1400, 5000)] == [sizes for _, sizes in STEPS]
    assert sizes_for(5000, full=True) == FULL


def test_a_crop_stays_within_the_frame():
    image = np.zeros((240, 320, 3), np.uint8)
    image[100:120, 200:220] = 255
    around = crop(image, [200, 100, 20, 20], 44)
    assert around.shape == (44, 44, 3)
    assert around[22, 22, 0] == 255 and around[2, 2, 0] == 0
    for box in ([0, 0, 2, 2], [310, 230, 10, 10], [-50, -50, 500, 500], [1e9, 1e9, 5, 5]):
        high, wide, _ = crop(image, box, 72).shape
        assert 0 < high <= 72 and 0 < wide <= 72


class Fixed:
    """A grounder that always sees the target at (0, 0) by "red" and something else by "seat"."""

    name, max_batch, workers, threshold = "fixed", 8, 1, 0.3

    def ground(self, requests):
        boxes = np.array([[0, 0, 10, 10], [50, 50, 10, 10], [70, 70, 5, 5]], np.float32)
        return [self._answer(boxes, split_words(request.text)) for request in requests]

    def _answer(self, boxes, words):
        scores = {"red": [0.9, 0.2, 0.1], "seat": [0.1, 0.6, 0.2]}
        table = np.array([scores.get(word.text, [0, 0, 0]) for word in words], np.float32)
        return Grounding(boxes, words, table.reshape(-1, 3).T)


def test_words_have_their_scores_and_their_box():
    of = row(boxes=[[0, 0, 10, 10]] * 3, manual_text="the seat", text="red seat", rounds=[])
    frames = Frames(("a.jpg",) * 3, lambda _: b"")
    manual, chosen = grounded(of, frames, Fixed())
    assert (manual["text"], chosen["text"], chosen["start"]) == ("the seat", "red seat", 0)
    assert chosen["boxes"] == [[0, 0, 10, 10], [50, 50, 10, 10]]  # the third is below the threshold
    assert [word for word, *_ in chosen["best"]] == ["red", "seat"]
    assert [on for *_, on in chosen["best"]] == [True, False]
    red, seat = chosen["words"]
    assert red == pytest.approx([0, 3, 0.9, 0.2, 0]) and seat == pytest.approx([4, 8, 0.1, 0.6, 1])


def test_a_proposal_is_on_the_target_as_the_run_counted_it():
    made = row()["provenance"]
    of = row(boxes=[[0, 0, 10, 4]] * 3, manual_text=None, text="red", rounds=[])  # an IoU of 0.4 with the proposal
    frames = Frames(("a.jpg",), lambda _: b"")
    for theta, on in (("0.3", True), ("0.5", False), ("null", True)):
        known = of | {"provenance": made | {"settings": f'{{"theta": {theta}}}'}}
        [shown] = grounded(known, frames, Fixed())
        assert [[there for *_, there in shown["best"]], shown["words"][0][2] > 0] == [[on], on]


def test_a_grounder_is_never_asked_more_than_it_takes():
    class Narrow(Fixed):
        max_batch = 2

        def ground(self, requests):
            assert len(requests) <= self.max_batch
            return super().ground(requests)

    of = row(boxes=[[0, 0, 10, 10]] * 3, rounds=[row()["rounds"][0] | {"text": f"red {n}"} for n in range(3)])
    assert len(grounded(of, Frames(("a.jpg",) * 3, lambda _: b""), Narrow())) == 5


def test_a_grounder_that_fails_is_not_called_a_lack_of_pictures(annotated, monkeypatch, tmp_path):
    class Failing(Fixed):
        def ground(self, requests):
            raise BackendError("its weights are not there")

    monkeypatch.setattr("chatdesc.backends.create", lambda *_, **__: Failing())
    with pytest.raises(BackendError, match="its weights are not there"):
        api.report(annotated / "run", root=annotated / "data", out=tmp_path / "r.html", grounder="failing")


def test_texts_of_frames_that_are_not_there_are_not_asked():
    late = row()["rounds"][0] | {"start": 2}
    of = row(boxes=[[0, 0, 10, 10]] * 3, manual_text=None, text="red", rounds=[late])
    assert [asked["start"] for asked in grounded(of, Frames(("a.jpg",), lambda _: b""), Fixed())] == [0]


def test_a_missing_row_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(material, "read_rows", lambda *_: iter([row() | {"text": 7}]))
    with pytest.raises(ChatdescError, match="no row can be shown; column 'text' has a value of another type"):
        api.report("anything", out=tmp_path / "r.html")
