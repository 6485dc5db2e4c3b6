"""Describing with tiny random models: what they are shown and told, in which batches, and what goes wrong."""

import json
import logging
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.backends.hub import resolve
from chatdesc.backends.transformers_vlm import MAX_PIXELS, TransformersDescriber
from chatdesc.backends.vlm_model import answer_tokens
from chatdesc.protocols import Answerer, Describer
from chatdesc.region import coordinates, show
from chatdesc.stages.describe import parse_answer, prompt_text, reflect_prompt
from chatdesc.types import Ask, BackendError, Departure, Describe, FrameError, FrameRef, Frames, Reply, UnreadableAnswer
from tests.makers.sequences import frames_of, png

KINDS = ["llava", "qwen2.5-vl", "qwen3-vl", "smolvlm", "gemma3"]
BOXES = [(10, 8, 20, 15), (40, 30, 12, 30), (0, 0, 30, 20)]


@pytest.fixture(scope="module")
def frames():
    """Three frames of three sizes."""
    rng = np.random.default_rng(0)
    return frames_of([rng.integers(0, 250, (60 + 20 * i, 120 - 10 * i, 3), np.uint8) for i in range(3)])


@pytest.fixture(scope="module")
def describer(tiny_model):
    """Gives a describer by the kind of its model; each is loaded once and may have other options."""
    loaded = {}

    def make(kind, **options):
        made = TransformersDescriber(str(tiny_model(kind)), **{"device": "cpu", "max_new_tokens": 8} | options)
        if kind not in loaded:
            loaded[kind] = made.loaded
        made.loaded = loaded[kind]
        return made

    return make


def request(frames, index=0, box=BOXES[0], prompt=None, region="box", **changes):
    prompt = prompt_text("describe", region) if prompt is None else prompt
    return Describe(FrameRef(frames, index), np.array(box, np.float32), prompt, **changes)


class Listener:
    """What a processor is given, passed on to it."""

    def __init__(self, monkeypatch, describer):
        self.batches, self.inputs = [], []
        whole = describer.loaded.processor.apply_chat_template

        def listen(messages, **options):
            self.batches.append(messages)
            self.inputs.append(whole(messages, **options))
            return self.inputs[-1]

        monkeypatch.setattr(describer.loaded.processor, "apply_chat_template", listen)

    def contents(self):
        return [message[0]["content"] for batch in self.batches for message in batch]

    def pictures(self):
        return [[np.asarray(c["image"]) for c in content if c["type"] == "image"] for content in self.contents()]

    def texts(self):
        return [content[-1]["text"] for content in self.contents()]


@pytest.mark.parametrize("kind", KINDS)
def test_batched_answers_are_those_of_one_by_one(describer, frames, kind):
    model = describer(kind)
    assert isinstance(model, Describer)
    asked = [
        request(frames, i, BOXES[i], prompt)
        for prompt in ("What is it?", prompt_text("describe") * 2)
        for i in range(3)
    ]
    together = model.describe(asked)
    assert together == [model.describe([one])[0] for one in asked]
    assert all(isinstance(answer, str) for answer in together)
    assert len(set(together)) > 3  # answers differ, so equality says something


@pytest.mark.parametrize("kind", KINDS)
def test_the_model_sees_the_box(describer, frames, kind, monkeypatch):
    model = describer(kind)
    listener = Listener(monkeypatch, model)
    model.describe([request(frames, 0, BOXES[0]), request(frames, 0, BOXES[1]), request(frames, 0, BOXES[0])])
    values = listener.inputs[0]["pixel_values"].numpy()
    one, other, again = np.split(values, 3)
    assert (one == again).all()
    assert (one != other).any()
    shown = [show(frames[0], box, "box")[0] for box in (BOXES[0], BOXES[1], BOXES[0])]
    for [picture], expected in zip(listener.pictures(), shown, strict=True):
        assert (picture[:60, :120] == expected).all()


@pytest.mark.parametrize("region", ["crop", "coords", "box+crop"])
def test_the_pictures_sent_are_those_of_the_region(describer, frames, region, monkeypatch):
    model = describer("smolvlm", region=region, max_pixels=1500)
    listener = Listener(monkeypatch, model)
    answers = model.describe([request(frames, i, BOXES[i], region=region) for i in range(3)])
    assert all(isinstance(answer, str) for answer in answers)
    for i, pictures in enumerate(listener.pictures()):
        expected = show(frames[i], BOXES[i], region, 1500)
        assert len(pictures) == len(expected)
        assert all(np.array_equal(a, b) for a, b in zip(pictures, expected))
        assert all(picture.shape[0] * picture.shape[1] <= 1500 for picture in pictures)


def test_nothing_is_lost_where_the_processor_cuts_out_the_middle(describer, frames, monkeypatch):
    model = describer("llava")
    assert model.loaded.cuts_edges
    assert not describer("qwen3-vl").loaded.cuts_edges
    listener = Listener(monkeypatch, model)
    model.describe([request(frames, 0, (0, 20, 9, 9)), request(frames, 0, (0, 24, 9, 9))])
    [picture], _ = listener.pictures()
    assert picture.shape == (120, 120, 3)
    assert (picture[60:] == 127).all()
    one, other = listener.inputs[0]["pixel_values"].numpy()
    assert (one != other).any()  # at the left edge of a wide frame


@pytest.mark.parametrize("kind", ["llava", "qwen2.5-vl", "qwen3-vl", "gemma3"])
def test_coordinates_are_told_as_the_model_counts(describer, frames, kind, monkeypatch):
    model = describer(kind, region="coords")
    listener = Listener(monkeypatch, model)
    model.describe([request(frames, 1, BOXES[1], region="coords")])
    if kind == "qwen2.5-vl":
        _, rows, columns = listener.inputs[0]["image_grid_thw"][0].tolist()
        expected = coordinates(BOXES[1], (110, 80), "pixels", (14 * columns, 14 * rows))
        assert (14 * columns, 14 * rows) != (110, 80)
    elif kind == "llava":
        expected = coordinates(BOXES[1], (110, 110), "unit")  # of the picture made square
    else:
        expected = coordinates(BOXES[1], (110, 80), "thousand")
    [text] = listener.texts()
    assert text == prompt_text("describe", "coords").replace("<box>", expected)


def test_what_models_said_of_boxes_is_left_alone(describer, frames, monkeypatch):
    model = describer("smolvlm", region="coords")
    listener = Listener(monkeypatch, model)
    model.describe([request(frames, prompt="It is in <box>. You said: <box>")])
    assert listener.texts()[0].startswith("It is in [83, 133, 250, 383]")
    assert listener.texts()[0].endswith("You said: <box>")
    plain = describer("smolvlm")
    plain.describe([request(frames, prompt="You said: <box>")])
    assert listener.texts()[1] == "You said: <box>"


def test_one_model_answers_reflection_too(describer, frames, monkeypatch):
    model = describer("qwen3-vl")
    listener = Listener(monkeypatch, model)
    first = request(frames)
    again = request(frames, prompt=reflect_prompt(request(frames, previous="a red kite", negative=("red",))))
    one, other = model.describe([first, again])
    assert one != other
    words = model.loaded.processor.batch_decode(listener.inputs[0]["input_ids"], skip_special_tokens=True)
    assert "to something else: red" in words[1]
    assert 'description: "a red kite"' in words[1]
    assert "a red kite" not in words[0]


def test_answers_end_where_they_may_be_longest(describer, frames):
    [short], [long] = (
        describer("smolvlm", max_new_tokens=3).describe([request(frames)]),
        describer("smolvlm", max_new_tokens=30).describe([request(frames)]),
    )
    assert long.startswith(short.rstrip("\ufffd"))
    assert 0 < len(short) < len(long)
    assert "tracked" not in long  # the prompt is not part of the answer


def test_what_stands_in_a_row(tiny_model):
    folder = tiny_model("smolvlm")
    model = create("describer", f"transformers:{folder}", device="cpu", region="crop", max_pixels=5000, base_url="x")
    facts = model.describe_self()
    assert facts["name"] == model.name == "transformers:smolvlm"
    assert re.fullmatch("[0-9a-f]{64}", facts["weights_sha256"])
    wanted = {"dtype": "float32", "region": "crop", "max_pixels": "5000", "max_new_tokens": "256", "model": "smolvlm"}
    assert wanted.items() <= facts.items()
    assert facts["transformers"]
    assert str(folder.parent) not in json.dumps(facts)
    assert "loaded" not in vars(model)
    assert create("describer", f"transformers:{folder}").describe_self()["max_pixels"] == str(MAX_PIXELS)


def test_a_model_of_the_cache_is_loaded_by_its_commit(tiny_model, hub_cache, frames, describer):
    commit = hub_cache("org/tiny-vlm", tiny_model("smolvlm"))
    model = create("describer", f"transformers:org/tiny-vlm@{commit}", device="cpu", max_new_tokens=8)
    facts = model.describe_self()
    assert (facts["name"], facts["revision"]) == ("transformers:org/tiny-vlm", commit)
    assert model.describe([request(frames)]) == describer("smolvlm").describe([request(frames)])


def test_nothing_is_printed_but_errors(tiny_model, frames, capfd, caplog):
    with caplog.at_level(logging.INFO):
        model = TransformersDescriber(str(tiny_model("gemma3")), device="cpu", max_new_tokens=4)
        model.loaded.model.generation_config.temperature = 0.7  # as many have it; greedy answers do without
        model.describe([request(frames)])
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith(("transformers", "chatdesc"))]


def test_an_unreadable_frame_fails_its_own_request_only(describer, frames):
    files = {"good.png": png(frames[0]), "bad.png": b"no image"}
    mixed = Frames(tuple(files), files.__getitem__)
    model = describer("smolvlm")
    good, bad, nothing, again = model.describe(
        [request(mixed, 0), request(mixed, 1), request(mixed, 0, (5, 5, 0, 5)), request(mixed, 0)]
    )
    assert isinstance(bad, FrameError)
    assert isinstance(nothing, BackendError)
    assert good == again == model.describe([request(frames)])[0]


def test_a_picture_that_the_processor_rejects_fails_alone(describer, frames):
    """Qwen's processors take no picture that is more than 200 times as long as wide."""
    thin = frames_of([np.zeros((2, 1000, 3), np.uint8)])
    model = describer("qwen3-vl")
    asked = [request(frames, 0), request(thin, 0, (0, 0, 5, 2)), request(frames, 1)]
    first, rejected, last = model.describe(asked)
    assert isinstance(rejected, BackendError)
    assert re.search(r"qwen3-vl cannot take this picture \(.*aspect ratio.*\); try another --region", str(rejected))
    assert [first, last] == [model.describe([asked[i]])[0] for i in (0, 2)]


def limit_memory(monkeypatch, model, most):
    """As on a device that has room for ``most`` requests at a time; gives the sizes of the batches tried."""
    import torch

    tried = []
    whole = model.loaded.model.generate

    def generate(input_ids, **rest):
        tried.append(len(input_ids))
        if len(input_ids) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")
        return whole(input_ids=input_ids, **rest)

    monkeypatch.setattr(model.loaded.model, "generate", generate)
    return tried


def test_batches_are_halved_when_memory_runs_out(describer, frames, monkeypatch, caplog):
    model = describer("smolvlm")
    asked = [request(frames, i % 3, BOXES[i % 3]) for i in range(5)]
    expected = model.describe(asked)
    tried = limit_memory(monkeypatch, model, 2)
    with caplog.at_level(logging.WARNING):
        assert model.describe(asked) == expected
    assert tried == [5, 2, 2, 1]
    assert [r.getMessage() for r in caplog.records] == [
        "transformers:smolvlm: out of memory, going on with batches of 2"
    ]
    tried.clear()
    assert model.describe(asked) == expected
    assert tried == [2, 2, 1]


def test_out_of_memory_at_a_single_request_says_what_to_do(describer, frames, monkeypatch):
    model = describer("smolvlm", max_batch=4)
    limit_memory(monkeypatch, model, 0)
    answers = model.describe([request(frames, i) for i in range(3)])
    assert len(answers) == 3
    for answer in answers:
        assert isinstance(answer, BackendError)
        assert re.search(r"out of memory at a single request; lower --max-pixels, use --quantization 4bit", str(answer))


def test_batches_are_no_larger_than_asked_for(describer, frames, monkeypatch):
    model = describer("smolvlm", max_batch=2)
    tried = limit_memory(monkeypatch, model, 99)
    model.describe([request(frames, i % 3) for i in range(5)])
    assert model.max_batch == 2
    assert tried == [2, 2, 1]


def edited(tiny_model, tmp_path, **changes):
    """A copy of a model with another config.json; None removes a key."""
    folder = shutil.copytree(tiny_model("smolvlm"), tmp_path / "copy")
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bert"}, r"copy is a 'bert' model, which does not answer.*such as HuggingFaceTB/SmolVLM2"),
        ({"model_type": "clip"}, "is a 'clip' model"),
        ({"model_type": "vlm9000"}, r"transformers .* knows no model of type 'vlm9000'; is there a newer one"),
        ({"model_type": None}, "knows no model of type None"),
        ({"model_type": "mine", "auto_map": {"AutoModel": "x.Y"}}, "allow it by trust_remote_code"),
    ],
)
def test_models_of_another_kind_are_refused_before_they_are_loaded(tiny_model, tmp_path, changes, message):
    folder = edited(tiny_model, tmp_path, **changes)
    with pytest.raises(BackendError, match=message) as caught:
        TransformersDescriber(str(folder)).describe_self()
    assert str(tmp_path) not in str(caught.value)


def test_models_that_cannot_be_loaded(tiny_model, tmp_path, frames):
    folder = edited(tiny_model, tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(BackendError, match="copy has no chat template for pictures; name an instruction-tuned model"):
        TransformersDescriber(str(folder), device="cpu").describe([request(frames)])
    (folder / "model.safetensors").write_bytes(b"cut short")
    shutil.copy(tiny_model("smolvlm") / "chat_template.jinja", folder)
    with pytest.raises(BackendError, match="copy cannot be loaded as AutoModelForImageTextToText") as caught:
        TransformersDescriber(str(folder), device="cpu").describe([request(frames)])
    assert "\n" not in str(caught.value)
    with pytest.raises(BackendError, match=r"org/none is not to be had .*hf download org/none"):
        TransformersDescriber("org/none").describe_self()
    with pytest.raises(BackendError, match="no model is named"):
        TransformersDescriber().describe_self()


def test_a_model_that_does_not_fit(tiny_model, monkeypatch):
    import torch

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(BackendError, match=r"^smolvlm does not fit into the memory of cpu; try --device cpu"):
        TransformersDescriber(str(tiny_model("smolvlm")), device="cpu").describe([])


def test_options_that_are_none(tiny_model):
    with pytest.raises(BackendError, match=r"'circle'; there are: box, crop"):
        TransformersDescriber("org/x", region="circle")
    with pytest.raises(BackendError, match="4bit or 8bit, not '2bit'"):
        TransformersDescriber("org/x", quantization="2bit")


def test_quantization_says_what_to_install(tiny_model, monkeypatch):
    from chatdesc.backends import vlm_model

    monkeypatch.setattr(vlm_model, "find_spec", lambda name: None if name == "bitsandbytes" else object())
    with pytest.raises(BackendError, match=r"needs bitsandbytes: pip install 'chatdesc\[quantization\]'"):
        TransformersDescriber(str(tiny_model("smolvlm")), quantization="4bit").describe_self()


def test_quantized_weights_are_asked_for(tiny_model, monkeypatch):
    import transformers

    from chatdesc.backends import vlm_model

    asked = {}

    def load(cls, found, **options):
        asked[cls.__name__] = options
        return transformers.AutoProcessor.from_pretrained(found.path) if "Processor" in cls.__name__ else cls

    monkeypatch.setattr(vlm_model, "load", load)
    monkeypatch.setattr(transformers, "BitsAndBytesConfig", lambda **chosen: chosen)
    monkeypatch.setattr(transformers.AutoModelForImageTextToText, "eval", lambda: "model", raising=False)
    found = resolve(str(tiny_model("smolvlm")))
    for bits, key in (("4bit", "load_in_4bit"), ("8bit", "load_in_8bit")):
        assert vlm_model.load_vlm(found, "cpu", bits).model == "model"
        options = asked["AutoModelForImageTextToText"]
        assert options["quantization_config"][key] is True
        assert options["device_map"] == {"": "cpu"}


def test_flash_attention_is_tried_where_it_is_installed(tiny_model, monkeypatch):
    from chatdesc.backends import vlm_model

    asked = []

    def load(cls, found, **options):
        asked.append(options.get("attn_implementation"))
        if options.get("attn_implementation"):
            raise BackendError("this architecture has none")
        return "model"

    monkeypatch.setattr(vlm_model, "load", load)
    monkeypatch.setattr(vlm_model, "pick_attention", lambda device: "flash_attention_2")
    found = resolve(str(tiny_model("smolvlm")))
    assert vlm_model._load_model(found, "cuda", {}) == "model"
    assert asked == ["flash_attention_2", None]


def annotate(tmp_path, describer, **changes):
    """The rows of two short synthetic sequences."""
    from chatdesc.config import Settings
    from chatdesc.engine.run import Run
    from chatdesc.loaders import load
    from chatdesc.rows.store import Store
    from chatdesc.synthetic import render

    render(tmp_path / "scenes", count=2, frames=3, seed=1)
    settings = Settings(describer=describer, tracker="none", rounds=1, alignment_frames=1, **changes)
    run = Run.create(load("lasot", tmp_path / "scenes"), tmp_path / "run", settings)
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        return list(run.rows(store))


@pytest.mark.parametrize(("kind", "region"), [("smolvlm", "box"), ("qwen3-vl", "coords")])
def test_the_whole_loop(tiny_model, tmp_path, kind, region):
    """Random weights answer rubbish: rows say so, with the reason, and what was said is not made into a text."""
    rows = annotate(tmp_path, f"transformers:{tiny_model(kind)}", region=region)
    assert len(rows) == 2
    for row in rows:
        assert row["status"] == "describe_failed"
        assert row["text"] is None
        assert "UnreadableAnswer: no JSON object with a target in it" in " ".join(row["problems"])
        made_by = json.loads(row["provenance"]["describer"])
        assert (made_by["model"], made_by["region"]) == (kind, region)
        assert str(tiny_model(kind).parent) not in json.dumps(row)


def test_what_the_model_says_becomes_the_text(tiny_model, tmp_path, monkeypatch):
    """The real loading and picture paths, with the words put into the model's mouth."""
    from chatdesc.backends.vlm_model import VisionLanguageModel

    prompts, heard = [], VisionLanguageModel.generate

    def generate(self, messages, max_new_tokens):
        heard(self, messages, 1)
        prompts.extend(message[0]["content"][-1]["text"] for message in messages)
        return ['```json\n{"target": "purple hexagon, far away", "background": ["sky"]}\n```'] * len(messages)

    monkeypatch.setattr(VisionLanguageModel, "generate", generate)
    rows = annotate(tmp_path, f"transformers:{tiny_model('smolvlm')}", region="crop", keep_manual_if_better=False)
    assert [row["text"] for row in rows] == ["purple hexagon far away"] * 2
    assert all(row["rounds"][0]["raw"].startswith("```json") for row in rows)
    first, again = prompts[:2], prompts[2:]
    assert first == [prompt_text("describe", "crop")] * 2
    assert len(again) == 2
    assert all("cut out" in p and 'by this description: "purple hexagon far away"' in p for p in again)


def test_a_trained_model_describes_what_the_box_is_around(shared_data):
    """A small LLaVA that was taught coloured shapes: unlike random weights it notices a box that is not seen."""
    import cv2

    image = np.full((96, 96, 3), 128, np.uint8)
    cv2.circle(image, (18, 48), 12, (215, 30, 35), -1)
    cv2.rectangle(image, (66, 36), (90, 60), (40, 70, 220), -1)
    frames = frames_of([image])
    model = TransformersDescriber(str(shared_data / "tiny_models" / "vlm"), device="cpu", max_new_tokens=60)
    prompt = "Describe the target object in the green box. Return JSON."
    left, right = model.describe(
        [request(frames, 0, (6, 36, 25, 25), prompt), request(frames, 0, (66, 36, 25, 25), prompt)]
    )
    assert parse_answer(left).text == "large red circle on the left"
    assert parse_answer(right).text == "large blue square on the right"
    assert any("blue square" in thing for thing in parse_answer(left).background)


class TestQuestions:
    """The probability of Yes is that of the model's next token, whatever is asked beside it."""

    @staticmethod
    def asked(frames):
        pictured = (Ask(f"Is it red? {'Really? ' * i}", FrameRef(frames, i), np.array(BOXES[i])) for i in range(2))
        return [*pictured, Ask("Is 'a red kite' correct English? Answer with Yes or No.")]

    @pytest.fixture(autouse=True)
    def any_next_word(self, monkeypatch):
        monkeypatch.setattr("chatdesc.backends.transformers_vlm.LEAST", 0.0)  # a random model says anything

    @pytest.mark.parametrize("kind", KINDS)
    def test_batched_answers_are_those_of_one_by_one(self, describer, frames, kind):
        model = describer(kind)
        assert isinstance(model, Answerer)
        together = model.ask(self.asked(frames))
        alone = [model.ask([one])[0] for one in self.asked(frames)]
        assert [reply.yes for reply in together] == [reply.yes for reply in alone]
        chances = [reply.probability for reply in together]
        assert chances == pytest.approx([reply.probability for reply in alone], abs=1e-3)
        assert len({round(chance, 6) for chance in chances}) == 3
        assert all((reply.probability >= 0.5) == reply.yes for reply in together)

    def test_the_probability_is_the_models_own(self, describer, frames):
        import torch

        model = describer("qwen3-vl")
        [reply] = model.ask(self.asked(frames)[:1])
        one = self.asked(frames)[0]
        message = model.message(one.frame, one.box, one.question, model.loaded)
        inputs = model.loaded.processor.apply_chat_template(
            message, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            chances = torch.softmax(model.loaded.model(**inputs).logits[0, -1].float(), -1)
        spelled = model.loaded.processor.tokenizer.convert_tokens_to_ids
        yes, no = (sum(float(chances[spelled(letter)]) for letter in letters) for letters in ("Yy", "Nn"))
        assert reply.probability == pytest.approx(yes / (yes + no), abs=1e-3)

    def test_a_model_that_says_something_else_does_not_answer(self, describer, frames, monkeypatch):
        monkeypatch.setattr("chatdesc.backends.transformers_vlm.LEAST", 0.5)
        [answer] = describer("qwen3-vl").ask([Ask("Is it?")])
        assert isinstance(answer, UnreadableAnswer) and "neither Yes nor No" in str(answer)

    def test_numbers_that_overflow_are_no_answer(self, describer, monkeypatch):
        model = describer("qwen3-vl")
        monkeypatch.setattr(model, "_chances", lambda batch: [(float("nan"), float("nan"))] * len(batch))
        [answer] = model.ask([Ask("Is it?")])
        assert isinstance(answer, UnreadableAnswer)

    def test_a_broken_frame_is_that_questions_error(self, describer, frames):
        first, second = describer("qwen3-vl").ask(
            [
                Ask("Is it?", FrameRef(Frames(("x.png",), lambda path: b"no image"), 0), np.array(BOXES[0])),
                Ask("Is it?"),
            ]
        )
        assert isinstance(first, FrameError) and isinstance(second, Reply)

    def test_a_vocabulary_that_does_not_tell_yes_from_no(self):
        class Words:
            unk_token_id = 0

            def encode(self, word, add_special_tokens):
                return [0]

        with pytest.raises(BackendError, match="does not tell Yes from No"):
            answer_tokens(Words())


@pytest.mark.parametrize(("model", "told"), [("tiny:vlm", False), ("org/model", True)])
def test_a_departure_is_told_to_models_that_understand_new_words(frames, model, told, monkeypatch):
    """The small model was trained on the prompt's other lines alone, and answers this one with broken texts."""
    said = "\nWhen a tracker was led by this description, it left."
    gone = Departure(3, 9, FrameRef(frames, 0), np.array(BOXES[0], np.float32), said=said)
    asked = Describe(gone.frame, gone.box, f"Tried before: x{said}\nDo better.", departure=gone)
    heard = []

    def message(self, frame, box, prompt, loaded):
        heard.append(prompt)
        raise BackendError("that is all")

    monkeypatch.setattr(TransformersDescriber, "message", message)
    monkeypatch.setattr(TransformersDescriber, "loaded", None)
    monkeypatch.setattr(TransformersDescriber, "batches", SimpleNamespace(run_each=lambda made, run: []))
    [answer] = TransformersDescriber(model).describe([asked])
    assert isinstance(answer, BackendError)
    assert heard == [f"Tried before: x{said if told else ''}\nDo better."]
