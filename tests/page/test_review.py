"""A review in a real browser, served as `chatdesc review` serves it: decisions by keys, and that none is lost."""

import json
from contextlib import suppress
from random import Random

import pytest

from chatdesc.decisions.decision import decision, standing
from chatdesc.decisions.journal import Journal
from chatdesc.page.document import asset, modules
from chatdesc.page.modules import bundle
from chatdesc.rows.store import Store
from tests.makers.review_server import Local, Server, a_run, sent

SOURCES = {name: asset(name) for name in modules()}
QUIET = "new Promise((done) => setTimeout(() => requestAnimationFrame(done), 60))"
NAME = "document.querySelector('h1').textContent"
NAMES = "[...document.querySelectorAll('.rows .row a')].map((a) => a.textContent)"
SAVED = "document.querySelector('.saving').dataset.state === 'saved'"
STANDS = "document.querySelector('.dock .here').textContent"
BADGES = "[...document.querySelectorAll('.badge')].map((badge) => badge.dataset.verdict)"
TEXTS = "[...document.querySelectorAll('.texts .text')].map((text) => text.textContent.trim())"


def decided(folder):
    """What stands in the journals of a folder, in their order, as tuples of what tests ask for."""
    made = Journal(folder).read()
    undone = {d.undoes for d in made}
    return [(d.reviewer, d.sequence, d.verdict) for d in made if d.verdict != "undo" and d.id not in undone]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "decisions"


@pytest.fixture
def page(browser, annotated, folder):
    """A review of the run, opened anew, with an empty storage."""
    with Local(annotated / "run", root=annotated / "data", decisions=folder) as server:
        begin(browser, server)
        yield browser
    assert browser.errors == []


@pytest.fixture
def texts(browser, tmp_path, folder):
    """A review of three rows with a manual and a refined text each, without pictures."""
    with Local(a_run(tmp_path / "run"), decisions=folder) as server:
        begin(browser, server)
        yield browser
    assert browser.errors == []


def begin(browser, server):
    browser.look()
    browser.open(server.address)
    browser.run("localStorage.clear(); sessionStorage.clear()")
    browser.wait(SAVED)


def test_a_key_per_decision_and_on_to_the_next(page, folder):
    names = page.run(NAMES)
    page.press("g")
    assert page.run(NAME) == names[0]
    page.press("a")
    assert page.run(NAME) == names[1]
    page.press("s")
    page.press("x")
    page.wait(SAVED)
    assert decided(folder) == [("ada", names[0], "accept"), ("ada", names[1], "skip"), ("ada", names[2], "reject")]
    assert page.run(NAME) == names[1], "the skipped one comes again"
    page.press("f")
    page.wait("document.activeElement.name === 'kind'")
    page.press("3")
    page.type("samll")
    page.press("Enter")
    page.wait(SAVED)
    last = Journal(folder).read()[-1]
    assert (last.sequence, last.verdict, last.kind, last.reason) == (names[1], "flag", "typo", "samll")
    page.wait("document.querySelector('.queues .far').textContent.startsWith('3 of 3 decided')")
    page.reload()
    page.wait(f"{BADGES}.length === 3")
    assert page.run(BADGES) == ["accept", "flag", "reject"]
    assert page.run("document.querySelector('.queues .main').disabled")


def test_an_edit_is_saved_by_ctrl_enter_and_left_by_escape(texts, folder):
    texts.press("g")
    texts.press("e")
    texts.wait("document.activeElement.tagName === 'TEXTAREA'")
    assert texts.run("document.activeElement.value") == "a red kite 0"
    assert "a kite 0" in texts.run("document.querySelector('.froms').textContent")
    texts.type(" in the sky")
    texts.press("Escape")
    assert texts.run("document.querySelector('textarea')") is None
    assert decided(folder) == []
    texts.press("e")
    texts.wait("document.activeElement.tagName === 'TEXTAREA'")
    texts.run("document.activeElement.value = '  '")
    texts.press("Enter", control=True)
    assert "needs a word" in texts.run("document.querySelector('.why').textContent")
    texts.click(*texts.middle(".from:last-child"))
    texts.type("\nand a tail")
    texts.press("Enter", control=True)
    texts.wait(SAVED)
    [made] = Journal(folder).read()
    assert (made.verdict, made.side, made.text) == ("edit", "manual", "a kite 0 and a tail")
    texts.press("Escape")
    assert "a kite 0 and a tail" in texts.run("document.querySelector('.rows').textContent")


def test_what_is_being_written_outlives_a_reload_until_it_is_left(texts):
    texts.press("g")
    texts.press("e")
    texts.wait("document.activeElement.tagName === 'TEXTAREA'")
    texts.type(" in the sky")
    texts.reload()
    texts.wait(SAVED)

    def edited(*keys):
        """The text that the editor begins with after some keys."""
        for key in keys:
            texts.press(key)
        texts.wait("document.activeElement.tagName === 'TEXTAREA'")
        return texts.run("document.activeElement.value")

    assert edited("e") == "a red kite 0 in the sky"
    texts.reload()
    texts.wait(SAVED)
    assert edited("j", "e") == "a red kite 1"
    texts.reload()
    texts.wait(SAVED)
    assert edited("k", "e") == "a red kite 0 in the sky"
    assert edited("Escape", "e") == "a red kite 0"


def test_undo_by_key_and_by_ctrl_z_goes_back_to_the_sequence(texts, folder):
    names = texts.run(NAMES)
    texts.press("g")
    for key in ("a", "m"):
        texts.press(key)
    texts.press("z", control=True)
    assert texts.run(NAME) == names[1]
    texts.press("u")
    assert texts.run(NAME) == names[0]
    texts.press("m")
    texts.press("u")
    texts.press("u")
    texts.wait(SAVED)
    assert decided(folder) == [] and len(Journal(folder).read()) == 6
    assert texts.run(NAME) == names[0]


def test_a_row_of_one_text_has_one_key(browser, tmp_path, folder):
    run = a_run(tmp_path / "run", count=1, text="a kite", manual_text="a kite", text_source="manual")
    with Local(run, decisions=folder) as server:
        begin(browser, server)
        browser.press("g")
        assert browser.run("document.querySelectorAll('.decide[data-verdict=accept]').length") == 1
        browser.press("b")
        browser.press("a")
        browser.wait(SAVED)
    assert [made.side for made in Journal(folder).read()] == ["manual"]


def test_a_second_tab_and_a_second_reviewer_are_seen(texts, tmp_path, folder):
    names = texts.run(NAMES)
    address = texts.run("location.href")
    first = texts.tab(address)
    texts.press("g")
    texts.press("a")
    texts.wait(SAVED)
    texts.turn(first)
    texts.wait(f"{BADGES}.length === 1")
    with Local(tmp_path / "run", decisions=folder, reviewer="<b>ben</b>") as other:
        other.decide(sent(names[0], "reject", reason="<img src=x onerror=hit=1>"), sent(names[1], "skip"))
        text = other.decide(sent(names[2], "accept")) and other.decisions()[-1]["text"]
    Journal(folder, "eve").add([decision(sent(names[2], "edit", text=text))])  # the same end on another way
    texts.wait("document.querySelectorAll('.other').length === 4")
    assert "<b>ben</b>" in texts.run("document.querySelector('.other').textContent")
    for query, found in (("decided:no", 2), ("decision:reject", 1), ("reviewer:ada", 1), ("differ:yes", 1)):
        texts.run(f"location.hash = '#q={query}'")
        texts.run(QUIET)
        assert (query, len(texts.run(NAMES))) == (query, found)
    texts.press("Enter")
    assert "<img src=x onerror=hit=1>" in texts.run(STANDS)
    assert texts.run("typeof hit") == "undefined"


def test_a_decision_from_elsewhere_leaves_an_open_panel_alone(texts, tmp_path, folder):
    texts.press("g")
    texts.press("e")
    texts.wait("document.activeElement.tagName === 'TEXTAREA'")
    texts.type(" in")
    with Local(tmp_path / "run", decisions=folder, reviewer="ben") as other:
        other.decide(sent("kite-0", "reject"))
    texts.run("document.dispatchEvent(new Event('visibilitychange'))")  # asks the server at once
    texts.wait(f"{STANDS}.includes('ben')")
    texts.type(" the sky")
    assert texts.run("document.activeElement.value") == "a red kite 0 in the sky"


def test_nothing_is_lost_when_the_server_is_killed_and_started_again(browser, tmp_path):
    run = a_run(tmp_path / "run", count=6)
    browser.look()
    with Server(run) as server:
        browser.open(server.url)
        browser.wait(SAVED)
        browser.press("g")
        browser.press("a")
        browser.wait(SAVED)
        server.kill()
    for key in ("x", "m", "s", "u"):
        browser.press(key)
    browser.wait("!document.querySelector('.banner').hidden")
    browser.wait("document.querySelector('.banner').textContent.includes('4 decisions are not saved')")
    kept = browser.run("Object.keys(localStorage).length")
    with Server(run, port=server.port) as again:
        browser.wait("document.querySelector('.banner').textContent.includes('started anew')")
        old = browser.tab(again.url)  # this tab finds what the other one could not save
        browser.wait(SAVED)
        browser.wait(f"{BADGES}.length === 3")
        browser.turn(old)
        browser.wait(SAVED)
        browser.press("a")
        browser.wait(f"{SAVED} && document.querySelector('.banner').hidden")
    assert kept == 4 and browser.run("Object.keys(localStorage).length") == 0
    made = Journal(run / "review").read()
    assert [d.verdict for d in made] == ["accept", "reject", "accept", "skip", "undo", "accept"]
    assert len({d.id for d in made}) == 6
    browser.errors.clear()  # of the requests that nobody answered


def test_a_refused_decision_is_told_and_kept_until_it_is_given_up(texts):
    texts.run(
        "(() => { const sent = window.fetch; window.fetch = async (address, options) => {"
        "if (options.method !== 'POST') return sent(address, options);"
        "const ids = JSON.parse(options.body).decisions.map(({ id }) => id);"
        "return new Response(JSON.stringify({ saved: ids.slice(1), refused: { [ids[0]]: 'it <b>has</b> changed' } }));"
        "}; })()"
    )
    texts.press("g")
    texts.press("a")
    texts.wait("document.querySelector('.saving').dataset.state === 'refused'")
    banner = "document.querySelector('.banner')"
    assert "it <b>has</b> changed" in texts.run(f"{banner}.textContent")
    assert texts.run("Object.keys(localStorage).length") == 1
    texts.click(*texts.middle(".banner button:last-child"))
    texts.wait(f"{banner}.hidden")
    assert texts.run("Object.keys(localStorage).length") == 0
    texts.press("Escape")
    assert texts.run(BADGES) == []


def test_a_rule_shows_what_it_does_and_is_taken_back_at_once(texts, folder):
    texts.press("g")
    texts.press("x")
    texts.press("Escape")
    texts.run("location.hash = '#q=kite'")
    texts.run(QUIET)
    texts.press("A")
    texts.wait("document.querySelector('dialog[open]')")
    said = texts.run("document.querySelector('.preview').textContent")
    assert "2 open sequences are accepted" in said and "2 of them get another text" in said and "1 that you" in said
    assert "a red kite 1" in said and "a red kite 0" not in said
    texts.press("x")
    texts.click(*texts.middle("dialog .main"))
    texts.wait(f"document.querySelector('dialog') === null && {SAVED}")
    made = Journal(folder).read()
    assert [(d.verdict, d.side, d.rule) for d in made[1:]] == [("accept", "refined", "kite")] * 2
    texts.press("u")
    texts.wait(SAVED)
    assert decided(folder) == [("ada", "kite-0", "reject")]
    texts.press("u")
    texts.wait(SAVED)
    assert decided(folder) == []


def test_the_same_rule_twice_is_taken_back_in_two_steps(browser, tmp_path, folder):
    run = a_run(tmp_path / "run", count=1)
    a_run(tmp_path / "without", count=1, sequence="plain-0", text=None)
    with Store.open(run, {"dataset": "lasot"}) as store:
        store.save(Store(tmp_path / "without").load("plain-0"))
    with Local(run, decisions=folder) as server:
        begin(browser, server)
        for side in ("refined", "manual"):
            browser.press("A")
            browser.wait("document.querySelector('dialog[open]')")
            browser.click(*browser.middle(f"dialog [value={side}]"))
            browser.click(*browser.middle("dialog .main"))
            browser.wait(f"document.querySelector('dialog') === null && {SAVED}")
        assert [d.rule for d in Journal(folder).read()] == ["all sequences", "all sequences (again)"]
        browser.press("u")
        browser.wait(SAVED)
        assert decided(folder) == [("ada", "kite-0", "accept")]
        browser.press("u")
        browser.wait(SAVED)
        assert decided(folder) == []


WORDS = ("manual", "refined", "to use", "round", "IoU")


def test_a_blind_page_betrays_nothing_and_stays_as_it_is(texts, folder):
    texts.press("g")
    before = texts.run(TEXTS)
    texts.press("h")
    shown = texts.run(TEXTS)
    assert sorted(shown) == ["a kite 0", "a red kite 0"] and len(before) == 2
    titles = "[...document.querySelectorAll('main [title]')].map((element) => element.title)"
    said = texts.run(f"document.querySelector('main').textContent + {titles}")
    assert [word for word in WORDS if word in said] == []
    texts.reload()
    texts.wait("document.querySelector('.texts.blind')")
    assert texts.run(TEXTS) == shown
    texts.press("m")
    texts.press("b")
    texts.wait(SAVED)
    [made] = Journal(folder).read()
    assert (made.text, made.blind) == (shown[1], True)
    assert made.side == ("refined" if "red" in shown[1] else "manual")
    assert "text accepted" in texts.run(STANDS) and made.side not in texts.run(STANDS)
    texts.press("k")
    assert texts.run("document.querySelector('.texts.blind')") is None, "what is decided is shown"
    texts.press("Escape")
    rows = "[...document.querySelectorAll('.rows .row')].map((row) => row.textContent)"
    first, second, _ = texts.run(rows)
    assert "manual" in first and "hidden" in second and "manual" not in second
    assert texts.run("document.querySelector('.lists')") is None


def test_a_blind_review_cannot_be_turned_off(browser, tmp_path, folder):
    with Local(a_run(tmp_path / "run"), decisions=folder, blind=True) as server:
        begin(browser, server)
        browser.press("g")
        browser.press("h")
        browser.press("A")
        assert browser.run("document.querySelector('.texts.blind') !== null")
        assert browser.run("document.querySelector('dialog')") is None
    assert browser.errors == []


def value(browser, module, script):
    """A script's value with the exports of a module by its name."""
    source = bundle(SOURCES, f"{module}.js").replace('"use strict";\n', "", 1)
    return browser.run(f"(() => {{ {source} return {script}; }})()")


def test_the_blind_order_depends_on_row_and_reviewer_and_is_even(browser):
    pair = "[{ side: 'refined' }, { side: 'manual' }]"
    first = f"(n, who) => $offers.shuffled({pair}, {{ sequence: `kite-${{n}}` }}, who)[0].side"
    found = value(
        browser, "offers", f"['ada', 'ben'].map((who) => [...Array(400).keys()].map((n) => ({first})(n, who)))"
    )
    assert all(150 < sides.count("manual") < 250 for sides in found)
    assert 150 < sum(a == b for a, b in zip(*found, strict=True)) < 250


def test_a_server_that_was_started_anew_is_asked_for_all(browser):
    browser.open("data:text/html,x")
    steps = """
        const asked = [];
        let said;
        fetch = async (address) => (asked.push(address), Response.json({ ...said, decisions: [] }));
        $mail.makeMail("x", () => {}, () => {});
        for (const [server, last] of [["a", 5], ["a", 6], ["b", 6], ["b", 6]]) {
            said = { server, last };
            document.dispatchEvent(new Event("visibilitychange"));
            await new Promise((done) => setTimeout(done, 20));
        }
        return asked.map((address) => Number(address.split("=")[1]));
    """
    assert value(browser, "mail", f"(async () => {{ {steps} }})()") == [0, 5, 6, 0, 6]


def test_what_waits_in_the_browser_is_its_own_reviewers(texts):
    """A name may hold a colon, as the keys of the browser's storage do."""
    row = "{ number: 0, dataset: 'd', split: null, sequence: 'x' }"
    data = f"{{ sources: [], rows: [{row}], review: {{ reviewer, journal: 'j' }} }}"
    steps = f"""
        const of = (reviewer) => $desk.makeDesk({data}, () => {{}});
        fetch = () => new Promise(() => {{}});
        of('ann:x').decide([{{ number: 0, verdict: 'skip' }}]);
        return ['ann:x', 'ann'].map((who) => of(who).last()?.verdict ?? null);
    """
    found = value(texts, "desk", f"(() => {{ {steps} }})()")
    assert found == ["skip", None]


def test_what_stands_is_what_python_says(browser):
    draw = Random(0)
    for _ in range(20):
        made = []
        for number in range(30):
            undo = made and draw.random() < 0.4
            said = {"verdict": "undo", "undoes": draw.choice(made)["id"]} if undo else {"verdict": "skip"}
            who, sequence = draw.choice("ab"), draw.choice("xyz")
            made.append({"id": f"i{number}", "dataset": "d", "split": "", "sequence": sequence, "reviewer": who} | said)
        expected = {(who, key[2], stands.id) for (who, key), stands in standing(map(decision, made)).items()}
        found = value(browser, "standing", f"[...$standing.standing({json.dumps(made)}).values()].flat()")
        assert {(d["reviewer"], d["sequence"], d["id"]) for d in found} == expected


@pytest.mark.parametrize(
    ("mine", "at", "expected"),
    [
        ([None, None, None], 0, 1),
        ([None, None, None], 2, 0),
        (["accept", "skip", "accept"], 0, 1),
        (["skip", None, "skip"], 2, 1),
        (["skip", "skip", "accept"], 0, 1),
        (["accept", "skip", "accept"], 1, None),
        ([None, "accept", "accept"], None, 0),
    ],
)
def test_the_next_one_is_open_and_skipped_ones_come_last(browser, mine, at, expected):
    rows = [
        {"mine": made and {"verdict": made}, "decided": "yes" if made in ("accept", "flag") else "no"} for made in mine
    ]
    script = bundle(SOURCES, "acts.js").replace('"use strict";\n', "", 1)
    assert (
        browser.run(f"(() => {{ {script} return $acts.nextOpen({json.dumps(rows)}, [0, 1, 2], {json.dumps(at)}); }})()")
        == expected
    )


HOSTILE = [
    "<img src=x onerror=hit=1>",
    "</script><script>hit=1</script>",
    "\u202eright to left",
    "a\U0001f600 " * 40,
    "x" * 10_000,
]


def test_hostile_texts_are_shown_and_edited_and_never_run(browser, tmp_path, folder):
    run = a_run(tmp_path / "run", count=1, manual_text=HOSTILE[0], text=HOSTILE[1])
    with Local(run, decisions=folder) as server:
        begin(browser, server)
        browser.look(360, 740)
        browser.press("g")
        for text in HOSTILE:
            browser.press("e")
            browser.wait("document.activeElement.tagName === 'TEXTAREA'")
            browser.run("document.activeElement.select()")
            browser.type(text)
            assert browser.run("document.documentElement.scrollWidth") == 360
            browser.press("Enter", control=True)
            browser.wait(f"{SAVED} && document.querySelector('.rows')")
            browser.run(QUIET)
            assert text.strip() in browser.run("document.querySelector('.rows').textContent")
            browser.press("Enter")
            browser.wait("document.querySelector('.dock')")
            assert browser.run("document.documentElement.scrollWidth") == 360
        assert browser.run("typeof hit") == "undefined"
        assert browser.run("document.querySelectorAll('main img, main script').length") == 0
    assert [made.text for made in Journal(folder).read()] == [text.strip() for text in HOSTILE]
    assert browser.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_it_without_scrolling_sideways(page, dark):
    page.look(360, 740, dark)
    wide = "document.documentElement.scrollWidth"
    for key in ("", "A", "Escape", "g", "e", "Escape", "f", "Escape", "a", "h"):
        if key:
            page.press(key)
        page.run(QUIET)
        assert (key, page.run(wide)) == (key, 360)
    small = "[...document.querySelectorAll('.decide')].filter((b) => b.offsetHeight < 44 || b.offsetWidth < 44).length"
    assert page.run(small) == 0


def test_the_evidence_is_in_sight_with_the_decisions(page):
    page.press("g")
    page.wait("document.querySelector('.first img').naturalWidth > 0")
    page.wait("document.querySelector('.first img').src.includes('/frame/')")
    hidden = (
        "['.first .frame', '.texts .text', '.keys figure', '.timeline', '#part-audit h2, .figures'].filter((part) => {"
        "const box = document.querySelector(part).getBoundingClientRect();"
        "const under = document.querySelector('.dock').getBoundingClientRect().top;"
        "return box.top < 50 || Math.min(box.bottom, box.top + 40) > under; })"
    )
    assert page.run(hidden) == []


def test_the_sheet_has_the_keys_of_the_review(page):
    page.press("?")
    page.wait("document.querySelector('dialog[open]')")
    known = sum(SOURCES[name].count("{ name: ") for name in ("keys.js", "verdicts.js"))
    assert page.run("document.querySelectorAll('dialog kbd').length") == known
    page.press("Escape")
    page.wait("document.querySelector('dialog') === null")


def test_a_report_from_disk_decides_nothing(browser, report):
    browser.look()
    browser.open(report)
    for key in ("g", "Enter", "a", "x", "u"):
        browser.press(key)
    browser.press("z", control=True)
    assert browser.run("document.querySelector('.dock, .queues, .reviewer, .badge')") is None
    assert browser.run("document.querySelector('article.sequence') !== null")
    with suppress(AssertionError):  # a file may have no storage at all
        assert browser.run("Object.keys(localStorage).length") == 0
    assert browser.errors == []
