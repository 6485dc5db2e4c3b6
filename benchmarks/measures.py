"""Which measures of a text can be trusted: their rank correlation with what tracking gains from the text.

    python benchmarks/measures.py [--preset tiny] [--seed 301 --seed 302] [--count 20] [--measure NAME] [--ask] [--list]
        [--keep FOLDER]

Each seed renders `count` sequences with six texts each (measured_scenes.py), which all measures judge on 8 of 24
frames. A text's gain is the mean IoU of semantic tracking with it, less that without words, over trackers that drift
or switch to another thing (training/films.py). Correlations are Spearman's: *pooled* over all texts of all sequences,
and *within*, the mean over sequences of the correlation among the texts of one; intervals are of 95 %, over sequences.

Two bars: a text that stops holding is found at the right frame, within one of the frames that were looked at, in .9 of
the sequences; and a shuffled text ranks below the good one in .95, in every measure. `below all` asks for more: below
the ambiguous text and the one that stops, too. Ties do not count as below.

No describer of the package learned to answer questions. `questions` is answered by a program that looks for the word in
the text, which shows what the questions are worth with a reader that never errs; `--ask` asks the preset's describer
instead, and `vqa` takes part. `--measure` (repeatable) takes some measures alone. `--keep` stores what was judged per
seed, so that seeds may run apart; files there are Python pickles, so read only your own. Limits were chosen on the
seeds 1 and 2, formulas on 1 to 5; figures of others count.
"""

from __future__ import annotations

import argparse
import pickle
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measured_scenes import KINDS, SHUFFLED, Told, told
from planted_scenes import write_planted
from scipy.stats import binomtest

from chatdesc.backends import create
from chatdesc.config import Settings, from_preset
from chatdesc.engine.models import Models
from chatdesc.evaluation.measuring import MeasureModels, measure_texts
from chatdesc.loaders import Dataset, load
from chatdesc.measures.case import ANSWERS
from chatdesc.measures.registry import MEASURES
from chatdesc.metrics.overlap import iou
from chatdesc.metrics.rank_correlation import over_sequences, spearman
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.track import Phrase
from chatdesc.types import Ask, BackendError, Describe, Reply

sys.path.append(str(Path(__file__).resolve().parent.parent / "training"))

from films import Bench, Film, Remembered

FRAMES, EVERY = 24, 8
TRACKERS = ("drift", "switch")
ABOUT = ("good", "ambiguous", "stops")  # texts that somebody wrote about the target
Records = Mapping[str, Mapping[str, MeasureRecord]]  # by measure and text


@dataclass(frozen=True)
class Judged:
    """A sequence with its texts, what the measures say of each, and what tracking gains from it."""

    name: str
    told: Told
    records: Records
    gains: Mapping[str, float]

    def value(self, measure: str, kind: str) -> float:
        found = self.records.get(measure, {}).get(kind)
        return np.nan if found is None or found["value"] is None else found["value"]


class Reader:
    """Answers questions about a text by looking for the word in it."""

    name, max_batch, workers = "a program", 64, 1
    asked = re.compile(r'words: "(.*)"\n.*the object is (?:a |")([\w ]+)"?\?', re.S)

    def describe_self(self) -> dict[str, str]:
        return {"name": self.name}

    def describe(self, requests: list[Describe]) -> list[str | Exception]:
        return [BackendError("this program answers questions alone") for _ in requests]

    def ask(self, requests: list[Ask]) -> list[Reply | Exception]:
        return [Reply(found[2] in found[1].split()) for r in requests if (found := self.asked.search(r.question))]


@dataclass(frozen=True, slots=True)
class Reading(MeasureModels):
    """The models, with a Reader in place of the describer."""

    def load(self, measures: Iterable[str]) -> Models:
        models = MeasureModels.load(self, [name for name in measures if ANSWERS not in MEASURES[name].needs])
        models.describer = Reader()
        return models


def judged(seed: int, count: int, models: MeasureModels, measures: Sequence[str]) -> list[Judged]:
    made = told(count, FRAMES, seed)
    with tempfile.TemporaryDirectory() as folder:
        names = write_planted(Path(folder), [one.scene for one in made], FRAMES)
        data = load("synthetic", folder)
        texts = {n: {k: (Phrase(0, one.texts[k]),) for k in KINDS} for n, one in zip(names, made, strict=True)}
        begun = time.perf_counter()
        found = measure_texts(data, texts, measures, models)
        took = time.perf_counter() - begun
        print(f"seed {seed}: {count} sequences measured in {took:.0f} s", file=sys.stderr, flush=True)
        gains = gained(data, dict(zip(names, made, strict=True)), models.settings)
    assert not found.failed, found.failed
    records = {
        n: {m: {r["text"]: r for r in of if r["measure"] == m} for m in measures} for n, of in found.by_name.items()
    }
    return [Judged(f"{seed}/{n}", one, records[n], gains[n]) for n, one in zip(names, made, strict=True)]


def _kept(folder: Path | None, seed: int, count: int, models: MeasureModels, measures: Sequence[str]) -> list[Judged]:
    if folder is None:
        return judged(seed, count, models, measures)
    place = folder / f"{models.settings.grounder.replace(':', '-')}-{seed}-{count}-{'+'.join(measures)}.pickle"
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        place.write_bytes(pickle.dumps(judged(seed, count, models, measures)))
    return list(pickle.loads(place.read_bytes()))


def gained(data: Dataset, made: Mapping[str, Told], settings: Settings) -> dict[str, dict[str, float]]:
    """Mean IoU with each text, less that without, by sequence and text; over TRACKERS and frames with the target."""
    grounder = create("grounder", settings.grounder, device="cpu")
    encoder = create("encoder", settings.encoders[0], device="cpu")
    films = {}
    for name, one in made.items():
        things = np.array([[one.scene.box(t, k) for k in range(FRAMES)] for t in one.scene.things], np.float32)
        films |= {(name, kind): Film(data[name], things, one.texts.get(kind, ""), ()) for kind in ("", *KINDS)}
    bench = Bench(list(films.values()), Remembered(grounder), encoder, settings, grounder.threshold)
    verifier = create("verifier", settings.verifier, device="cpu")
    keys = {id(film): key for key, film in films.items()}
    ious: dict[tuple[str, str], list[float]] = {key: [] for key in films}
    for kind in TRACKERS:
        alone = [film for (_, text), film in films.items() if not text]
        spoken = [film for (_, text), film in films.items() if text]
        for chosen, judge in ((alone, None), (spoken, verifier)):
            for film, done in bench.run(kind, chosen, settings.verifier, judge):
                seen = film.sequence.valid()
                ious[keys[id(film)]].append(float(iou(done.boxes[seen], film.sequence.boxes[seen]).mean()))
    mean = {key: float(np.mean(values)) for key, values in ious.items()}
    return {name: {kind: mean[name, kind] - mean[name, ""] for kind in KINDS} for name in made}


def correlations(found: Sequence[Judged], measures: Sequence[str]) -> None:
    gains = np.array([[one.gains[kind] for kind in KINDS] for one in found])
    print(f"\nRank correlation with tracking gain, {len(found)} sequences x {len(KINDS)} texts")
    print("| measure | pooled | 95 % | within | 95 % | n |\n" + "| --- " * 6 + "|")
    for measure in measures:
        values = np.array([[one.value(measure, kind) for kind in KINDS] for one in found])
        pooled = lambda rows, v=values: spearman(v[rows].ravel(), gains[rows].ravel())  # noqa: E731
        each = [spearman(v, g) for v, g in zip(values, gains, strict=True)]
        own = np.array([np.nan if r is None else r for r in each])
        within = lambda rows, r=own: float(np.nanmean(r[rows])) if (~np.isnan(r[rows])).any() else None  # noqa: E731
        cells = []
        for statistic in (pooled, within):
            value, bounds = statistic(np.arange(len(found))), over_sequences(statistic, len(found))
            cells += [_number(value), "-" if bounds is None else f"{bounds[0]:+.2f} to {bounds[1]:+.2f}"]
        print(f"| `{measure}` | {' | '.join(cells)} | {int((~np.isnan(values)).sum())} |")
    print("mean gain: " + ", ".join(f"{k} {g:+.3f}" for k, g in zip(KINDS, gains.mean(0), strict=True)))


def shuffled(found: Sequence[Judged], measures: Sequence[str]) -> None:
    print(
        "\nShuffled texts: share of sequences in which they are below the good text (ties), and below all of "
        + ", ".join(ABOUT)
    )
    print("| measure |" + "".join(f" {kind} | ties | below all |" for kind in SHUFFLED) + "\n" + "| --- " * 7 + "|")
    for measure in measures:
        cells = []
        for kind in SHUFFLED:
            pairs = [[_low(one.value(measure, k)) for k in (kind, *ABOUT)] for one in found]
            below, ties = (np.mean([test(a, b) for a, b, *_ in pairs]) for test in (np.less, np.equal))
            cells += [f"{below:.3f}", f"{ties:.3f}", f"{np.mean([a < min(rest) for a, *rest in pairs]):.3f}"]
        print(f"| `{measure}` | {' | '.join(cells)} |")
    most = [True] * (len(found) - 1)
    print(f"\nAll, with a 95 % interval: {_share([*most, True])}; all but one: {_share([*most, False])}")


def stopped(found: Sequence[Judged], show: bool) -> None:
    right, false = [], []
    for one in found:
        of = one.records["validity"]
        frames, at = of["stops"]["frames"], of["stops"]["stops_at"]
        true = next(k for k, frame in enumerate(frames) if frame >= one.told.stops_at)
        right.append(at is not None and abs(frames.index(at) - true) <= 1)
        false.append(of["good"]["stops_at"] is not None)
        if show and not right[-1]:
            print(f"    {one.name}: {one.told.texts['stops']!r} stops at {one.told.stops_at}, found {at}")
    print("\nTexts that stop holding: found within one key frame in " + _share(right), end="; ")
    print("a good text is said to stop in " + _share(false))


def _share(flags: Sequence[bool]) -> str:
    """A share with its 95 % interval by Wilson's formula."""
    found = binomtest(sum(flags), len(flags))
    low, high = found.proportion_ci(method="wilson")
    return f"{found.statistic:.3f} [{low:.3f}, {high:.3f}] of {len(flags)}"


def _low(value: float) -> float:
    """A value to be ranked: a text without one comes last."""
    return -np.inf if np.isnan(value) else value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--measure", action="append", help="this measure; repeatable (default: all)")
    parser.add_argument("--ask", action="store_true", help="also ask the preset's describer")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--list", action="store_true", help="name the texts whose end is missed")
    options = parser.parse_args()
    settings = from_preset(options.preset, ground_every=EVERY, region="box")
    asked = list(MEASURES) if options.ask else [name for name in MEASURES if name != "vqa"]
    measures = options.measure or asked
    models = MeasureModels(settings) if options.ask else Reading(settings)
    seeds = options.seed or [301, 302]
    found = [one for seed in seeds for one in _kept(options.keep, seed, options.count, models, measures)]
    print(f"{options.preset}, seeds {', '.join(map(str, seeds))}")
    if "validity" in measures:
        stopped(found, options.list)
    shuffled(found, measures)
    correlations(found, measures)


if __name__ == "__main__":
    main()
