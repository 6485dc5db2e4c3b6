import json
import tomllib
from pathlib import Path

import pytest

import chatdesc
from chatdesc.share.dataset import write_dataset
from chatdesc.share.licences import UNKNOWN, checked, licence_of, writers
from chatdesc.types import ChatdescError
from tests.makers.full_rows import row


def made_by(**describer):
    return {"describer": json.dumps(describer)}


def test_each_model_once_with_what_it_is():
    found = writers(
        [
            made_by(name="transformers:Qwen/Qwen3-VL-4B-Instruct", model="Qwen/Qwen3-VL-4B-Instruct", revision="ab12"),
            made_by(name="openai:mine", model="mine", server_model="mine-2026"),
            made_by(name="attributes", revision="1"),
            made_by(name="attributes", revision="1", seed=3),
        ]
    )
    assert [(w.model, w.revision) for w in found] == [
        ("Qwen/Qwen3-VL-4B-Instruct", "ab12"),
        ("attributes", "1"),
        ("mine", "mine-2026"),
    ]
    assert (
        found[0].licence == "Apache-2.0" and found[1].licence.startswith("Apache-2.0") and found[2].licence == UNKNOWN
    )


def test_describers_of_presets_are_known_under_the_licence_that_the_presets_name():
    seen = 0
    for file in (Path(chatdesc.__file__).parent / "presets").glob("*.toml"):
        for model in tomllib.loads(file.read_text(encoding="utf-8")).get("models", []):
            if model["role"] == "describer":
                assert licence_of(model["id"]).startswith(model["licence"]), model["id"]
                seen += 1
    assert seen


def section(card):
    return card.partition("## Licences")[2].partition("## Citation")[0]


def test_a_card_states_the_three_apart(tmp_path):
    provenance = row()["provenance"] | {"describer": json.dumps({"name": "openai:mine", "model": "mine"})}
    write_dataset([row("a"), row("b", provenance=provenance)], tmp_path / "d", dataset="lasot")
    source, _, rest = section((tmp_path / "d/README.md").read_text()).partition("**The models that wrote the texts.**")
    models, _, texts = rest.partition("**The texts.**")
    assert "LaSOT's evaluation toolkit" in source and "`manual_text`" in source
    assert "| `attributes` | `1` | Apache-2.0" in models and f"| `mine` | `not known` | {UNKNOWN} |" in models
    assert "has chosen no licence" in texts and "--text-licence" in texts


def test_texts_about_our_own_scenes_are_ours(tmp_path):
    write_dataset([row("a", dataset="synthetic")], tmp_path / "d", dataset="synthetic")
    assert "is under: Apache-2.0, as chatdesc itself." in section((tmp_path / "d/README.md").read_text())


def test_a_licence_is_one_word():
    assert checked("cc-by-4.0") == "cc-by-4.0" and checked(None) is None
    with pytest.raises(ChatdescError, match="in one word"):
        checked("do what you like")


def test_a_card_says_how_to_load_and_to_write_back(tmp_path):
    write_dataset([row("a", dataset="synthetic")], tmp_path / "d", dataset="synthetic")
    card = (tmp_path / "d/README.md").read_text()
    assert "chatdesc export PATH_OR_REPOSITORY --config synthetic --to YOUR_COPY --layout lasot --overwrite" in card
    assert 'chatdesc.load_refined("PATH_OR_REPOSITORY", "synthetic", "test", root="YOUR_COPY")' in card


def test_a_card_sums_the_audit_up(tmp_path):
    found = [{"kind": kind, "evidence": "..."} for kind in ("typo", "typo", "ambiguous")]
    copied = [{"kind": "duplicate", "evidence": "..."}]
    write_dataset(
        [row("a", audit=found), row("b"), row("c", audit=[]), row("d", audit=copied)], tmp_path / "d", dataset="lasot"
    )
    audit = (tmp_path / "d/README.md").read_text().partition("## Audit")[2].partition("## Columns")[0]
    assert "2 of 4 manual texts have a finding that speaks against them; 1 more" in audit
    assert "| ambiguous | 1 |" in audit and "| typo | 2 |" in audit
    write_dataset([row("a", audit=[])], tmp_path / "e", dataset="lasot")
    assert "No row has a finding" in (tmp_path / "e/README.md").read_text()
