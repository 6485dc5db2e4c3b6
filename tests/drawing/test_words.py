import pytest

from chatdesc.drawing.figures import kind_of, new_figure, printing, rendered
from chatdesc.drawing.words import BOX, legible, measured, shortened, wrapped
from chatdesc.types import ChatdescError


def test_what_no_font_has_is_a_box_and_is_named():
    told = legible("a kite \U000f1234", "plain", "")
    assert told.texts == (f"a kite {BOX}", "plain", "") and told.missing == ("\U000f1234",)
    assert legible("naïve ☃ שלום طائرة").missing == ()


def test_nothing_invisible_turns_a_line_around():
    assert legible("a\u202eb\u2066c\x00\x1b[31m\nd\ud800").texts == ("abc[31m d?",)
    assert legible("نمی\u200cخواهم").texts == ("نمی\u200cخواهم",)  # a joiner is part of the spelling


@pytest.mark.parametrize("text", ["word " * 2000, "w" * 10_000, "שלום " * 2000, ""])
def test_lines_fit_and_the_last_says_what_is_cut(text):
    with printing():
        measure = measured(8)
        lines = wrapped(text.strip(), 150, measure, 3)
        assert all(measure(line) <= 150 for line in lines) and len(lines) == (3 if text else 0)
    if text:
        shown, _, cut = lines[-1].partition(" … (+")
        assert len(" ".join([*lines[:2], shown])) + int(cut[:-1].replace(",", "")) in range(9980, 10_003)


def test_no_word_is_lost_where_all_fits():
    text = "a small red kite that flies over the sea beside a larger white one"
    assert " ".join(wrapped(text, 17, len, 20)) == text and max(map(len, wrapped(text, 17, len, 20))) <= 17


def test_a_name_keeps_both_ends():
    assert shortened("short", 10, len) == "short" and shortened("abcdefghijkl", 5, len) == "ab…kl"


def test_fonts_are_embedded_whatever_the_script():
    with printing():
        figure = new_figure(2, 1)
        figure.text(0.1, 0.5, "kite שלום طائرة", parse_math=False)
        content = rendered(figure, "pdf")
        assert b"/FontFile2" in content and b"/Type3" not in content
        assert "kite שלום طائرة" in rendered(figure, "svg").decode()


def test_another_suffix_is_refused():
    with pytest.raises(ChatdescError, match=r"sheet\.jpg: a picture ends in \.png, \.pdf, \.svg"):
        kind_of("sheet.jpg")
