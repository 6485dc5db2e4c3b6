import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.config import Heard, Settings, from_preset, presets, public_spec
from chatdesc.types import ChatdescError


@pytest.mark.parametrize(
    ("feedback", "heard", "grounded", "tracked"),
    [
        ("first", Heard("first", 1), 1, False),
        ("uniform:1", Heard("uniform", 1), 1, False),
        ("uniform:12", Heard("uniform", 12), 12, False),
        ("track:40", Heard("track", 40), 1, True),
        ("self:2", Heard("self", 2), 1, True),
    ],
)
def test_what_gives_feedback(feedback, heard, grounded, tracked):
    assert Heard.parse(feedback) == heard
    assert (heard.grounded, heard.tracked) == (grounded, tracked)


@given(st.sampled_from(["uniform", "track", "self"]), st.integers(2, 10**9 - 1))
def test_feedback_comes_back_as_it_was_written(kind, count):
    assert Heard.parse(f"{kind}:{count}") == Heard(kind, count)


@given(st.text(max_size=12))
def test_whatever_is_written_is_understood_whole_or_refused(text):
    try:
        heard = Heard.parse(text)
    except ChatdescError:
        return
    assert text in ("first", f"{heard.kind}:{text.partition(':')[2]}")
    assert heard.count >= 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"feedback": "track:40", "tracker": "none"}, "--tracker none"),
        ({"feedback": "self:40", "tracker": "none"}, "--tracker none"),
        ({"feedback": "track:20"}, "--ground-every 20"),
        ({"feedback": "self:15", "ground_every": 15}, "--ground-every 15"),
        ({"feedback": "self:40", "every": 50}, "--every 50"),
    ],
)
def test_feedback_from_tracks_that_would_hear_nothing_is_refused(change, named):
    with pytest.raises(ChatdescError, match=named):
        Settings(**change)
    Settings(feedback="track:21", every=50)


@pytest.mark.parametrize(
    "feedback",
    ["", "last", "uniform", "uniform:", "uniform:0", "uniform:-3", "uniform:2.5", "uniform:²", "track", "track:1",
     "self:0", "self:x", "first:2", "track:40:2", "track: 40"],
)  # fmt: skip
def test_other_feedback_is_refused(feedback):
    with pytest.raises(ChatdescError, match="uniform:K"):
        Settings(feedback=feedback)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rounds": -1}, "--rounds"),
        ({"ground_every": 0}, "--ground-every"),
        ({"alignment_frames": 0}, "--alignment-frames"),
        ({"theta": 0}, "--theta"),
        ({"tau": 1.2}, "--tau"),
        ({"min_margin": -0.1}, "--min-margin"),
    ],
)
def test_impossible_settings_are_refused_by_name(change, named):
    with pytest.raises(ChatdescError, match=named):
        Settings(**change)


def test_presets_hold_known_settings_and_can_be_changed():
    for name, preset in presets().items():
        assert preset.about
        assert from_preset(name) == from_preset(name, rounds=None) == preset.settings
    changed = from_preset("offline", rounds=7, encoders=("a", "b"))
    assert (changed.rounds, changed.encoders, changed.tracker) == (7, ("a", "b"), "csrt")
    with pytest.raises(ChatdescError, match="offline"):
        from_preset("ofline")
    with pytest.raises(ChatdescError, match="'round'; did you mean rounds"):
        from_preset("offline", round=2)


@pytest.mark.parametrize(
    ("spec", "public"),
    [
        ("attributes", "attributes"),
        ("open-clip:ViT-B-32/openai", "open-clip:ViT-B-32/openai"),
        ("open-clip:hf-hub:laion/CLIP", "open-clip:hf-hub:laion/CLIP"),
        ("open-clip:local-dir:/home/me/clip", "open-clip:local-dir:clip"),
        ("nano:~/models/nano2", "nano:nano2"),
        ("nano:../models/nano2", "nano:nano2"),
        ("nano:C:\\Users\\me\\nano2", "nano:nano2"),
        (
            "external:/usr/bin/python /home/me/track.py --weights=/data/x.pth --k 3",
            "external:python track.py --weights=x.pth --k 3",
        ),
        ("open-clip:ViT-B-32//home/me/w.pt", "open-clip:ViT-B-32/w.pt"),
        ("opencv:nano:/home/me/nanotrackv2", "opencv:nano:nanotrackv2"),
    ],
)
def test_rows_do_not_learn_where_models_lie(spec, public):
    assert public_spec(spec) == public
    assert public_spec(public) == public


def test_settings_are_json_and_their_hash_follows_them():
    settings = Settings(encoders=("attributes", "open-clip:local-dir:/home/me/clip"), tracker="nano:/home/me/nano")
    assert "/home" not in json.dumps(settings.as_dict())
    hashes = {s.hash() for s in (Settings(), Settings(), Settings(seed=1), Settings(theta=0.31), settings)}
    assert len(hashes) == 4


def test_a_command_with_a_password_in_a_url_is_recorded_without_it():
    spec = "external:python track.py --weights https://ada:hunter2@h/a.pth?sig=1f0a"
    assert "hunter2" not in public_spec(spec) and "1f0a" not in public_spec(spec)
    assert "hunter2" not in str(Settings(tracker=spec).as_dict())
