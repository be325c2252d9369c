"""Resource files and where they are wrong: one table, for the types and for the CRDs' schemas alike."""

import copy
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from repoloom_api.v1alpha1.recipes import Granularity, HeaderField
from support.builders import data, dataset_build, fine_tune, gate, output, pattern, recipe, source, suite

FULL_BUILD = dataset_build(
    sources=[
        source(
            "hyperswitch",
            revision="v1.2.3",
            code={"include": ["**/*.rs"], "exclude": ["**/target/**"], "maxFileBytes": 500_000},
            layers=[{"name": "api", "paths": ["crates/api/**"]}, {"name": "store", "paths": ["crates/store/**"]}],
        ),
        source("docs", url="https://git.example.org:8443/group/sub/docs.git"),
    ],
    tokenizer={"huggingFace": {"repository": "Kwaipilot/KAT-Dev", "revision": "main"}},
    chunk={"maxTokens": 8192},
    recipes=[
        recipe(
            "units",
            **{"from": ["hyperswitch"]},
            keep={"include": ["src/**"], "exclude": ["*.md"], "minBytes": 100, "maxBytes": 100_000},
            chunk={"maxTokens": 2048},
            codeUnits={"granularities": ["file", "function"], "header": {"tags": {"fields": ["repository", "file"]}}},
        ),
        recipe(),
        recipe(
            "groups",
            codeUnits=None,
            codeGroups={
                "header": {"comment": {"fields": ["crate", "cratePurpose", "module", "layer"]}},
                "largeFiles": {"minBytes": 5120},
                "smallFiles": {},
                "modules": {},
                "crates": {"maxBytes": 100_000},
                "implCollections": {},
                "traitEcosystems": {},
                "crossCrate": {},
            },
        ),
        recipe(
            "patterns",
            codeUnits=None,
            codePatterns={
                "header": {"comment": {"fields": ["pattern", "file"]}},
                "views": {"plain": {}, "fillInMiddle": {"percent": 50}, "callGraph": {}},
                "patterns": [
                    pattern(limit={"mostFrequent": 50, "examplesEach": 10}, context={"lines": 100}),
                    pattern("central", match={"items": ["function"]}, limit={"mostCentral": 1000}),
                ],
            },
        ),
        recipe("questions", codeUnits=None, codeQuestions={"instruction": {}, "reasoning": {}}),
        recipe("contrasts", codeUnits=None, codeContrasts={}),
    ],
    refine={
        "gates": [
            gate(recipes=["units"]),
            gate("sound", require={"maxCharacters": 9000, "minTokens": 8, "maxLineCharacters": 400, "parses": {}}),
        ],
        "deduplicate": {"exact": {}},
        "split": {"trainPercent": 80, "validationPercent": 10, "testPercent": 10, "byTime": {"gapDays": 3}},
    },
    outputs=[
        output(recipes=["units", "files", "groups", "patterns"], format={"taggedText": {}}),
        output("plain", format={"text": {}}),
        output("pairs", recipes=["questions"], format={"records": {}}),
        output("preferences", recipes=["contrasts"]),
    ],
    schedule="*/15,50 0-6/2 1,15 * 1-5",
    suspend=True,
)

FULL_TUNE = fine_tune(
    model={"huggingFace": {"repository": "zai-org/GLM-4.5-Air", "revision": "0123abc"}},
    data=[
        data(),
        data("docs", datasetBuild={"name": "hyperswitch-docs", "output": "training", "follow": "Latest"}),
    ],
    compute={"pool": "a100"},
    suspend=False,
    method={"lora": {"rank": 8, "alpha": 16, "dropout": 0.05}},
    training={
        "maxTokens": 4096,
        "epochs": 2,
        "maxSteps": 500,
        "learningRate": 2e-5,
        "batchSize": 8,
        "seed": 7,
        "checkpointSteps": 100,
    },
    evaluate={
        "suites": [
            suite(require={"minGainPercent": 3}),
            suite("general", bitsPerByte={"datasetBuild": {"name": "general", "output": "all"}}),
            suite("other", require={"maxLossPercent": 0.5}),
        ]
    },
)


def _many_names(count: int) -> list[str]:
    return [f"name-{position}" for position in range(count)]


GOOD: dict[str, Any] = {
    "the least a dataset needs": dataset_build(),
    "every block of a dataset": FULL_BUILD,
    "the tiny tokenizer": dataset_build(tokenizer={"tiny": {}}),
    "a header of comments": dataset_build(
        recipes=[recipe(codeUnits={"header": {"comment": {"fields": ["language", "kind", "name", "bytes", "doc"]}}})]
    ),
    "every header field": dataset_build(
        recipes=[recipe(codeUnits={"header": {"comment": {"fields": [one.value for one in HeaderField]}}})]
    ),
    "a view alone": dataset_build(recipes=[recipe(codeUnits={"views": {"callGraph": {}}})]),
    "pairs of one recipe each": dataset_build(
        recipes=[
            recipe("asked", codeUnits=None, codeQuestions={"reasoning": {}}),
            recipe("preferred", codeUnits=None, codeContrasts={}),
        ]
    ),
    "no header": dataset_build(recipes=[recipe(codeUnits={"header": {"none": {}}})]),
    "every granularity": dataset_build(
        recipes=[recipe(codeUnits={"granularities": [one.value for one in Granularity]})]
    ),
    "a split by file": dataset_build(refine={"split": {"byFile": {}}}),
    "shares with fractions": dataset_build(
        refine={"split": {"trainPercent": 33.5, "validationPercent": 33.25, "testPercent": 33.25}}
    ),
    "records": dataset_build(outputs=[output(format={"records": {}})]),
    "as many sources as there may be": dataset_build(
        sources=[source(name) for name in _many_names(64)], recipes=[recipe(**{"from": _many_names(64)})]
    ),
    "empty lists where empty means all": dataset_build(
        recipes=[recipe(**{"from": []}, keep={"include": []})], refine={"gates": []}, outputs=[]
    ),
    "fields written as null are fields left out": dataset_build(
        chunk={"maxTokens": None},
        tokenizer={"huggingFace": None, "tiny": {}},
        refine={"split": {"trainPercent": None, "byTime": None}, "deduplicate": None},
        recipes=[recipe(**{"from": None}, keep={"minBytes": None, "include": None})],
    ),
    # Where a rule reads the number, the API server's CEL refuses such a one, though its schema takes it.
    "a whole number with a fraction of zero": dataset_build(sources=[source(code={"maxFileBytes": 64.0})]),
    "metadata of Kubernetes' own": dataset_build()
    | {
        "metadata": {
            "name": "example",
            "namespace": "n" * 63,
            "labels": {"kueue.x-k8s.io/queue-name": "gpus"},
            "annotations": {"repoloom.dev/rerun": "2"},
            "uid": "4f7c1a52-3d3a-4a32-8f0b-5c1d2e3f4a5b",
            "generation": 3,
            "resourceVersion": "12",
            "creationTimestamp": "2026-11-21T07:00:00Z",
        }
    },
    "a status, which is the operator's": dataset_build() | {"status": {"conditions": []}},
    "the least a model needs": fine_tune(),
    "every block of a model": FULL_TUNE,
    "a suite that is only reported": fine_tune(evaluate={"suites": [suite()]}),
    "bounds themselves": fine_tune(
        method={"lora": {"rank": 1024, "alpha": 4096, "dropout": 0.9}},
        training={"learningRate": 1, "maxTokens": 64, "seed": 2_147_483_647},
    ),
}

MISSING = object()
"""In place of a value: the field is left out."""


@dataclass(frozen=True)
class Bad:
    """A file that is refused, and the fields at fault."""

    document: Any
    paths: tuple[str, ...]


def changed(document: Any, path: str, value: Any) -> Any:
    """The document with another value at one path, made there if need be."""
    result = copy.deepcopy(document)
    *parents, last = [int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", path)]
    holder = result
    for part in parents:
        holder = holder[part]
    if value is MISSING:
        del holder[last]
    elif isinstance(holder, list) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value
    return result


def build(path: str, value: Any, *faults: str) -> Bad:
    """The full DatasetBuild changed at one path, which is at fault unless others are."""
    return Bad(changed(FULL_BUILD, path, value), faults or (path,))


def tune(path: str, value: Any, *faults: str) -> Bad:
    """The full FineTune changed at one path, which is at fault unless others are."""
    return Bad(changed(FULL_TUNE, path, value), faults or (path,))


def _url(url: Any) -> Bad:
    return build("spec.sources[1].repository.url", url)


_SPLIT = "spec.refine.split"
_UNITS = "spec.recipes[0].codeUnits"
_GROUPS = "spec.recipes[2].codeGroups"
_PATTERNS = "spec.recipes[3].codePatterns"
_TOKENIZER = "spec.tokenizer.huggingFace"

BAD: dict[str, Bad] = {
    # The document
    "no mapping but a list": Bad([FULL_BUILD], ("",)),
    "nothing at all": Bad(None, ("",)),
    "no apiVersion": build("apiVersion", MISSING),
    "another apiVersion": build("apiVersion", "repoloom.dev/v1"),
    "an apiVersion that is a number": build("apiVersion", 1),
    "no kind": build("kind", MISSING),
    "another kind": build("kind", "Dataset"),
    "a kind that is a list": build("kind", ["DatasetBuild"]),
    "no metadata": build("metadata", MISSING),
    "metadata that is a name": build("metadata", "example"),
    "no name": build("metadata.name", MISSING),
    "no spec": build("spec", MISSING),
    "a spec of null": build("spec", None),
    "a spec that is a list": build("spec", []),
    "the spec of the other kind": Bad(
        FULL_TUNE | {"kind": "DatasetBuild"},
        tuple(
            f"spec.{field}"
            for field in ("compute", "data", "evaluate", "method", "model", "recipes", "sources", "training")
        ),
    ),
    # Unknown fields, at every depth
    "an unknown field of the document": build("specs", {}),
    "an unknown field of metadata": build("metadata.label", {}),
    "an unknown field of the spec": build("spec.source", []),
    "an unknown field that is null": build("spec.source", None),
    "a field under its name in Python that is null": build("spec.chunk.max_tokens", None),
    "an unknown field of a block": build("spec.chunk.max", 1),
    "an unknown field in a list": build("spec.recipes[1].granularity", "file"),
    "an unknown field four blocks deep": build(f"{_UNITS}.header.tags.field", "file"),
    "a setting for a choice that has none": build("spec.refine.deduplicate.exact.threshold", 0.8),
    "a field in snake case": build("spec.chunk", {"max_tokens": 64}, "spec.chunk.max_tokens"),
    "a field in other capitals": build("spec.chunk", {"MaxTokens": 64}, "spec.chunk.MaxTokens"),
    "an unknown field of a tuning's suite": tune("spec.evaluate.suites[0].bitsPerByte.data", "code"),
    "a misspelt field among good ones": tune("spec.training.learnRate", 0.1),
    # Missing fields
    "no sources": build("spec.sources", MISSING),
    "a source without a name": build("spec.sources[0].name", MISSING),
    "a repository without a URL": build("spec.sources[0].repository.url", MISSING),
    "a repository URL of null": build("spec.sources[0].repository.url", None),
    "a gate without requirements": build("spec.refine.gates[0].require", MISSING),
    "an output without recipes": build("spec.outputs[0].recipes", MISSING),
    "a model's name without its owner": build(f"{_TOKENIZER}.repository", "KAT-Dev"),
    "no model": tune("spec.model", MISSING),
    "no data": tune("spec.data", MISSING),
    "a dataset without an output": tune("spec.data[0].datasetBuild.output", MISSING),
    # Wrong types
    "a number as a string": build("spec.chunk.maxTokens", "8192"),
    "a fraction where whole numbers are": build("spec.chunk.maxTokens", 8192.5),
    "a truth value as a number": build("spec.chunk.maxTokens", True),
    "a number as a name": build("spec.recipes[0].name", 7),
    "a mapping where a list is": build("spec.sources", source("hyperswitch")),
    "a list where a mapping is": build("spec.tokenizer", [{"tiny": {}}]),
    "a string where a list is": build("spec.recipes[0].keep.include", "src/**"),
    "a string where a mapping is": build("spec.recipes[1].codeUnits", "file"),
    "a mapping where a string is": build("spec.sources[0].repository.url", {"https": "example.org"}),
    "a truth value for a choice": build("spec.refine.deduplicate.exact", True),
    "null in a list": build("spec.recipes[0].from[0]", None),
    "no number": build(f"{_SPLIT}.trainPercent", float("nan"), f"{_SPLIT}.trainPercent", _SPLIT),
    "an infinite number": tune("spec.training.learningRate", float("inf")),
    "a number in words": tune("spec.training.learningRate", "2e-5"),
    "bytes": build("spec.sources[0].name", b"hyperswitch"),
    "a date": build("spec.sources[0].repository.revision", date(2026, 11, 21)),
    # Names
    "a name in capitals": build("metadata.name", "Example"),
    "a name that ends in a hyphen": build("metadata.name", "example-"),
    "a name with a dot": build("metadata.name", "example.org"),
    "a name with a line break": build("metadata.name", "example\n"),
    "an empty name": build("metadata.name", ""),
    "a name of 53 characters": build("metadata.name", "n" * 53),
    "a namespace of 64 characters": build("metadata.namespace", "n" * 64),
    "a namespace with a slash": build("metadata.namespace", "../other"),
    "a label that is a number": build("metadata.labels", {"team": 7}, "metadata.labels.team"),
    "annotations in a list": build("metadata.annotations", ["rerun"]),
    "a source that is named like an option": build("spec.sources[1].name", "-docs"),
    "a gate with a slash": build("spec.refine.gates[0].name", "../gate"),
    "a suite with a space": tune("spec.evaluate.suites[0].name", "held out"),
    "an output of the reserved name": build("spec.outputs[0].name", "collected"),
    # URLs and revisions
    "a URL of git's ext transport": _url("ext::sh -c whoami"),
    "a local file as a URL": _url("file:///etc/passwd"),
    "a path as a URL": _url("/srv/git/docs"),
    "an SSH URL": _url("git@github.com:owner/name.git"),
    "unencrypted HTTP": _url("http://github.com/owner/name"),
    "credentials in a URL": _url("https://user:secret@github.com/owner/name"),
    "a user in a URL": _url("https://token@github.com/owner/name"),
    "a URL that is an option": _url("--upload-pack=touch"),
    "a host that is an option": _url("https://-oProxyCommand=x/owner/name"),
    "a URL without a path": _url("https://github.com/"),
    "a URL with a query": _url("https://github.com/owner/name?ref=x"),
    "a URL with a line break": _url("https://github.com/owner/name\n"),
    "a URL with a space": _url("https://github.com/owner/na me"),
    "a URL that is too long": _url("https://github.com/" + "x" * 1024),
    "an empty URL": _url(""),
    "a revision that is an option": build("spec.sources[0].repository.revision", "--upload-pack=x"),
    "an empty revision": build("spec.sources[0].repository.revision", ""),
    "a Hub name with letters of other scripts": build(f"{_TOKENIZER}.repository", "gruppe/modèle"),
    "a Hub name of a path": build(f"{_TOKENIZER}.repository", "../../etc/passwd"),
    # Globs
    "a glob with a control character": build("spec.sources[0].repository.code.include[0]", "a\x07b"),
    "a glob with a line break": build("spec.recipes[0].keep.exclude[0]", "*.md\n"),
    "a glob with a delete character": build("spec.recipes[0].keep.exclude[0]", "a\x7f"),
    "a glob from the root": build("spec.recipes[0].keep.include[0]", "/etc/*"),
    "an empty glob": build("spec.recipes[0].keep.include[0]", ""),
    "a glob that is too long": build("spec.recipes[0].keep.include[0]", "*" * 257),
    # Alternatives
    "a source without a repository": build("spec.sources[1]", {"name": "docs"}),
    "both tokenizers": build("spec.tokenizer.tiny", {}, "spec.tokenizer"),
    "neither tokenizer": build("spec.tokenizer", {}),
    "both tokenizers null": build("spec.tokenizer", {"huggingFace": None, "tiny": None}),
    "a recipe that makes nothing": build("spec.recipes[1]", {"name": "files"}),
    "two headers": build(f"{_UNITS}.header.none", {}, f"{_UNITS}.header"),
    "no header chosen": build(f"{_UNITS}.header", {}),
    "no view chosen": build(f"{_UNITS}.views", {}),
    "groups of nothing": build(f"{_GROUPS}", {"header": {"none": {}}}),
    "a pattern that matches anything": build(f"{_PATTERNS}.patterns[0].match", {}),
    "two limits of a pattern": build(f"{_PATTERNS}.patterns[0].limit.mostCentral", 9, f"{_PATTERNS}.patterns[0].limit"),
    "two contexts of a pattern": build(f"{_PATTERNS}.patterns[0].context.file", {}, f"{_PATTERNS}.patterns[0].context"),
    "questions of no kind": build("spec.recipes[4].codeQuestions", {}),
    "two formats": build("spec.outputs[0].format.text", {}, "spec.outputs[0].format"),
    "no way to deduplicate": build("spec.refine.deduplicate", {}),
    "two ways to split": build(f"{_SPLIT}.byFile", {}, _SPLIT),
    "a gate that requires nothing": build("spec.refine.gates[0].require", {}),
    "two models": tune("spec.model.tiny", {}, "spec.model"),
    "no method": tune("spec.method", {}),
    "data from nowhere": tune("spec.data[0]", {"name": "code"}),
    "a suite that measures nothing": tune("spec.evaluate.suites[0]", {"name": "held-out"}),
    "two requirements": tune("spec.evaluate.suites[0].require.maxLossPercent", 1, "spec.evaluate.suites[0].require"),
    "a requirement of nothing": tune("spec.evaluate.suites[0].require", {}),
    # Repetition and references
    "two sources of one name": build("spec.sources[1].name", "hyperswitch"),
    "two recipes of one name": build("spec.recipes[6]", recipe("units"), "spec.recipes[6].name"),
    "two layers of one name": build("spec.sources[0].repository.layers[1].name", "api"),
    "two patterns of one name": build(f"{_PATTERNS}.patterns[1].name", "validation"),
    "two outputs of one name": build("spec.outputs[1].name", "training"),
    "two gates of one name": build("spec.refine.gates[1].name", "long-enough"),
    "two datasets of one name": tune("spec.data[1].name", "code"),
    "two suites of one name": tune("spec.evaluate.suites[2].name", "general"),
    "a header field twice": build(f"{_UNITS}.header.tags.fields[1]", "repository"),
    "a granularity twice": build(f"{_UNITS}.granularities[1]", "file"),
    "a recipe from an unknown source": build("spec.recipes[0].from[0]", "hyperswich"),
    "an output of an unknown recipe": build("spec.outputs[1].recipes[0]", "unit"),
    "a gate for an unknown recipe": build("spec.refine.gates[0].recipes[0]", "unit"),
    # Bounds
    "no source in the list": build("spec.sources", []),
    "no recipe in the list": build("spec.recipes", []),
    "no recipe in an output": build("spec.outputs[0].recipes", []),
    "no granularity": build(f"{_UNITS}.granularities", []),
    "no suite": tune("spec.evaluate.suites", []),
    "65 sources": Bad(
        dataset_build(sources=[source(name) for name in _many_names(65)], outputs=[output()]), ("spec.sources",)
    ),
    "65 globs": build("spec.recipes[0].keep.include", ["*"] * 65),
    "33 datasets": Bad(fine_tune(data=[data(name) for name in _many_names(33)]), ("spec.data",)),
    "an unknown granularity": build(f"{_UNITS}.granularities[1]", "package"),
    "an unknown header field": build(f"{_UNITS}.header.tags.fields[0]", "path"),
    "too small a chunk": build("spec.chunk.maxTokens", 63),
    "too large a chunk": build("spec.recipes[0].chunk.maxTokens", 1_048_577),
    "a number beyond every integer": build("spec.chunk.maxTokens", 10**30),
    "a gap of less than no time": build(f"{_SPLIT}.byTime.gapDays", -1),
    "no learning at all": tune("spec.training.learningRate", 0),
    "a dropout of everything": tune("spec.method.lora.dropout", 0.95),
    "a rank of zero": tune("spec.method.lora.rank", 0),
    "a gain of more than everything": tune("spec.evaluate.suites[0].require.minGainPercent", 100.5),
    "a schedule of four fields": build("spec.schedule", "0 3 * *"),
    "a schedule with a minute too many": build("spec.schedule", "60 3 * * 1"),
    "a schedule with words": build("spec.schedule", "0 3 * * MON"),
    "a schedule by name": build("spec.schedule", "@daily"),
    "a schedule with a step of nothing": build("spec.schedule", "*/0 3 * * 1"),
    "a schedule and a second line": build("spec.schedule", "0 3 * * 1\n0 4 * * 1"),
    "suspended by a word": build("spec.suspend", "yes"),
    "a FineTune on a schedule": tune("spec.schedule", "0 3 * * 1"),
    "a pool with a capital": tune("spec.compute.pool", "A100"),
    "compute that nothing reads": tune("spec.compute.acceleratorsPerNode", 4),
    "a dataset followed by a word of one's own": tune("spec.data[0].datasetBuild.follow", "Newest"),
    # Across fields
    "shares that do not add up": build(f"{_SPLIT}.trainPercent", 85, _SPLIT),
    "shares that only almost add up": build(f"{_SPLIT}.trainPercent", 80.0001, _SPLIT),
    "fewer bytes at most than at least": build("spec.recipes[0].keep.maxBytes", 99, "spec.recipes[0].keep.minBytes"),
    "more bytes at least than the default": build(
        "spec.recipes[1].keep", {"minBytes": 50_000_000, "maxBytes": 1}, "spec.recipes[1].keep.minBytes"
    ),
    "fewer characters at most than at least": build(
        "spec.refine.gates[0].require.maxCharacters", 99, "spec.refine.gates[0].require.minCharacters"
    ),
    "fewer tokens at most than at least": build("spec.chunk.minTokens", 8193, "spec.chunk.minTokens"),
    "text and prompts in one output": build("spec.outputs[2].recipes[1]", "files", "spec.outputs[2].recipes"),
    "prompts and preferences in one output": build(
        "spec.outputs[2].recipes[1]", "contrasts", "spec.outputs[2].recipes"
    ),
    "prompts as text": build("spec.outputs[2].format", {"text": {}}),
    "preferences as tagged text": build("spec.outputs[3].format", {"taggedText": {}}),
    # Other namespaces: no reference leaves its own
    "a dataset of another namespace": tune("spec.data[0].datasetBuild.namespace", "other"),
    "a dataset of its own namespace, named": tune("spec.data[1].datasetBuild.namespace", "team"),
    "a dataset named across a slash": tune("spec.data[0].datasetBuild.name", "other/example"),
    "a dataset named across a dot": tune("spec.data[0].datasetBuild.name", "example.other"),
    "a dataset named as a path": tune("spec.data[0].datasetBuild.name", "../other"),
    "an output across a slash": tune("spec.data[0].datasetBuild.output", "other/files"),
    "a namespace beside a dataset": tune("spec.data[0].namespace", "other"),
    "a suite's dataset of another namespace": tune(
        "spec.evaluate.suites[1].bitsPerByte.datasetBuild.namespace", "other"
    ),
    "a suite's dataset named across a slash": tune(
        "spec.evaluate.suites[1].bitsPerByte.datasetBuild.name", "other/general"
    ),
    "a pool of another namespace": tune("spec.compute.pool", "other/a100"),
    "a namespace in a build's spec": build("spec.namespace", "other"),
    "a namespace in a tuning's spec": tune("spec.namespace", "other"),
    "a namespace beside a source": build("spec.sources[0].namespace", "other"),
    "a namespace beside a repository": build("spec.sources[0].repository.namespace", "other"),
    "a source across a slash": build("spec.recipes[0].from[0]", "other/hyperswitch"),
    "a namespace beside an output": build("spec.outputs[0].namespace", "other"),
    # What would be somebody else's right
    "a Secret of one's own choice": build("spec.sources[0].repository.secretName", "token"),
    "a Secret by reference": build("spec.sources[0].repository.secretRef", {"name": "token"}),
    "a service account": build("spec.serviceAccountName", "admin"),
    "a service account to train under": tune("spec.compute.serviceAccountName", "admin"),
    "an image": build("spec.image", "example.org/image"),
    "a command": build("spec.recipes[0].codeUnits.command", ["sh"]),
    "a patch of the pod": tune("spec.compute.podSpecPatch", "{}"),
    "a node": tune("spec.compute.nodeSelector", {"kubernetes.io/hostname": "node"}),
    "code from a model's repository": tune("spec.model.huggingFace.trustRemoteCode", True),
    # Bounds, on their other side
    "65 recipes": Bad(dataset_build(recipes=[recipe(name) for name in _many_names(65)]), ("spec.recipes",)),
    "33 gates": build("spec.refine.gates", [gate(name) for name in _many_names(33)]),
    "65 outputs": build("spec.outputs", [output(name, recipes=["units"]) for name in _many_names(65)]),
    "65 sources in a recipe": build("spec.recipes[0].from", ["hyperswitch"] * 65),
    "17 suites": tune("spec.evaluate.suites", [suite(name) for name in _many_names(17)]),
    "files of no bytes": build("spec.sources[0].repository.code.maxFileBytes", 0),
    "files of too many bytes": build("spec.sources[0].repository.code.maxFileBytes", 50_000_001),
    "a least size below nothing": build("spec.recipes[0].keep.minBytes", -1),
    "a gap of more than a year": build(f"{_SPLIT}.byTime.gapDays", 366),
    "lines of no characters": build("spec.refine.gates[1].require.maxLineCharacters", 0),
    "a share above everything": build(f"{_SPLIT}.testPercent", 101, f"{_SPLIT}.testPercent", _SPLIT),
    "a rank of too many": tune("spec.method.lora.rank", 1025),
    "an alpha of zero": tune("spec.method.lora.alpha", 0),
    "a dropout below nothing": tune("spec.method.lora.dropout", -0.1),
    "no epoch": tune("spec.training.epochs", 0),
    "too many epochs": tune("spec.training.epochs", 1001),
    "no step": tune("spec.training.maxSteps", 0),
    "a learning rate above one": tune("spec.training.learningRate", 1.5),
    "a batch of none": tune("spec.training.batchSize", 0),
    "a seed below nothing": tune("spec.training.seed", -1),
    "a seed of more than 31 bits": tune("spec.training.seed", 2_147_483_648),
    "checkpoints at no step": tune("spec.training.checkpointSteps", 0),
    "a loss below nothing": tune("spec.evaluate.suites[2].require.maxLossPercent", -1),
    "a name of 53 characters in a list": build("spec.sources[1].name", "n" * 53),
    "a revision of 257 characters": build("spec.sources[0].repository.revision", "r" * 257),
    "four faults in one file": Bad(
        changed(
            changed(changed(changed(FULL_BUILD, "spec.chunck", {}), _SPLIT, {"testPercent": 1}), "metadata.name", "A"),
            "spec.recipes[0].from[0]",
            "nothing",
        ),
        ("metadata.name", "spec.chunck", "spec.recipes[0].from[0]", _SPLIT),
    ),
}
