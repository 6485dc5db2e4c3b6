"""Whole runs against a real server of the protocol, with faults in between."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import pytest

from chatdesc.backends import create
from chatdesc.config import Resources, Settings
from chatdesc.engine.cache import CachedDescriber, RequestCache
from chatdesc.engine.models import Models
from chatdesc.engine.run import Run, failed, provenance
from chatdesc.engine.serving import serve_command
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import Describe, FrameRef
from tests.standins.fault_proxy import FINAL, PASSING, fault_proxy

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("windows_for_proposals")]

ANSWER = '{"target": "red circle", "background": ["dark square"]}'
TEMPLATE = (
    "{% for m in messages %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


def build_model(folder):
    """A LLaVA whose language model knows one thing to say: any token is followed by ANSWER (one token), ANSWER by the
    end. Its attention and its layers add nothing, so that only the last token decides."""
    import torch
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<pad>", "<s>", "</s>", "<image>"]
    core = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(special + letters)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    names = {
        "pad_token": "<pad>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "extra_special_tokens": {"image_token": "<image>"},
    }
    tokenizer = t.PreTrainedTokenizerFast(tokenizer_object=core, padding_side="left", **names)
    tokenizer.add_tokens([ANSWER])
    pictures = t.CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = t.LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = t.LlavaConfig(
        vision_config=t.CLIPVisionConfig(image_size=28, patch_size=14, projection_dim=16, **tiny),
        text_config=t.LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=8192, **tiny, **ids),
        image_token_index=3,
        vision_feature_layer=-1,
    )
    model = t.LlavaForConditionalGeneration(config)
    answer = tokenizer.convert_tokens_to_ids(ANSWER)
    with torch.no_grad():
        for layer in model.model.language_model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        words, head = model.get_input_embeddings().weight, model.lm_head.weight
        for table in (words, head):
            table.zero_()
        words[:, 0], words[answer, 0], words[answer, 1] = 1, 0, 1
        head[answer, 0], head[2, 1] = 9, 9
    model.generation_config.eos_token_id = 2
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(URL, model) of a running `transformers serve`."""
    for needed in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(needed, reason="transformers serve needs the extra transformers[serving]")
    home = tmp_path_factory.mktemp("served")
    model, log, port = home / "kite-vl", home / "log", free_port()
    (home / "hub").mkdir()
    build_model(model)
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    printed = serve_command(describer=f"transformers:{model}", server="transformers", port=port).serve
    command = [sys.executable, "-m", "transformers.cli.transformers", *shlex.split(printed)[1:], "--device", "cpu"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        try:
            await_health(process, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}/v1", str(model)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_health(process, url, log):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(0.2)
    raise AssertionError(f"no server after two minutes: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    render(root, count=24, frames=2, seed=11)
    return root


def make_run(scenes, out, model, url, cache, names=None, **settings):
    """A run whose describer is the server behind ``url``, with what it answered before."""
    chosen = Settings(describer=f"openai:{model}", tracker="none", alignment_frames=1, rounds=1, **settings)
    asked = create("describer", chosen.describer, base_url=url, timeout=8.0, retries=2, concurrency=8)
    backends = Models(
        CachedDescriber(asked, RequestCache(cache)),
        create("grounder", "attributes"),
        None,
        {"attributes": create("encoder", "attributes")},
    )
    data = load("lasot", scenes, sequences=names)
    return Run(data, chosen, Resources(), backends, out, provenance=provenance(chosen, backends))


def finish(run):
    """Do all that is pending: (how many that were, all rows)."""
    with Store.open(run.out, run.config()) as store:
        pending = len(run.pending(store))
        run.annotate(store)
        return pending, list(run.rows(store))


def stored(cache):
    with sqlite3.connect(cache) as connection:
        return [bytes(a).decode() for (a,) in connection.execute("SELECT answer FROM answers")]


def test_a_real_server_answers(served, scenes, tmp_path):
    url, model = served
    run = make_run(scenes, tmp_path / "run", model, url, tmp_path / "cache.sqlite")
    sequence = run.dataset[run.dataset.names[0]]
    request = Describe(FrameRef(sequence.frames, 0), sequence.boxes[0], "What is in the box?")
    assert run.models.describer.describe([request]) == [ANSWER]
    counts = run.models.describer.summary()
    assert counts["prompt_tokens"] > len("What is in the box?")
    assert counts["completion_tokens"] in (1, 2)


def test_faults_lose_nothing_and_spoil_nothing(served, scenes, tmp_path):
    (upstream, model), cache = served, tmp_path / "cache.sqlite"
    with fault_proxy(upstream, seed=7) as (proxy, faults):
        run = make_run(scenes, tmp_path / "run", model, proxy.url, cache)
        _, rows = finish(run)
        met = Counter(what for _, what in faults.log)
        assert len(met.keys() & PASSING.keys()) >= 5, met
        assert len(met.keys() & FINAL.keys()) >= 2, met

        asked = set(faults.prompts)
        lost = asked - faults.delivered
        first = {key for key in asked if "A grounding model was asked" not in faults.prompts[key]}
        assert len(first) == len(rows) == 24
        broken = [row for row in rows if row["status"] == "describe_failed"]
        gone = [row for row in broken if row["text"] is None]
        assert 2 <= len(gone) == len(lost & first) < len(broken) < 20  # the others lost a later round
        for row in rows:
            if row in gone:
                assert row["text"] is None and row["rounds"][0]["source"] == "manual" and row["problems"]
            else:
                assert (row["status"] == "ok" or row in broken) and row["text"]
                assert next(r["raw"] for r in row["rounds"] if r["source"] == "refined") == ANSWER

        assert "127.0.0.1" not in json.dumps(rows) and str(scenes.parent) not in json.dumps(rows)

        assert stored(cache) == [ANSWER] * len(faults.delivered)
        counts = run.models.describer.summary()
        assert counts["cache_hits"] == 0
        assert counts["cache_misses"] == len(asked)
        assert (counts["answers"], counts["failures"]) == (len(faults.delivered), len(lost))
        assert counts["requests"] == len(faults.log) + proxy.listings

        faults.on = False
        before = len(faults.log)
        again = make_run(scenes, tmp_path / "run", model, proxy.url, cache)
        pending, rows = finish(again)
        assert pending == len(broken)
        assert not any(map(failed, rows))
        assert {key for key, _ in faults.log[before:]} & faults.delivered >= lost
        assert len(set(stored(cache))) == 1

        some = {"names": run.dataset.names[:8], "keep_manual_if_better": False}
        finish(make_run(scenes, tmp_path / "other", model, proxy.url, cache, **some))
        calls = len(faults.log)

    alone = make_run(scenes, tmp_path / "alone", model, proxy.url, cache, min_score=0.5, **some)
    _, rows = finish(alone)
    assert len(faults.log) == calls
    assert [row["status"] for row in rows] == ["ok"] * 8
    assert {row["text"] for row in rows} == {"red circle"}
    counts = alone.models.describer.summary()
    assert (counts["cache_misses"], counts["answers"], counts["failures"]) == (0, 0, 0)
    assert counts["cache_hits"] >= 8
