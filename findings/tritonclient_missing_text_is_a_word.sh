#!/bin/sh
# A text tensor with missing values, as Triton's Python client sends it: None and NaN become the words "None" and "nan".
#
# A column of texts with missing cells (pandas, dtype object) is given to tritonclient as a BYTES tensor. The server, and
# whoever logs the request, gets two categories more that nobody has written.
#
# Guess: BYTES has no missing value, so that None is refused, or becomes an empty text.
# Really: tritonclient 2.73.0 writes str(value) of whatever is no bytes, in the binary extension and in JSON: 'None', 'nan'.
# No error, no warning. driftmeter takes these words for missing where they come in a BYTES tensor (docs/doors.md).
#
# Takes a minute: packages from PyPI, in a folder that is removed. Ends with 1 where that is no longer as above.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check 'tritonclient[http]==2.73.0' numpy==2.4.6
"$dir/env/bin/python" - <<'P'
import sys
from importlib.metadata import version

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput

values = np.array([None, "a", float("nan")], dtype=object)
sent = {}
for binary in (True, False):
    tensor = InferInput("city", [3], "BYTES")
    tensor.set_data_from_numpy(values, binary_data=binary)
    body, json_length = InferenceServerClient.generate_request_body([tensor])
    sent[binary] = bytes(body)
    print("tritonclient", version("tritonclient"), "binary" if binary else "JSON", sent[binary])
words = b"\x04\x00\x00\x00None\x01\x00\x00\x00a\x03\x00\x00\x00nan"
sys.exit(not (sent[True].endswith(words) and b'"data":["None","a","nan"]' in sent[False]))
P
