"""Logs with random damage: each ends in lines and rejected lines that add up, or in a LogError."""

import gzip
import io
import json
import random

import pyarrow as pa
import pytest
from damage import CASES, SEED, damaged
from pyarrow import parquet

from router.errors import LogError
from router.logs.formats import find_files
from router.logs.labels import LabelReader
from router.logs.reader import Columns, read_log

ROWS = [
    {"id": "1", "text": 'he said "stop", then', "label": "fix-tyres", "time": "2026-09-01"},
    {"id": "2", "text": "a\nb; c", "label": "fix-brakes;fix-tyres", "time": "1788249600"},
    {"id": "3", "text": "möwe \u2028 🚲", "label": "", "time": "soon"},
]


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def parquet_bytes():
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), file)
    return file.getvalue()


CSV = "\n".join([",".join(ROWS[0]), *(",".join(map(quoted, row.values())) for row in ROWS)])
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
SEEDS = {
    "log.jsonl": JSONL,
    "log.json": json.dumps({"rows": ROWS}, indent=1).encode(),
    "log.csv": CSV.encode(),
    "log.txt": "\n".join(row["text"] for row in ROWS).encode(),
    "log.parquet": parquet_bytes(),
    "log.jsonl.gz": gzip.compress(JSONL * 3),
    "log": CSV.replace(",", "\t").encode(),
}


@pytest.mark.parametrize("name", SEEDS)
def test_damage_ends_in_lines_that_add_up_or_in_a_log_error(name, bike_shop, tmp_path):
    rng = random.Random(SEED)
    labels, path = LabelReader(bike_shop), tmp_path / name
    for _ in range(CASES):
        path.write_bytes(damaged(SEEDS[name], rng))
        try:
            files = find_files(path, tmp_path / "out")
            chunks = list(read_log(files, Columns(), labels))
        except LogError:
            continue
        lines = [line for chunk in chunks for line in chunk.lines]
        rejected = [line for chunk in chunks for line in chunk.rejected]
        assert files[0].read == len(lines) + len(rejected)
        numbers = [line.line for line in lines] + [line.line for line in rejected]
        assert len(set(numbers)) == len(numbers)
        for line in rejected:
            (line.reason + line.raw).encode()
