import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.metrics.alignment import cosine
from chatdesc.stages.align import Alignment, align, alignment_column
from chatdesc.stages.track import Phrase
from chatdesc.stages.windows import neighbours
from chatdesc.types import Embed, Embedding, Ground
from tests.makers.sequences import drive, flat, leads, sequence_of

HERE, THERE, FAR = [10, 10, 20, 20], [60, 10, 20, 20], [90, 40, 20, 20]
TEXTS = {"manual": (Phrase(0, "a kite"),), "refined": (Phrase(0, "red kite"),)}
ONE_FRAME = Settings(alignment_frames=1)

# Unit vectors whose cosines can be read off: the first coordinate is the manual text's, the second the refined one's.
LOOKS = {tuple(HERE): [0.6, 0.8], tuple(THERE): [0.8, 0.6], tuple(FAR): [0.0, 1.0]}


class Backends:
    def __init__(self, found=None, texts=((1, 0), (0, 1)), truncated=(False, False, False)):
        self.found, self.texts, self.truncated = found or {}, texts, truncated

    def __call__(self, request):
        if isinstance(request, Ground):
            return leads(request.text, *self.found.get((request.text, request.frame.index), []))
        crops = [LOOKS.get(tuple(c.box.tolist()), [0, 0]) for c in request.crops]
        n = len(request.texts)
        return Embedding(np.float32(crops), np.float32(self.texts[:n]), np.array(self.truncated[:n]))


def run(backends=None, settings=ONE_FRAME, texts=TEXTS, threshold=0.35, **changes):
    sequence = sequence_of(changes.pop("images", 4), changes.pop("boxes", HERE), **changes)
    scores, asked = drive(align(sequence, texts, settings, threshold), backends or Backends())
    return scores, flat(asked)


def test_cosines_and_margins_by_hand():
    """What the manual text found elsewhere is a distractor of both texts, and the strongest one counts."""
    found = {("a kite", 0): [("kite", THERE, 0.9)], ("red kite", 0): [("kite", HERE, 0.9), ("kite", FAR, 0.5)]}
    (manual, refined), asked = run(Backends(found, truncated=(False, True)))
    assert (manual.text, refined.text, manual.encoder) == ("manual", "refined", "attributes")
    assert (manual.score, refined.score) == (pytest.approx(60), pytest.approx(80))
    assert (manual.margin, refined.margin) == (pytest.approx(60 - 80), pytest.approx(80 - 100))
    assert (manual.truncated, refined.truncated, manual.frames) == (False, True, 1)
    [embed] = [r for r in asked if isinstance(r, Embed)]
    assert sorted(tuple(c.box.tolist()) for c in embed.crops) == sorted(LOOKS)  # the same crops for both texts
    assert embed.crops[0].box.tolist() == HERE
    assert embed.texts == ("a kite", "red kite")


def test_means_over_frames_and_encoders():
    boxes = np.float32([HERE, THERE, HERE, FAR])
    settings = Settings(alignment_frames=3, encoders=("one", "two"))
    scores, asked = run(Backends(), settings, boxes=boxes)
    assert [(s.encoder, s.text) for s in scores] == [(e, t) for e in ("one", "two") for t in TEXTS]
    # frames 0, 2 and 3; beside the target there is nothing known
    assert scores[0].score == pytest.approx((60 + 60 + 0) / 3)
    assert scores[1].margin == pytest.approx((80 + 80 + 100) / 3)
    assert {s.frames for s in scores} == {3}
    embeds = [r for r in asked if isinstance(r, Embed)]
    assert [e.encoder for e in embeds] == ["one", "two"]
    assert embeds[0].crops == embeds[1].crops
    assert sorted({c.frame.index for c in embeds[0].crops}) == [0, 2, 3]


@pytest.mark.parametrize(
    "found",
    [
        {},
        {("a kite", 0): [("kite", HERE, 0.9)]},  # on the target
        {("a kite", 0): [("kite", THERE, 0.3)]},  # below the threshold
    ],
)
def test_windows_beside_stand_in_where_nothing_was_found_elsewhere(found):
    _, asked = run(Backends(found))
    crops = np.array([c.box for c in asked[-1].crops])
    beside = [[-20, 10, 20, 20], [40, 10, 20, 20], [10, -20, 20, 20], [10, 40, 20, 20]]
    np.testing.assert_array_equal(crops[1:], beside)


def test_neighbours_are_windows_of_the_targets_size_that_do_not_touch_it():
    windows = neighbours(np.float32([100, 40, 20, 30]))
    np.testing.assert_array_equal(windows, [[70, 40, 20, 30], [130, 40, 20, 30], [100, -5, 20, 30], [100, 85, 20, 30]])
    assert windows.dtype == np.float32


def test_distractors_are_few_and_none_is_counted_twice():
    far = [("kite", [60 + 30 * k, 10, 20, 20], 0.9 - k / 20) for k in range(6)]
    _, asked = run(Backends({("a kite", 0): far, ("red kite", 0): far}))
    boxes = [c.box.tolist() for c in asked[-1].crops]
    assert boxes == [HERE, *([60 + 30 * k, 10, 20, 20] for k in range(4))]


def test_without_a_grounder_only_the_encoder_is_asked():
    scores, asked = run(threshold=None)
    assert [type(r) for r in asked] == [Embed]
    assert scores[0].score == pytest.approx(60)


def test_nothing_to_score_asks_nothing():
    assert run(texts={}) == ([], [])
    assert run(visible=np.zeros(4, bool)) == ([], [])


def test_a_text_or_crop_of_which_nothing_is_known_is_aligned_with_nothing():
    crops = np.array([[1, 0], [0, 0]], float)
    np.testing.assert_array_equal(cosine(np.zeros((1, 2)), crops), [0, 0])
    np.testing.assert_array_equal(cosine(np.array([[1.0, 0]]), crops), [100, 0])
    (manual, _), _ = run(Backends(texts=((0, 0), (0, 1))))
    assert (manual.score, manual.margin) == (0.0, 0.0)


def aligned(text, encoder="attributes", **values):
    return Alignment(encoder, text, **({"score": 20.0, "margin": 1.0, "frames": 3, "truncated": False} | values))


def test_the_column_has_both_texts_of_an_encoder_side_by_side():
    column = alignment_column(
        [
            aligned("manual", score=21.5, margin=None, truncated=True),
            aligned("refined", score=24.0, margin=2.5),
            aligned("manual", "open-clip:/models/mine", score=None),
            aligned("refined", "open-clip:/models/mine", truncated=True),
        ]
    )
    first = {"encoder": "attributes", "manual": 21.5, "refined": 24.0, "manual_margin": None, "refined_margin": 2.5}
    assert column[0] == first | {"frames": 3, "manual_truncated": True, "truncated": False}
    assert column[1]["encoder"] == "open-clip:mine"
    assert (column[1]["manual"], column[1]["manual_truncated"], column[1]["truncated"]) == (None, False, True)


@pytest.mark.parametrize(("only", "other"), [("manual", "refined"), ("refined", "manual")])
def test_a_column_with_one_text_says_nothing_of_the_other(only, other):
    [entry] = alignment_column([aligned(only, truncated=True)])
    flags = {"manual": "manual_truncated", "refined": "truncated"}
    assert (entry[only], entry[f"{only}_margin"], entry[flags[only]], entry["frames"]) == (20.0, 1.0, True, 3)
    assert (entry[other], entry[f"{other}_margin"], entry[flags[other]]) == (None, None, None)
    assert alignment_column([]) == []


def ranged():
    return {"manual": (Phrase(0, "a kite"),), "refined": (Phrase(0, "red kite"), Phrase(4, "kite on the left"))}


def test_each_range_is_aligned_on_its_own_frames():
    """The first range's text scores 80 on HERE, the second one's 60: frames 0 and 3, and 4 and 7."""
    texts = ranged()
    backends = Backends(texts=((1, 0), (0, 1), (1, 0)))
    settings = Settings(alignment_frames=4)
    (manual, refined), asked = run(backends, settings, texts, threshold=None, images=8)
    [embed] = asked
    assert embed.texts == ("a kite", "red kite", "kite on the left")
    assert sorted({crop.frame.index for crop in embed.crops}) == [0, 3, 4, 7]
    assert (refined.score, refined.frames) == (pytest.approx((80 + 80 + 60 + 60) / 4), 4)
    assert manual.score == pytest.approx(60)


def test_a_text_that_is_cut_in_one_range_is_cut():
    (manual, refined), _ = run(
        Backends(texts=((1, 0), (0, 1), (1, 0)), truncated=(False, False, True)), texts=ranged(), images=8
    )
    assert (manual.truncated, refined.truncated, refined.frames) == (False, True, 2)  # one frame for each range


def test_what_a_ranges_text_found_elsewhere_is_a_distractor_on_its_frames_only():
    found = {("red kite", 0): [("kite", THERE, 0.9)], ("red kite", 7): [("kite", THERE, 0.9)]}
    _, asked = run(Backends(found, texts=((1, 0), (0, 1), (1, 0))), Settings(alignment_frames=4), ranged(), images=8)
    grounded = {(r.text, r.frame.index) for r in asked if isinstance(r, Ground)}
    assert {("red kite", 0), ("red kite", 3), ("kite on the left", 4), ("kite on the left", 7)} <= grounded
    assert not {("red kite", 4), ("kite on the left", 3)} & grounded


def test_a_range_without_a_visible_target_gets_no_frame():
    visible = np.array([1, 1, 1, 1, 0, 0, 0, 0], bool)
    (_, refined), asked = run(
        Backends(), Settings(alignment_frames=4), ranged(), threshold=None, images=8, visible=visible
    )
    assert sorted({crop.frame.index for crop in asked[0].crops}) == [0, 3] and refined.frames == 2
