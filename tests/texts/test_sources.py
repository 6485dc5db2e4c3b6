"""What is read as what, and what is refused with which words."""

import json
import os
import pickle
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.texts import files, tree
from chatdesc.texts.named import RESERVED, read_all, read_named
from chatdesc.texts.source import read_source
from chatdesc.types import ChatdescError
from tests.makers.datasets import put


def texts(source):
    return {name: said.candidates for name, said in read_source(str(source)).texts.items()}


def timed(source, name="bus-2"):
    return [(phrase.start, phrase.text) for phrase in read_source(str(source)).texts[name].phrases]


class TestNames:
    @pytest.mark.parametrize("name", ["a", "our-run_2.b", "9b", "x" * 40])
    def test_names_that_fit_a_column(self, tmp_path, name):
        place = put(tmp_path / "a.json", '{"bus-2": "a bus"}')
        assert read_named(f"{name}={place}").name == name

    @pytest.mark.parametrize("name", [*RESERVED, "Manual", "REFINED"])
    def test_names_of_columns_are_taken(self, tmp_path, name):
        with pytest.raises(ChatdescError, match="is the name of a column already"):
            read_named(f"{name}={put(tmp_path / 'a.json', '{}')}")

    @pytest.mark.parametrize("name", ["", " a", "a b", "ä", "a,b", "-a", ".a", "x" * 41, "a/b", "a\n"])
    def test_other_names_are_refused(self, tmp_path, name):
        with pytest.raises(ChatdescError, match="is no name for a column"):
            read_named(f"{name}={put(tmp_path / 'a.json', '{}')}")

    @pytest.mark.parametrize("spec", ["mine", "mine=", "mine= ", "runs/a"])
    def test_both_are_needed(self, spec):
        with pytest.raises(ChatdescError, match="--texts NAME=SOURCE"):
            read_named(spec)

    def test_a_name_comes_once(self, tmp_path):
        place = put(tmp_path / "a.json", '{"bus-2": "a bus"}')
        with pytest.raises(ChatdescError, match="two sources are called 'A'"):
            read_all([f"A={place}", f"b={place}", f"a={place}"])
        assert [found.name for found in read_all([f"b={place}", f"a={place}"])] == ["b", "a"]

    def test_a_source_may_hold_an_equals_sign_and_its_folders_stay_private(self, tmp_path):
        found = read_named(f"mine={put(tmp_path / 'a=b.json', json.dumps({'bus-2': 'a bus'}))}")
        assert found.texts["bus-2"].candidates == ("a bus",)
        assert str(tmp_path) not in found.source


class TestJson:
    def test_every_shape(self, tmp_path):
        content = {"a-1": "one", "a-2": ["one", "two", "one"], "a-3": {"9": "two", "0": "one"}, "a-4": "", "a-5": None}
        place = put(tmp_path / "mine.json", json.dumps(content))
        assert texts(place) == {"a-1": ("one",), "a-2": ("one", "two"), "a-3": ("one", "two")}
        assert timed(place, "a-2") == [(0, "one")]
        assert timed(place, "a-3") == [(0, "one"), (9, "two")]
        assert read_source(str(place)).notes == ("no text for 2 sequences that it names: a-4, a-5",)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ('{"a": "b",\n "c": }', "mine.json, line 2: is no JSON"),
            ('{"a": "b", "a": "c"}', "mine.json: 'a' is there twice"),
            ('{"a": 7}', "mine.json: 'a': a number where a text belongs"),
            ('{"a": [["b"]]}', "mine.json: 'a': a list where a text belongs"),
            ('{"a": {"x": "b"}}', "mine.json: 'a': 'x' is no frame"),
            ('{"a": {"-1": "b"}}', "'-1' is no frame"),
            ('{"a": {"1": "b", "01": "c"}}', "'a': two texts for one frame"),
            ('{"a": {"99999999": "b"}}', "no sequence has a frame 99999999"),
            ('"a"', "neither an object nor a list"),
            ("[1]", "mine.json, entry 1: is no object"),
            ("[]", "mine.json: is empty"),
            ("{}", "mine.json: holds no text"),
            ('{"a": " "}', "mine.json: holds no text"),
            ("[" * 100_000, "cannot be read|is no JSON"),
            ('{"a": NaN}', "is no JSON that can be read"),
            ('{"meta": {}, "entries": {"bus-2": {"raw": "a bus"}}}', "'bus-2' is no 'sequence:frame'"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path, content, message):
        with pytest.raises(ChatdescError, match=message):
            texts(put(tmp_path / "mine.json", content))

    def test_bytes_that_are_no_utf8_are_named_with_their_line(self, tmp_path):
        with pytest.raises(ChatdescError, match=r"mine\.json, line 2: byte 0xff is no UTF-8"):
            texts(put(tmp_path / "mine.json", b'{"a":\n"\xff"}'))

    def test_a_mark_at_the_beginning_does_not_count(self, tmp_path):
        assert texts(put(tmp_path / "mine.json", b'\xef\xbb\xbf{"a": "b"}')) == {"a": ("b",)}

    @given(st.binary(max_size=40))
    def test_any_bytes_are_read_or_refused(self, data):
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("json", "jsonl", "csv"):
                place = Path(folder, f"x.{ending}")
                place.write_bytes(data)
                with suppress(ChatdescError):
                    assert texts(place)


class TestTables:
    def test_columns_by_name(self, tmp_path):
        table = 'text,sequence,other\n"a bus, red",bus-2,1\nthe bus,bus-2,2\n"",bus-3,3\n'
        place = put(tmp_path / "mine.csv", table)
        assert texts(place) == {"bus-2": ("a bus, red", "the bus")}
        assert read_source(str(place)).notes == ("no text for 1 sequence that it names: bus-3",)

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.csv", "sequence,notes\nbus-2,a bus\n", "a.csv, line 1: names no column 'text', but sequence, notes"),
            ("a.csv", "Sequence,Text\nbus-2,a bus\n", "line 1: names no column 'sequence', but Sequence, Text"),
            ("a.jsonl", '{"sequence": "bus-2", "txt": "a bus"}', "no record has a text; add it under"),
            (
                "a.jsonl",
                '{"sequence": "b", "text": "x"}\n{"sequence": "b", "frame": 5, "text": "y"}',
                "a.jsonl, line 2: 'b' has texts with and without a frame",
            ),
        ],
    )
    def test_what_is_missing_is_named(self, tmp_path, name, content, message):
        with pytest.raises(ChatdescError, match=message):
            read_source(str(put(tmp_path / name, content)))

    def test_a_row_of_a_csv_file_may_lack_one_of_both_texts(self, tmp_path):
        place = put(tmp_path / "a.csv", "sequence,text,manual_text\nbus-2,a bus,\ncat-3,,a cat\n")
        assert texts(place) == {"bus-2": ("a bus",)}
        assert texts(f"{place}#manual") == {"cat-3": ("a cat",)}

    def test_texts_over_time(self, tmp_path):
        assert timed(put(tmp_path / "mine.csv", "sequence,frame,text\nbus-2,50,b\nbus-2,0,a\n")) == [
            (0, "a"),
            (50, "b"),
        ]
        lines = (
            '{"seq_name": "bus-2", "frame": 0, "caption": "a"}\n\n{"seq_name": "bus-2", "frame": 50, "caption": "b"}\n'
        )
        assert timed(put(tmp_path / "mine.jsonl", lines)) == [(0, "a"), (50, "b")]

    def test_a_list_of_objects_is_as_json_lines(self, tmp_path):
        assert texts(put(tmp_path / "a.json", '[{"sequence": "bus-2", "text": ["a", "b"]}]')) == {"bus-2": ("a", "b")}

    def test_tabs(self, tmp_path):
        assert texts(put(tmp_path / "a.tsv", "sequence\ttext\nbus-2\ta, b\n")) == {"bus-2": ("a, b",)}

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("bus-2,a bus\nbus-3,a van\n", "mine.csv, line 1: names no column 'sequence'"),
            ("sequence;text\nbus-2;a bus\n", "';' stands in it: separate columns by commas"),
            ("sequence,text\nbus-2,a bus, red\n", "mine.csv, line 2: has 3 fields, and line 1 names 2"),
            ("sequence,text\n,a bus\n", "mine.csv, line 2: names no sequence"),
            ("sequence,text,text\nbus-2,a,b\n", "line 1: two columns have one name"),
            ("sequence,frame,text\nbus-2,1.5,a\n", "mine.csv, line 2: '1.5' is no frame"),
            ("sequence,frame,text\nbus-2,1,a\nbus-2,1,b\n", "line 3: another text for frame 1 than before"),
            ("sequence,frame,text\nbus-2,1,a\nbus-2,,b\n", "'bus-2' has texts with and without a frame"),
            ("seq,video,text\na,b,c\n", "line 2: has seq and video; call the one that is meant 'sequence'"),
            ('sequence,text\nbus-2,"a\n', "is no CSV"),
            ("", "mine.csv: is empty"),
            ("sequence,manual_text\nbus-2,a\n", "SOURCE#manual takes it"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path, content, message):
        with pytest.raises(ChatdescError, match=message):
            texts(put(tmp_path / "mine.csv", content))

    def test_a_broken_line_of_json_lines(self, tmp_path):
        with pytest.raises(ChatdescError, match=r"mine\.jsonl, line 2: is no JSON"):
            texts(put(tmp_path / "mine.jsonl", '{"sequence": "a", "text": "b"}\n{"sequence": '))

    def test_answers_of_a_model_are_read_as_those_of_a_describer(self, tmp_path):
        entries = [
            {"sequence": "Man", "frame": 0, "output": "<think>hm</think><d>no</d><answer>face of the man</answer>"},
            {"sequence": "Man", "frame": 90, "output": '{"target": "the face"}'},
            {"sequence": "Dog", "output": "I cannot help with that."},
        ]
        place = put(tmp_path / "mine.json", json.dumps(entries))
        assert timed(place, "Man") == [(0, "face of the man"), (90, "the face")]
        assert "1 answer without a text: Dog" in read_source(str(place)).notes


def test_dpu_vlt_records_without_the_whole_text(tmp_path):
    """As its own tool publishes the refined cache."""
    parts = {"seq_name": "bus-2", "target": "bus", "concepts": "red ladder", "background": "road"}
    entries = {
        "bus-2:0": parts,
        "bus-2:49": parts | {"qwen_concept": "long ladder"},
        "bus-2:99": parts | {"concepts": ""},
    }
    cache = put(tmp_path / "lasot_qwen_refine_test_full.json", json.dumps({"meta": {}, "entries": entries}))
    assert timed(cache) == [(0, "bus, red ladder"), (49, "bus, long ladder"), (99, "bus")]
    parsed = {"bus-2": {"target": "bus", "concepts": ["red ladder", "long"], "background": []}}
    assert timed(put(tmp_path / "x_parsed_text.json", json.dumps(parsed))) == [(0, "bus, red ladder, long")]


class TestFolders:
    def test_a_dataset_of_each_layout(self, tmp_path):
        put(tmp_path / "LaSOT/bus/bus-2/nlp.txt", "a  bus\n")
        put(tmp_path / "LaSOT/bus/bus-2/groundtruth.txt", "1,2,3,4")
        put(tmp_path / "LaSOT/bus-3/nlp.txt", b"a b\xfcs")
        put(tmp_path / "LaSOT/testing_set.txt", "bus-2")
        put(tmp_path / "TNL2K/test/p1/CM_1/language.txt", "")
        put(tmp_path / "TNL2K/test/p1/CM_2/language.txt", "a man")
        put(tmp_path / "OTB/OTB_query_test/Man.txt", "2 men")
        assert texts(tmp_path / "LaSOT") == {"bus-2": ("a bus",), "bus-3": ("a b\ufffds",)}
        assert read_source(str(tmp_path / "LaSOT")).texts["bus-2"].written == ("a  bus\n",)
        assert texts(tmp_path / "LaSOT/bus/bus-2") == {"bus-2": ("a bus",)}
        assert texts(tmp_path / "TNL2K") == {"CM_2": ("a man",)}
        assert texts(tmp_path / "OTB") == texts(tmp_path / "OTB/OTB_query_test") == {"Man": ("2 men",)}

    def test_dtvlt_texts_hold_from_the_frame_after_their_number(self, tmp_path):
        put(tmp_path / "lasot_train_concise/bus-2.txt", "0 a bus\n100 the bus\n")
        assert timed(tmp_path) == timed(tmp_path / "lasot_train_concise") == [(0, "a bus"), (101, "the bus")]
        put(tmp_path / "lasot_train_concise/bus-4.txt", "0 a\u2028bus\r\n9 the bus\r")
        assert timed(tmp_path / "lasot_train_concise", "bus-4") == [(0, "a bus"), (10, "the bus")]
        put(tmp_path / "tnl2k_train_detailed/TNL2k_train_subset_p9/bus-3.txt", "0 a van")
        assert timed(tmp_path, "bus-3") == [(0, "a van")]

    @pytest.mark.parametrize("line", ["a bus", "7", "-1 a bus", "1.5 a bus"])
    def test_a_line_without_frame_or_text(self, tmp_path, line):
        put(tmp_path / "lasot_train_concise/bus-2.txt", f"0 a bus\n{line}\n")
        with pytest.raises(ChatdescError, match=r"bus-2.txt, line 2: .* is no '<frame> <text>'"):
            texts(tmp_path)

    def test_several_layouts_need_one_to_be_named(self, tmp_path):
        put(tmp_path / "d/bus/bus-2/nlp.txt", "a bus")
        put(tmp_path / "d/lasot_train_concise/bus-2.txt", "0 the bus")
        with pytest.raises(ChatdescError, match=r"say d#lasot or d#dtvlt|say d#dtvlt or d#lasot"):
            texts(tmp_path / "d")
        assert texts(f"{tmp_path}/d#lasot") == {"bus-2": ("a bus",)}
        assert texts(f"{tmp_path}/d#dtvlt") == {"bus-2": ("the bus",)}
        with pytest.raises(ChatdescError, match="d#vots: there are no texts in this layout; it has"):
            texts(f"{tmp_path}/d#vots")
        with pytest.raises(ChatdescError, match="one of each at most"):
            texts(f"{tmp_path}/d#lasot,dtvlt")

    def test_two_texts_of_one_sequence(self, tmp_path):
        put(tmp_path / "d/train/bus-2/nlp.txt", "a bus")
        put(tmp_path / "d/test/bus-2/nlp.txt", "a bus")
        assert texts(tmp_path / "d") == {"bus-2": ("a bus",)}
        put(tmp_path / "d/test/bus-2/nlp.txt", "a van")
        with pytest.raises(ChatdescError, match=r"bus-2: d/test/bus-2/nlp.txt and d/train/bus-2/nlp.txt have other"):
            texts(tmp_path / "d")

    def test_a_folder_of_texts_alone(self, tmp_path):
        put(tmp_path / "mine/bus-2.txt", "a bus")
        assert texts(tmp_path / "mine") == {"bus-2": ("a bus",)}
        put(tmp_path / "mine/bus-3.txt", "0 degrees")
        with pytest.raises(ChatdescError, match=r"bus-3.txt begins every line with a number.*bus-2.txt does not"):
            texts(tmp_path / "mine")
        assert texts(f"{tmp_path}/mine#otb-lang") == {"bus-2": ("a bus",), "bus-3": ("0 degrees",)}
        put(tmp_path / "mine/bus-2.txt", "0 a bus\n9 the bus")
        assert timed(tmp_path / "mine") == [(0, "a bus"), (10, "the bus")]

    def test_a_text_may_begin_with_a_number(self, tmp_path):
        put(tmp_path / "mine/bus-2.txt", "2 buses")
        assert texts(tmp_path / "mine") == {"bus-2": ("2 buses",)}

    def test_vots_takes_all_prompts(self, tmp_path):
        put(tmp_path / "swing-1/sequence", "name=swing-1\nprompts=red kite;kite with a tail\n")
        put(tmp_path / "swing-2/sequence", "name=swing-2\n")
        assert texts(tmp_path) == {"swing-1": ("red kite", "kite with a tail")}

    def test_a_zip(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "OTB.zip", "w") as packed:
            packed.writestr("OTB_query_test/Man.txt", "a man")
        assert texts(tmp_path / "OTB.zip") == {"Man": ("a man",)}

    def test_folders_of_pictures_are_not_entered(self, tmp_path, monkeypatch):
        put(tmp_path / "bus-2/nlp.txt", "a bus")
        for number in range(50):
            put(tmp_path / f"bus-2/img/{number}.jpg", "")
        monkeypatch.setattr(tree, "MAX_ENTRIES", 10)
        assert texts(tmp_path) == {"bus-2": ("a bus",)}
        monkeypatch.setattr(tree, "MAX_ENTRIES", 2)
        with pytest.raises(ChatdescError, match="holds too many files"):
            texts(tmp_path)

    def test_links_out_of_the_folder_are_not_followed(self, tmp_path):
        put(tmp_path / "secret/bus-2/nlp.txt", "password")
        (tmp_path / "d/a").mkdir(parents=True)
        (tmp_path / "d/a/b").symlink_to(tmp_path / "secret")
        with pytest.raises(ChatdescError, match="leads out of"):
            texts(tmp_path / "d")

    def test_no_texts(self, tmp_path):
        put(tmp_path / "d/readme.md", "x")
        with pytest.raises(ChatdescError, match="d: holds no texts in a layout that is known"):
            texts(tmp_path / "d")


class TestWhatIsRefused:
    @pytest.mark.parametrize("ending", ["pkl", "pth", "pt", "npy"])
    def test_python_objects_are_never_opened(self, tmp_path, ending):
        place = put(tmp_path / f"words.{ending}", pickle.dumps({"bus-2": "a bus"}))
        with pytest.raises(ChatdescError, match="may run code; save it as JSON"):
            texts(place)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("no/such/place", "nothing here of this name"),
            ("missing.json", "nothing here of this name"),
            ("a/missing.json", "nothing here of this name"),
            ("https://host/t.json?token=secret", "texts are not read from URLs; download it first"),
        ],
    )
    def test_what_is_not_there(self, source, message):
        with pytest.raises(ChatdescError, match=message) as error:
            texts(source)
        assert "secret" not in str(error.value)

    def test_one_text_file(self, tmp_path):
        with pytest.raises(ChatdescError, match=r"nlp\.txt: is no file with .*; name the folder"):
            texts(put(tmp_path / "nlp.txt", "a bus"))

    def test_a_part_of_a_file(self, tmp_path):
        place = put(tmp_path / "a.json", '{"bus-2": "a bus"}')
        for part, message in (("lasot", "a file has one layout"), ("manual", "leave #manual out")):
            with pytest.raises(ChatdescError, match=message):
                texts(f"{place}#{part}")

    def test_a_number_sign_may_be_part_of_a_name(self, tmp_path):
        assert texts(put(tmp_path / "a#manual.json", '{"bus-2": "a bus"}')) == {"bus-2": ("a bus",)}

    def test_a_file_that_is_too_large(self, tmp_path, monkeypatch):
        monkeypatch.setattr(files, "MAX_BYTES", 10)
        with pytest.raises(ChatdescError, match=r"a.json: has more than 0 MB"):
            texts(put(tmp_path / "a.json", '{"bus-2": "a bus"}'))

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "a.json")
        with pytest.raises(ChatdescError, match="is a pipe"):
            texts(tmp_path / "a.json")

    @pytest.mark.parametrize(
        ("column", "message"),
        [
            ([["a text"]], "its episodes cannot be read"),
            ([[{"style": "subtask", "content": "a", "timestamp": float("inf")}]], "its episodes cannot be read"),
            ([[{"style": "plan", "content": "a", "timestamp": 0.0}]], "holds no text"),
        ],
    )
    def test_odd_language_columns(self, tmp_path, column, message):
        import pyarrow
        from pyarrow import parquet

        put(tmp_path / "meta/info.json", '{"fps": 30}')
        for folder, table in (
            ("meta/episodes", {"episode_index": [0], "sequence": ["bus-2"]}),
            ("data", {"episode_index": [0], "language_persistent": column}),
        ):
            place = tmp_path / folder / "chunk-000"
            place.mkdir(parents=True)
            parquet.write_table(pyarrow.table(table), place / "file-000.parquet")
        with pytest.raises(ChatdescError, match=message):
            texts(tmp_path)

    def test_a_robots_dataset_names_no_sequence(self, tmp_path):
        import pyarrow
        from pyarrow import parquet

        put(tmp_path / "meta/info.json", '{"fps": 30}')
        place = tmp_path / "meta/episodes/chunk-000/file-000.parquet"
        place.parent.mkdir(parents=True)
        parquet.write_table(pyarrow.table({"episode_index": [0], "tasks": [["pick"]]}), place)
        with pytest.raises(ChatdescError, match="has no column 'sequence'"):
            texts(tmp_path)
