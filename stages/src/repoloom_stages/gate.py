"""Stage `gate`: judges finished samples. It says who is refused and by which gate; `write-output` leaves them out."""

from collections.abc import Iterator
from pathlib import Path

from repoloom_api.catalogue import GateParams
from repoloom_api.v1alpha1.datasetbuild import GateRequirements
from repoloom_stages.record_files import read_records, write_records
from repoloom_stages.records import Record, Refused
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.sentinels import code_of


def run(params: GateParams, inputs: Inputs, outputs: Outputs) -> None:
    """Judge the samples of role `records`, each gate in order; `refused/ids.jsonl.zst` names those that fail one."""
    records = inputs.one("records") / "records.jsonl.zst"
    write_records(outputs.file("refused/ids.jsonl.zst"), _refused(params, records, outputs))


def _refused(params: GateParams, records: Path, outputs: Outputs) -> Iterator[Refused]:
    for record in read_records(records):
        outputs.take()
        gate = next((gate.name for gate in params.gates if not satisfies(record, gate.require)), None)
        if gate is None:
            outputs.keep()
        else:
            outputs.drop(gate)
            yield Refused(id=record["id"], gate=gate)


def satisfies(record: Record, require: GateRequirements) -> bool:
    """Whether a sample meets all that a gate asks. Characters and lines are those of its code: the header is ours."""
    code = code_of(record)
    return (
        (require.min_characters is None or len(code) >= require.min_characters)
        and (require.max_characters is None or len(code) <= require.max_characters)
        and (require.min_tokens is None or record["tokens"] >= require.min_tokens)
        and (require.max_line_characters is None or longest_line(code) <= require.max_line_characters)
        and (require.parses is None or record["parsed"])
    )


def longest_line(text: str) -> int:
    """Characters of the longest line, without its ending. Only a newline ends a line, as in git and in records."""
    return max(len(line.removesuffix("\r")) for line in text.split("\n"))
