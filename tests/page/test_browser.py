"""The page in a real browser, driven by keys and pointer as a person would."""

import json
import shutil

import pytest

from chatdesc import api
from chatdesc.page import material
from chatdesc.page.document import asset, modules
from chatdesc.page.modules import bundle
from chatdesc.rows.store import Store
from tests.makers.rows import a_row
from tests.standins.hostile_rows import hostile_rows

SOURCES = {name: asset(name) for name in modules()}
NAMES = "[...document.querySelectorAll('.rows .row a')].map((a) => a.textContent)"
QUIET = "new Promise((done) => setTimeout(() => requestAnimationFrame(done), 60))"


def call(browser, module, function, *arguments):
    """The value of a function of a module."""
    script = bundle(SOURCES, f"{module}.js").replace('"use strict";\n', "", 1)
    listed = ", ".join(map(json.dumps, arguments))
    return browser.run(f"(() => {{ {script} return ${module}.{function}({listed}); }})()")


@pytest.fixture
def page(browser, report):
    """The report, opened anew at its start."""
    browser.look()
    browser.open(report)
    browser.run(QUIET)
    yield browser
    assert browser.errors == []


def test_the_page_asks_for_nothing_but_itself(page, report):
    assert page.requests == [report.resolve().as_uri()]
    assert page.run("document.querySelectorAll('.rows .row').length") == 3
    assert page.run("document.querySelectorAll('.card').length") == 6


def test_a_search_filters_and_stays_in_the_address(page):
    first = page.run(NAMES)[0]
    page.press("/")
    for key in first:
        page.press(key)
    page.run(QUIET)
    assert page.run(NAMES) == [first]
    assert f"q={first}" in page.run("location.hash")
    assert "1 of 3 sequences" in page.run("document.querySelector('.count').textContent")
    page.reload()
    page.wait("document.querySelectorAll('.rows .row').length === 1")
    page.press("Escape")
    assert len(page.run(NAMES)) == 3


def test_a_click_on_a_head_sorts_and_a_second_turns_it(page):
    for order in ("ascending", "descending"):
        page.click(*page.middle(".head .sequence button"))
        page.run(QUIET)
        assert page.run("document.querySelector('.head .sequence').getAttribute('aria-sort')") == order
        names = page.run(NAMES)
        assert names == sorted(names, reverse=order == "descending")


def test_a_move_of_the_cursor_draws_the_table_alone(page):
    mark, marked = "document.querySelector('.lists').dataset.kept = 1", "document.querySelector('.lists').dataset.kept"
    page.run(mark)
    for key in ("j", "Enter", "Escape"):
        page.press(key)
        page.run(QUIET)
    assert page.run("document.querySelector('.row.current').id") == "row-1"
    assert page.run(marked) == "1"
    page.click(*page.middle(".head .iou button"))
    page.run(QUIET)
    assert page.run(f"{marked} ?? null") is None  # its links have the order


def test_keys_open_a_sequence_turn_to_the_next_and_go_back(page):
    names = page.run(NAMES)
    page.press("j")
    page.press("Enter")
    assert page.run("document.querySelector('h1').textContent") == names[1]
    assert page.run("document.activeElement.id") == "name"
    page.press("j")
    assert page.run("document.querySelector('h1').textContent") == names[2]
    page.run("history.back()")
    page.wait(f"document.querySelector('h1').textContent === {json.dumps(names[1])}")
    page.press("Escape")
    assert page.run("document.querySelectorAll('.rows .row').length") == 3


def test_pointing_at_a_word_shows_its_box(page):
    page.run("location.hash = '#open=' + document.querySelector('.rows .row a').textContent")
    page.wait("document.querySelector('.texts .point')")
    assert page.run("document.querySelector('.box.marked')") is None
    page.point(*page.middle(".texts .point"))
    page.wait("document.querySelector('.first .box.marked rect')")
    assert page.run("document.querySelector('.box.marked text').textContent.length > 0")
    others = "[...document.querySelectorAll('.first .box.good, .first .box.bad')]"
    page.wait(f"{others}.length && {others}.every((box) => getComputedStyle(box).opacity < 0.2)")
    page.point(2, 2)
    page.wait("document.querySelector('.box.marked') === null")


def test_a_round_shows_its_own_proposals(page):
    page.run("location.hash = '#open=' + document.querySelector('.rows .row a').textContent")
    page.wait("document.querySelectorAll('.boxes').length > 1")
    boxes = (
        "[...document.querySelectorAll('.first .box.good rect, .first .box.bad rect')].map((r) => r.outerHTML).join()"
    )
    caption = "document.querySelector('.first figcaption').textContent"
    shown = []
    for place in range(page.run("document.querySelectorAll('.boxes').length")):
        page.press("r")
        assert page.run("document.querySelector('.boxes[aria-pressed=true]').dataset.round") == str(place)
        shown.append((page.run(caption), page.run(boxes)))
    assert f"round={place}" in page.run("location.hash")
    assert len(set(shown)) == len({text for text, _ in shown}) > 1
    page.click(*page.middle(".boxes[aria-pressed=true]"))
    assert page.run("document.querySelector('.boxes[aria-pressed=true]')") is None


def test_boxes_of_a_later_frame_are_not_drawn_into_the_first_one(browser, annotated, tmp_path):
    shutil.copytree(annotated / "run", tmp_path / "run")
    with Store.open(tmp_path / "run", json.loads((tmp_path / "run" / "run.json").read_text())) as store:
        row = store.load(name := store.names()[0])
        tried = row["rounds"][0]
        store.save(row | {"rounds": [tried, tried | {"start": 8}, tried | {"text": "a red kite"}]})
    browser.look()
    browser.open(
        api.report(tmp_path / "run", root=annotated / "data", out=tmp_path / "r.html", grounder="attributes").page
    )
    browser.run(f"location.hash = '#open={name}&round=1'")
    browser.wait("document.querySelector('.boxes')")
    pressed = "document.querySelector('.boxes[aria-pressed=true]')?.dataset.round ?? null"
    shown = [browser.run(pressed)]
    for _ in range(3):
        browser.press("r")
        shown.append(browser.run(pressed))
    assert shown == [None, "0", "2", None]
    assert browser.errors == []


def test_frames_are_gone_through_by_keys(page):
    page.press("Enter")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert "Frame 2: " in page.run("document.querySelector('.steps p').textContent")
    assert "frame=2" in page.run("location.hash")
    page.press("ArrowLeft")
    assert "Frame 1: " in page.run("document.querySelector('.steps p').textContent")
    assert page.run("document.querySelectorAll('.keys figure.near').length") == 1


def test_the_sheet_of_keys_has_every_key(page):
    page.press("?")
    page.wait("document.querySelector('dialog[open]')")
    assert page.run("document.querySelectorAll('dialog kbd').length") == SOURCES["keys.js"].count("{ name: ")
    page.press("Escape")
    page.wait("document.querySelector('dialog') === null")
    assert page.run("document.querySelectorAll('.rows .row').length") == 3


def test_light_and_dark(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    scatter = "document.querySelector('canvas').toDataURL()"
    light, drawn = page.run(ground), page.run(scatter)
    page.look(dark=True)
    page.run(QUIET)
    dark = page.run(ground)
    assert light != dark and drawn != page.run(scatter)
    for system, colours in ((True, (light, dark)), (False, (dark, light))):
        page.look(dark=system)
        for colour in colours:
            page.press("t")
            assert page.run(ground) == colour
            assert ("theme=" in page.run("location.hash")) == (colour == colours[0])


@pytest.mark.parametrize("part", ["", "#open=star-1"])
def test_a_phone_shows_it_without_scrolling_sideways(page, part):
    page.look(360, 740)
    page.run(f"location.hash = {json.dumps(part)}")
    page.run(QUIET)
    assert page.run("document.documentElement.scrollWidth") == 360


def test_a_point_of_the_scatter_opens_its_sequence(page):
    page.run("document.querySelector('canvas').focus()")
    page.press("ArrowRight")
    page.press("Enter")
    page.wait("document.querySelector('article.sequence')")


def test_only_the_rows_in_sight_exist(browser, monkeypatch, tmp_path):
    rows = [a_row(f"kite-{number}") for number in range(500)]
    monkeypatch.setattr(material, "read_rows", lambda *_: iter(rows))
    browser.look()
    browser.open(api.report("anything", out=tmp_path / "r.html").page)
    browser.run("location.hash = '#sort=sequence'")
    browser.run(QUIET)
    assert browser.run(NAMES)[:3] == ["kite-0", "kite-1", "kite-2"]
    browser.run("document.querySelector('.table').focus()")
    browser.press("End")
    browser.run(QUIET)
    names = browser.run(NAMES)
    assert names[-1] == "kite-499" and len(names) < 40
    current = browser.run(
        "(() => { const grid = document.querySelector('.table'), id = grid.getAttribute('aria-activedescendant');"
        "const row = document.getElementById(id), box = row.getBoundingClientRect();"
        "const sight = document.querySelector('.rows').getBoundingClientRect();"
        "return [row.getAttribute('aria-rowindex'), grid.getAttribute('aria-rowcount'), row.className,"
        "box.top >= sight.top && box.bottom <= sight.bottom + 1]; })()"
    )
    assert current == ["501", "501", "row current", True]
    browser.run("document.querySelector('.rows').scrollTop = 0")
    browser.run(QUIET)
    assert browser.run(NAMES)[0] == "kite-0"
    assert browser.errors == []


def test_the_same_sequence_of_two_sources_has_two_pages(browser, annotated, tmp_path):
    shutil.copytree(annotated / "run", tmp_path / "other")
    made = api.report([annotated / "run", tmp_path / "other"], out=tmp_path / "r.html")
    browser.open(made.page)
    browser.run("location.hash = '#sort=sequence'")
    browser.run(QUIET)
    names = browser.run(NAMES)
    assert names[0] == names[1] != names[2]
    sources = []
    for row in range(2):
        browser.run("document.querySelector('.table').focus()")
        browser.press("Home")
        for key in ["j"] * row + ["Enter"]:
            browser.press(key)
        browser.reload()
        browser.wait("document.querySelector('.heading .about')")
        sources.append(browser.run("document.querySelector('.heading .about').textContent").split(" · ")[-1])
        browser.press("Escape")
    assert sources == ["run", "other"]


def test_the_same_sequence_of_two_splits_has_two_pages(browser, monkeypatch, tmp_path):
    rows = [a_row("kite-1", f"a {split} kite", split=split) for split in ("train", "test")]
    monkeypatch.setattr(material, "read_rows", lambda *_: iter(rows))
    browser.open(api.report("anything", out=tmp_path / "r.html").page)
    texts = []
    for key in ("Enter", "j"):
        browser.press(key)
        browser.reload()
        browser.wait("document.querySelector('.texts')")
        texts.append(browser.run("document.querySelector('.heading .about').textContent"))
    assert ["train" in texts[0], "test" in texts[1]] == [True, True]


def test_another_search_in_the_address_begins_at_the_first_row(page):
    names = page.run(NAMES)
    for key in ("j", "j"):
        page.press(key)
    page.run(f"location.hash = '#q={names[0]}'")
    page.run(QUIET)
    page.press("Enter")
    assert page.run("document.querySelector('h1').textContent") == names[0]


def test_pictures_in_a_folder_are_shown(browser, annotated, tmp_path):
    made = api.report(annotated / "run", root=annotated / "data", out=tmp_path / "r.html", full=True)
    browser.open(made.page)
    browser.press("Enter")
    browser.wait("document.querySelector('.first img')?.naturalWidth === 320")
    assert browser.errors == []


def test_hostile_rows_are_shown_and_never_run(browser, monkeypatch, tmp_path):
    """Markup, scripts, controls, long and right-to-left texts, as names and as texts, each opened once."""
    attacks = ["<img src=x onerror=hit=1>", "</script><script>hit=1</script>", "<svg onload=hit=1>", "javascript:hit=1"]
    rows = [*(a_row(text, text, manual_text=text, category=text) for text in attacks), *hostile_rows(count=60)]
    monkeypatch.setattr(material, "read_rows", lambda *_: iter(rows))
    made = api.report("<b>a</b>", out=tmp_path / "r.html")
    browser.open(made.page)
    browser.run("location.hash = '#sort=source'")
    browser.run(QUIET)
    assert browser.run(NAMES)[:4] == attacks
    browser.press("Enter")
    for text in attacks:
        assert browser.run("document.querySelector('h1').textContent") == text
        assert text in browser.run("document.querySelector('.texts').textContent").replace("  ", " ")
        browser.press("j")
    for _ in range(made.sequences):
        browser.press("j")
    assert browser.run("typeof hit") == "undefined"
    assert browser.errors == [] and len(browser.requests) == 1
    assert browser.run("document.querySelectorAll('main img, main script, main svg [onload]').length") == 0


def test_the_policy_stops_what_slips_in(page):
    for tag, name, value in (("script", "textContent", "hit = 1"), ("img", "src", "http://127.0.0.1:9/x.png")):
        make = f"const e = document.createElement('{tag}'); e.{name} = '{value}'; document.body.append(e);"
        page.run(f"(() => {{ {make} }})()")
    page.run(QUIET)
    assert page.run("typeof hit") == "undefined"
    refused = [error for error in page.errors if "Content Security Policy" in error]
    assert len(refused) >= 2
    page.errors.clear()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a red kite", "a red kite", "=a =red =kite"),
        ("a red kite", "a blue kite", "=a -red +blue =kite"),
        ("", "a kite", "+a +kite"),
        ("a kite", "", "-a -kite"),
        ("A kite.", "a kite", "=a =kite"),
        ("one two three", "three one two", "+three =one =two -three"),
    ],
)
def test_differences_by_words(browser, before, after, expected):
    parts = call(browser, "words", "diff", before, after)
    signs = {"same": "=", "gone": "-", "new": "+"}
    assert " ".join(signs[part["kind"]] + part["word"]["text"] for part in parts) == expected


def test_places_are_counted_as_python_counts(browser):
    text = "\U0001fa81 a  kit\U0001fa81e\n"
    words = call(browser, "words", "split", text)
    assert [(word["text"], text[word["start"] : word["stop"]]) for word in words] == [(w, w) for w in text.split()]
    assert call(browser, "words", "between", text, 2, 6) == text[2:6]


def test_very_long_texts_are_not_compared(browser):
    parts = call(browser, "words", "diff", "a " * 5000, "b " * 5000)
    assert len(parts) == 5000 and {part["kind"] for part in parts} == {"same"}


@pytest.mark.parametrize(
    ("query", "sort", "expected"),
    [
        ("", "-iou", [1, 0, 2]),
        ("", "iou", [0, 1, 2]),
        ("", "sequence", [2, 1, 0]),
        ("iou<0.5", "iou", [0]),
        ("iou>=0.5", "iou", [1]),
        ("-iou>=0.5", "iou", [0, 2]),
        ("red", "iou", [0, 2]),
        ("red -big", "iou", [0]),
        ('"red bus"', "iou", [2]),
        ("status:fail", "iou", [2]),
        ("status=fail", "iou", []),
        ("split=none", "iou", [2]),
        ("attribute:occlusion", "iou", [1]),
        ("iou<x", "iou", []),
        ("qwen-2.5:RED", "iou", [0]),
        ("qwen-2.5=none", "iou", [1]),
        ("-qwen-2.5:red", "iou", [1, 2]),
        ("qwen-2.5.iou<0.5", "iou", [0]),
        ("qwen-2.5.margin>0", "iou", [2]),
        ("qwen-2.5<0.5", "iou", []),
        ("", "qwen-2.5", [2, 0, 1]),
        ("", "-qwen-2.5.iou", [2, 0, 1]),
    ],
)
def test_queries_and_orders(browser, query, sort, expected):
    common = {"attributes": [], "split": "test", "status": "ok"}
    rows = [
        common | {"number": 0, "sequence": "b-10", "iou": 0.1, "haystack": "b-10\nred kite"},
        common | {"number": 1, "sequence": "b-9", "iou": 0.9, "haystack": "b-9\nblue", "attributes": ["Occlusion"]},
        {"number": 2, "sequence": "a-1", "iou": None, "haystack": "a-1\nbig red bus", "attributes": []}
        | {"split": None, "status": "describe_failed"},
    ]
    said = [("red kite", 0.2, -0.1), (None, None, None), ("a bus", 0.8, 0.3)]
    for row, values in zip(rows, said, strict=True):
        row["named"] = [dict(zip(("name", "text", "iou", "margin"), ("qwen-2.5", *values), strict=True))]
    assert call(browser, "filter", "chosen", rows, query, sort) == expected


def test_the_address_says_all_of_the_state(browser):
    script = bundle(SOURCES, "address.js")
    state = {
        "query": "a&b=c #1",
        "sort": "iou",
        "open": 2,
        "row": 0,
        "plot": "margin",
        "frame": 7,
        "theme": "dark",
        "blind": "yes",
        "round": 3,
    }
    found = browser.run(
        f"(() => {{ {script} const hash = $address.toAddress({json.dumps(state)}, (n) => `na&me ${{n}}`);"
        "return $address.fromAddress('#' + hash, (name) => name === 'na&me 2' ? 2 : null); })()"
    )
    assert found == {key: value for key, value in state.items() if key != "row"}


def test_the_next_disagreement_is_found_and_goes_round(browser):
    line = {"disagreements": [[3, "a"], [3, "b"], [9, "c"]]}
    jump = [call(browser, "timeline", "nextDisagreement", line, at) for at in (None, 3, 9)]
    assert jump == [3, 9, 3]
    assert call(browser, "timeline", "nextDisagreement", line, 9, True) == 3
    assert call(browser, "timeline", "nextDisagreement", {"disagreements": []}, 1) is None


EVENTS = [
    {"type": "search", "query": "x"}, {"type": "sort", "by": "iou"}, {"type": "cursor", "row": 1},
    {"type": "open", "number": 3}, {"type": "close"}, {"type": "plot", "plot": "margin"}, {"type": "frame", "frame": 2},
    {"type": "round", "round": 2}, {"type": "panel", "panel": "edit"}, {"type": "blind", "blind": "yes"},
    {"type": "decided"}, {"type": "mail", "saving": "away", "unsaved": 2, "trouble": "no answer"},
    {"type": "theme", "theme": "dark"}, {"type": "help", "shown": True},
    {"type": "address", "state": {"open": 1}},
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_an_event_never_changes_a_state_in_place(browser, event):
    script = bundle(SOURCES, "store.js")
    call_it = f"const before = Object.freeze({{...$store.START}}); return $store.reduce(before, {json.dumps(event)})"
    after = browser.run(f"(() => {{ {script} {call_it}; }})()")
    changed = {key: value for key, value in event.items() if key in after}
    assert {key: after[key] for key in changed} == changed
    assert f'"{event["type"]}"' in SOURCES["store.js"]


def test_sorting_twice_turns_the_order(browser):
    for before, after in (("iou", "-iou"), ("-iou", "iou"), ("auc", "iou")):
        assert call(browser, "store", "reduce", {"sort": before}, {"type": "sort", "by": "iou"})["sort"] == after


def test_means_rest_on_pairs(browser):
    rows = [{"a": 0.2, "b": 0.6}, {"a": 0.4, "b": 0.3}, {"a": None, "b": 1}, {"a": 0.5, "b": 0.5}]
    found = call(browser, "summary", "paired", rows, {"before": "a", "after": "b"})
    assert (found["before"], found["after"]) == pytest.approx((1.1 / 3, 1.4 / 3))
    assert (found["pairs"], found["better"], found["worse"]) == (3, 1, 1)
