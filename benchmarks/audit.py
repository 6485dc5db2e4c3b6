"""Bars of `chatdesc audit`: what its checks of texts find, and how often they are right.

    python benchmarks/audit.py [DATA] [--rounds 60] [--part planted --part real ...] [--list]

DATA is a folder with LaSOT's annotations of 280 sequences (lasot_annos), some of TNL2K's (tnl2k_annos) and OTB's (otb),
and published texts (published_texts); by default the shared data (see shared_data.py). Every figure stands once for the
half of the classes that thresholds were chosen on (at even positions in their order), and once for the other half.

planted: errors planted by a seed, one in each of one in twenty texts, so that they do not support each other; recall
per kind, and the precision of the findings of `real-word` over all these texts. real: LaSOT's texts as they are, with
verdicts by hand on every finding (tests/checks/verdicts.csv): would a careful copy editor change the words? others: the
forty most suspicious texts of TNL2K and OTB, with such verdicts. published: `real-word` on texts that share little
language. speed: 1,400 texts on one core.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest import mock

from corrupter import KINDS, Planted, plant
from shared_data import shared_folder

from chatdesc.checks import create, real_words
from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.corpus import Corpus
from chatdesc.checks.examine import examine
from chatdesc.checks.fix import CONFIDENCE
from chatdesc.checks.openings import head
from chatdesc.checks.ranking import counts, rank
from chatdesc.checks.real_words import STRANGE
from chatdesc.checks.siblings import words_of

PARTS = ("speed", "planted", "real", "others", "published")
PUBLISHED = ("cldtracker_lasot_test", "cldtracker_tnl2k_half", "cldtracker_otb")
RATE = 20  # one text in so many is corrupted
VERDICTS = Path(__file__).parents[1] / "tests/checks/verdicts.csv"
Found = dict[str, list[Finding]]
Own = Callable[[Subject, Finding], bool]
Verdicts = Mapping[tuple[str, str, str, int, int], str]


def lasot(data: Path) -> list[Subject]:
    paths = sorted((data / "lasot_annos").glob("*/*/nlp.txt"))
    return [Subject(p.parent.name, p.read_text(), p.parent.name.rpartition("-")[0]) for p in paths]


def tnl2k(data: Path) -> list[Subject]:
    """The texts of the annotations, then the first sentence of each published sequence: mostly the dataset's own."""
    paths = sorted((data / "tnl2k_annos").glob("*/*/language.txt"))
    texts = {path.parent.name: path.read_text("utf-8", "replace") for path in paths}
    for name, options in json.loads((data / "published_texts/cldtracker_tnl2k_half.json").read_text()).items():
        sentences = [text for text in options if " " in text and "," not in text]
        if sentences:
            texts.setdefault(name, sentences[0])
    return [Subject(name, text) for name, text in texts.items()]


def otb(data: Path) -> list[Subject]:
    """The texts of the annotations, and every sentence of the published ones, some of which models wrote."""
    paths = sorted((data / "otb").glob("OTB_query_*/*.txt"))
    found = [Subject(path.stem, path.read_text()) for path in paths]
    published = json.loads((data / "published_texts/cldtracker_otb.json").read_text())
    for name, texts in published.items():
        sentences = [text for text in texts if " " in text and "," not in text]
        found += [Subject(f"{name}/{n}", text) for n, text in enumerate(sentences)]
    return found


def findings(subjects: Sequence[Subject], names: Sequence[str] | None = None) -> Found:
    """What speaks against the texts."""
    found, _ = examine(subjects, create(names))
    return {s.sequence: [f for f in found.get(s.sequence, ()) if counts(f)] for s in subjects}


def even_classes(subjects: Iterable[Subject]) -> set[str]:
    return set(sorted({subject.category or "" for subject in subjects})[::2])


# ---------------------------------------------------------------- planted


@dataclass
class Tally:
    """Errors planted and found, the findings of `real-word`, right and wrong, and suggestions for non-words."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    suggested: Counter[tuple[bool, bool]] = field(default_factory=Counter)  # sure enough for `fix`, right
    right: int = 0
    wrong: int = 0
    texts: int = 0
    alarms: int = 0


def class_nouns(subjects: Sequence[Subject]) -> dict[str, str]:
    """The most frequent head of every class."""
    heads: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for subject in subjects:
        words = words_of(subject.text)
        index = head(words)
        if index is not None:
            heads[subject.category or ""][words[index]] += 1
    return {category: counted.most_common(1)[0][0] for category, counted in heads.items()}


def rounds(subjects: Sequence[Subject], number: int) -> Iterator[dict[str, Planted]]:
    nouns = class_nouns(subjects)
    for seed in range(number):
        rng = random.Random(seed)
        chosen = rng.sample(list(subjects), len(subjects) // RATE)
        made = [plant(KINDS[(i + seed) % len(KINDS)], subject, nouns, rng) for i, subject in enumerate(chosen)]
        yield {one.subject.sequence: one for one in made if one}


def touches(finding: Finding, planted: Planted) -> bool:
    """Whether a finding is about the planted error, or the word next to what is missing."""
    if finding.span is None:
        return False
    start, stop = planted.span
    return finding.span[0] <= stop + 1 and finding.span[1] >= start - 1


def mends(finding: Finding, planted: Planted) -> bool:
    """Whether a suggestion gives the text back as it was."""
    start, stop = finding.span or (0, 0)
    text = planted.subject.text
    return f"{text[:start]}{finding.suggestion}{text[stop:]}".split() == planted.before.split()


def tally(subjects: Sequence[Subject], number: int, verdicts: Verdicts, show: bool) -> dict[bool, Tally]:
    even, own = even_classes(subjects), own_errors(subjects, verdicts)
    tallies = {half: Tally() for half in (True, False)}
    for planted in rounds(subjects, number):
        mixed = [planted[s.sequence].subject if s.sequence in planted else s for s in subjects]
        found = findings(mixed)
        for subject in mixed:
            half = tallies[(subject.category or "") in even]
            error = planted.get(subject.sequence)
            _count(half, subject, error, found[subject.sequence], own, show)
    return tallies


def own_errors(subjects: Sequence[Subject], verdicts: Verdicts) -> Own:
    """Whether a finding is on words that are wrong in the dataset itself; spans shift where an error is planted."""
    texts = {subject.sequence: subject.text for subject in subjects}
    known = {
        (name, check, texts[name][start:stop])
        for (source, name, check, start, stop), verdict in verdicts.items()
        if source == "lasot" and verdict == "right"
    }
    return lambda subject, finding: (subject.sequence, finding.check, words_at(subject, finding)) in known


def words_at(subject: Subject, finding: Finding) -> str:
    """The characters that a finding is about."""
    start, stop = finding.span or (0, len(subject.text))
    return subject.text[start:stop]


def _count(half: Tally, subject: Subject, error: Planted | None, found: list[Finding], own: Own, show: bool) -> None:
    hits = [f for f in found if error and touches(f, error)]
    if error:
        half.planted[error.kind] += 1
        half.found[error.kind] += bool(hits)
        if show and not hits:
            print(f"missed {error.kind}: {subject.sequence}: {subject.text!r} (was {error.before!r})")
        for finding in hits:
            if error.kind == "non-word" and finding.check == "non-word":
                half.suggested[finding.evidence.get("confidence", 0) >= CONFIDENCE, mends(finding, error)] += 1
    half.texts += not error
    for finding in found:
        right = finding in hits
        if not right and own(subject, finding):
            continue  # an error of the dataset's own
        half.alarms += not right and not error
        if finding.check == "real-word":
            half.right += right
            half.wrong += not right
        if show and not right:
            print(f"alarm {finding.check}: {subject.sequence}: {subject.text!r}: {finding.reason}")


def planted_table(tallies: Mapping[bool, Tally]) -> None:
    print("\n| planted | recall, half chosen on | recall, half reported | errors |\n| --- | --- | --- | --- |")
    chosen, reported = tallies[True], tallies[False]
    for kind in KINDS:
        cells = [f"{half.found[kind] / max(half.planted[kind], 1):.3f}" for half in (chosen, reported)]
        print(f"| {kind} | {' | '.join(cells)} | {chosen.planted[kind]} + {reported.planted[kind]} |")
    for sure, name in (
        (True, f"suggestions right, confidence {CONFIDENCE} or more"),
        (False, "suggestions right, others"),
    ):
        counted = [(half.suggested[sure, True], half.suggested[sure, False]) for half in (chosen, reported)]
        shares = " | ".join(f"{right / max(right + wrong, 1):.3f}" for right, wrong in counted)
        print(f"| {name} | {shares} | {' + '.join(str(sum(pair)) for pair in counted)} |")
    cells = [f"{half.right / max(half.right + half.wrong, 1):.3f}" for half in (chosen, reported)]
    total = f"{chosen.right + chosen.wrong} + {reported.right + reported.wrong}"
    print(f"| precision of real-word | {' | '.join(cells)} | {total} |")
    print(f"| false alarms in texts without an error | {chosen.alarms} | {reported.alarms} | "
          f"{chosen.texts} + {reported.texts} texts |")  # fmt: skip


# ---------------------------------------------------------------- real texts


def read_verdicts() -> Verdicts:
    with VERDICTS.open(newline="") as lines:
        rows = csv.DictReader(lines)
        return {(r["source"], r["sequence"], r["check"], int(r["start"]), int(r["stop"])): r["verdict"] for r in rows}


def verdict_on(verdicts: Verdicts, source: str, subject: Subject, finding: Finding) -> str:
    """``right``, ``wrong``, or ``none``."""
    span = finding.span or (0, len(subject.text))
    return verdicts.get((source, subject.sequence, finding.check, *span), "none")


def real_table(subjects: Sequence[Subject], verdicts: Verdicts, show: bool) -> None:
    even = even_classes(subjects)
    found = findings(subjects)
    print("\n| LaSOT's texts | half chosen on | half reported |\n| --- | --- | --- |")
    cells: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for subject in subjects:
        for finding in found[subject.sequence]:
            verdict = verdict_on(verdicts, "lasot", subject, finding)
            cells[(subject.category or "") in even][verdict] += 1
            if show or verdict == "none":
                print_finding("lasot", subject, finding, verdict)
    for verdict in ("right", "wrong", "none"):
        print(f"| findings, verdict {verdict} | {cells[True][verdict]} | {cells[False][verdict]} |")
    shares = [cells[half]["right"] / max(cells[half].total(), 1) for half in (True, False)]
    print(f"| share that an editor would change | {shares[0]:.3f} | {shares[1]:.3f} |")


def others_table(data: Path, verdicts: Verdicts, show: bool) -> None:
    """Each dataset is audited by itself; the forty are the most suspicious of both."""
    suspects = []
    for source, subjects in (("tnl2k", tnl2k(data)), ("otb", otb(data))):
        by_name = {subject.sequence: subject for subject in subjects}
        ranked = rank(subjects, findings(subjects))
        suspects += [(s.suspicion, source, by_name[s.sequences[0]], s.findings[0]) for s in ranked if s.suspicion > 0]
    worst = sorted(suspects, key=lambda suspect: -suspect[0])[:40]
    tallied: Counter[tuple[str, str]] = Counter()
    for _, source, subject, finding in worst:
        verdict = verdict_on(verdicts, source, subject, finding)
        tallied[source, verdict] += 1
        if show or verdict == "none":
            print_finding(source, subject, finding, verdict)
    print(f"\n| the {len(worst)} most suspicious of {len(suspects)} | TNL2K | OTB |\n| --- | --- | --- |")
    for verdict in ("right", "wrong", "none"):
        print(f"| verdict {verdict} | {tallied['tnl2k', verdict]} | {tallied['otb', verdict]} |")
    right = tallied["tnl2k", "right"] + tallied["otb", "right"]
    print(f"| share right of all | {right / max(len(worst), 1):.3f} | |")


def print_finding(source: str, subject: Subject, finding: Finding, verdict: str) -> None:
    """A line for verdicts.csv, and the text for who gives the verdict."""
    start, stop = finding.span or (0, len(subject.text))
    print(f"{source},{subject.sequence},{finding.check},{start},{stop},{verdict} # "
          f"{subject.text.strip()!r} [{subject.text[start:stop]}] {finding.reason}")  # fmt: skip


# ---------------------------------------------------------------- published texts


def published(data: Path, name: str) -> list[Subject]:
    """All texts of a file, most of which models wrote, with the classes of LaSOT."""
    content = json.loads((data / f"published_texts/{name}.json").read_text()).items()
    of = {key: key.rpartition("-")[0] if "lasot" in name else None for key, _ in content}
    return [Subject(f"{key}/{n}", text, of[key]) for key, texts in content for n, text in enumerate(texts)]


def published_table(data: Path, verdicts: Verdicts, show: bool) -> None:
    """`real-word` where texts share little language: what it says, and what it would say if it always spoke."""
    sources = {"LaSOT": (lasot(data), "lasot"), "TNL2K": (tnl2k(data), "tnl2k")}
    sources |= {name: (published(data, name), name) for name in PUBLISHED}
    print("\n| texts | half | texts | surprise | real-word: right, wrong | if it always spoke |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for title, (subjects, source) in sources.items():
        chosen = set(sorted({_group(subject) for subject in subjects})[::2])
        for even in (True, False):
            half = [subject for subject in subjects if (_group(subject) in chosen) == even]
            with_rule, without = (_spoken(half, source, verdicts, most, show) for most in (STRANGE, math.inf))
            print(f"| {title} | {'chosen on' if even else 'reported'} | {len(half)} | {Corpus(half).surprise:.2f} | "
                  f"{with_rule['right']}, {with_rule['wrong']} | {without['right']}, {without['wrong']} |")  # fmt: skip


def _group(subject: Subject) -> str:
    """A text's class, or its sequence where there are no classes."""
    return subject.category or subject.sequence.split("/")[0]


def _spoken(half: Sequence[Subject], source: str, verdicts: Verdicts, most: float, show: bool) -> Counter[str]:
    """Verdicts on the findings that come from the texts' own language."""
    with mock.patch.object(real_words, "STRANGE", most):
        found = findings(half, ["real-word"])
    told: Counter[str] = Counter()
    for subject in half:
        for finding in found[subject.sequence]:
            if "score" in finding.evidence:
                verdict = verdict_on(verdicts, source, subject, finding)
                told[verdict] += 1
                if show or verdict == "none":
                    print_finding(source, subject, finding, verdict)
    return told


# ---------------------------------------------------------------- speed


def speed(data: Path) -> None:
    texts = list({s.text: s for s in (*lasot(data), *tnl2k(data), *otb(data))}.values())
    some = [replace(texts[i % len(texts)], sequence=f"{texts[i % len(texts)].sequence}-{i}") for i in range(1400)]
    start = time.process_time()
    found = findings(some)
    took = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cost = f"{took:.1f} s of one core, peak {peak:.0f} MB"
    number = sum(map(len, found.values()))
    print(f"\n1,400 texts of LaSOT, TNL2K and OTB ({len(texts)} distinct): {cost}, {number} findings")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    parser.add_argument("--list", action="store_true", help="print what was missed, and every finding")
    args = parser.parse_args()
    parts = args.part or PARTS
    data, verdicts = args.data or shared_folder("lasot_annos", "tnl2k_annos", "otb", "published_texts"), read_verdicts()
    if "speed" in parts:
        speed(data)
    if "planted" in parts:
        planted_table(tally(lasot(data), args.rounds, verdicts, args.list))
    if "real" in parts:
        real_table(lasot(data), verdicts, args.list)
    if "others" in parts:
        others_table(data, verdicts, args.list)
    if "published" in parts:
        published_table(data, verdicts, args.list)


if __name__ == "__main__":
    main()
