"""Checks that decide from where a text leads on frames; the sights are made by hand."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import chatdesc
from chatdesc.checks.ambiguous import LIKE, AmbiguousCheck
from chatdesc.checks.base import Subject
from chatdesc.checks.does_not_hold import DoesNotHoldCheck
from chatdesc.checks.sights import Sights, Wordings, look_at
from chatdesc.checks.word_by_word import WordByWordCheck
from chatdesc.checks.wrong_target import WrongTargetCheck
from chatdesc.config import Resources, Settings
from chatdesc.loaders import load
from chatdesc.measures.leads import FALSE, UNLIKE
from chatdesc.measures.words import role
from chatdesc.rows.store import Store
from chatdesc.stages.look import Sight, View, Without
from chatdesc.stages.reflect import spread
from chatdesc.synthetic import Scene, Thing, render, write_scenes
from chatdesc.types import ChatdescError, DataError, FrameCache, Frames, split_words
from tests.checks.makers import Blind
from tests.makers.rows import a_row

HERE, THERE = [10.0, 10.0, 20.0, 20.0], [60.0, 10.0, 20.0, 20.0]


def a_view(frame, on, off, aligned=0.0, target=HERE, proposed=True):
    """A frame of 100 x 100 with fits ``on`` and ``off`` the target, which leads the alignment by ``aligned``."""
    fits, flags = np.float32([on, off]), np.array([True, False])
    boxes = np.float32([target, THERE])
    alignments = np.float32([np.nan, 40 - aligned])
    return View(frame, (100, 100), np.float32(target), boxes, fits, flags, 40.0, alignments, np.array([proposed] * 2))


def a_sight(*views, text="red kite", without=()):
    """``without``: word, leads on each frame, and on each the target's alignment with the rest (with the text: 40)."""
    views = [a_view(10 * k, *view) if isinstance(view, tuple) else view for k, view in enumerate(views)]
    words = {word.text: word for word in split_words(text)}
    return Sight(text, "g", "e", tuple(views), tuple(Without(words[word], *seen) for word, *seen in without))


def half_read(sight):
    """The sight of a grounder that knows one of three words."""
    return replace(sight, views=tuple(replace(view, understood=1 / 3) for view in sight.views))


def found(check, sight, text=None):
    return check.find(Subject("kite-1", text or sight.text, sight=sight))


WRONG = (0.1, 0.8, -30.0)
RIGHT = (0.8, 0.1, 5.0)
EQUAL = (0.8, 0.8, 0.0)


def test_a_text_that_leads_elsewhere_and_agrees_better_there_names_a_wrong_target():
    [finding] = found(WrongTargetCheck(), a_sight(WRONG, WRONG, RIGHT, WRONG))
    assert (finding.kind, finding.severity) == ("wrong_target", 0.9) and "frames 0, 10, 30" in finding.reason
    frame = finding.evidence["frames"][0]
    assert frame["regions"][1] == {"box": THERE, "score": 0.8, "iou": 0.0, "alignment": 70.0}
    assert (frame["frame"], frame["alignment_lead"], frame["target"]) == (0, -30.0, HERE)


@pytest.mark.parametrize(
    "views",
    [
        (RIGHT, WRONG, WRONG, WRONG),  # true at first
        (WRONG, RIGHT, RIGHT, RIGHT),  # on one frame only
        ((0.1, 0.8, 1 - UNLIKE),) * 4,  # detector confidence alone
        ((0.7, 0.8, -30.0),) * 4,  # no clear lead
        (WRONG,),
    ],
)
def test_what_names_no_wrong_target(views):
    assert not found(WrongTargetCheck(), a_sight(*views))


def recorded(**changes):
    grounding = {"grounder": "g", "manual_iou": 0.0, "manual_margin": -0.6, "manual_top_iou": 0.0}
    known = {key: changes.pop(key) for key in list(changes) if key in grounding}
    margin = {
        "encoder": "open-clip:e",
        "manual_margin": changes.pop("alignment", -30.0),
        "frames": changes.pop("frames", 4),
    }
    return a_row("kite-1", manual_text="red kite") | {"grounding": grounding | known, "alignment": [margin]}


def test_a_row_may_say_enough():
    check, row = WrongTargetCheck(), recorded()
    [finding] = check.find(Subject("kite-1", "red kite", row=row))
    assert finding.evidence == {"grounder": "g", "iou": 0.0, "margin": -0.6, "alignment_margins": [-30.0]}
    assert not check.find(Subject("kite-1", "another text", row=row))
    for changes in ({"manual_iou": 0.5}, {"manual_top_iou": 0.5}, {"manual_margin": -0.1}, {"alignment": -5.0},
                    {"frames": 1}, {"manual_margin": None}):  # fmt: skip
        assert not check.find(Subject("kite-1", "red kite", row=recorded(**changes))), changes


def test_a_text_that_fits_two_regions_at_first_is_ambiguous():
    [sure] = found(AmbiguousCheck(), a_sight(EQUAL, EQUAL))
    [less] = found(AmbiguousCheck(), a_sight(EQUAL, RIGHT))
    assert (sure.severity, less.severity) == (0.9, 0.75)
    assert sure.reason == "on the first frame the words fit another region as well as the target"


@pytest.mark.parametrize(
    ("views", "text"),
    [
        ((RIGHT, EQUAL), "red kite"),
        (((0.8, 0.8, LIKE), EQUAL), "red kite"),  # the encoder tells them apart
        (((0.8, 0.8, -LIKE), EQUAL), "red kite"),
        ((WRONG, WRONG), "red kite"),
        ((EQUAL, EQUAL), "red kiet"),  # misspelt: grounders do not read it
    ],
)
def test_what_is_not_ambiguous(views, text):
    assert not found(AmbiguousCheck(), a_sight(*views, text=text))


def test_the_region_that_fits_must_be_the_one_that_agrees():
    """One region has the words' lead but does not agree, another agrees but the words do not lead to it."""
    view = a_view(0, 0.8, 0.7)
    third = np.float32([[30, 60, 20, 20]])
    boxes, fits, off = np.concatenate([view.boxes, third]), np.float32([0.8, 0.7, 0.1]), np.array([True, False, False])
    shared = replace(view, boxes=boxes, fits=fits, on_target=off, alignments=np.float32([np.nan, 10, 40]))
    assert not found(AmbiguousCheck(), a_sight(shared, shared))
    both = replace(shared, alignments=np.float32([np.nan, 40, 10]))
    assert found(AmbiguousCheck(), a_sight(both, both))


def test_a_region_that_is_not_where_the_text_says_is_no_rival():
    """THERE is on the right of the frame's middle, the target on the left."""
    assert found(AmbiguousCheck(), a_sight(EQUAL, EQUAL, text="red kite at the top"))
    assert not found(AmbiguousCheck(), a_sight(EQUAL, EQUAL, text="red kite on the left"))
    assert found(DoesNotHoldCheck(), a_sight(RIGHT, LOST, LOST, LOST, text="red kite at the top"))
    assert not found(DoesNotHoldCheck(), a_sight(RIGHT, LOST, LOST, LOST, text="red kite on the left"))


def test_a_text_with_a_word_that_is_false_of_the_target_is_not_ambiguous():
    true, false = 40 + FALSE - 1, 40 + FALSE  # on the first frame; later the target may be hidden
    for aligned, count in (((false, true), 0), ((true, false), 1)):
        sight = a_sight(EQUAL, EQUAL, without=[("red", (), aligned)])
        assert len(found(AmbiguousCheck(), sight)) == count


def test_regions_under_the_threshold_do_not_make_a_text_ambiguous():
    weak = a_view(0, 0.02, 0.02, proposed=False)
    assert not found(AmbiguousCheck(), a_sight(weak, weak))


def test_a_text_of_general_words_is_ambiguous_whatever_it_leads_to():
    [finding] = found(AmbiguousCheck(), a_sight(RIGHT, RIGHT, text="the moving object"))
    assert "name nothing" in finding.reason


GONE = [70.0, 10.0, 20.0, 20.0]


def test_a_place_that_the_target_leaves_does_not_hold():
    text = "red kite on the left"
    away = a_view(20, 0.2, 0.8, target=GONE)
    [finding] = found(DoesNotHoldCheck(), a_sight(RIGHT, RIGHT, away, text=text))
    assert (finding.kind, finding.span, finding.evidence["breaks_at"]) == ("does_not_hold", (9, 20), 20)
    assert finding.severity == 0.8 and "lead elsewhere then" in finding.reason
    [alone] = found(DoesNotHoldCheck(), a_sight(RIGHT, a_view(10, 0.8, 0.2, target=GONE), text=text))
    assert alone.severity == 0.6 and "still lead to it" in alone.reason


def test_words_that_stand_twice_in_a_text_have_no_span():
    text = "kite on the left of a tree that grows on the left"
    [finding] = found(DoesNotHoldCheck(), a_sight(RIGHT, a_view(10, 0.8, 0.2, target=GONE), text=text))
    assert "'on the left'" in finding.reason and finding.span is None


def faded(on, off, aligned, fell=UNLIKE):
    """A frame on which the target agrees less with the text than on the first, by ``fell``."""
    view = a_view(10, on, off)
    return replace(view, alignment=40.0 - fell, alignments=np.float32([np.nan, 40.0 - fell - aligned]))


LOST = faded(0.1, 0.8, -5.0)
ALONE = faded(0.8, 0.1, 5.0)  # the words lead to the target for want of something better


def test_words_of_which_the_target_agrees_less_do_not_hold():
    [finding] = found(DoesNotHoldCheck(), a_sight(RIGHT, LOST, LOST, LOST))
    assert finding.evidence["breaks_at"] == 10 and finding.span is None and "agrees much less" in finding.reason
    assert found(DoesNotHoldCheck(), a_sight(RIGHT, RIGHT, LOST, ALONE))
    assert found(DoesNotHoldCheck(), a_sight((0.8, 0.7, UNLIKE), LOST, LOST))  # the encoder is clear at first


@pytest.mark.parametrize(
    ("views", "text"),
    [
        ((RIGHT, RIGHT, RIGHT, LOST), "red kite"),  # on one frame only
        ((RIGHT, LOST, LOST, RIGHT), "red kite"),  # found again
        ((RIGHT, *[(0.1, 0.8, -5.0)] * 3), "red kite"),  # the target agrees as before
        ((RIGHT, *[faded(0.1, 0.8, -5.0, UNLIKE - 1)] * 3), "red kite"),
        ((RIGHT, *[faded(0.1, 0.8, -21.0, 40.0)] * 3), "red kite"),  # hidden: nothing else agrees as it did
        ((RIGHT, *[faded(0.1, 0.8, 5.0)] * 3), "red kite"),  # only the grounder says that it leads elsewhere
        ((RIGHT, ALONE, ALONE, ALONE), "red kite"),  # only the encoder says so
        ((EQUAL, LOST, LOST, LOST), "red kite"),  # not clear at first
        (((0.8, 0.7, UNLIKE - 1), LOST, LOST, LOST), "red kite"),
        (((0.7, 0.8, UNLIKE), LOST, LOST, LOST), "red kite"),
        ((RIGHT, LOST, LOST, LOST), "red kiet"),
        ((RIGHT, a_view(10, 0.8, 0.1, target=GONE), RIGHT), "red kite on the left"),  # it comes back
    ],
)
def test_what_holds(views, text):
    assert not found(DoesNotHoldCheck(), a_sight(*views, text=text))


def test_words_are_needed_redundant_or_harmful():
    good = a_sight(RIGHT, RIGHT, without=[("red", (0.0, 0.1), (30, 30)), ("kite", (0.9, 0.8), (30, 30))])
    assert [role(good, one) for one in good.without] == ["needed", "redundant"]
    assert not found(WordByWordCheck(), good)
    bad = a_sight(WRONG, WRONG, without=[("red", (0.9, 0.8), (55, 65)), ("kite", (-1.0, None), (20, 20))])
    [finding] = found(WordByWordCheck(), bad, "a  red kite")
    assert finding.span == (3, 6) and "'red'" in finding.reason
    assert finding.evidence["words"] == [
        {"word": "red", "role": "harmful", "lead_without": 0.85, "alignment_gain": 20},
        {"word": "kite", "role": None, "lead_without": None, "alignment_gain": -20},
    ]


def test_a_word_that_takes_away_the_targets_lead_is_harmful():
    others = [("kite", (0.9, 0.9), (30, 30))]
    for whole, expected in ((EQUAL, "harmful"), ((0.8, 0.3, 0.0), "harmful"), (RIGHT, None)):  # RIGHT leads by 0.875
        sight = a_sight(whole, whole, without=[("red", (0.9, 0.8), (60, 60)), *others])
        assert [role(sight, one) for one in sight.without] == [expected, None], whole


def test_words_that_were_not_grounded_have_no_role():
    sight = a_sight(RIGHT, RIGHT, without=[("red", (), (60, 60)), ("kite", (), (30, 30))])
    assert [role(sight, one) for one in sight.without] == [None, None]


@pytest.mark.parametrize(
    ("leads", "aligned"),
    [
        ((0.9, 0.8), (40 + FALSE - 1, 40 + FALSE - 1)),  # only the grounder says so
        ((0.9, 0.8), ()),  # no encoder was asked
        ((0.2, 0.3), (60, 60)),  # without it the text does not lead to the target either
        ((0.9, None), (60, 60)),  # on one frame only
    ],
)
def test_what_is_not_harmful(leads, aligned):
    sight = a_sight(WRONG, WRONG, without=[("red", leads, aligned)])
    assert [role(sight, one) for one in sight.without] == [None] and not found(WordByWordCheck(), sight)


def test_a_text_of_which_a_grounder_knows_few_words_is_not_judged():
    harmful = a_sight(WRONG, WRONG, without=[("red", (0.9, 0.8), (60, 60))])
    left, away = "red kite on the left", a_view(10, 0.8, 0.2, target=[70.0, 10.0, 20.0, 20.0])
    for check, sight in (
        (WrongTargetCheck(), a_sight(WRONG, WRONG)),
        (AmbiguousCheck(), a_sight(EQUAL, EQUAL)),
        (DoesNotHoldCheck(), a_sight(RIGHT, away, text=left)),
        (WordByWordCheck(), harmful),
    ):
        assert found(check, sight) and not found(check, half_read(sight)), check.name


NO_ENCODER = {"alignment": None, "alignments": np.float32([np.nan, np.nan])}


def test_detector_confidence_alone_is_never_evidence():
    """However sure the grounder is of another region, a finding needs the encoder, or the target's own box."""
    sure = replace(a_view(0, 0.01, 1.0), **NO_ENCODER)
    equal = replace(a_view(0, 1.0, 1.0), **NO_ENCODER)
    right = replace(a_view(0, 1.0, 0.01), **NO_ENCODER)
    words = [("red", (1.0, 1.0, 1.0, 1.0), ())]
    for views in ([sure] * 4, [equal] * 4, [right, sure, sure, sure]):
        sight = a_sight(*views, without=words)
        for check in (WrongTargetCheck(), AmbiguousCheck(), DoesNotHoldCheck(), WordByWordCheck()):
            assert not found(check, sight), check.name
    moved = replace(a_view(10, 0.01, 1.0, target=GONE), **NO_ENCODER)
    assert found(DoesNotHoldCheck(), a_sight(right, moved, text="red kite on the left"))  # the box says so


def test_places_are_not_judged_word_by_word():
    assert not found(
        WordByWordCheck(), a_sight(WRONG, WRONG, text="kite left", without=[("left", (0.9, 0.8), (60, 60))])
    )


def test_without_sights_nothing_is_found():
    for check in (WrongTargetCheck(), AmbiguousCheck(), DoesNotHoldCheck(), WordByWordCheck()):
        assert check.find(Subject("kite-1", "red kite")) == []


def a_thing(colour, tint, x):
    return Thing(colour, "circle", "large", 40.0, (x, 120.0), (0.0, 0.0), (0.0, 0.0), 0.0, tint)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A red circle beside a blue one, called right, wrong, and as both are called."""
    things = (a_thing("red", (205, 35, 40), 80.0), a_thing("blue", (40, 70, 205), 240.0))
    root = tmp_path_factory.mktemp("frames")
    texts = ("red circle", "blue circle", "the moving object")
    names = write_scenes(root, [Scene(things, (0.0, 0.0), None, 3, text, "") for text in texts], 4)
    return root, names


MODELS = {"frames": True, "alignment_frames": 2}


def test_a_dataset_is_audited_with_its_frames(rendered):
    root, names = rendered
    told = []
    result = chatdesc.audit("synthetic", root, **MODELS, progress=lambda *step: told.append(step))
    kinds = {name: {f.check for f in result.findings.get(name, ())} for name in names}
    assert not kinds[names[0]] & {"wrong-target", "ambiguous", "does-not-hold", "word-by-word"}
    assert "wrong-target" in kinds[names[1]] and "ambiguous" in kinds[names[2]]
    assert told[0] == (0, 3, "frames")


def test_a_frame_is_decoded_once_however_many_are_in_work(tmp_path, monkeypatch):
    decoded = Counter()
    decode = Frames._decode
    monkeypatch.setattr(Frames, "_decode", lambda self, i: decoded.update([(self.key, i)]) or decode(self, i))
    monkeypatch.setattr("chatdesc.checks.sights.create", lambda *_, **__: Blind())
    render(tmp_path, count=3, frames=12)
    chatdesc.audit("synthetic", tmp_path, **MODELS | {"alignment_frames": 12})
    assert len(decoded) == 36 and set(decoded.values()) == {1}


def test_a_run_is_audited_with_its_datasets_frames(rendered, tmp_path):
    root, names = rendered
    with Store.open(tmp_path / "run", {"dataset": "synthetic"}) as store:
        for name, text in zip(names, ("blue circle", "red circle", None), strict=True):
            store.save(a_row(name, text, manual_text="x"))
    asked = {"checks": ["wrong-target"], "text_source": "refined", "preset": "tiny"}
    [suspect] = chatdesc.audit(tmp_path / "run", root, **asked, **MODELS).suspects
    assert suspect.label == names[0]
    assert suspect.findings[0].evidence["grounder"] == "mm-grounding-dino:tiny:grounder"


@pytest.fixture
def looked_at(monkeypatch):
    """The texts that audits would look at, in the order of the audits."""
    asked = []
    monkeypatch.setattr(
        "chatdesc.checks.audit.look_at", lambda data, of, *_, **__: [asked.append(one.texts) or Sights() for one in of]
    )
    return asked


@pytest.fixture
def half_recorded(rendered, tmp_path):
    """A run of which two rows have all evidence, and one lacks some."""
    root, names = rendered
    with Store.open(tmp_path / "run", {"dataset": "synthetic"}) as store:
        for name, enough in zip(names, (True, True, False), strict=True):
            changes = {} if enough else {"manual_margin": None}
            store.save(recorded(**changes) | {"sequence": name, "manual_text": "blue circle"})
    return tmp_path / "run", root, names


def test_what_a_run_has_recorded_is_not_computed_again(half_recorded, looked_at):
    """A row with all evidence decides alone; one that lacks some is looked at."""
    run, root, names = half_recorded
    result = chatdesc.audit(run, root, checks=["wrong-target"], **MODELS)
    assert looked_at == [{names[2]: "blue circle"}]
    assert {suspect.label for suspect in result.suspects} == set(names[:2])
    chatdesc.audit(run, root, checks=["wrong-target", "ambiguous"], **MODELS)
    assert set(looked_at[1]) == set(names)  # no row has what this check needs


@pytest.mark.parametrize(
    ("chosen", "again"),
    [
        ({"grounder": "g"}, False),
        ({"grounder": "g", "encoders": ["open-clip:e"]}, False),
        ({"grounder": "open-clip:e"}, True),  # the encoder's name is no grounder's
        ({"encoders": ["g"]}, True),
        ({"preset": "tiny"}, True),
        ({"preset": "tiny", "grounder": "g", "encoders": ["open-clip:e"]}, False),
        ({"preset": "tiny", "grounder": "g"}, True),
    ],
)
def test_what_other_models_than_the_chosen_ones_have_recorded_does_not_count(half_recorded, looked_at, chosen, again):
    run, root, names = half_recorded
    chatdesc.audit(run, root, checks=["wrong-target"], **chosen, **MODELS)
    assert set(looked_at[0]) == set(names if again else names[2:])


def test_texts_of_which_a_grounder_knows_few_words_are_told(tmp_path):
    [name, *_] = render(tmp_path, count=2, frames=2)
    texts = {name: "woman in dark leggings jogging on the left"}  # it knows dark and left
    data = load("synthetic", str(tmp_path))
    [sights] = look_at(data, [Wordings(texts)], Settings(), Resources(), words=False)
    assert len(sights.notes) == 1 and f"1 text was not judged by frames ({name})" in sights.notes[0]
    assert look_at(data, [Wordings({name: "red circle"})], Settings(), Resources())[0].notes == ()


def test_nothing_to_look_at_loads_no_model(monkeypatch):
    monkeypatch.setattr("chatdesc.checks.sights.create", lambda *_, **__: pytest.fail("a model was made"))
    assert look_at(None, [Wordings({})], Settings(), Resources()) == [Sights()]


@pytest.fixture
def reading(monkeypatch):
    """In place of looks: the frames are read, and no model is asked; the text "bad" fails."""

    def look(sequence, text, settings, *rest):
        yield from ()
        if text == "bad":
            raise DataError("gone")
        return a_sight(*(a_view(i, sequence.frames[i].min(), 0) for i in spread(sequence, settings.alignment_frames)))

    monkeypatch.setattr("chatdesc.checks.sights.look", look)
    return lambda data, sources: look_at(
        data, sources, Settings(alignment_frames=3), Resources(sequences_in_flight=1), words=False
    )


def test_texts_of_several_sources_decode_each_frame_once(tmp_path, reading):
    names = render(tmp_path, count=2, frames=6)
    sources = [Wordings(dict.fromkeys(names, text)) for text in ("red circle", "small star", "red circle")]
    sources += [Wordings({names[0]: "red circle"}, {names[0]: ((0, 4),)}), Wordings({})]
    data = load("synthetic", str(tmp_path), cache=FrameCache(1))
    seen = [of.by_name for of in reading(data, sources)]
    frames = [sorted({view.frame for of in seen if name in of for view in of[name].views}) for name in names]
    assert data[names[0]].frames.cache.decoded == sum(map(len, frames)) and len(frames[0]) > 3 == len(frames[1])
    assert [list(of) for of in seen] == [names] * 3 + [names[:1], []]
    assert seen[0][names[0]] is seen[2][names[0]]  # equal texts are looked at once


def test_a_source_that_fails_on_all_is_an_error_and_on_some_a_note(tmp_path, reading):
    names = render(tmp_path, count=2, frames=3)
    data, good = load("synthetic", str(tmp_path)), Wordings(dict.fromkeys(names, "red circle"))
    whole, half = reading(data, [good, Wordings({names[0]: "red circle", names[1]: "bad"})])
    assert list(whole.by_name) == names and whole.notes == ()
    assert list(half.by_name) == names[:1] and half.notes == (f"1 sequence was not looked at ({names[1]}): gone",)
    with pytest.raises(ChatdescError, match="no text could be looked at with its frames: gone"):
        reading(data, [good, Wordings({names[0]: "bad"})])


def test_sequences_that_cannot_be_looked_at_are_told(rendered, tmp_path):
    root, names = rendered
    with Store.open(tmp_path / "run", {"dataset": "synthetic"}) as store:
        store.save(a_row(names[1], "red circle", manual_text="blue circle"))
        store.save(a_row("circle-9", "red circle", manual_text="blue circle"))
    result = chatdesc.audit(tmp_path / "run", root, checks=["wrong-target"], **MODELS)
    assert [suspect.label for suspect in result.suspects] == [names[1]]
    assert any("circle-9" in note for note in result.notes)


@pytest.mark.parametrize(
    ("root", "options", "message"),
    [
        (None, {"frames": True}, "say where they are"),
        ("x", {"frames": True, "checks": ["formatting"]}, "none of --checks looks at frames"),
        ("x", {"checks": ["ambiguous", "wrong-target"]}, "ambiguous,wrong-target: needs the frames"),
        (None, {"checks": ["does-not-hold"]}, "needs the frames"),
        ("x", {"preset": "tiny", "theta": 0.4}, "--theta and --preset: of no use without --frames"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(root, options, message):
    with pytest.raises(ChatdescError, match=message):
        chatdesc.audit("synthetic", root, **options)
