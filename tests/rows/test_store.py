import errno
import json
import platform
import random
import signal
import subprocess
import sys
import time
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.atomic import write_atomic
from chatdesc.rows.store import DamagedRows, JsonStore, _json, read_config, refuse_difference
from chatdesc.types import ChatdescError

TEMPORARY = f".{platform.node()}-{2**22 + 1}-1.tmp"  # of a process whose number is above the largest of Linux
CONFIG = {"rounds": 3, "settings": {"theta": 0.3, "encoders": ["a"]}}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "run"


def test_rows_come_back_in_the_order_asked_for(root):
    rows = [{"sequence": name, "text": "rot é 风筝", "iou": 0.5, "none": None} for name in ("b-2", "a-1", "c")]
    with JsonStore.open(root, CONFIG) as store:
        for row in rows:
            store.save(row)
    with JsonStore.open(root, CONFIG) as store:
        assert store.names() == ["a-1", "b-2", "c"]
        assert list(store.rows(["b-2", "missing", "a-1", "c"])) == rows
        store.save(rows[0] | {"text": "new"})
        assert store.load("b-2")["text"] == "new"
    assert read_config(root) == CONFIG


@pytest.mark.parametrize("content", [b"", b'{"sequence": "a", "te', b"\xff\xfe", b"null", b"[]", b"{}"])
def test_a_row_that_cannot_be_read_is_not_finished_and_never_left_out_in_silence(root, content):
    with JsonStore.open(root, CONFIG) as store:
        store.save({"sequence": "b"})
        store.path("a").write_bytes(content)
        assert store.finished("a") is None
        with pytest.raises(DamagedRows, match=r"1 row cannot be read back \(a\)"):
            store.load("a")
        with pytest.raises(DamagedRows, match=r"\(a\)"):
            list(store.rows(["b", "a"]))
        with pytest.raises(DamagedRows, match=r"\(a\)"):
            store.refuse_damaged()
        store.refuse_damaged(but=["a"])
        assert list(store.rows(["b", "never begun"])) == [{"sequence": "b"}]


def test_all_damaged_rows_are_named_up_to_five(root):
    with JsonStore.open(root, CONFIG) as store:
        for k in range(7):
            store.path(f"s-{k}").write_text("{")
        with pytest.raises(DamagedRows, match=r"7 rows cannot be read back \(s-0, s-1, s-2, s-3, s-4 and 2 more\)"):
            list(store.rows(store.names()))


LONG = ["x" * 253, "x" * 252 + "y", "\u98a8" * 60, "\u98a8" * 85, "caf\udce9-1", "half \ud83d", "\udce9" * 200]


def test_long_and_undecodable_names_come_back_as_they_were(root):
    with JsonStore.open(root, CONFIG) as store:
        for name in LONG:
            store.save({"sequence": name, "text": "rot"})
        assert sorted(store.names()) == sorted(LONG)
        assert [row["sequence"] for row in store.rows(LONG)] == LONG
        assert all(len(path.name.encode()) <= 255 for path in store.rows_dir.iterdir())
        assert store.path("x" * 253).name.startswith("x" * 100)
        damaged = store.path("x" * 253)
        damaged.write_text("{")
        with pytest.raises(DamagedRows, match="xxx"):
            store.names()


def test_a_disk_without_locks_is_refused_in_words(root, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(ChatdescError, match=r"cannot be locked \(No locks available\)"):
        JsonStore.open(root, CONFIG)


def test_another_configuration_is_refused_with_every_differing_key(root):
    JsonStore.open(root, CONFIG).close()
    other = {"rounds": 4, "settings": {"theta": 0.3, "encoders": ["a", "b"]}, "new": 1}
    with pytest.raises(ChatdescError) as caught:
        JsonStore.open(root, other)
    message = str(caught.value)
    assert "rounds: was 3, now 4" in message
    assert "settings.encoders: was ['a'], now ['a', 'b']" in message
    assert "new: was None, now 1" in message
    assert "theta" not in message
    JsonStore.open(root, CONFIG).close()  # the refusal left neither a lock nor a change


def test_equal_configurations_are_equal_as_json(root):
    refuse_difference(root, {"a": [1, 2], "b": {"c": 1}}, {"b": {"c": 1}, "a": (1, 2)})


@pytest.mark.parametrize("name", ["notes.txt", "rows/mine.json", "rows.json"])
def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(root, name):
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text("mine")
    with pytest.raises(ChatdescError, match="no run of chatdesc"):
        JsonStore.open(root, CONFIG)
    assert [p for p in root.rglob("*") if p.is_file()] == [root / name]


def test_a_file_in_the_runs_place_is_refused(root):
    root.write_text("mine")
    with pytest.raises(ChatdescError, match="no run of chatdesc"):
        JsonStore.open(root, CONFIG)


@pytest.mark.parametrize("left", [[], ["rows/"], ["rows/", ".lock"], ["rows/", ".lock", TEMPORARY]])
def test_a_run_that_was_killed_before_it_began_is_gone_on_with(root, left):
    root.mkdir()
    for name in left:
        (root / name).mkdir() if name.endswith("/") else (root / name).write_text('{"rou')
    with JsonStore.open(root, CONFIG) as store:
        store.save({"sequence": "a"})
    assert read_config(root) == CONFIG
    assert sorted(path.name for path in root.iterdir()) == [".lock", "rows", "run.json"]


def test_what_a_killed_writer_left_is_removed(root):
    with JsonStore.open(root, CONFIG) as store:
        store.save({"sequence": "a"})
        (store.rows_dir / TEMPORARY).write_text('{"sequ')
    with JsonStore.open(root, CONFIG) as store:
        assert store.names() == ["a"]
        assert [p.name for p in store.rows_dir.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [None, "{"])
def test_a_folder_that_is_no_run_says_so(root, content):
    root.mkdir()
    if content:
        (root / "run.json").write_text(content)
    with pytest.raises(ChatdescError, match=r"run\.json"):
        read_config(root)
    if content:
        with pytest.raises(ChatdescError, match=r"run\.json"):
            JsonStore.open(root, CONFIG)


NAMES = [
    ".",
    "..",
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "/abs",
    "風箏-1",
    "é",
    "a%2Fb",
    "a b",
    "CON",
    "x.json",
    "x.tmp",
    "*?",
    "~",
]


def test_odd_names_stay_apart_and_inside_the_folder(root):
    with JsonStore.open(root, CONFIG) as store:
        for name in NAMES:
            store.save({"sequence": name})
        assert store.names() == sorted(NAMES)
        assert [row["sequence"] for row in store.rows(NAMES)] == NAMES
        assert len(list(store.rows_dir.iterdir())) == len(NAMES)
    with JsonStore.open(root, CONFIG) as store:
        assert store.names() == sorted(NAMES)
    assert sorted(p.name for p in root.iterdir()) == [".lock", "rows", "run.json"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_is_one_file_of_the_folder(tmp_path_factory, name):
    store = JsonStore(tmp_path_factory.getbasetemp() / "names")
    store.rows_dir.mkdir(parents=True, exist_ok=True)
    path = store.path(name)
    assert path.resolve().parent == store.rows_dir.resolve()
    store.save({"sequence": name})
    assert store.names() == [name]
    assert store.load(name) == {"sequence": name}
    path.unlink()


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.json"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \ud83d")
    assert path.read_text() == "old"


def child(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


HOLD = """
import sys, json, pathlib
from chatdesc.rows.store import JsonStore
store = JsonStore.open(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_run_in_another_process_is_not_disturbed(root):
    holder = child(HOLD, root, json.dumps(CONFIG))
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(ChatdescError, match="another chatdesc is at work"):
            JsonStore.open(root, CONFIG)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    JsonStore.open(root, CONFIG).close()  # a killed process holds nothing


def test_a_run_is_locked_within_a_process_too(root):
    with JsonStore.open(root, CONFIG), pytest.raises(ChatdescError, match="at work"):
        JsonStore.open(root, CONFIG)
    JsonStore.open(root, CONFIG).close()


WRITE = """
import sys, json, itertools, pathlib
from chatdesc.rows.store import JsonStore
with JsonStore.open(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])) as store:
    for k in itertools.count():
        store.save({"sequence": f"s-{k % 5}", "boxes": [k] * 100_000, "last": k})
        print(k, flush=True)
"""


def test_kill_9_leaves_no_half_row(root):
    rng = random.Random(0)
    for _ in range(5):
        writer = child(WRITE, root, json.dumps(CONFIG))
        assert writer.stdout.readline() == "0\n"
        time.sleep(rng.uniform(0.05, 0.3))
        writer.send_signal(signal.SIGKILL)
        said = writer.communicate()[0].split()
        with JsonStore.open(root, CONFIG) as store:
            rows = list(store.rows(store.names()))
            assert len(rows) == len(store.names()) >= 1
            for row in rows:
                assert row["boxes"] == [row["last"]] * 100_000
            # Each name holds the last row that was reported as saved under it, or a later one.
            last = {row["sequence"]: row["last"] for row in rows}
            for name, k in {f"s-{k % 5}": k for k in range(int(said[-1] if said else 0) + 1)}.items():
                assert last[name] >= k
            assert {path.suffix for path in store.rows_dir.iterdir()} == {".json"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=7)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.dictionaries(st.integers() | st.booleans() | st.none(), inner, max_size=3)
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("escape", [True, False])
@given(value=JSON)
def test_pieces_of_a_row_are_what_json_gives_in_one(value, escape):
    with patch("chatdesc.rows.store.PIECE", 2):
        pieces = b"".join(_json(value, escape))
    assert pieces == json.dumps(value, ensure_ascii=escape).encode()
