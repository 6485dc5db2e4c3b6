"""What a server is asked after it has refused a field: pure functions of its refusal."""

import pytest

from chatdesc.backends.openai_dialect import SCHEMA, Dialect
from chatdesc.backends.openai_http import Refused


def refusal(detail="", status=400, param=""):
    return Refused(f"the server refused the request: {status}", status, detail, param)


def test_the_fields_of_a_request():
    fields = Dialect.requested("auto").fields(512, 0.0, 7)
    assert {name: fields[name] for name in ("max_tokens", "temperature", "seed")} == {
        "max_tokens": 512,
        "temperature": 0.0,
        "seed": 7,
    }
    assert fields["response_format"]["json_schema"] == {"name": "description", "strict": True, "schema": SCHEMA}
    assert Dialect.requested("object").fields(1, 0, 0)["response_format"] == {"type": "json_object"}
    assert "response_format" not in Dialect.requested("none").fields(1, 0, 0)
    assert Dialect(json="none", limit="max_completion_tokens", without=("seed",)).fields(9, 0.5, 7) == {
        "max_completion_tokens": 9,
        "temperature": 0.5,
    }


def test_weaker_json_modes_in_turn_then_nothing():
    modes, dialect = [], Dialect.requested("auto")
    while dialect is not None:
        modes.append(dialect.json)
        dialect = dialect.simpler(refusal("response_format is not supported"))
    assert modes == ["schema", "object", "none"]


@pytest.mark.parametrize("mode", ["schema", "object", "none"])
def test_a_mode_that_was_asked_for_is_not_negotiated(mode):
    assert Dialect.requested(mode).simpler(refusal("response_format is not supported")) is None


def test_the_field_that_the_refusal_names_goes_first():
    dialect = Dialect.requested("auto")
    renamed = dialect.simpler(refusal("Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead."))
    assert (renamed.limit, renamed.json, renamed.without) == ("max_completion_tokens", "schema", ())
    without = renamed.simpler(refusal("only the default is supported", param="temperature"))
    assert (without.without, without.json) == (("temperature",), "schema")
    both = without.simpler(refusal("seed: unknown field", 422))
    assert both.without == ("temperature", "seed")
    assert both.simpler(refusal("seed: unknown field", 422)).json == "object"  # it is left out already


@pytest.mark.parametrize("status", [401, 404, 413, 500])
def test_other_refusals_are_about_something_else(status):
    assert Dialect.requested("auto").simpler(refusal("temperature", status)) is None


def test_what_a_log_says_of_it():
    assert str(Dialect()) == "with JSON mode 'schema' and max_tokens"
    assert str(Dialect(json="none", without=("temperature", "seed"))) == (
        "with JSON mode 'none' and max_tokens, without temperature and seed"
    )
