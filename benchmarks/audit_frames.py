"""Bars of `chatdesc audit --frames`: planted faults that its checks find, and how often they are right.

    python benchmarks/audit_frames.py [--preset tiny --preset offline] [--seed 11] [--each 20] [--keep FOLDER] [--list]

Each seed renders `9 x each` scenes with a fault (planted_scenes.py) or without one. A finding of a kind is right on a
text in which this kind was planted. All checks of texts take part, as in an audit. `without encoder`: the same scenes
for a grounder alone, as if no encoder had been asked. Then `2 x each` scenes whose words geometry calls needed,
redundant or harmful (planted_words.py) are judged word by word. Several seeds are added up; intervals are Wilson's,
of 95 %. Thresholds and rules were chosen on the seeds 1 to 3, 11, 12 and 17; figures of others count.

--keep stores what the models saw, so that thresholds can be tried without them; files there are Python pickles, so read
only your own.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from planted_scenes import CHANGES, STOPS, UNCLEAR, planted, write_planted
from planted_words import ROLES, planted_words
from scipy.stats import binomtest

from chatdesc.checks import create
from chatdesc.checks.base import Subject
from chatdesc.checks.examine import examine
from chatdesc.checks.sights import Wordings, look_at
from chatdesc.config import Resources, from_preset
from chatdesc.loaders import load
from chatdesc.measures.words import role
from chatdesc.stages.look import Sight
from chatdesc.synthetic import Scene

FRAMES = 24
FOUND_AS = {
    "wrong_target": "wrong_target",
    "ambiguous": "ambiguous",
    "typo": "typo",
    STOPS: "does_not_hold",
    CHANGES: "does_not_hold",
}
Sights = Mapping[str, Sight]
Roles = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a preset's models saw of scenes, by the names of their sequences; ``roles``: of the words of their texts."""

    sights: Sights
    scenes: Mapping[str, Scene]
    roles: Mapping[str, Roles]


@dataclass(slots=True)
class Tally:
    """Faults planted and found, texts said to have such a fault, and those of them that have one."""

    planted: int = 0
    found: int = 0
    said: int = 0
    right: int = 0

    def __str__(self) -> str:
        return f"{self.planted:7d} {self.said:5d}  {_share(self.right, self.said)}  {_share(self.found, self.planted)}"


def seen_by(preset: str, root: Path, scenes: list[Scene], roles: Sequence[Roles] | None = None) -> Seen:
    """What the preset's models see of rendered scenes, of each word too if ``roles`` are given; kept."""
    kept, done = root.with_name(f"{preset}-{root.name}.pickle"), root / "names"
    if not done.exists():
        done.write_text("\n".join(write_planted(root, scenes, FRAMES)))
    names = done.read_text().split()
    by_name = {n: scene for n, scene in zip(names, scenes, strict=True) if scene.fault != UNCLEAR}
    if not kept.exists():
        data = load("synthetic", str(root))
        texts = {n: scene.manual for n, scene in by_name.items()}
        [sights] = look_at(data, [Wordings(texts)], from_preset(preset), Resources(), words=roles is not None)
        kept.write_bytes(pickle.dumps(dict(sights.by_name)))
    sights = {n: sight for n, sight in pickle.loads(kept.read_bytes()).items() if n in by_name}
    return Seen(sights, by_name, dict(zip(names, roles or (), strict=False)))


def faults(seen: Seen, tallies: Mapping[str, Tally], sights: Sights) -> Iterator[str]:
    """Count what an audit finds in planted scenes; a line for each text that is judged wrongly."""
    subjects = [Subject(name, s.text, name.rpartition("-")[0], sight=s) for name, s in sights.items()]
    findings, _ = examine(subjects, create())
    for name in sights:
        fault, kinds = seen.scenes[name].fault, {finding.kind for finding in findings.get(name, ())}
        for planted_fault, kind in FOUND_AS.items():
            tally = tallies[planted_fault]
            here, said, true = fault == planted_fault, kind in kinds, FOUND_AS.get(fault) == kind
            tally.planted += here
            tally.found += here and said
            tally.said += said
            tally.right += said and true
            if said != true and (here or not true):
                yield f"    {'wrong' if said else 'missed'}: {planted_fault}: {name} ({fault}): {sights[name].text}"


def by_grounding(sights: Sights) -> Sights:
    """The sights as if no encoder had been asked."""
    return {
        name: replace(
            sight,
            views=tuple(replace(v, alignment=None, alignments=np.full_like(v.alignments, np.nan)) for v in sight.views),
        )
        for name, sight in sights.items()
    }


def words(seen: Seen, tallies: Mapping[str, Tally]) -> Iterator[str]:
    """Count the roles of words that geometry tells; a line for each that is judged otherwise."""
    for name, sight in seen.sights.items():
        for without in sight.without:
            said, true = role(sight, without), seen.roles[name][without.word.text]
            for one in ROLES:
                tallies[one].planted += true == one
                tallies[one].said += said == one
                tallies[one].right += said == true == one
                tallies[one].found += said == true == one
            if said != true:
                yield f"    {without.word.text}: {said}, not {true}: {name}: {sight.text}"


def _share(part: int, whole: int) -> str:
    """A share with its 95 % interval by Wilson's formula."""
    if not whole:
        return f"{'-':^19}"
    low, high = binomtest(part, whole).proportion_ci(method="wilson")
    return f"{part / whole:.3f} [{low:.3f}, {high:.3f}]"


def _table(title: str, tallies: Mapping[str, Tally], wrong: Iterable[str], show: bool) -> None:
    print(f"{title}\n{'':14s} planted found  {'precision':19s}  {'recall':19s}")
    print("\n".join(f"{name:14s} {tally}" for name, tally in tallies.items() if tally.planted))
    if show:
        print("\n".join(wrong))
    print(flush=True)


def report(preset: str, seeds: list[int], each: int, keep: Path, show: bool) -> None:
    """Print the tables of a preset, over all seeds."""
    whole, alone, roles = (defaultdict[str, Tally](Tally) for _ in range(3))
    wrong, texts = defaultdict[str, list[str]](list), Counter[str]()
    for seed in seeds:
        seen = seen_by(preset, keep / f"planted-{seed}-{each}", planted(each, FRAMES, seed))
        texts["planted"] += len(seen.sights)
        wrong["planted"] += faults(seen, whole, seen.sights)
        wrong["alone"] += faults(seen, alone, by_grounding(seen.sights))
        seen = seen_by(preset, keep / f"words-{seed}-{each}", *planted_words(each, FRAMES, seed))
        texts["words"] += len(seen.sights)
        wrong["words"] += words(seen, roles)
    said = f"{preset}, seeds {', '.join(map(str, seeds))}"
    _table(f"{said}, {texts['planted']} texts", whole, wrong["planted"], show)
    lasting = {fault: alone[fault] for fault in (STOPS, CHANGES)}
    _table(f"{said}, without encoder", lasting, wrong["alone"], show)
    _table(f"{said}, words of {texts['words']} texts", {one: roles[one] for one in ROLES}, wrong["words"], show)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append")
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--list", action="store_true", help="name what is wrong and missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        keep = options.keep or Path(temporary)
        keep.mkdir(parents=True, exist_ok=True)
        for preset in options.preset or ("tiny", "offline"):
            report(preset, options.seed or [11], options.each, keep, options.list)


if __name__ == "__main__":
    main()
