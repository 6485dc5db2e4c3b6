"""Texts that others published, and real answers of a model."""

import json

import pytest

import chatdesc
from chatdesc.loaders import load
from chatdesc.texts.matching import form
from chatdesc.texts.named import read_named
from chatdesc.types import ChatdescError


@pytest.fixture(scope="module")
def published(shared_data):
    return shared_data / "published_texts"


@pytest.mark.parametrize(("file", "count"), [("lasot_test", 280), ("otb", 48), ("tnl2k_half", 1000)])
def test_every_sequence_of_cldtracker(published, file, count):
    place = published / f"cldtracker_{file}.json"
    found = read_named(f"cld={place}")
    raw = json.loads(place.read_text())
    assert len(found.texts) == count
    assert all(said.phrases[0].text == said.candidates[0] for said in found.texts.values())
    firsts = {name: " ".join(next(filter(None, texts)).split()) for name, texts in raw.items()}
    assert {name: said.candidates[0] for name, said in found.texts.items()} == firsts
    assert found.notes == ()


def test_its_names_are_those_of_lasot(published, shared_data):
    found = read_named(f"cld={published / 'cldtracker_lasot_test.json'}")
    names = load("lasot", shared_data / "lasot_annos").names
    assert found.of(names).notes == ()
    with pytest.raises(ChatdescError, match="the sequences here are Crossing, Football1, Jogging-1 and 4 more"):
        found.of(load("otb-lang", shared_data / "otb").names)


def test_one_sequence_of_otb_is_there(published, shared_data):
    found = read_named(f"cld={published / 'cldtracker_otb.json'}").of(load("otb-lang", shared_data / "otb").names)
    assert list(found.texts) == ["Man"]
    assert found.notes[0].startswith("cld: no text for 6 sequences of 7: ")


@pytest.mark.parametrize(("folder", "dataset", "count"), [("otb", "otb-lang", 7), ("lasot_annos", "lasot", 280)])
def test_the_datasets_own_texts_are_those_of_its_loader(shared_data, folder, dataset, count):
    data = load(dataset, shared_data / folder)
    found = read_named(f"own={shared_data / folder}").of(data.names)
    assert len(found.texts) == count
    assert all(found.texts[s.name].written == (s.manual_text,) for s in data)


def test_names_of_tnl2k_that_differ_in_spelling_alone_are_four_pairs(shared_data):
    folder = shared_data / "tnl2k_annos"
    files = ("TNL2K_testing_set.txt", "TNL2K_train_set.txt")
    names = {name for file in files for name in (folder / file).read_text().split()}
    by_form = {}
    for name in names:
        by_form.setdefault(form(name), []).append(name)
    assert sum(len(same) > 1 for same in by_form.values()) == 4


class TestReannotations:
    @pytest.mark.parametrize("name", ["GOT-10k", "OTB", "TNL2K", "TNLLT", "lasot"])
    def test_they_name_no_sequence_and_the_error_says_what_to_add(self, shared_data, name):
        place = shared_data / "mllm_reannotations" / f"sft_dataset_{name}.json"
        with pytest.raises(ChatdescError, match=r'entry 1: names no sequence: .*img1.jpg\); add "sequence"'):
            read_named(f"mllm={place}")

    @pytest.mark.parametrize("name", ["GOT-10k", "OTB", "TNL2K", "TNLLT", "lasot"])
    def test_with_a_sequence_added_they_are_read(self, shared_data, tmp_path, name):
        entries = json.loads((shared_data / "mllm_reannotations" / f"sft_dataset_{name}.json").read_text())
        named = [entry | {"sequence": f"bus-{number}"} for number, entry in enumerate(entries)]
        (tmp_path / "named.json").write_text(json.dumps(named))
        found = read_named(f"mllm={tmp_path / 'named.json'}")
        assert len(found.texts) > 0.95 * len(entries)
        lacking = len(entries) - len(found.texts)
        assert bool(lacking) == bool(found.notes)  # malformed ones are named
        assert not any("<" in said.candidates[0] for said in found.texts.values())


def test_an_audit_finds_its_random_letters_and_none_in_the_manual_texts(published, shared_data):
    texts = [f"cld={published / 'cldtracker_lasot_test.json'}", f"own={shared_data / 'lasot_annos'}"]
    options = {"checks": ["gibberish", "formatting"], "sequences": "airplane-1,bear-2,bus-2,zebra-10"}
    found = chatdesc.audit("lasot", shared_data / "lasot_annos", texts=texts, **options)
    manual, theirs, own = found.sources
    assert manual.findings.keys() == {name.removesuffix(" in own") for name in own.findings}
    letters = {of.name: sum(f.check == "gibberish" for f in of.all_findings()) for of in found.sources}
    assert letters["manual"] == letters["own"] == 0
    assert letters["cld"] > 0.15 * theirs.texts
