"""``annotate --describer file:SOURCE``: texts of a source compete in the loop."""

import json

import pytest

import chatdesc
from chatdesc.api import plan
from chatdesc.backends import create
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError, Describe

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

GIBBERISH = "object, wulpvaot"
QUICK = {"tracker": "none", "alignment_frames": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three short synthetic sequences in LaSOT's layout."""
    folder = tmp_path_factory.mktemp("scenes")
    render(folder, count=3, frames=4, seed=5)
    return folder


@pytest.fixture(scope="module")
def described(root, tmp_path_factory):
    """A run of the offline describer, whose texts lead to their targets."""
    out = tmp_path_factory.mktemp("runs") / "run"
    chatdesc.annotate("synthetic", root, out=out, **QUICK)
    return {row["sequence"]: row for row in map(json.loads, (f.read_text() for f in (out / "rows").iterdir()))}


def rows_of(out):
    return {row["sequence"]: row for row in map(json.loads, (f.read_text() for f in (out / "rows").iterdir()))}


def test_random_letters_lose_and_the_row_says_where_the_text_is_from(root, described, tmp_path):
    place = tmp_path / "mine.json"
    place.write_text(json.dumps({name: [GIBBERISH, row["text"], "bird"] for name, row in described.items()}))
    out = tmp_path / "run"
    chatdesc.annotate("synthetic", root, out=out, describer=f"file:{place}", keep_manual_if_better=False, **QUICK)
    rows = rows_of(out)
    assert {name: row["text"] for name, row in rows.items()} == {n: row["text"] for n, row in described.items()}
    for row in rows.values():
        tried = [r["text"] for r in row["rounds"] if r["source"] == "refined"]
        assert tried == ["object wulpvaot", row["text"], "bird"]
        made_by = json.loads(row["provenance"]["describer"])
        assert made_by["source"] == "mine.json"
        assert len(made_by["sha256"]) == 64
        assert str(tmp_path) not in json.dumps(row)


def test_a_sequence_without_a_text_fails_alone_and_a_run_has_one_source(root, described, tmp_path):
    first, *others = sorted(described)
    place = tmp_path / "mine.json"
    place.write_text(json.dumps({first: "red"}))
    chatdesc.annotate("synthetic", root, out=tmp_path / "run", describer=f"file:{place}", **QUICK)
    rows = rows_of(tmp_path / "run")
    assert rows[first]["status"] == "ok"
    assert {rows[name]["status"] for name in others} == {"describe_failed"}
    assert f"mine.json has no text for {others[0]}" in rows[others[0]]["problems"][-1]
    place.write_text(json.dumps(dict.fromkeys(described, "red")))
    with pytest.raises(ChatdescError, match="describer"):
        chatdesc.annotate("synthetic", root, out=tmp_path / "run", describer=f"file:{place}", **QUICK)


def test_ranges_get_the_text_that_is_in_force_there(root, described, tmp_path):
    name = sorted(described)[0]
    place = tmp_path / "mine.json"
    place.write_text(json.dumps({name: {"0": "red", "2": "blue"}}))
    options = QUICK | {"every": 2, "sequences": name, "keep_manual_if_better": False}
    chatdesc.annotate("synthetic", root, out=tmp_path / "run", describer=f"file:{place}", **options)
    [row] = rows_of(tmp_path / "run").values()
    assert [(part["start"], part["text"]) for part in row["ranges"]] == [(0, "red"), (2, "blue")]
    tried = [(tried["start"], tried["text"]) for tried in row["rounds"] if tried["source"] == "refined"]
    assert tried == [(0, "red"), (2, "blue")]


def test_texts_of_another_program_on_real_video(shared_data, tmp_path):
    """Seven of its texts of this sequence are random letters."""
    random = "'oavjyfj gqreqSbo 'cxsol'f oIgfI'g xfwdjwcc kiIncqnT fhklpSwc".split()
    source = shared_data / "published_texts" / "cldtracker_otb.json"
    options = QUICK | {"sequences": "Man", "keep_manual_if_better": False}
    chatdesc.annotate("otb-lang", shared_data / "otb", out=tmp_path / "run", describer=f"file:{source}", **options)
    [row] = rows_of(tmp_path / "run").values()
    tried = [tried["text"] for tried in row["rounds"] if tried["source"] == "refined"]
    assert {f"object {letters}" for letters in random} < set(tried)
    assert row["status"] == "ok" and not set(row["text"].split()) & set(random)


def test_the_hash_is_that_of_the_texts_and_not_of_the_file(tmp_path):
    (tmp_path / "a.json").write_text('{"bus-2": "a bus"}')
    (tmp_path / "b.csv").write_text("sequence,text\nbus-2,a bus\n")
    (tmp_path / "c.json").write_text('{"bus-2": "a van"}')
    places = [tmp_path / name for name in ("a.json", "b.csv", "c.json")]
    said = [create("describer", f"file:{place}").describe_self()["sha256"] for place in places]
    assert said[0] == said[1] != said[2]


def test_a_place_with_an_at_sign_is_one_place(tmp_path):
    place = tmp_path / "me@home.json"
    place.write_text('{"bus-2": "a bus"}')
    assert create("describer", f"file:{place}").texts_for("bus-2") == ("a bus",)


@pytest.mark.parametrize(
    ("spec", "message"), [("file", "names no source"), ("file:no/such.json", "nothing here of this name")]
)
def test_what_cannot_be_read_is_said_before_any_work(root, tmp_path, spec, message):
    with pytest.raises(ChatdescError, match=message):
        chatdesc.annotate("synthetic", root, out=tmp_path / "run", describer=spec, **QUICK)
    assert not (tmp_path / "run").exists()


def test_a_name_that_is_close_is_named_and_not_taken(root, described, tmp_path):
    name = sorted(described)[0]
    place = tmp_path / "mine.json"
    place.write_text(json.dumps({name.replace("-", "_"): "red"}))
    describer = create("describer", f"file:{place}")
    [answer] = describer.describe([Describe(None, None, "", sequence=name)])
    assert f"{name.replace('-', '_')} is close to it" in str(answer)


def test_a_dry_run_counts_the_texts_of_the_source(root, described, tmp_path):
    place = tmp_path / "mine.json"
    one, two, _ = sorted(described)
    place.write_text(json.dumps({one: [f"text {n}" for n in range(9)], two: "text"}))
    found = plan("synthetic", root, out=tmp_path / "run", describer=f"file:{place}", **QUICK)
    alone = plan("synthetic", root, out=tmp_path / "run", describer=f"file:{place}", **QUICK, sequences=two)
    assert (found.sequences, found.skipped) == (3, 1)
    assert found.counts.grounder - alone.counts.grounder > 9 > alone.counts.grounder
