"""``chatdesc audit`` and ``chatdesc fix`` on a terminal."""

from __future__ import annotations

import pytest

from tests.checks.makers import dataset
from tests.makers.commands import call, fails

TEXTS = {"bus-1": "a  red bus", "bus-2": "a blue bus", "cat-1": "a cat, lying ", "cat-2": "cat"}
QUICK = ("--checks", "formatting,uninformative,data,duplicate")


@pytest.fixture
def root(tmp_path):
    return dataset(tmp_path / "data", TEXTS)


def test_the_most_suspicious_come_first_with_their_reasons(root):
    done = call("audit", "lasot", root, *QUICK, columns=80)
    assert done.exit_code == 0 and max(map(len, done.output.splitlines())) <= 80
    lines = [line.strip() for line in done.output.splitlines()]
    start = lines.index("1. bus-1, suspicion 0.70")
    assert lines[start : start + 6] == [
        "1. bus-1, suspicion 0.70", '"a  red bus"', "formatting: 2 spaces in a row (character 2)",
        "2. cat-1, suspicion 0.30", '"a cat, lying "', "formatting: a space at the end (character 13)",
    ]  # fmt: skip
    assert "2 faults in 2 of 4 sequences, 4 with a text" in " ".join(lines)
    assert ["uninformative", "uninformative", "no", "1", "1"] in [line.split() for line in lines]


def test_the_rest_is_counted(root):
    done = call("audit", "lasot", root, *QUICK, "--top", 1)
    assert "bus-1, suspicion" in done.output and "cat-1" not in done.output and "... and 1 more" in done.output


@pytest.mark.parametrize(
    ("options", "code"), [((), 0), (("--strict",), 1), (("--strict", "--allow", 1), 1), (("--strict", "--allow", 2), 0)]
)
def test_strict_counts_faults(root, options, code):
    assert call("audit", "lasot", root, *QUICK, *options).exit_code == code


def test_strict_lets_what_only_informs_pass(tmp_path):
    root = dataset(tmp_path, {"cat-1": "cat", "cat-2": "a cat"})
    assert call("audit", "lasot", root, *QUICK, "--strict").exit_code == 0


def test_files(root, tmp_path):
    done = call("audit", "lasot", root, *QUICK, "--out", tmp_path / "new" / "out")
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == [
        "audit.csv",
        "audit.jsonl",
        "audit.md",
    ]
    assert done.output.count("written: ") == 3


def test_the_list_of_checks():
    done = call("audit", "--list", columns=80)
    assert done.exit_code == 0 and "gibberish (data)\n  Finds strings of random letters" in done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_wrong_input(root, tmp_path):
    assert "chatdesc audit DATASET ROOT" in fails("audit")
    assert "did you mean formatting" in fails("audit", "lasot", root, "--checks", "formating")
    assert "--allow: of no use without --strict" in fails("audit", "lasot", root, "--allow", 3)
    assert "names no check" in fails("audit", "lasot", root, "--checks", " , ")
    got10k = tmp_path / "got10k" / "train" / "GOT-10k_Train_000001"
    got10k.mkdir(parents=True)
    (got10k / "groundtruth.txt").write_text("1,2,3,4\n")
    (got10k.parent / "list.txt").write_text("GOT-10k_Train_000001\n")
    assert "got10k comes without texts, so there is nothing to audit" in fails("audit", "got10k", tmp_path / "got10k")


def test_a_text_cannot_steer_the_terminal(tmp_path):
    root = dataset(tmp_path, {"bus-1": "a [bold]bus\x1b[2J ,[/bold] red", "bus-2": "x" * 10_000 + "  end"})
    done = call("audit", "lasot", root, *QUICK, columns=80)
    assert done.exit_code == 0 and "\x1b[2J" not in done.output and "[bold]bus" in done.output
    root = dataset(tmp_path / "endless", {"bus-1": "y" * 10_000})
    endless = call("audit", "lasot", root, "--checks", "data,uninformative", columns=80)
    assert len(endless.output) < 2000 and 'says no more than "yyy' in " ".join(endless.output.split())
    assert len(done.output) < 4000 and "..." in done.output


def test_one_sequence_and_texts_in_other_languages(tmp_path):
    done = call("audit", "lasot", dataset(tmp_path, {"bus-1": "ein roter Bus auf der Straße"}), columns=80)
    assert done.exit_code == 0 and "1 text is German (bus-1)" in done.output and ": 0" in done.output


def test_fix_shows_a_diff_and_says_where_it_went(root, tmp_path):
    shown = call("fix", "lasot", root, "--checks", "formatting")
    assert shown.exit_code == 0 and "\n-a  red bus\n" in shown.output and "\n+a red bus\n" in shown.output
    assert "2 of 4 texts would be corrected" in shown.output and "nothing is written" in shown.output
    done = call(
        "fix", "lasot", root, "--checks", "formatting", "--to", tmp_path / "new", "--patch", tmp_path / "a.patch"
    )
    assert "2 of 4 texts are corrected" in done.output and f"git apply {tmp_path / 'a.patch'}" in done.output
    assert (tmp_path / "new/bus/bus-1/nlp.txt").read_text() == "a red bus"
    assert (root / "bus/bus-1/nlp.txt").read_text() == "a  red bus"
    assert "exists already" in fails("fix", "lasot", root, "--patch", tmp_path / "a.patch")


def test_nothing_to_fix(tmp_path):
    root = dataset(tmp_path, {"bus-1": None, "bus-2": "  "})
    assert "no sequence has a text (2 looked at), so there is nothing to fix" in fails("fix", "lasot", root)
