"""Exports for a team: what is in the files."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from chatdesc import api
from chatdesc.evidence import Choice, Evidence
from chatdesc.rows.evidence import keep
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from chatdesc.verification.recorded import Seen
from tests.makers.full_rows import bare
from tests.makers.reviews import HOSTILE, NAMES, reviewed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("team")
    run = reviewed(root)
    api.review_export(run, root / "ls", to="label-studio", root=root / "data")
    api.review_export(run, root / "rg", to="argilla", root=root / "data")
    return root


def tasks(folder):
    return json.loads((folder / "tasks.json").read_text())


def test_the_most_suspicious_comes_first(made):
    names = [task["data"]["sequence"] for task in tasks(made / "ls")]
    scores = [task["data"]["suspicion"] for task in tasks(made / "ls")]
    assert set(names) == set(NAMES) and names[0] == Store(made / "run").names()[1]
    assert scores[0] > scores[1] == scores[2]


def test_texts_are_data_and_never_part_of_the_configuration(made):
    config = (made / "ls" / "config.xml").read_text()
    assert not any(text[:20] in config or text[::-1][:20] in config for text in HOSTILE)
    values = [tag.get("value") for tag in ElementTree.fromstring(config).iter("Text")]
    assert values == ["$manual_text", "$refined_text", "$evidence"]
    shown = {(task["data"]["manual_text"], task["data"]["refined_text"]) for task in tasks(made / "ls")}
    assert shown == {(text, text[::-1]) for text in HOSTILE}


def test_the_targets_box_is_a_rectangle_in_per_cent(made):
    for task in tasks(made / "ls"):
        row = next(iter(Store(made / "run").rows([task["data"]["sequence"]])))
        target = next(p for p in task["predictions"] if p["model_version"] == "dataset")["result"][0]
        value, (x, y, w, h) = target["value"], row["boxes"][0]
        assert (target["original_width"], target["original_height"]) == (320, 240)
        pixels = [value["x"] * 3.2, value["y"] * 2.4, value["width"] * 3.2, value["height"] * 2.4]
        assert pixels == pytest.approx([x, y, w, h], abs=0.01)


def test_pictures_are_files_in_the_frames_size(made):
    for task in tasks(made / "ls"):
        prefix, _, file = task["data"]["template"].partition("ls/")
        assert prefix == "/data/local-files/?d="
        assert Image.open(made / "ls" / file).size == (320, 240)
        assert (made / "ls" / task["data"]["later_frames"].partition("ls/")[2]).is_file()


def test_a_record_has_fields_suggestions_and_metadata(made):
    records = {r["metadata"]["sequence"]: r for r in json.loads((made / "rg" / "records.json").read_text())}
    worst = records[Store(made / "run").names()[1]]
    assert worst["suggestions"]["kind"] == {"value": "typo", "score": 0.75, "agent": "audit non-word"}
    assert worst["suggestions"]["edited_text"]["value"] == worst["fields"]["refined_text"]
    assert worst["suggestions"]["edited_text"]["score"] == 0.75
    assert all(r["fields"]["template"].startswith("data:image/webp;base64,") for r in records.values())
    assert all("verdict" not in r["suggestions"] for r in records.values())  # reviewers are not told the verdict


def test_without_frames_nothing_shows_a_picture(made, tmp_path):
    api.review_export(made / "run", tmp_path / "ls", to="label-studio")
    api.review_export(made / "run", tmp_path / "rg", to="argilla")
    config = ElementTree.fromstring((tmp_path / "ls" / "config.xml").read_text())
    assert not [*config.iter("Image"), *config.iter("RectangleLabels")]
    assert {tag.get("toName") for tag in config.iter("Choices")} == {"refined_text"}
    settings = json.loads((tmp_path / "rg" / ".argilla" / "settings.json").read_text())
    assert {field["settings"]["type"] for field in settings["fields"]} == {"text"}


def test_proposals_of_a_grounder(tmp_path):
    run = reviewed(tmp_path, ["star"] * 3)
    rows = {row["sequence"]: row | {"text": "green square"} for row in Store(run).rows(NAMES)}
    with Store.open(run, {"dataset": "synthetic"}) as store:
        [store.save(row) for row in rows.values()]
    asked = {"root": tmp_path / "data", "grounder": "attributes"}
    api.review_export(run, tmp_path / "ls", to="label-studio", **asked)
    found = [p for task in tasks(tmp_path / "ls") for p in task["predictions"] if p["model_version"] != "dataset"]
    assert {p["model_version"] for p in found} == {"refined text, attributes@2", "manual text, attributes@2"}
    for p in found:
        target, *proposals = p["result"]
        side = p["model_version"].partition(" ")[0]
        assert target["value"]["rectanglelabels"] == ["target"]
        assert proposals and all(each["value"]["rectanglelabels"] == [side] for each in proposals)
        assert p["score"] == proposals[0]["score"] == max(each["score"] for each in proposals)
        words = {word for each in proposals for word in each["meta"]["text"]}
        assert words <= ({"star"} if side == "manual" else {"green", "square"})


def test_proposals_that_the_run_recorded(tmp_path):
    run = reviewed(tmp_path)
    boxes = np.array([[32, 24, 64, 48], [0, 0, 5, 5]], np.float32)
    scores, none = np.array([0.5, 0.25], np.float32), np.zeros((0, 4), np.float32)
    seen = Seen(0, Evidence(boxes, *[scores] * 4, none, none[:, 0], previous=boxes[-1]), Choice(0))
    keep(run, NAMES[0], [seen])
    api.review_export(run, tmp_path / "ls", to="label-studio", root=tmp_path / "data")
    [task] = [task for task in tasks(tmp_path / "ls") if task["data"]["sequence"] == NAMES[0]]
    refined = task["predictions"][1]
    assert (refined["model_version"][:12], refined["score"]) == ("refined text", 0.5)
    value = refined["result"][1]["value"]
    assert [value[name] for name in ("x", "y", "width", "height")] == [10.0, 10.0, 20.0, 20.0]
    assert value["rectanglelabels"] == ["refined"]


def test_frames_that_cannot_be_read_are_named(tmp_path):
    run = reviewed(tmp_path)
    for frame in (tmp_path / "data").rglob(f"{NAMES[0]}/**/*.jpg"):
        frame.write_bytes(b"no picture")
    done = api.review_export(run, tmp_path / "ls", to="label-studio", root=tmp_path / "data")
    assert done.without_pictures == (NAMES[0],)
    lacking = next(task for task in tasks(tmp_path / "ls") if task["data"]["sequence"] == NAMES[0])
    assert lacking["data"]["template"].startswith("data:image/gif") and lacking["predictions"] == []


def test_rows_without_a_text_are_nothing_to_review(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(bare("a-1"))
    with pytest.raises(ChatdescError, match="no row with a text"):
        api.review_export(tmp_path / "run", tmp_path / "ls", to="argilla")
    assert not (tmp_path / "ls").exists()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"to": "excel"}, "choose label-studio or argilla"),
        ({"grounder": "attributes"}, "with --root"),
        ({"out": "full"}, "not empty"),
        ({"out": "full/answers.json"}, "is a file"),
    ],
)
def test_what_cannot_be_done_is_refused(made, tmp_path, wrong, why):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "answers.json").write_text("[]")
    asked = {"to": "argilla"} | wrong
    with pytest.raises(ChatdescError, match=why):
        api.review_export(made / "run", tmp_path / asked.pop("out", "new"), **asked)
    assert (tmp_path / "full" / "answers.json").read_text() == "[]"


def test_a_limit_and_an_address(made, tmp_path):
    where = {"root": made / "data", "limit": 1, "address": "https://example.org/p"}
    assert api.review_export(made / "run", tmp_path / "rg", to="argilla", **where).cases == 1
    [record] = json.loads((tmp_path / "rg" / "records.json").read_text())
    assert record["fields"]["template"].startswith("https://example.org/p/")
    assert (tmp_path / "rg" / "pictures" / record["fields"]["template"].rpartition("/")[2]).is_file()
