"""Claim: a run is as fast as its slowest stage, its batches are full, and its memory does not grow.

    python benchmarks/pipeline.py [--before OTHER] [steps run decode memory presets]

``--before`` names a checkout of another version, which is measured by the same script in the same run.

``steps``: sequences that ask stand-in stages (``pipeline_stages.py``) in and out of step, through the scheduler alone,
on a clock of its own (``virtual_time.py``). ``run``: the same stand-ins as backends of ``annotate``, on synthetic
sequences, as time goes by. In both a call sleeps for a fixed time and a time per item. A stage's *limit* is the time of
its requests in the fewest calls that could hold them, ``ceil(items / max_batch)``, without a pause between the calls.
The run's limit is that of its slowest stage, and its *efficiency* is this limit over the time that the run took from
its first request to its last row.

``decode``: a tracker that takes a fixed time for a frame that it must read; its frames are decoded ahead. ``memory``:
the peak of a process that annotates few sequences or many, short ones or long ones, with stand-ins that
decode every frame.

``presets``: real backends on the CPU. There all stages share the cores, so there are two limits: the stage that is at
work longest, by worker, and the CPU time of the whole process over the cores. A run that is at this second limit has a
thread to run for every core at any time. That is sampled, because on a machine that does other work as well a thread
that could run may have to wait for a core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from pipeline_stages import SCENARIOS, backends, plan, sequence, stages
from sampled import Sampled
from virtual_time import virtual_time

from chatdesc.config import Resources, from_preset
from chatdesc.engine.models import Models
from chatdesc.engine.run import Run
from chatdesc.engine.schedule import Scheduler
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import Follow, FrameCache, Frames

HERE, SEQUENCES = Path(__file__).parents[1], 1500
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def steps(sequences: int = SEQUENCES) -> None:
    """Sequences in step and out of step, where each of three stages is the slowest."""
    for slowest, costs in SCENARIOS.items():
        for order in ("in step", "out of step"):
            found, lanes = stages(costs)
            rng = np.random.default_rng(0) if order == "out of step" else None
            jobs = [(k, sequence(iter(list(plan(rng))))) for k in range(sequences)]
            with virtual_time() as clock, patch("pipeline_stages.time", clock):
                for _, result in Scheduler(lanes).run(jobs):
                    if result is not None:
                        raise result
            report(f"{order}, {slowest} slowest", clock.now, found, lanes)


def run(sequences: int = SEQUENCES, slower: float = 4.0) -> None:
    """``annotate`` with stand-ins, nearer to the times of models, as rows and files take the time that they take."""
    costs = {
        name: cost._replace(per_call=slower * cost.per_call, per_item=slower * cost.per_item)
        for name, cost in SCENARIOS["ground"].items()
    }
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "data")
        render(root, count=sequences, frames=40, seed=1)
        run, held = stand_in_run(root, Path(place, "run"), backends(costs))
        start = time.perf_counter()
        lanes = annotate(run)
        seconds = time.perf_counter() - start
        found = {name: backend.stage for name, backend in held.items()}
        report("annotate, ground slowest", seconds, found, lanes, 40 * sequences)


def stand_in_run(root: Path, out: Path, held: dict[str, Any]) -> tuple[Run, dict[str, Any]]:
    """A run whose models are stand-ins."""
    settings = from_preset("offline")
    models = Models(
        held["describe"], held["ground"], held["track"], {settings.encoders[0]: held["embed"]},
        {settings.verifier: held["verify"]},
    )  # fmt: skip
    data = load("synthetic", root, cache=FrameCache(32))
    made_by = Run.create(data, out, from_preset("offline"), Resources()).provenance
    return Run(data, settings, Resources(), models, out, made_by), held


def annotate(run: Run) -> list[Any]:
    """The lanes of a run of all pending sequences."""
    lanes, make = [], run.models.lanes

    class Watched(Models):
        __slots__ = ()

        def lanes(self) -> list[Any]:
            lanes.extend(make())
            return lanes

    models, run.models = run.models, Watched(*(getattr(run.models, name) for name in Models.__slots__))
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
    run.models = models
    return lanes


def report(name: str, seconds: float, found: dict[str, Any], lanes: list[Any], frames: int = 0) -> None:
    """Send what was measured to the process that prints it; stages and lanes are in the same order."""
    rows = []
    for (stage, one), use in zip(found.items(), (lane.use for lane in lanes), strict=True):
        rows.append({
            "stage": stage, "calls": one.calls, "ideal": one.ideal, "items": one.items, "busy": use.busy,
            "fill": one.items / (one.calls * one.cost.max_batch) if one.calls else 0.0, "limit": one.least,
            "waiting": 1000 * use.waited / max(one.items, 1),
        })  # fmt: skip
    print(json.dumps({"name": name, "seconds": seconds, "frames": frames, "stages": rows}), flush=True)


def decode(frames: int = 300, seconds: float = 0.012) -> None:
    """A tracker that takes a fixed time for a frame, on frames of 960 x 540 pixels that must be decoded."""
    import cv2

    from chatdesc.backends.frame_by_frame import follow

    image = cv2.resize(np.random.default_rng(0).integers(0, 255, (68, 120, 3), np.uint8), (960, 540))
    encoded = cv2.imencode(".jpg", image)[1].tobytes()
    video = Frames(tuple(f"{i}.jpg" for i in range(frames)), lambda path: encoded, FrameCache(32))

    class Session:
        box = np.zeros(4, np.float32)

    def step(_: Session, index: int) -> float:
        _ = video[index]
        time.sleep(seconds)
        return 1.0

    start = time.perf_counter()
    follow(Follow(video, 1, frames), Session(), step)
    took = time.perf_counter() - start
    found = {"seconds": took, "limit": seconds * (frames - 1), "decoding": video.cache.seconds}
    print(json.dumps(found | {"frames": frames, "decoded": video.cache.decoded}), flush=True)


def memory(count: int, frames: int) -> None:
    """The peak of this process in MiB, after ``annotate`` with stand-ins that decode every frame."""
    with contextlib.suppress(ImportError):  # the version before has no such thing
        from chatdesc.engine.memory import one_arena

        one_arena()
    fast = {name: cost._replace(per_call=0.0002, per_item=0.0) for name, cost in SCENARIOS["ground"].items()}
    with tempfile.TemporaryDirectory() as place:
        linked(Path(place, "data"), count, frames)
        run, _ = stand_in_run(Path(place, "data"), Path(place, "run"), backends(fast, reads=True))
        with Store.open(run.out, run.config()) as store:
            run.annotate(store)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"name": f"{count} x {frames}", "peak": peak}), flush=True)


def linked(root: Path, count: int, frames: int) -> None:
    """So many sequences of so many frames in LaSOT's layout; all frames are one picture under many names."""
    render(root / "one", count=1, frames=2, seed=1)
    picture = next((root / "one").rglob("00000001.jpg"))
    for number in range(1, count + 1):
        folder = root / "kite" / f"kite-{number}"
        (folder / "img").mkdir(parents=True)
        (folder / "groundtruth.txt").write_text("20,20,40,40\n" * frames)
        (folder / "nlp.txt").write_text("a kite\n")
        for name in ("full_occlusion.txt", "out_of_view.txt"):
            (folder / name).write_text(",".join("0" * frames) + "\n")
        for frame in range(1, frames + 1):
            (folder / "img" / f"{frame:08d}.jpg").hardlink_to(picture)
    (root / "testing_set.txt").write_text("".join(f"kite-{number}\n" for number in range(1, count + 1)))


def presets(preset: str, root: str, out: str) -> None:
    """``annotate`` with a preset's own backends; the models are loaded before."""
    data = load("synthetic", root, cache=FrameCache(32))
    warm = load("synthetic", root, sequences=data.names[:1], cache=FrameCache(32))
    run = Run.create(warm, Path(out, "warm"), from_preset(preset), Resources(cache=""))
    run.resources = Resources(cache="")
    annotate(run)
    run.dataset, run.out = data, Path(out, "run")
    cpu, start = time.process_time(), time.perf_counter()
    with Sampled(runnable, 0.02) as share:
        lanes = annotate(run)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    rows = [
        {
            "stage": (lane.kind[0] if isinstance(lane.kind, tuple) else lane.kind).__name__,
            "calls": lane.use.calls,
            "items": lane.use.items,
            "busy": lane.use.busy,
            "limit": lane.use.busy / lane.workers,
            "fill": lane.use.items / (lane.use.calls * lane.max_batch),
            "waiting": 1000 * lane.use.waited / lane.use.items,
        }
        for lane in lanes
        if lane.use.calls
    ]
    frames = sum(len(one) for one in data)
    print(json.dumps({"name": preset, "seconds": seconds, "frames": frames, "stages": rows, "cpu": cpu,
                      "runnable": share.mean or 0.0}), flush=True)  # fmt: skip


def runnable() -> float:
    """Share of the cores for which this process has a thread that runs or could: on a busy machine it may wait."""
    own = str(threading.get_native_id())
    tasks = [task for task in Path("/proc/self/task").iterdir() if task.name != own]
    return min(sum(state_of(task) == "R" for task in tasks), CORES) / CORES


def state_of(task: Path) -> str:
    """What a thread does: R where it runs or waits for a core; none where it has ended."""
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def child(checkout: str, *arguments: str) -> list[dict[str, Any]]:
    """What this script reports when it runs on the code of a checkout."""
    environment = os.environ | {"PYTHONPATH": checkout}
    command = [sys.executable, __file__, "--child", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def table(found: dict[str, Any]) -> float:
    """Print the stages of one measurement; its efficiency."""
    print("  stage       calls   ideal   items  fill, %  busy, s  limit, s  wait, ms")
    for row in found["stages"]:
        print(
            f"  {row['stage'][:10]:10}{row['calls']:7,}{row.get('ideal', 0) or '-':>8}{row['items']:8,}"
            f"{100 * row['fill']:9.0f}{row['busy']:9.2f}{row['limit']:10.2f}{row['waiting']:10.0f}"
        )
    slowest = max(found["stages"], key=lambda row: row["limit"])
    efficiency = slowest["limit"] / found["seconds"]
    frames = f", {found['frames'] / found['seconds']:.0f} frames/s" if found["frames"] else ""
    print(
        f"  {found['seconds']:.2f} s{frames}; limit {slowest['limit']:.2f} s ({slowest['stage']}): "
        f"efficiency {efficiency:.2f}"
    )
    return efficiency


def show_stand_ins(versions: dict[str, str], part: str) -> None:
    """Both versions with stand-ins, side by side in the order of the scenarios."""
    found = {version: child(path, part) for version, path in versions.items()}
    for results in zip(*found.values(), strict=True):
        for version, one in zip(found, results, strict=True):
            print(f"\n{one['name']}; {version}:")
            table(one)
            batched = [row for row in one["stages"] if row["ideal"] < row["items"]]
            worst = max(batched, key=lambda row: row["calls"] / row["ideal"])
            print(f"  calls at most {worst['calls'] / worst['ideal']:.2f} x the fewest ({worst['stage']})")


def show_decoding(versions: dict[str, str]) -> None:
    """How much of a tracker's time is lost to decoding."""
    print()
    for version, path in versions.items():
        [one] = child(path, "decode")
        print(
            f"{version}: {one['frames']} frames in {one['seconds']:.2f} s, of which the tracker takes "
            f"{one['limit']:.2f} s: efficiency {one['limit'] / one['seconds']:.2f}; {one['decoded']} decoded in "
            f"{one['decoding']:.2f} s"
        )


def show_memory(versions: dict[str, str]) -> None:
    """Peaks of small and large work: fewer sequences than are in work at a time, as many, and many more."""
    sizes = [("10", "4"), ("130", "4"), ("1000", "4"), ("1", "100"), ("1", "10000")]
    print("\npeak memory, MiB, of sequences x frames: " + ", ".join(" x ".join(size) for size in sizes))
    for version, path in versions.items():
        peaks = [child(path, "memory", *size)[0]["peak"] for size in sizes]
        print(
            f"{version}: {', '.join(f'{peak:.0f}' for peak in peaks)}; 10 to 1000 sequences "
            f"{peaks[2] / peaks[0] - 1:+.1%}, 100 to 10,000 frames {peaks[4] / peaks[3] - 1:+.1%}"
        )


def show_presets(versions: dict[str, str], sequences: int, frames: int) -> None:
    """Both presets; the rows of both versions must be equal."""
    for preset in ("offline", "tiny"):
        rows = {}
        with tempfile.TemporaryDirectory() as place:
            render(Path(place, "data"), count=sequences, frames=frames, seed=1)
            for version, path in versions.items():
                out = Path(place, version)
                [one] = child(path, "presets", preset, str(Path(place, "data")), str(out))
                print(f"\n{preset}, {sequences} sequences of {frames} frames; {version}:")
                table(one)
                print(
                    f"  CPU {one['cpu']:.1f} s, on {CORES} cores {one['cpu'] / CORES:.2f} s: "
                    f"{one['cpu'] / CORES / one['seconds']:.2f} of the time; "
                    f"the share of the cores that had a thread to run was {one['runnable']:.2f}"
                )
                rows[version] = {f.name: f.read_bytes() for f in sorted((out / "run" / "rows").glob("*.json"))}
        if len(rows) > 1:
            before, now = rows.values()
            same = "equal" if before == now else compared(before, now)
            print(f"  rows of both versions: {same}")


def compared(before: dict[str, bytes], now: dict[str, bytes]) -> str:
    """How rows differ that are not equal byte for byte; findings of the audit hold numbers as text."""
    gaps = [
        gap for name in before for gap in differences(*(json.loads(one[name]) | {"audit": 0} for one in (before, now)))
    ]
    other = sum(gap == float("inf") for gap in gaps)
    largest = max((gap for gap in gaps if gap != float("inf")), default=0.0)
    return f"{len(gaps)} numbers differ, by {largest:.1e} at most; {other} other differences"


def differences(one: Any, two: Any) -> Iterator[float]:
    """How far numbers are from one another; infinity for what is no number and differs."""
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        for key in one:
            yield from differences(one[key], two[key])
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        for a, b in zip(one, two, strict=True):
            yield from differences(a, b)
    elif one != two:
        yield abs(one - two) if isinstance(one, float) and isinstance(two, float) else float("inf")


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        part, *arguments = sys.argv[2:]
        work: dict[str, Any] = {"steps": steps, "run": run, "decode": decode, "presets": presets}
        if part == "memory":
            memory(*map(int, arguments))
        else:
            work[part](*arguments)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["steps", "run", "decode", "memory", "presets"])
    parser.add_argument("--before", help="a checkout of another version")
    parser.add_argument("--sequences", type=int, default=24, help="of the presets")
    parser.add_argument("--frames", type=int, default=40, help="of each of them")
    given = parser.parse_args()
    versions = ({"before": given.before} if given.before else {}) | {"now": str(HERE)}
    for part in given.parts:
        if part in ("steps", "run"):
            show_stand_ins(versions, part)
        elif part == "decode":
            show_decoding(versions)
        elif part == "memory":
            show_memory(versions)
        else:
            show_presets(versions, given.sequences, given.frames)


if __name__ == "__main__":
    main()
