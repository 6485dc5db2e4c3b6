"""The numbers of a card: counted from rows, worked out by hand."""

import json

import pytest

from chatdesc.rows.schema import features
from chatdesc.share.card import Tally, render
from chatdesc.share.facts import facts
from tests.makers.full_rows import NAN, bare, row


def tally_of(*rows, dataset="lasot"):
    tally = Tally(dataset)
    for one in rows:
        tally.add(one)
    return tally


def info_of(images=False, **splits):
    from datasets import DatasetInfo, SplitDict, SplitInfo

    infos = SplitDict()
    for name, count in splits.items():
        infos[name] = SplitInfo(name, num_bytes=10 * count, num_examples=count)
    return DatasetInfo(features=features(images), splits=infos, download_size=7, dataset_size=30)


def grounded(iou, manual_iou):
    return row(grounding=row()["grounding"] | {"iou": iou, "manual_iou": manual_iou})


def entry(**numbers):
    return row()["alignment"][0] | numbers


def test_counts():
    tally = tally_of(row(), row(text_source="manual", scope=None), row(status=None), bare("b"), row(text=None))
    assert tally.statuses == {"ok": 3, "unknown": 1, "missing_text": 1}
    assert tally.sources == {"refined": 2, "manual": 1}  # of rows with a text
    assert tally.scopes == {"first_frame": 2, "unknown": 1}
    assert tally.findings == {"typo": 4} and tally.audited == 4


def test_a_finding_counts_once_for_a_sequence():
    kinds = [{"kind": kind, "evidence": ""} for kind in ("typo", "typo", None)]
    tally = tally_of(row(audit=kinds), row(audit=[]), row(audit=None))
    assert tally.findings == {"typo": 1, "unknown": 1} and tally.audited == 1


def test_means_are_over_the_rows_that_have_all_numbers():
    """Means of different rows would say that one text is better where another is."""
    tally = tally_of(grounded(0.5, 0.25), grounded(0.75, None), grounded(1.0, NAN), bare("b"))
    labels = {"manual_iou": "before", "margin": "none has it", "iou": "now"}
    found = tally.means("grounding", labels)
    assert found == [("before", "0.250", 1), ("now", "0.500", 1), ("now, all that have it", "0.750", 3)]
    assert tally.means("grounding", {"round0_iou": "first"}) == [("first", "0.500", 3)]
    assert tally.names["grounding"] == {"attributes"} and tally.means("tracking", {"x": "y"}) == []
    apart = tally_of(grounded(NAN, 0.25), grounded(0.75, None)).means("grounding", labels)
    assert apart == [("now, all that have it", "0.750", 1)]  # no row has both


def test_alignment_is_paired_and_per_encoder():
    first = [entry(manual=20.0, refined=24.0, manual_margin=None, refined_margin=1.0, truncated=True)]
    second = [
        entry(manual=10.0, refined=14.0, manual_margin=None, refined_margin=3.0, truncated=None),
        entry(encoder="attributes", manual=None, refined=5.0, manual_margin=None, refined_margin=None, truncated=False),
    ]
    third = [entry(manual=None, refined=90.0, manual_margin=None, refined_margin=None, truncated=False)]
    tally = tally_of(*(row(alignment=entries) for entries in (first, second, third)))
    attributes, _, clip, margin = tally.alignments()
    assert (clip.encoder, clip.measure, clip.pairs, clip.sequences, clip.truncated) == ("clip", "cosine", 2, 3, 1)
    assert (clip.manual, clip.refined, clip.gain) == ("15.00", "19.00", "+4.00 [fewer than 10 pairs]")
    assert (margin.measure, margin.manual, margin.refined, margin.gain) == ("margin", "-", "2.00", "-")
    assert (attributes.encoder, attributes.manual, attributes.refined, attributes.gain) == (
        "attributes",
        "-",
        "5.00",
        "-",
    )


def test_a_gain_has_an_interval_and_what_could_have_been_seen_from_ten_pairs_on():
    entries = [entry(manual=20.0, refined=20.0 + gain) for gain in (1.0, 3.0) * 5]
    line = tally_of(*(row(alignment=[one]) for one in entries)).alignments()[0]
    assert (line.gain, line.detectable) == ("+2.00 [+1.25, +2.75]", "1.05")
    card = render(tally_of(*(row(alignment=[one]) for one in entries)), info_of(train=10))
    assert "| clip | cosine | 20.00 | 22.00 | +2.00 [+1.25, +2.75] | 1.05 | 10 of 10 | 10 |" in card


def test_runs_are_told_apart_and_the_json_in_them_is_unpacked():
    other = row()["provenance"] | {"settings": json.dumps({"rounds": 5, "encoders": ["a"]}), "libraries": "{broken"}
    card = render(tally_of(row(), row(), row(provenance=other)), info_of(test=3))
    assert "The rows come from 2 configurations" in card
    blocks = [json.loads(block.partition("```")[0]) for block in card.split("```json\n")[1:]]
    assert [block["settings"] for block in blocks] == [{"rounds": 3}, {"rounds": 5, "encoders": ["a"]}]
    assert blocks[1]["libraries"] == "{broken" and blocks[0]["encoders"] == [{}]


def test_examples_name_the_repository_and_the_configuration():
    tally, info = tally_of(row()), info_of(train=1, test=2)
    folder = render(tally, info)
    assert 'load_dataset("PATH_OR_REPOSITORY", "lasot", split="train")' in folder
    pushed = render(tally, info, repository="ada/x", config="mine")
    assert pushed.count('"ada/x", "mine"') == 2
    assert "chatdesc export ada/x --config mine --to YOUR_COPY --layout lasot --overwrite" in pushed
    assert pushed == folder.replace('"PATH_OR_REPOSITORY", "lasot"', '"ada/x", "mine"').replace(
        "PATH_OR_REPOSITORY --config lasot", "ada/x --config mine"
    )


def test_the_yaml_lists_the_files_of_each_split():
    from huggingface_hub import DatasetCard

    data = DatasetCard(render(tally_of(row(), dataset="tnl2k"), info_of(images=True, test=2))).data
    assert data.pretty_name == "TNL2K, re-annotated by chatdesc"
    assert data.configs == [{"config_name": "tnl2k", "data_files": [{"split": "test", "path": "data/test-*.parquet"}]}]
    assert data.dataset_info["splits"] == [{"name": "test", "num_bytes": 20, "num_examples": 2}]


def test_frames_are_announced_where_they_are():
    assert "Frames are not included" in render(tally_of(row()), info_of(test=1))
    card = render(tally_of(row()), info_of(images=True, test=1))
    assert "The frames are in the column `images`." in card and "| `images` |" in card


@pytest.mark.parametrize("name", ["lasot", "lasot_ext", "tnl2k", "otb-lang"])
def test_facts_have_a_paper_and_what_to_cite(name):
    known = facts(name)
    assert known.paper.keys() == {"title", "authors", "venue"} and known.text_licence is None
    assert known.bibtex.count("{") == known.bibtex.count("}") and "own" in known.licence
    assert known.paper["venue"].split()[-1] in known.bibtex  # the year


def test_an_unlisted_dataset_has_its_name_alone():
    assert facts("mine").pretty_name == "mine" and facts("mine").paper is None
