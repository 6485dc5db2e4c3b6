"""The Python API: every command as a function that prints nothing."""

from __future__ import annotations

import inspect

import pytest
import typer

import chatdesc
from chatdesc import api
from chatdesc.cli.main import app
from chatdesc.config import Resources, Settings
from chatdesc.engine.options import sort_options
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

QUICK = {"tracker": "none", "alignment_frames": 1, "rounds": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("api") / "data"
    render(root, count=3, frames=4, seed=2)
    return root


@pytest.fixture(scope="module")
def result(data):
    return chatdesc.annotate("synthetic", data, data.parent / "run", **QUICK)


def test_every_command_is_a_function_of_the_same_name():
    commands = {name.replace("-", "_") for name in typer.main.get_command(app).commands}
    assert commands - set(chatdesc.__all__) == {"backends"}  # a package has this name: list_backends
    assert set(api.__all__) == set(chatdesc.__all__) - {"__version__"}
    for name in api.__all__:
        function = getattr(chatdesc, name)
        assert function is getattr(api, name)
        assert inspect.getdoc(function)
        assert all(p.annotation is not p.empty for p in inspect.signature(function).parameters.values()), name


def test_unknown_names_are_no_attributes():
    with pytest.raises(AttributeError, match="anotate"):
        chatdesc.anotate  # noqa: B018
    assert {"annotate", "__version__"} <= set(dir(chatdesc))


def test_three_lines_do_what_annotate_does(result, data, capsys):
    from datasets import load_dataset

    again = chatdesc.annotate("synthetic", data, data.parent / "run", **QUICK)
    assert capsys.readouterr() == ("", "")
    assert (result.finished_before, again.finished_before, again.failed) == (0, 3, ())
    assert again.rows == result.rows
    table = result.table()
    assert table["sequence"].to_list() == [row["sequence"] for row in result.rows]
    assert list(result.to_pandas().columns) == table.columns
    loaded = load_dataset(str(result.dataset), keep_in_memory=True)
    assert loaded["test"]["text"] == table["text"].to_list()


def test_progress_is_reported_from_where_the_work_begins(data, tmp_path):
    calls = []
    keep = lambda done, total, note: calls.append((done, total))  # noqa: E731
    chatdesc.annotate("synthetic", data, tmp_path / "run", limit=1, progress=keep, **QUICK)
    chatdesc.annotate("synthetic", data, tmp_path / "run", progress=keep, **QUICK)
    assert calls == [(0, 1), (1, 1), (1, 3), (2, 3), (3, 3)]


def test_a_plan_is_made_without_writing(data, tmp_path):
    plan = chatdesc.plan("synthetic", data, out=tmp_path / "run", **QUICK)
    assert plan.sequences == 3
    assert not (tmp_path / "run").exists()
    assert chatdesc.plan("synthetic", data, out=data.parent / "run", **QUICK).sequences == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"theata": 0.4}, "no option 'theata'; did you mean theta"),
        ({"preset": "offlin"}, "offline"),
        ({"sequences": ["circle-99"]}, "circle-99"),
        ({"rounds": -1}, "--rounds must be at least 0"),
    ],
)
def test_wrong_options_are_named(data, tmp_path, options, says):
    with pytest.raises(ChatdescError, match=says):
        chatdesc.annotate("synthetic", data, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_options_go_where_they_belong():
    options = {"theta": 0.4, "device": "cpu", "batch_size": None, "cache": "", "encoders": ["attributes"]}
    settings, resources = sort_options("offline", options)
    assert settings == Settings(theta=0.4)
    assert resources == Resources(device="cpu", cache="")


def test_the_models_say_how_many_sequences_are_in_work_unless_somebody_does():
    server = {"describer": "openai:any"}
    assert sort_options("offline", server)[1].sequences_in_flight is None
    assert sort_options("offline", server | {"sequences_in_flight": 3})[1].sequences_in_flight == 3


def test_texts_go_back_and_out(result, data, tmp_path):
    texts = dict(result.table().select("sequence", "text").iter_rows())
    done = chatdesc.write_back(result.out, data, tmp_path / "new", with_annotations=True)
    assert {s.name: s.manual_text for s in chatdesc.load("synthetic", tmp_path / "new")} == texts
    assert len(done.written) == 3
    with pytest.raises(ChatdescError, match="either --to"):
        chatdesc.write_back(result.out, data)
    exported = chatdesc.export(result.out, tmp_path / "csv", "csv")
    assert len(exported.written) == 1


def test_show_calibrate_doctor_and_backends_say_what_the_commands_print(result, data):
    name = result.rows[0]["sequence"]
    assert name in chatdesc.show(result.out, name)
    calibration = chatdesc.calibrate("synthetic", data, "attributes", limit=2)
    assert calibration.sequences == 2
    assert {check.what for check in chatdesc.doctor()} >= {"Python", "grounder"}
    records = chatdesc.list_backends()
    assert {"role": "tracker", "name": "csrt", "from": "chatdesc"} in records


def test_push_needs_a_repository_id(result):
    with pytest.raises(ChatdescError, match="USER/NAME"):
        chatdesc.push(result.out, "no-owner")
