#!/usr/bin/env bash
# pyarrow 26.0.1: ipc.open_stream(...).read_all() over two valid IPC streams, one after the other (a writer that was closed
# and opened anew on the same sink; cat a.arrows b.arrows), returns the rows of the first and says nothing of the rest.
# Expected by the guess: all rows, or an error. Seen: 300 of 600 rows, no error, no warning; the source stands at the end of
# the first stream, so a reader that opens another one there gets the second.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"; "$dir/venv/bin/pip" install -q pyarrow==26.0.1
"$dir/venv/bin/python" -W error - <<'P'
import pyarrow as pa
table = pa.table({"x": list(range(600))})
sink = pa.BufferOutputStream()
for at in (0, 300):
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.slice(at, 300))
source = pa.BufferReader(sink.getvalue())
first = pa.ipc.open_stream(source).read_all()
stands, size = source.tell(), source.size()
second = pa.ipc.open_stream(source).read_all()
print("pyarrow", pa.__version__, "| read_all:", len(first), "of 600 rows | stands at", stands, "of", size, "| again:", len(second))
assert (len(first), len(second)) == (300, 300) and stands < size, "the behaviour changed"
P
