"""Texts of other sources on the page: beside those of the rows, searched, sorted, and accepted by name."""

import json

import pytest

from chatdesc import api
from chatdesc.decisions.journal import Journal
from chatdesc.page.material import gather
from chatdesc.page.named import TAKEN
from chatdesc.rows.store import Store
from chatdesc.texts.named import NamedTexts, read_all, texts_of
from chatdesc.types import ChatdescError
from tests.makers.commands import call, fails
from tests.makers.review_server import Local, a_run
from tests.page.test_job import data_of, lines
from tests.page.test_review import BADGES, NAME, QUIET, SAVED, STANDS, TEXTS, begin, decided

SAID = {
    "qwen": {"kite-0": ["a kite of Qwen"], "kite-1": ["a kite 1"], "kite-2": ["zebra"]},
    "mine": {"kite-0": {0: "my kite", 20: "my far kite"}, "kite-2": ["my kite", "my other kite"]},
}
ROWS = "[...document.querySelectorAll('.rows .row')]"
TEXT_CELLS = f"{ROWS}.map((row) => [...row.querySelectorAll('.other-text')].map((text) => text.textContent))"


def named(**changes):
    return [
        NamedTexts(name, "a file", {of: texts_of(said) for of, said in texts.items()})
        for name, texts in (SAID | changes).items()
    ]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "decisions"


@pytest.fixture
def review(browser, tmp_path, folder):
    """A review of three rows, with texts of two other sources."""
    with Local(a_run(tmp_path / "run"), decisions=folder, named=named()) as server:
        begin(browser, server)
        yield browser
    assert browser.errors == []


def test_the_page_has_all_texts_and_what_a_grounder_says_of_them(annotated, tmp_path):
    names = [row["sequence"] for row in Store(annotated / "run").rows(Store(annotated / "run").names())]
    row = Store(annotated / "run").load(names[0])
    (tmp_path / "mine.json").write_text(json.dumps({names[0]: row["text"], names[1]: {"0": "a thing", "8": "it"}}))
    asked = [f"mine={tmp_path / 'mine.json'}"]
    made = api.report(
        annotated / "run", root=annotated / "data", texts=asked, out=tmp_path / "r.html", grounder="attributes"
    )
    index, details = data_of(made.page)
    assert index["texts"] == ["mine"] and made.notes == (f"mine: no text for 1 sequence of 3: {names[2]}",)
    shown = {line["sequence"]: (line["named"][0], of) for line, of in zip(lines(index), details, strict=True)}
    first, found = shown[names[0]]
    assert first[0] == row["text"]
    assert first[1:] == pytest.approx([row["grounding"]["iou"], row["grounding"]["margin"]], abs=1e-3)
    second, found = shown[names[1]]
    assert second[0] == "a thing" and found["named"][0]["phrases"] == [[0, "a thing"], [8, "it"]]
    assert {("a thing", 0), ("it", 8)} <= {(of["text"], of["start"]) for of in found["grounded"]}
    third, found = shown[names[2]]
    assert third == [None, None, None] and found["named"] == []


def test_wrong_sources_are_said(annotated, tmp_path):
    run, mine = annotated / "run", tmp_path / "mine.json"
    mine.write_text('{"zebra-1": "a zebra"}')
    assert "no sequence here has a text in mine" in fails("report", run, "--texts", f"mine={mine}")
    assert "two sources are called 'a'" in fails("report", run, "--texts", f"a={mine}", "--texts", f"a={mine}")
    assert "name of a column already" in fails("review", run, "--no-browser", "--texts", f"manual={mine}")
    for name in ("iou", "Status"):
        given = [NamedTexts(name, "x", {"kite-0": texts_of(["a kite"])})]
        with pytest.raises(ChatdescError, match=f"the page searches for '{name}' already"):
            gather(a_run(tmp_path / name), named=given)
    assert "mine" not in TAKEN


def test_the_command_says_what_a_source_lacks(annotated, tmp_path):
    first, *_ = Store(annotated / "run").names()
    (tmp_path / "mine.json").write_text(json.dumps({first: "a thing"}))
    asked = ["--texts", f"mine={tmp_path / 'mine.json'}", "--out", tmp_path / "r.html"]
    done = call("report", annotated / "run", *asked)
    assert done.exit_code == 0 and "mine: no text for 2 sequences of 3" in done.output + done.stderr
    assert read_all([f"mine={tmp_path / 'mine.json'}"])[0].texts.keys() == {first}


def test_the_table_has_a_line_for_each_source_and_is_sorted_and_searched_by_it(review):
    review.run("document.querySelector('[data-by=sequence]').click()")
    review.run(QUIET)
    assert review.run(TEXT_CELLS) == [
        ["qwen a kite of Qwen", "mine my kite"],
        ["qwen a kite 1", "mine –"],
        ["qwen zebra", "mine my kite"],
    ]
    heights = f"{ROWS}.map((row) => row.scrollHeight <= row.clientHeight + 1)"
    assert review.run(heights) == [True] * 3
    names = "[...document.querySelectorAll('.rows .row a')].map((a) => a.textContent)"
    review.run("document.querySelector('[data-by=qwen]').click()")
    review.run(QUIET)
    assert review.run(names) == ["kite-1", "kite-0", "kite-2"]
    assert review.run("document.querySelector('.head .text_source').getAttribute('aria-sort')") == "ascending"
    for query, expected in (("qwen:zebra", ["kite-2"]), ("mine=none", ["kite-1"]), ("zebra", ["kite-2"])):
        review.run(f"document.getElementById('search').value = '{query}'")
        review.run("document.getElementById('search').dispatchEvent(new Event('input'))")
        review.run(QUIET)
        assert review.run(names) == expected


def test_a_named_text_is_shown_as_a_difference_and_accepted_by_its_key(review, folder):
    review.press("g")
    assert review.run(NAME) == "kite-0"
    heads = review.run("[...document.querySelectorAll('.texts h2')].map((head) => head.textContent)")
    assert [head.split(" (")[0] for head in heads] == ["Manual text", "Text to use", "qwen", "mine"]
    assert "from frame 20" in review.run("document.querySelector('.texts').textContent")
    signs = review.run("[...document.querySelectorAll('.texts .text')][2].innerHTML")
    assert "<ins" in signs and "<del" in signs  # "of Qwen" is new, "0" is gone
    review.press("3")
    review.wait(SAVED)
    [made] = Journal(folder).read()
    assert (made.verdict, made.side, made.text) == ("accept", "qwen", "a kite of Qwen")
    review.press("k")
    assert "text of qwen accepted" in review.run(STANDS)
    review.press("Escape")
    review.wait(f"{BADGES}.length === 1")
    assert review.run("document.querySelector('.badge').textContent") == "✓ qwen"


def test_a_text_that_is_there_already_is_offered_once(review):
    review.press("g")
    review.press("j")
    assert review.run(NAME) == "kite-1"  # its text of qwen is the manual one
    keys = "[...document.querySelectorAll('[data-verdict=accept] kbd')].map((key) => key.textContent)"
    assert review.run(keys) == ["a", "m"]


def test_an_edit_may_start_from_a_named_text(review, folder):
    review.press("g")
    review.press("e")
    review.wait("document.activeElement.tagName === 'TEXTAREA'")
    review.click(*review.middle(".from:last-child"))
    review.type(" of mine")
    review.press("Enter", control=True)
    review.wait(SAVED)
    [made] = Journal(folder).read()
    assert (made.verdict, made.side, made.text) == ("edit", "mine", "my kite of mine")


def test_blind_order_covers_all_texts(review, folder):
    review.press("g")
    review.press("h")
    shown = review.run(TEXTS)
    assert sorted(shown) == sorted(["a kite 0", "a red kite 0", "a kite of Qwen", "my kite"])
    said = review.run("document.querySelector('main').textContent")
    assert [word for word in ("manual", "refined", "mine", "qwen") if word in said] == []
    keys = "[...document.querySelectorAll('[data-verdict=accept] kbd')].map((key) => key.textContent)"
    assert review.run(keys) == ["a", "b", "3", "4"]
    review.press("4")
    review.wait(SAVED)
    [made] = Journal(folder).read()
    assert (made.text, made.blind) == (shown[3], True)
    sides = {"a kite 0": "manual", "a red kite 0": "refined", "a kite of Qwen": "qwen", "my kite": "mine"}
    assert made.side == sides[shown[3]] and made.side not in review.run(STANDS)


def test_a_rule_takes_a_named_text_where_there_is_one(review, folder):
    review.press("A")
    review.run("document.querySelector('dialog input[value=mine]').click()")
    assert "1 have no such text and stay open" in review.run("document.querySelector('.preview').textContent")
    review.click(*review.middle("dialog .main"))
    review.wait(SAVED)
    assert decided(folder) == [("ada", "kite-0", "accept"), ("ada", "kite-2", "accept")]
    assert {(made.side, made.text) for made in Journal(folder).read()} == {("mine", "my kite")}


def test_a_source_that_says_something_else_by_now_is_no_decision(tmp_path):
    about = {"dataset": "lasot", "split": "test", "sequence": "kite-0", "verdict": "accept"}
    with Local(a_run(tmp_path / "run"), named=named()) as server:
        old = server.decide(about | {"id": "a", "side": "qwen", "text": "what it said before"})
        unknown = server.decide(about | {"id": "b", "side": "intern", "text": "a kite"})
        lacking = server.decide(about | {"id": "c", "side": "mine", "sequence": "kite-1"})
        sound = server.decide(about | {"id": "d", "side": "qwen"})
        assert server.decisions()[0]["text"] == "a kite of Qwen"
    assert "qwen has another text of 'kite-0' by now; reload" in old["refused"]["a"]
    assert "this review has no source 'intern'" in unknown["refused"]["b"]
    assert "'kite-1' has no mine text to accept" in lacking["refused"]["c"]
    assert sound["saved"] == ["d"]
