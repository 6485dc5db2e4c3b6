"""What doctor finds, with the Hub and the model server played by loopback."""

from __future__ import annotations

import pytest

from chatdesc.config import presets
from chatdesc.engine import doctor
from chatdesc.types import ChatdescError
from tests.standins.openai_server import quick_and_with_key, serving


def by_name(preset: str, **options):
    return {check.what: check for check in doctor.examine(preset, **options)}


def test_the_offline_preset_needs_nothing_from_the_hub(monkeypatch):
    monkeypatch.setattr(doctor, "_hub", lambda: pytest.fail("the Hub was asked"))
    found = by_name("offline")
    assert found["grounder"].well
    assert found["Python"].well
    assert "to download" not in found


def test_missing_models_are_named_with_their_size_and_command(monkeypatch):
    monkeypatch.setattr(doctor, "_hub", lambda: doctor.Check("Hub", "answers"))
    models = presets()["cpu"].models
    found = by_name("cpu")
    for model in models:
        check = found[model.id]
        assert not check.well
        assert check.remedy == f"hf download {model.id}"
        assert model.licence in check.found
    assert found["to download"].found.startswith(f"{sum(m.gigabytes for m in models):.1f} GB")


def test_cached_models_are_not_asked_for(monkeypatch):
    monkeypatch.setattr(doctor, "cached", lambda model: True)
    monkeypatch.setattr(doctor, "_hub", lambda: pytest.fail("the Hub was asked"))
    assert all(check.well for name, check in by_name("cpu").items() if "/" in name)


def test_a_hub_that_does_not_answer(monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "is_offline_mode", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    check = doctor._hub()
    assert not check.well
    assert "HF_ENDPOINT" in check.remedy


def test_no_model_server(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert "OPENAI_API_KEY" in doctor._server(None).remedy
    assert not doctor._server("http://127.0.0.1:9/v1").well


def test_a_model_server_that_answers(monkeypatch):
    quick_and_with_key(monkeypatch)
    with serving() as server:
        check = doctor._server(server.url)
    assert (check.well, check.found) == (True, "answers; serves kite-vl")


def test_an_unknown_preset():
    with pytest.raises(ChatdescError, match="offline"):
        list(doctor.examine("offlin"))


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_is_whole_and_says_what_it_costs(name):
    preset = presets()[name]
    assert preset.about
    for model in preset.models:
        assert model.role in ("describer", "grounder", "tracker", "encoder")
        assert model.gigabytes > 0
        assert model.licence in ("Apache-2.0", "MIT")  # others are opt-in


@pytest.mark.parametrize(("name", "well"), [("offline", True), ("gpu", False)])
def test_only_a_preset_that_needs_a_gpu_misses_it(name, well, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(doctor, "_hub", lambda: doctor.Check("Hub", "answers"))
    assert by_name(name)["GPU"].well is well
