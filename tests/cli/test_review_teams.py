"""review-export and review-import on the command line."""

from __future__ import annotations

import json

from chatdesc.rows.store import Store
from tests.makers.commands import call, fails
from tests.makers.reviews import answered, reviewed


def test_there_and_back(tmp_path):
    run = reviewed(tmp_path)
    sent = call("review-export", run, "--to", "label-studio", "--root", tmp_path / "data", "--out", tmp_path / "out")
    assert sent.exit_code == 0 and f"3 rows for review in {tmp_path / 'out'}" in sent.output
    assert len([*(tmp_path / "out" / "pictures").iterdir()]) == 6
    answered(next(iter(Store(run).rows(Store(run).names()))), tmp_path)
    files = (tmp_path / "label-studio.json", tmp_path / "argilla.json")
    taken = call("review-import", run, *files, "--reviewer", "1=ada", "--reviewer", "7=ben")
    assert taken.exit_code == 0 and f"2 new decisions in {run / 'review'}" in taken.output
    assert "ada" in taken.output and "ben" in taken.output
    again = call("review-import", run, *files)
    assert again.exit_code == 0 and "0 new decisions" in again.output and "2 known before" in again.output


def test_what_is_no_decision_is_said_and_is_no_success(tmp_path):
    run = reviewed(tmp_path)
    answered(next(iter(Store(run).rows(Store(run).names()))), tmp_path)
    task = json.loads((tmp_path / "label-studio.json").read_text())[0]
    task["data"]["sequence"] = "star-9\x1b[31m"
    (tmp_path / "odd.json").write_text(json.dumps([task]))
    done = call("review-import", run, tmp_path / "odd.json")
    assert done.exit_code == 1 and "no such row in the source; did you mean star-" in done.output
    assert "\x1b[31m" not in done.output and not (run / "review").exists()


def test_two_names_are_one_too_many(tmp_path):
    run = reviewed(tmp_path)
    answered(next(iter(Store(run).rows(Store(run).names()))), tmp_path)
    said = fails("review-import", run, tmp_path / "argilla.json", "--reviewer", "ada", "--reviewer", "ben")
    assert "ANNOTATOR=NAME" in said
