"""Arms with texts of others: what each is tracked with, what is tracked anew, and that nothing is tracked twice."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from chatdesc.engine.schedule import Scheduler
from chatdesc.evaluation.arm_rows import read_track, track_file
from chatdesc.evaluation.arm_texts import Donor, Wording, chosen_arms
from chatdesc.evaluation.phrases import phrases
from chatdesc.rows.store import Store
from chatdesc.stages.together import WINDOW
from chatdesc.stages.track import Phrase, track
from chatdesc.texts.named import NamedTexts, texts_of
from chatdesc.types import FrameCache
from tests.evaluation.test_arms import HERE, Data, Fake, do, work  # noqa: F401
from tests.makers.sequences import sequence_of


def source(name, **texts):
    lists = {name: [said] if isinstance(said, str) else said for name, said in texts.items()}
    known = {sequence.replace("_", "-"): texts_of(said) for sequence, said in lists.items()}
    return NamedTexts(name, f"{name}.json", known)


def with_texts(work, *sources, arms="default", donors=None):  # noqa: F811
    """The same comparison with texts of others, by a new tracker that counts."""
    fake = Fake()
    models = replace(work.models, grounder=fake, tracker=fake, encoders={"attributes": fake})
    named = {one.name: one for one in sources}
    return replace(work, models=models, arms=chosen_arms(arms, list(named)), wording=Wording(named, donors or {}))


def test_a_source_is_an_arm_of_its_own_and_the_row_says_what_it_was_tracked_with(work):  # noqa: F811
    mine = with_texts(work, source("mine", kite_1="a small kite", kite_2={0: "kite", 3: "a dog"}))
    rows = do(mine)
    assert rows["kite-1"]["arms"]["mine"]["phrases"] == [{"start": 0, "text": "a small kite", "background": ["sea"]}]
    assert [p["start"] for p in rows["kite-2"]["arms"]["mine"]["phrases"]] == [0, 3]
    assert set(rows["kite-1"]["arms"]) == {arm.name for arm in mine.arms}
    assert "manual" not in rows["kite-2"]["arms"] and rows["kite-1"]["arms"]["mine"]["text_of"] is None
    assert read_track(mine.place, "mine", "kite-1").tolist() == [HERE] * 5
    found = rows["kite-1"]["arms"]["mine"]["key_frames"]
    assert [frame["frame"] for frame in found] == [2, 4]
    assert all(frame["target"] == pytest.approx(0.9) and frame["other"] is None for frame in found)
    assert [frame["other"] for frame in rows["kite-1"]["arms"]["manual"]["key_frames"]] == pytest.approx([0.9] * 2)


def test_a_source_that_is_added_is_tracked_alone_and_another_text_anew(work):  # noqa: F811
    do(work)
    mine = with_texts(work, source("mine", kite_1="a small kite"))
    do(mine)
    assert set(mine.models.grounder.asked) == {"a small kite", "sea"}
    again = with_texts(work, source("mine", kite_1="a small kite"))
    with again.open() as store:
        assert again.pending(store) == []
    both = with_texts(work, source("mine", kite_1="a large kite"), source("yours", kite_1="kite"))
    rows = do(both)
    assert set(both.models.grounder.asked) == {"a large kite", "kite", "sea"}
    assert set(rows["kite-1"]["arms"]) >= {"mine", "yours", "refined"}
    with work.open() as store:  # without sources nothing is left to do, and theirs stay
        assert work.pending(store) == [] and "yours" in store.load("kite-1")["arms"]


def test_the_texts_of_a_source_are_judged_once_and_stay(work):  # noqa: F811
    def judged(*sources):
        row = do(one := with_texts(work, *sources))["kite-1"]
        return row["judged"], row["judged_texts"], one.models.grounder.asked

    values, texts, _ = judged(source("mine", kite_1={0: "a red kite", 3: "a dog"}))
    assert texts == {"manual": "a dog", "refined": "a red kite", "mine": "a red kite"} and values.keys() == texts.keys()
    assert (values["manual"]["iou"], values["mine"]["iou"]) == (0, 1)
    _, texts, asked = judged(source("yours", kite_1="a dog"))
    assert list(texts) == ["manual", "refined", "mine", "yours"] and asked.count("a dog") == 1
    values, texts, _ = judged(source("mine", kite_1="a dog"))
    assert (texts["mine"], values["mine"]["iou"], values["yours"]["iou"]) == ("a dog", 0, 0)
    store = Store(work.run)
    store.save(store.load("kite-1") | {"manual_text": None})
    assert judged()[1].keys() == {"refined", "mine", "yours"}
    with work.open() as kept:
        assert work.pending(kept) == []


def test_a_source_that_lost_a_text_leaves_no_track(work):  # noqa: F811
    do(with_texts(work, source("mine", kite_1="a small kite", kite_2="kite")))
    rows = do(less := with_texts(work, source("mine", kite_2="kite")))
    assert "mine" not in rows["kite-1"]["arms"] and "mine" in rows["kite-2"]["arms"]
    assert not track_file(less.place, "mine", "kite-1").exists() and less.models.tracker.followed == 0
    less = with_texts(work, source("mine", kite_1="red kite", kite_2="kite"))
    less.models.tracker.fails = "red kite"
    row = do(less)["kite-1"]
    assert row["problems"] == ["mine: lost"] and "mine" not in row["arms"]
    assert not track_file(less.place, "mine", "kite-1").exists()


def test_arms_with_the_same_words_are_one_track(work):  # noqa: F811
    do(mine := with_texts(work, source("mine", kite_1="a red kite"), arms="refined,mine"))
    once = mine.models.tracker.followed
    do(alone := with_texts(work, arms="refined"))
    assert alone.models.tracker.followed == 0
    later = with_texts(work, source("yours", kite_1="a red  kite"), arms="yours")
    assert do(later)["kite-1"]["arms"]["yours"]["phrases"][0]["text"] == "a red kite"
    do(more := with_texts(work, source("yours", kite_1="a red kite"), arms="refined,yours"))
    assert more.models.tracker.followed == 0 and once > 0


def test_a_shuffled_text_stands_with_the_sequence_that_it_is_of(work):  # noqa: F811
    donors = {"kite-1": Donor("kite", (Phrase(0, "a kite"),)), "kite-2": Donor("kite", (Phrase(0, "a dog"),))}
    rows = do(with_texts(work, arms="all", donors=donors))
    assert Store(work.run).load("kite-1")["category"] is None
    assert rows["kite-1"]["arms"]["shuffled-other-class"]["text_of"] == "kite-2"
    assert "shuffled-same-class" not in rows["kite-1"]["arms"]  # its class is not known
    again = with_texts(work, arms="all", donors=donors | {"kite-2": Donor("kite", (Phrase(0, "a cat"),))})
    with again.open() as store:
        assert again.pending(store) == ["kite-1"]


def candidates(row):
    return {c["phrases"][0]["text"]: c["iou"] for c in row["arms"]["oracle-words"]["candidates"]}


def test_a_kill_while_tracks_are_written_leaves_no_track_under_other_words(work, monkeypatch):  # noqa: F811
    do(with_texts(work, source("mine", kite_1="a small kite")))
    other = with_texts(work, source("mine", kite_1="a large kite"))

    def killed(*_):
        raise SystemExit  # after the track, before the row

    with monkeypatch.context() as patched, other.open() as store:
        patched.setattr("chatdesc.evaluation.arms.keep_track", killed)
        with pytest.raises(SystemExit):
            other.track(store, ["kite-1"])
    first = with_texts(work, source("mine", kite_1="a small kite"))
    with first.open() as store:
        assert "mine" not in store.load("kite-1")["arms"] and first.pending(store) == ["kite-1"]


def test_oracle_words_are_those_with_the_best_track(work):  # noqa: F811
    work.data["kite-1"] = sequence_of(5, HERE, name="kite-1")
    store = Store(work.run)
    store.save(store.load("kite-1") | {"rounds": []})
    mine = with_texts(work, source("mine", kite_1=["a dog", "small kite"]), arms="oracle-words")
    row = do(mine)["kite-1"]
    assert set(candidates(row)) == {"a dog", "a red kite", "small kite"}
    assert row["arms"]["oracle-words"]["phrases"][0]["text"] in ("a dog", "a red kite", "small kite")
    best = max(candidates(row).values())
    assert candidates(row)[row["arms"]["oracle-words"]["phrases"][0]["text"]] == best == 1
    more = with_texts(work, source("mine", kite_1=["a dog", "small kite", "kite"]), arms="oracle-words")
    row = do(more)["kite-1"]
    assert set(candidates(row)) == {"a dog", "a red kite", "small kite", "kite"}
    assert set(more.models.grounder.asked) == {"kite", "sea"}  # the others are known
    with more.open() as kept:
        assert more.pending(kept) == []


def test_oracle_words_that_cannot_be_tracked_fail_their_arm(work):  # noqa: F811
    mine = with_texts(work, source("mine", kite_1="small kite"), arms="manual,oracle-words")
    mine.models.tracker.fails = "small kite"
    row = do(mine)["kite-1"]
    assert row["problems"] == ["oracle-words: lost"] and "manual" in row["arms"]
    mine.models.tracker.fails = ""
    assert do(mine)["kite-1"]["problems"] == []


def test_side_by_side_each_track_is_that_of_its_arm_alone(work):  # noqa: F811
    store = Store(work.run)
    store.save(store.load("kite-1") | {"num_frames": 45})
    boxes = np.float32([[10 + t, 10, 20, 20] for t in range(45)])
    work.data["kite-1"] = sequence_of(45, boxes, name="kite-1")
    settings = replace(work.settings, ground_every=10)
    sized = replace(with_texts(work, source("mine", kite_1={0: "kite", 17: "a dog"})), settings=settings)
    do(sized)
    row = store.load("kite-1")
    for arm in sized.arms:
        first, *later = sized.wording.of(arm.words, row).phrases
        own = replace(settings, verifier=arm.verifier or settings.verifier)
        job = track(work.data["kite-1"], first.text, first.background, own, 0.3, "attributes", tuple(later))
        [(_, alone)] = Scheduler(work.models.lanes()).run([("a", job)])
        assert read_track(sized.place, arm.name, "kite-1").tolist() == alone.boxes.tolist(), arm
    assert phrases(row, "refined")[0].text == "a red kite"


def test_the_runs_own_track_is_taken_and_its_words_are_looked_at(work):  # noqa: F811
    store = Store(work.run)
    made = {"boxes": [[1.5, 2, 3, 4]] * 5, "chosen_iou": 0.1, "random_iou": 0.2, "oracle_iou": 0.3}
    store.save(store.load("kite-1") | {"tracking": made | {"texts": [{"start": 1, "text": "a red kite"}]}})
    work.reuse = True
    record = do(work)["kite-1"]["arms"]["refined"]
    assert record["heard"] == [{"start": 1, "text": "a red kite"}]
    assert [frame["target"] for frame in record["key_frames"]] == pytest.approx([0.9, 0.9])


def test_tracks_go_at_a_time_and_not_sequences(work):  # noqa: F811
    assert [work.at_a_time(n) for n in (1, 5, 10, 16)] == [1, 1, 2, 3]
    assert with_texts(work, arms="no-text,manual").at_a_time(8) == 4


class Looks(Fake):
    """A tracker and a grounder that look at their frames."""

    def ground(self, requests):
        for request in requests:
            request.frame.image()
        return super().ground(requests)

    def _follow(self, request):
        for index in range(request.start - (request.init is not None), request.stop):
            request.frames[index]
        return super()._follow(request)


def test_however_many_arms_there_are_each_frame_is_decoded_once(work):  # noqa: F811
    frames, cached = 60, 26  # fewer than the video has: tracks one after the other would decode it anew
    store = Store(work.run)
    store.save(store.load("kite-1") | {"num_frames": frames})
    for count in (0, 3):
        sequence = sequence_of(frames, HERE, name="kite-1")
        sequence.frames.cache = FrameCache(cached)
        sources = [source(f"s{n}", kite_1=f"kite {n}") for n in range(count)]
        sized = with_texts(work, *sources)
        looks = Looks()
        models = replace(sized.models, grounder=looks, tracker=looks, encoders={"attributes": looks})
        settings = replace(work.settings, ground_every=10, seed=count)  # a folder of its own
        sized = replace(sized, models=models, settings=settings, data=Data({"kite-1": sequence}))
        row = do(sized)["kite-1"]
        assert row["problems"] == [] and len(row["arms"]) == 5 + count
        read = Counter(sequence.frames.read_bytes.asked)
        assert len(read) == frames and set(read.values()) == {1}


def test_the_cache_grows_with_what_tracks_that_go_together_look_at(work):  # noqa: F811
    data = Data()
    data.cache = FrameCache(4)
    many = replace(with_texts(work, arms="no-text,manual"), data=data)
    many.make_room(8)
    assert data.cache.max_items == 4 * (2 + WINDOW + 2 + 2)
    many.make_room(1)
    assert data.cache.max_items == 4 * (2 + WINDOW + 2 + 2)  # it never shrinks
