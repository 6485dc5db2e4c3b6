import subprocess
import sys
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.text import CLIP_TOKENS, clean_for_trackers, clip_tokens, fits_clip


@cache
def tokenizer():
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


def counted_by_open_clip(text):
    return len(tokenizer().encode(text)) + 2


WORDS = st.sampled_from(
    "the skateboarder's helmet isn't 4x4 mid-air... 2024 (left-most) &amp; &amp;lt; UPPERCASE zebra-striped "
    "counter-clockwise o'clock unbelievably qzxv 50% it'll $3.50 :-) 'd '' I'VE".split()
)


@given(
    st.lists(WORDS | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12), max_size=30).map(
        " ".join
    )
)
def test_ascii_is_counted_as_open_clip_counts(text):
    assert clip_tokens(text) == counted_by_open_clip(text)


@given(st.lists(WORDS | st.text(max_size=8), max_size=20).map(" ".join).map(clean_for_trackers))
def test_no_text_has_more_tokens_than_are_counted(text):
    assert clip_tokens(text) >= counted_by_open_clip(text)
    assert not fits_clip(text) or counted_by_open_clip(text) <= CLIP_TOKENS


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 2), ("a red kite", 5), ("Skateboarder", 4), ("\u98ce\u7b5d", 8), (" ".join(["car"] * 75), 77), ("!?", 3)],
)
def test_tokens_of_some_texts(text, tokens):
    assert clip_tokens(text) == tokens


def test_what_clip_reads_to_its_end():
    assert fits_clip(" ".join(["car"] * 75))
    assert not fits_clip(" ".join(["car"] * 76))
    assert fits_clip("7" * 75)
    assert not fits_clip("7" * 76)
    assert not fits_clip("\u98ce" * 26)


def test_counting_imports_no_torch():
    code = "from chatdesc.text import clip_tokens; import sys; print(clip_tokens('a ' * 90), 'torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["92", "False"]


def test_half_a_character_is_left_out_of_a_text():
    assert clean_for_trackers("a\ud800red\udc41 \udcc3\udca4 kite") == "a red a kite"
