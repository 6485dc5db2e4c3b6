"""The layout ``vots``, read by the VOTS toolkit itself.

The toolkit is GPL-3 and needs its own environment; CHATDESC_VOT_PYTHON names its Python. With Python 3.11 that is made
by ``pip install vot-toolkit==0.9.0 "attributee<0.1.10"`` (attributee 0.1.10 cannot be imported there).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess

import pytest

from chatdesc.share.export import export
from tests.makers.datasets import box_lines, image, put
from tests.makers.full_rows import row
from tests.standins import readers

TOOLKIT = os.environ.get("CHATDESC_VOT_PYTHON", "")
NAMES = ("swing-1", "kite-2")
HARD = 'a "red" kite; left = right | back\\slash, #2 über all'

READ = """
import json, sys
from types import SimpleNamespace
from vot.dataset import load_dataset
from vot.experiment.referral import ReferralExperiment
from vot.workspace.storage import LocalStorage

experiment = ReferralExperiment(_identifier="referral", _storage=LocalStorage(sys.argv[2]))
tracker = SimpleNamespace(identifier="mine", reference="mine", storage=None)
said = {}
for sequence in load_dataset(sys.argv[1]):
    complete, files, _ = experiment.scan(tracker, sequence)
    said[sequence.name] = {
        "prompts": experiment._extract_prompt(sequence),
        "objects": len(sequence.objects()),
        "frames": len(sequence),
        "box": [float(v) for v in sequence.frame(0).groundtruth().bounds()],
        "complete": complete,
        "files": sorted(files),
    }
print(json.dumps(said))
"""


@pytest.fixture
def dataset(tmp_path):
    """Two sequences as the toolkit lays them out, with the exported properties."""
    root = tmp_path / "sequences"
    for name in NAMES:
        put(root / name / "groundtruth.txt", box_lines(3))
        for number in range(1, 4):
            image(root / name / "color" / f"{number:08d}.jpg", number)
    put(root / "list.txt", "".join(f"{name}\n" for name in NAMES))
    export([row(name, text=HARD) for name in NAMES], root, "vots")
    return root


@pytest.mark.skipif(not TOOLKIT, reason="CHATDESC_VOT_PYTHON names no Python that has the package vot-toolkit")
def test_the_toolkit_reads_prompts_objects_and_frames(dataset, tmp_path):
    [prompt] = readers.vots_prompts(readers.vots(dataset / NAMES[0] / "sequence"))
    result = f"{NAMES[0]}_{hashlib.md5(prompt.encode()).hexdigest()[:8]}"
    results = tmp_path / "storage/results/mine/referral" / NAMES[0]
    put(results / f"{result}.txt", "1,2,3,4\n")
    said = subprocess.run(
        [TOOLKIT, "-c", READ, str(dataset), str(tmp_path / "storage")], capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    read = json.loads(said.stdout.splitlines()[-1])
    assert list(read) == list(NAMES)
    for one in read.values():
        assert one["prompts"] == [prompt] == ["a red kite left right back slash 2 uber all"]
        assert (one["objects"], one["frames"], one["box"][:2]) == (1, 3, [10, 20])
    assert read[NAMES[0]]["complete"] and read[NAMES[0]]["files"] == [f"{result}.txt"]
    assert not read[NAMES[1]]["complete"]


def test_the_reader_of_the_other_tests_sees_the_same(dataset):
    """The same prompt without the toolkit, so that a change of the layout shows where it is not installed."""
    for name in NAMES:
        prompts = readers.vots_prompts(readers.vots(dataset / name / "sequence"))
        assert prompts == ["a red kite left right back slash 2 uber all"]
