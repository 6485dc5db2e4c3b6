"""Croissant metadata (mlcommons.org/croissant) of a repository with one or several datasets, as plain JSON-LD.

>>> files = [{"split": "test", "path": "lasot/test-*.parquet"}]
>>> info = {"config_name": "lasot", "features": [{"name": "sequence", "dtype": "string"}]}
>>> metadata = {"configs": [{"config_name": "lasot", "data_files": files}], "dataset_info": info}
>>> made = describe("user/lasot-chatdesc", metadata)
>>> made["recordSet"][0]["@id"], made["recordSet"][0]["field"][0]["@id"]
('lasot', 'lasot/sequence')

All of it comes from the card: ``configs`` has the places of the files, ``dataset_info`` their columns.
"""

from __future__ import annotations

import json
from typing import Any

from chatdesc.rows.schema import COLUMNS
from chatdesc.share.card_merge import config_name, entries, entry
from chatdesc.share.facts import facts
from chatdesc.share.strict_yaml import Metadata

Json = dict[str, Any]

FILE = "croissant.json"
HUB = "https://huggingface.co/datasets"
NO_CHECKSUM = "https://github.com/mlcommons/croissant/issues/80"  # a repository has none; the Hub says the same
DTYPES = {
    "string": "sc:Text", "bool": "sc:Boolean", "int32": "sc:Integer", "int64": "sc:Integer",
    "float32": "sc:Float", "float64": "sc:Float",
}  # fmt: skip
CHATTRACKER = "ChatTracker: Enhancing Visual Tracking Performance via Chatting with Multimodal Large Language Model"

# The vocabulary of Croissant 1.1, as its specification prints it.
CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def describe(repo_id: str, metadata: Metadata, revision: str = "main") -> Json:
    """The repository's Croissant metadata.

    Args:
        repo_id: ``user/name``.
        metadata: the YAML of its card, as a dict.
        revision: the branch that the files are on.
    """
    listed = dict.fromkeys(map(config_name, entries(metadata, "configs")))
    records = {name: made for name in listed if (made := _records(metadata, name))}
    names = list(records)
    title = metadata.get("pretty_name") or repo_id
    sources = [facts(name) for name in names]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": repo_id.replace("/", "_"),
        "description": f"{title}: target descriptions for tracking sequences, with the evidence behind each.",
        "url": f"{HUB}/{repo_id}",
        "license": _licence(repo_id, metadata),
        "citeAs": "\n".join([*(s.bibtex.strip() for s in sources if s.bibtex), CHATTRACKER]),
        "keywords": [*_words(metadata.get("tags")), "croissant"],
        "isLiveDataset": True,
        "distribution": [_repository(repo_id, revision), *(_files(metadata, name) for name in names)],
        "recordSet": list(records.values()),
    }


def dumped(made: Json) -> str:
    """The metadata as the text of ``croissant.json``."""
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _words(tags: Any) -> list[str]:
    """Tags in any form that people write: one word, or a list."""
    listed = tags if isinstance(tags, list) else [tags]
    return [tag for tag in listed if isinstance(tag, str)]


def _licence(repo_id: str, metadata: Metadata) -> str:
    """The page of a licence that the Hub knows by name; otherwise the card's section on licences."""
    named = metadata.get("license")
    known = isinstance(named, str) and named not in ("other", "unknown")
    return f"https://choosealicense.com/licenses/{named}/" if known else f"{HUB}/{repo_id}#licences"


def _repository(repo_id: str, revision: str) -> Json:
    return {
        "@type": "cr:FileObject",
        "@id": "repository",
        "name": "repository",
        "description": "The repository on the Hugging Face Hub.",
        "contentUrl": f"{HUB}/{repo_id}/tree/{revision}",
        "encodingFormat": "git+https",
        "sha256": NO_CHECKSUM,
    }


def _files(metadata: Metadata, config: str) -> Json:
    listed = _patterns(entry(metadata, "configs", config).get("data_files"))
    return {
        "@type": "cr:FileSet",
        "@id": f"files-of-{config}",
        "name": f"files-of-{config}",
        "description": f"The parquet files of {config}.",
        "containedIn": {"@id": "repository"},
        "encodingFormat": "application/x-parquet",
        "includes": listed if len(listed) > 1 else listed[0],
    }


def _patterns(files: Any) -> list[str]:
    """``data_files`` in any form that the Hub takes: a pattern, or lists or mappings of patterns."""
    if isinstance(files, dict):
        return _patterns(files.get("path") if "path" in files else list(files.values()))
    if isinstance(files, list):
        return [pattern for part in files for pattern in _patterns(part)]
    return [files] if isinstance(files, str) else []


def _records(metadata: Metadata, config: str) -> Json | None:
    """A configuration's columns; None where the card has not the places and the columns of its files.

    People's own configurations may lack them, or describe them in another form than ``datasets`` does.
    """
    described = entry(metadata, "dataset_info", config)
    if not described.get("features") or not _patterns(entry(metadata, "configs", config).get("data_files")):
        return None
    try:
        splits = ", ".join(str(split["name"]) for split in described.get("splits") or [])
        fields = [field for column in described["features"] if (field := _column(config, column))]
    except (TypeError, KeyError, AttributeError):
        return None
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": f"{facts(config).pretty_name}: one record per sequence; splits: {splits}.",
        "field": fields,
    }


def _column(config: str, described: Json) -> Json | None:
    """A column of ``dataset_info``; None for a type that Croissant lacks."""
    name = described["name"]
    source = {"fileSet": {"@id": f"files-of-{config}"}, "extract": {"column": name}}
    field = _field(f"{config}/{name}", described, source, [])
    return field if field is None or name not in COLUMNS else field | {"description": COLUMNS[name]}


def _field(place: str, described: Json, source: Json, path: list[str]) -> Json | None:
    """A column or a part of one; ``path`` leads to it within the column.

    A structure within one is left out: mlcroissant 1.1 takes it for a column of its own.
    """
    lengths, inner = _unlisted(described)
    if path and "struct" in inner:
        return None
    made: Json = {"@type": "cr:Field", "@id": place, "name": place}
    if "struct" in inner:
        parts = [(part["name"], part) for part in inner["struct"]]
        fields = (_field(f"{place}/{name}", part, source, [*path, name]) for name, part in parts)
        made["subField"] = [field for field in fields if field]
    elif inner.get("dtype") in DTYPES:
        steps = [{"jsonPath": step} for step in path]
        made |= {"dataType": DTYPES[inner["dtype"]], "source": source | ({"transform": steps} if steps else {})}
    elif inner.get("dtype") == "image":
        made |= {"dataType": "sc:ImageObject", "source": source | {"transform": {"jsonPath": "bytes"}}}
    else:
        return None
    return made | ({"isArray": True, "arrayShape": ",".join(map(str, lengths))} if lengths else {})


def _unlisted(described: Json) -> tuple[list[int], Json]:
    """The lengths of lists within lists (-1: any), and their items' type."""
    lengths: list[int] = []
    while "list" in described:
        lengths.append(described.get("length", -1))
        inner = described["list"]
        kind = "dtype" if isinstance(inner, str) else "struct"
        described = inner if isinstance(inner, dict) else {kind: inner}
    return lengths, described
