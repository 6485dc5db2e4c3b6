"""What the shipped models achieve through the project's own code, as short checks that raise when a result is lost.

Each takes about a second on a CPU. ``test_results`` runs them as they are, ``test_mutants`` with a wiring fault in
place, where at least one of them must fail.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from chatdesc import synthetic
from chatdesc.backends import create
from chatdesc.config import from_preset
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.metrics.ope import score_sequence
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages import reflect as reflection
from chatdesc.stages.align import align, alignment_column
from chatdesc.stages.describe import parse_answer, prompt_text, reflect_prompt
from chatdesc.stages.reflect import reflect
from chatdesc.stages.track import Phrase, track
from chatdesc.synthetic import COLOURS, PLACES, SHAPES, SIZES, phrase, place_of, stills, truth, unique_phrase, words_of
from chatdesc.types import Crop, Describe, Embed, Follow, Followed, FrameRef, Ground, Verify
from tests.makers.sequences import frames_of, sequence_of

SETTINGS = from_preset("tiny")
KINDS = {"colour": COLOURS, "shape": SHAPES, "size": SIZES, "place": PLACES}


@cache
def backend(role):
    spec = SETTINGS.encoders[0] if role == "encoder" else getattr(SETTINGS, role)
    several = {"batch_size": 8} if role in ("grounder", "encoder") else {}  # a fault between requests shows in batches
    options = SETTINGS.describer_options() if role == "describer" else several
    return create(role, spec, device="cpu", **options)


@cache
def scenes(count, twin="", start=0):
    """Stills of the test split, with each as a one-frame sequence's frames."""
    found = list(stills("test", count, seed=7, start=start, twin=twin))
    return [(still, frames_of([still.image])) for still in found]


def settled(answers):
    """Answers, the first error raised."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def at_least(share, wanted, what):
    assert share >= wanted, f"{what}: {share:.3f}, wanted {wanted}"


def sound_texts(count, twin=""):
    """(frames, boxes, unique phrase) per scene: the whole phrase is true of the first thing alone."""
    found = []
    for still, frames in scenes(count, twin):
        first = still.things[0]
        text = phrase(first, [first.colour, first.size, *place_of(first)])
        words = {*text.split()} & {*COLOURS, *SHAPES, *SIZES, *PLACES}
        if not any(all(truth(o, w) is not False for w in words) for o in still.things[1:]):
            found.append((frames, still.boxes, text))
    return found


def ground_all(asked):
    return settled(backend("grounder").ground([Ground(FrameRef(frames, 0), text) for frames, text in asked]))


def best(found):
    """The box that a text found first."""
    return found.boxes[found.scores.max(1).argmax()]


def phrases_find_their_thing():
    sound = sound_texts(30)
    found = ground_all([(frames, text) for frames, _, text in sound])
    ious = [iou_matrix(best(f)[None], boxes[:1])[0, 0] for f, (_, boxes, _) in zip(found, sound, strict=True)]
    at_least(np.mean(ious), 0.8, "mean IoU of unique phrases")


def lookalikes_are_told_apart():
    for twin in ("colour", "shape", "size", "left", "top"):
        sound = sound_texts(14, twin)
        found = ground_all([(frames, text) for frames, _, text in sound])
        right = [
            iou_matrix(best(f)[None], boxes)[0].argmax() == 0 for f, (_, boxes, _) in zip(found, sound, strict=True)
        ]
        at_least(np.mean(right), 0.8, f"look-alikes that differ in {twin}")


def words_score_on_what_bears_them():
    """A word that the twin lacks scores higher on the thing than on the twin, and there it is the worst of all."""
    won, worst = [], []
    for twin in ("colour", "shape", "size"):
        sound = sound_texts(10, twin)
        still = [s for s, _ in scenes(10, twin)]
        found = ground_all([(frames, text) for frames, _, text in sound])
        for f, (_, boxes, _) in zip(found, sound, strict=True):
            thing = next(s for s in still if s.boxes is boxes).things[0]
            own = [w.text in (thing.colour, thing.shape, thing.size) for w in f.words]
            column = [w.text for w in f.words].index(getattr(thing, twin))
            on = iou_matrix(f.boxes, boxes[:2]) > 0.5
            if on.any(0).all():
                there = f.scores[on[:, 1]].max(0)
                won.append(f.scores[on[:, 0], column].max() > there[column])
                worst.append(np.where(own, there, np.inf).argmin() == column)
    at_least(np.mean(won), 0.85, "words score higher on what bears them")
    at_least(np.mean(worst), 0.8, "the false word scores worst")
    at_least(len(won), 15, "pairs to compare")


def absent_things_are_not_found():
    present = sound_texts(20)
    absent = []
    for still, frames in scenes(20):
        colours, shapes = {t.colour for t in still.things}, {t.shape for t in still.things}
        colour = next(c for c in reversed(COLOURS) if c not in colours)
        absent.append((frames, f"{colour} {next((s for s in SHAPES if s not in shapes), SHAPES[0])}"))
    score = lambda found: found.scores.mean(1).max() if len(found.boxes) else 0.0  # noqa: E731
    here = [score(f) for f in ground_all([(frames, text) for frames, _, text in present])]
    away = [score(f) for f in ground_all(absent)]
    at_least(np.mean(np.array(here)[:, None] > np.array(away)), 0.93, "AUC of present against absent")
    threshold = backend("grounder").threshold
    seen = [
        reflection.feedback(found, still.boxes[0], SETTINGS.theta, threshold, SETTINGS.min_margin)
        for found, (still, _) in zip(ground_all(absent), scenes(20), strict=True)
    ]
    at_least(np.mean([one.proposals == 0 for one in seen]), 0.6, "feedback that says an absent thing was not found")
    kept = [f.scores.max() >= backend("grounder").threshold for f in ground_all([(f, t) for f, _, t in present])]
    at_least(np.mean(kept), 0.9, "present things above the threshold")


def described(requests):
    return [parse_answer(answer) for answer in settled(backend("describer").describe(requests))]


def first_requests(count):
    prompt = prompt_text("describe", SETTINGS.region, SETTINGS.style)
    return [Describe(FrameRef(frames, 0), still.boxes[0], prompt) for still, frames in scenes(count)]


def descriptions_are_true():
    found = described(first_requests(24))
    things = [still.things for still, _ in scenes(24)]
    right = [{t[0].colour, t[0].shape} <= {*d.text.split()} for d, t in zip(found, things, strict=True)]
    at_least(np.mean(right), 0.85, "colour and shape of the boxed target")
    named = [{*d.background} for d in found]
    true = [{f"{o.colour} {o.shape}" for o in t[1:]} for t in things]
    both = sum(len(a & b) for a, b in zip(named, true, strict=True))
    at_least(both / max(1, sum(map(len, named))), 0.7, "precision of the background")
    at_least(both / sum(map(len, true)), 0.7, "recall of the background")


def reflection_drops_what_led_elsewhere():
    """Named negative, a word goes; what is left is true."""
    gone, true = [], []
    requests, words, things = [], [], []
    for k, (still, frames) in enumerate(scenes(20)):
        thing = still.things[0]
        previous = phrase(thing, [thing.colour])
        negative = thing.colour if k % 2 else thing.shape
        kept = thing.shape if k % 2 else thing.colour
        asked = Describe(
            FrameRef(frames, 0), still.boxes[0], "", previous=previous, positive=(kept,), negative=(negative,),
            tried=(previous,),
        )  # fmt: skip
        requests.append(replace(asked, prompt=reflect_prompt(asked, SETTINGS.region, SETTINGS.style)))
        words.append(negative)
        things.append(thing)
    known = {*COLOURS, *SHAPES, *SIZES, *PLACES}
    for answer, negative, thing in zip(described(requests), words, things, strict=True):
        said = {*answer.text.split()} & known
        gone.append(negative not in said)
        true.append(said <= words_of(thing) and bool(said))
    at_least(np.mean(gone), 0.8, "negative words are gone")
    at_least(np.mean(true), 0.75, "what is left is true")


def embedded(crops, texts):
    [found] = settled(backend("encoder").embed([Embed(SETTINGS.encoders[0], tuple(crops), tuple(texts))]))
    return found


def the_right_description_ranks_first():
    texts = [f"{c} {s}" for c in COLOURS for s in SHAPES]
    crops, right = [], []
    for still, frames in scenes(30):
        crops.append(Crop(FrameRef(frames, 0), still.boxes[0]))
        right.append(texts.index(f"{still.things[0].colour} {still.things[0].shape}"))
    found = embedded(crops, texts)
    at_least(np.mean((found.crops @ found.texts.T).argmax(1) == right), 0.9, "the right description first of 40")


def stand_still(requests):
    """A visual tracker that never moves, so that only words can bring it to a target that does."""
    answers = []
    for request in requests:
        held = request.init if request.init is not None else request.session
        count = request.stop - request.start
        answers.append(Followed(np.tile(held, (count, 1)), np.ones(count, np.float32), held))
    return answers


def together(jobs):
    """Results of generators, driven by the project's scheduler with the shipped models; the first error raised."""
    lanes = [
        Lane(Describe, backend("describer").describe),
        Lane(Ground, backend("grounder").ground),
        Lane((Embed, SETTINGS.encoders[0]), backend("encoder").embed),
        Lane((Verify, SETTINGS.verifier), backend("verifier").choose, workers=2),
        Lane(Follow, stand_still),
    ]
    found = dict(Scheduler(lanes, in_flight=16).run(enumerate(jobs)))
    return settled([found[k] for k in range(len(found))])


@cache
def films(count, frames=8, seed=31):
    """Sequences in memory whose targets cross a good part of the frame; with the scene of each."""
    made = []
    for k, scene in enumerate(synthetic.scenes(count, frames, seed)):
        background = synthetic.backdrop(scene.background)
        pictures = [synthetic.draw(replace(scene, pole=None), t, background) for t in range(frames)]
        boxes = np.stack([scene.box(scene.things[0], t) for t in range(frames)])
        made.append((sequence_of(pictures, boxes, manual=scene.manual, name=f"film-{k}"), scene))
    return made


def reflected(count=12, **changes):
    """(sequence, scene, Reflection) of the whole reflection loop."""
    settings = replace(SETTINGS, **changes)
    threshold = backend("grounder").threshold
    found = together(reflect(q, settings, threshold) for q, _ in films(count))
    return [(q, s, r) for (q, s), r in zip(films(count), found, strict=True)]


def reflection_finds_better_texts():
    found = [(s, r) for _, s, r in reflected()]
    alike = [r for s, r in found if synthetic.lookalike(s.things[0], list(s.things[1:]))]
    at_least(np.mean([r.chosen.iou - r.rounds[0].iou for r in alike]), 0.1, "gain over round 0 with look-alikes")
    at_least(np.mean([r.chosen.iou for _, r in found]), 0.7, "IoU of the chosen texts")
    at_least(np.mean([r.chosen.accepted for _, r in found]), 0.7, "accepted texts")
    at_least(np.mean([bool(r.chosen.positive) for _, r in found]), 0.8, "chosen texts with words that found the target")


def the_best_text_is_chosen():
    """Also where none is ever accepted and the last of many rounds is no better than the others."""
    lead = []
    for _, _, r in reflected(8, rounds=3, min_margin=0.99, keep_manual_if_better=False):
        rivals = [o for o in r.rounds if o is not r.chosen]
        at_least(r.chosen.iou, max((o.iou for o in rivals), default=0) - 0.05, "IoU of the chosen text")
        lead.append(r.chosen is not r.rounds[-1])
    assert any(lead), "the last text is not always the best"


def clip_prefers_refined_texts():
    """On targets in later frames too: a crop from another frame would show the place that the target has left."""
    faulty = [(q, r) for q, s, r in reflected() if s.fault != "none" and r.chosen.source == "refined"]
    threshold = backend("grounder").threshold
    scores = together(
        align(q, {"manual": (Phrase(0, q.manual_text),), "refined": (Phrase(0, r.chosen.text),)}, SETTINGS, threshold)
        for q, r in faulty
    )
    columns = [alignment_column(one)[0] for one in scores]
    better = [column["refined"] > column["manual"] for column in columns]
    at_least(np.mean(better), 0.75, "refined texts that beat a faulty manual text")


def restarted(done):
    """IoU of the tracker's box with the one that words put it on in the frame before."""
    pairs = [t for t in range(1, len(done.boxes)) if done.sources[t - 1 : t + 1] == ("language", "tracker")]
    return [float(iou_matrix(done.boxes[t : t + 1], done.boxes[t - 1 : t])[0, 0]) for t in pairs]


def words_bring_a_lost_tracker_back():
    """A visual tracker that stands still is put back on the target by a true text, and not by a wrong one."""
    settings, threshold = replace(SETTINGS, ground_every=2), backend("grounder").threshold
    aucs, after = {}, []
    for kind in ("true", "wrong"):
        texts = []
        for _, scene in films(8):
            target, *others = scene.things
            texts.append(unique_phrase(target, others) if kind == "true" else f"{others[-1].colour} {others[-1].shape}")
        done = together(
            track(q, text, (), settings, threshold, SETTINGS.encoders[0])
            for (q, _), text in zip(films(8), texts, strict=True)
        )
        aucs[kind] = [score_sequence(d.boxes, q.boxes).auc for d, (q, _) in zip(done, films(8), strict=True)]
        after += [v for d in done for v in restarted(d)]
    at_least(np.mean(aucs["true"]), 0.5, "AUC with a true text")
    at_least(np.mean(after), 0.9, "IoU of a tracker that stands still with the box that it was started on")
    at_least(np.mean(aucs["true"]) - np.mean(aucs["wrong"]), 0.1, "lead over a wrong text")


CHECKS = (
    phrases_find_their_thing,
    lookalikes_are_told_apart,
    words_score_on_what_bears_them,
    absent_things_are_not_found,
    descriptions_are_true,
    reflection_drops_what_led_elsewhere,
    the_right_description_ranks_first,
    reflection_finds_better_texts,
    the_best_text_is_chosen,
    clip_prefers_refined_texts,
    words_bring_a_lost_tracker_back,
)
