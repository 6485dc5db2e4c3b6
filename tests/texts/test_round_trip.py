"""Whatever export writes reads back as the same texts, from the same frames on."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatdesc.rows.store import Store
from chatdesc.share.dataset import write_dataset
from chatdesc.share.export import DATASETS, TABLES, export, layouts
from chatdesc.share.layouts import LAYOUTS, TextPerSequence
from chatdesc.texts.named import read_named
from chatdesc.types import ChatdescError, one_line
from tests.makers.full_rows import bare, row

FRAMES = 60
ORDERED = ("dtvlt", "dpu-vlt", "jsonl", "lerobot")  # layouts that keep from which frame on a text holds
UNCHANGED = ("json", "jsonl", "csv", "lerobot")  # and those that write texts as they are

plain = st.text("abcdefgh xyz", min_size=1, max_size=12).map(lambda text: one_line(f"a {text}"))
odd = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: one_line(text) and not text.startswith("'")
)
names = st.from_regex(r"[a-z]{1,5}-[0-9]{1,3}", fullmatch=True)


def spans(texts):
    return [
        row()["ranges"][0] | {"start": start, "stop": start + 1, "text": text} for start, text in sorted(texts.items())
    ]


def of(name, texts):
    """A row whose texts hold from a frame on each."""
    boxes = [[1.0, 1.0, 5.0, 5.0]] * FRAMES
    first = texts[min(texts)]
    return row(name, text=first, ranges=spans(texts), num_frames=FRAMES, boxes=boxes, visible=[True] * FRAMES)


def read(rows, layout, part=""):
    """The texts of what export writes, here without waiting for the disk."""
    with TemporaryDirectory() as folder:
        to = Path(folder, "to")
        collector = TextPerSequence(to, LAYOUTS[layout]) if layout in LAYOUTS else (DATASETS | TABLES)[layout]()
        for one in rows:
            collector.add(one)
        for path, content in collector.files().items():
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            (to / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_named(f"mine={to}{part}")


def changes(texts):
    """Frames at which a text is another than before, the first from frame 0 on."""
    starts = sorted(texts)
    return {0 if not i else s: texts[s] for i, s in enumerate(starts) if not i or texts[s] != texts[starts[i - 1]]}


def timed(found):
    """The phrases of a sequence, those that repeat the one before left out."""
    return changes({phrase.start: phrase.text for phrase in found.phrases})


@pytest.mark.parametrize("layout", layouts())
@given(said=st.dictionaries(names, plain, min_size=1, max_size=4))
@settings(max_examples=8)
def test_one_text_per_sequence_in_every_layout(layout, said):
    rows = [of(name, {0: text}) | {"ranges": []} for name, text in said.items()]
    found = read(rows, layout)
    assert {name: texts.candidates for name, texts in found.texts.items()} == {n: (t,) for n, t in said.items()}
    assert all(texts.phrases[0].start == 0 for texts in found.texts.values())
    assert found.notes == ()


@pytest.mark.parametrize("layout", ORDERED)
@given(later=st.dictionaries(st.integers(2, FRAMES - 1), plain, max_size=4), first=plain)
@settings(max_examples=8)
def test_texts_over_time_hold_from_the_same_frames_on(layout, later, first):
    said = {0: first} | later
    assert timed(read([of("bus-2", said)], layout).texts["bus-2"]) == changes(said)


@pytest.mark.parametrize("layout", UNCHANGED)
@given(text=odd)
@example(text="=a kite")  # a spreadsheet's formula
@example(text="-a kite, \n'red' \"one\"")
@example(text="a kite\r")
@settings(max_examples=20)
def test_these_layouts_keep_every_character(layout, text):
    found = read([of("bus-2", {0: text}) | {"ranges": []}], layout).texts["bus-2"]
    assert found.candidates == (one_line(text),)
    if layout != "lerobot":
        assert found.written == (text,)


def test_a_json_of_ranges_reads_as_several_texts():
    """This layout has no frames."""
    found = read([of("bus-2", {0: "a bus", 30: "the bus"})], "json").texts["bus-2"]
    assert found.candidates == ("a bus", "the bus")
    assert [phrase.text for phrase in found.phrases] == ["a bus"]


@pytest.mark.parametrize("layout", ["jsonl", "csv"])
def test_manual_texts_of_a_table(layout):
    found = read([row(ranges=[], manual_text="a swing")], layout, "#manual")
    assert found.texts["swing-1"].candidates == ("a swing",)


@pytest.mark.parametrize("layout", ["lasot", "dtvlt", "json", "dpu-vlt"])
def test_other_layouts_have_no_manual_texts_of_their_own(layout):
    with pytest.raises(Exception, match="leave #manual out"):
        read([row(ranges=[])], layout, "#manual")


def test_rows_without_a_text_are_noted(tmp_path):
    export([row(ranges=[]), bare("bus-1")], tmp_path, "jsonl")
    found = read_named(f"mine={tmp_path}")
    assert list(found.texts) == ["swing-1"]
    assert found.notes == ("mine: no text for 1 sequence that it names: bus-1",)


def rows_of_both():
    spoken = {0: "red seat", 40: "seat on the left"}
    later = of("swing-1", spoken) | {"manual_text": "a  swing"}
    return [later, row("swing-2", ranges=[], text="a blue swing", manual_text=None)]


@pytest.fixture(params=["run", "dataset"])
def rows_at(request, tmp_path):
    """A run, or its dataset, with both manual and refined texts."""
    run = tmp_path / "run"
    with Store.open(run, {"dataset": "lasot"}) as store:
        for one in rows_of_both():
            store.save(one)
    if request.param == "run":
        return run
    write_dataset(rows_of_both(), run / "dataset", dataset="lasot")
    return run / "dataset"


def test_the_texts_to_use_are_the_default(rows_at):
    found = read_named(f"mine={rows_at}")
    assert [(p.start, p.text) for p in found.texts["swing-1"].phrases] == [(0, "red seat"), (40, "seat on the left")]
    assert found.texts["swing-2"].phrases[0].background == ("tree", "lawn")
    assert found == replace(read_named(f"mine={rows_at}#refined"), source=found.source)


@pytest.mark.parametrize(("scope", "later"), [("first_frame", 0), ("self", 0), ("video", 2), ("track_test_split", 2)])
def test_texts_chosen_with_later_boxes_are_named(tmp_path, scope, later):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        for one in rows_of_both():
            store.save(one | {"scope": scope})
    said = read_named(f"mine={tmp_path / 'run'}").notes
    assert [note[:25] for note in said if "later frames" in note] == [f"mine: {later} texts were chosen"][:later]
    manual = read_named(f"mine={tmp_path / 'run'}#manual").notes
    assert not any("later frames" in note for note in manual)


def test_a_repository_of_several_datasets_needs_one_to_be_named(monkeypatch, tmp_path):
    def refuse(source, config=None, **_):
        if config is None:
            raise ChatdescError(f"{source} holds several datasets; say --config lasot or --config tnl2k")
        assert config == "lasot"
        return iter([row(ranges=[])])

    monkeypatch.setattr("chatdesc.texts.of_rows.read_rows", refuse)
    with pytest.raises(ChatdescError, match=r"as a source of texts: user/texts#NAME"):
        read_named("mine=user/texts")
    assert read_named("mine=user/texts#lasot").texts["swing-1"].candidates == ("red swing seat",)
    assert read_named("mine=user/texts#lasot,manual").texts["swing-1"].candidates == (row()["manual_text"],)


def test_manual_texts_of_rows(rows_at):
    found = read_named(f"mine={rows_at}#manual")
    assert found.texts["swing-1"].candidates == ("a swing",)
    assert found.texts["swing-1"].written == ("a  swing",)
    assert found.notes == ("mine: no manual text in 1 row: swing-2",)


def test_the_anchors_go_before_the_parsed_texts(tmp_path):
    """Others publish both caches with other texts in each."""
    export([of("bus-2", {0: "a bus"})], tmp_path, "dpu-vlt")
    [file] = tmp_path.glob("*_parsed_text.json")
    cache = json.loads(file.read_text())
    cache["bus-2"]["raw"] = "an old bus"
    cache["bus-3"] = {"raw": "a van"}
    file.write_text(json.dumps(cache))
    found = read_named(f"mine={tmp_path}")
    assert {name: texts.candidates for name, texts in found.texts.items()} == {"bus-2": ("a bus",), "bus-3": ("a van",)}
    assert "both caches have texts" in found.notes[0]
    assert read_named(f"mine={file}").texts["bus-2"].candidates == ("an old bus",)
