import pytest

from chatdesc.evaluation.text_statistics import (
    names_category,
    names_colour,
    names_position,
    self_similarity,
    shown_statistics,
    statistics_rows,
)

ROWS = [
    {"manual_text": "a kite", "text": "red kite on the left", "category": "kite"},
    {"manual_text": "a kite", "text": "kite", "category": "kite"},
    {"manual_text": "", "text": "blue dog", "category": None},
    {"manual_text": "white cup", "text": None, "category": "cup"},
]


def found(rows=ROWS):
    return {row["measure"]: row for row in statistics_rows(rows)}


def test_statistics_by_hand_over_the_sequences_with_both_texts():
    rows = found()
    length = rows["length"]
    # Two sequences have both texts: 2 and 5 words, 2 and 1.
    assert (length["manual"], length["refined"], length["difference"]) == (2, 3, 1)
    assert (length["pairs"], length["better"], length["worse"], length["low"]) == (2, 1, 1, None)
    assert (rows["names a colour"]["manual"], rows["names a colour"]["refined"]) == (0, 0.5)
    assert (rows["names the category"]["manual"], rows["names the category"]["refined"]) == (1, 1)
    assert rows["names a position"]["refined"] == 0.5
    assert (rows["vocabulary"]["manual"], rows["vocabulary"]["refined"], rows["vocabulary"]["pairs"]) == (2, 5, 2)
    assert (rows["same as another's"]["manual"], rows["same as another's"]["refined"]) == (1, 0)
    # {kite} {kite} are the same; {red kite left} {kite} share one word of three.
    assert rows["self-similarity"]["manual"] == 1
    assert rows["self-similarity"]["refined"] == pytest.approx(1 / 3)
    assert rows["vocabulary"]["difference"] is None


@pytest.mark.parametrize(("measure", "unit"), [("length", "words"), ("names a colour", "share")])
def test_a_mean_of_one_text_and_the_difference_never_contradict_each_other(measure, unit):
    texts = [("red kite", "kite"), ("a kite", "a red kite"), (None, "a very red kite"), ("long text of a kite", None)]
    row = found([{"manual_text": a, "text": b, "category": None} for a, b in texts])[measure]
    assert row["unit"] == unit and row["refined"] - row["manual"] == pytest.approx(row["difference"])


def test_a_dataset_without_refined_texts_is_measured_all_the_same():
    rows = found([{"manual_text": text, "text": None, "category": None} for text in ("red kite", "a red kite")])
    assert (rows["length"]["manual"], rows["length"]["refined"], rows["length"]["pairs"]) == (2.5, None, 0)
    assert (rows["vocabulary"]["manual"], rows["vocabulary"]["refined"]) == (3, None)


def test_capitals_make_no_other_word():
    rows = found([{"manual_text": "Red Kite", "text": "red kite", "category": "kite"}] * 2)
    assert (rows["vocabulary"]["manual"], rows["names the category"]["manual"]) == (2, 1)
    twice = found([{"manual_text": text, "text": None, "category": None} for text in ("Kite", "kite")])
    assert (twice["vocabulary"]["manual"], twice["same as another's"]["manual"]) == (1, 1)


def test_two_texts_are_one_pair():
    assert self_similarity([("red", "kite"), ("kite",)]) == 0.5
    assert self_similarity([("kite",)]) is None


def test_texts_that_clip_cuts():
    long = {"manual_text": "a kite", "text": "kite " * 90, "category": None}
    row = found([long, ROWS[0]])["longer than CLIP reads"]
    assert (row["manual"], row["refined"]) == (0, 0.5)


def test_without_one_of_the_texts():
    rows = found([{"manual_text": None, "text": "kite", "category": None}])
    assert rows["length"]["manual"] is None and rows["length"]["refined"] == 1
    assert rows["length"]["difference"] is None and rows["vocabulary"]["manual"] is None
    assert rows["names the category"]["refined"] is None
    assert rows["self-similarity"]["refined"] is None  # there is no pair
    assert all(row["pairs"] == 0 for row in found([]).values())


@pytest.mark.parametrize(
    ("text", "category", "expected"),
    [
        ("the buses", "bus", 1), ("two foxes", "fox", 1), ("a glass", "glass", 1), ("a racing car", "car", 1),
        ("a carpet", "car", 0), ("an electric fan", "electricfan", 1), ("an electricfan", "electricfan", 1),
        ("two horses", "horse", 1), ("houses", "house", 1), ("green bushes", "bush", 1), ("grey mice", "mouse", 1),
        ("many people", "person", 1), ("puppies", "puppy", 1), ("the policemen", "policeman", 1), ("women", "man", 0),
        ("leaves", "leaf", 1), ("kitchen knives", "knife", 1), ("a horse's head", "horse", 1), ("movies", "movie", 1),
        ("electric fans", "electricfan", 1), ("a scissor", "scissors", 1), ("a horsefly", "horse", 0),
        ("license-plate of a car", "license plate", 1), ("the plate", "license plate", 0), ("anything", "", None),
    ],
)  # fmt: skip
def test_the_category(text, category, expected):
    assert names_category(tuple(text.split()), category) == expected


@pytest.mark.parametrize(
    ("text", "colour", "position"),
    [
        ("greyish dog", 1, 0), ("red-haired man", 1, 0), ("man beside a car", 0, 1), ("leftmost dog", 0, 1),
        ("dog in the middle", 0, 1), ("credible bluff", 0, 0), ("khaki coat", 1, 0),
    ],
)  # fmt: skip
def test_colours_and_positions(text, colour, position):
    words = tuple(text.split())
    assert (names_colour(words), names_position(words)) == (colour, position)


def test_self_similarity_of_many_texts_is_of_a_fixed_draw():
    texts = [(f"w{i}", f"w{i + 1}") for i in range(2100)]
    assert self_similarity(texts) == self_similarity(texts) == pytest.approx(2 / 3 / 2100, rel=0.2)


def test_what_is_shown():
    shown = {row["measure"]: row for row in shown_statistics(statistics_rows(ROWS))}
    assert shown["names a colour, %"]["refined"] == "50.0" and shown["vocabulary, words"]["manual"] == "2"
    assert shown["length, words"]["difference (95 %)"] == "+1.00 (n<10)"
    assert shown["vocabulary, words"]["difference (95 %)"] == shown["length, words"]["MDE"] == "-"


def test_an_interval_has_decimals_that_show_it():
    longer = [
        {"manual_text": "a kite " * 10, "text": "a kite " * 10 + "up " * (i % 20 == 0), "category": None}
        for i in range(400)
    ]
    length = {row["measure"]: row for row in shown_statistics(statistics_rows(longer))}["length, words"]
    assert length["difference (95 %)"].startswith("+0.050 (0.0") and length["manual"] == "20.000"
