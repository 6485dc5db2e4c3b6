"""The bars of benchmarks/audit.py, on fewer errors: LaSOT's texts as they are, and with errors planted."""

from __future__ import annotations

import pytest


@pytest.fixture
def bench(benchmark_of):
    return benchmark_of("audit")


@pytest.mark.parametrize("name", ["audit", "gibberish"])
def test_a_benchmark_without_its_data_says_so_and_lets_the_next_one_run(
    benchmark_of, tmp_path, monkeypatch, capsys, name
):
    monkeypatch.setenv("CHATDESC_SHARED_DATA", str(tmp_path))
    monkeypatch.setattr("sys.argv", [f"{name}.py"])
    with pytest.raises(SystemExit) as ended:
        benchmark_of(name).main()
    said = capsys.readouterr().out
    assert ended.value.code == 0 and said.startswith(f"skipped: {tmp_path} has no ") and "published_texts" in said


def test_an_editor_would_change_what_is_found(bench, shared_data):
    subjects, verdicts = bench.lasot(shared_data), bench.read_verdicts()
    found = bench.findings(subjects)
    given = [bench.verdict_on(verdicts, "lasot", s, finding) for s in subjects for finding in found[s.sequence]]
    assert set(given) == {"right"}
    assert len(given) == sum(source == "lasot" for source, *_ in verdicts)
    words = {bench.words_at(s, finding) for s in subjects for finding in found[s.sequence]}
    assert not words & {"gametarget", "yoyo", "grey", "colored"}


@pytest.mark.slow
def test_planted_errors_are_found(bench, shared_data):
    halves = bench.tally(bench.lasot(shared_data), 12, bench.read_verdicts(), show=False)
    for kind in bench.KINDS:
        planted = sum(half.planted[kind] for half in halves.values())
        share = sum(half.found[kind] for half in halves.values()) / planted
        assert share >= (0.7 if kind in ("real word", "verb form") else 0.8 if kind == "number" else 0.9), kind
    assert sum(half.alarms for half in halves.values()) <= 5


def test_the_most_suspicious_of_other_datasets(bench, shared_data, capsys):
    bench.others_table(shared_data, bench.read_verdicts(), show=False)
    table = capsys.readouterr().out
    share = float(table.rpartition("share right of all | ")[2].split()[0])
    assert share >= 0.85
