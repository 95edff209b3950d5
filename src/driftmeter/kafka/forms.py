"""The forms of records: how each is decoded, and which one a topic has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from driftmeter.counts.rows import Reader
from driftmeter.data.rejected import describe
from driftmeter.errors import InputError
from driftmeter.kafka.arrow_records import ArrowDecoder
from driftmeter.kafka.calls import FORMS as CALLS
from driftmeter.kafka.objects import Coding, ObjectDecoder
from driftmeter.kafka.records import RecordDecoder, RecordRun
from driftmeter.kafka.registry import SchemaDecoder, avro_reader, protobuf_reader, registry_client
from driftmeter.kafka.times import TimeRule
from driftmeter.logs.formats.kserve import lowered
from driftmeter.logs.formats.seldon import is_of_seldon
from driftmeter.payloads.json_text import read_json

AUTO = "auto"
NAMES = ("json", "msgpack", "arrow", "avro", "protobuf", *CALLS)
_ARROW = (b"ARROW1", b"\xff\xff\xff\xff")
_LOOKED_AT = 20


@dataclass(frozen=True)
class FormOptions:
    """What a user says of the records.

    `order` names the columns of values without names, and `fields` the field of a column. `registry` is the URL of a
    schema registry with its options, and `protobuf` the descriptors of a message, as FILE:MESSAGE.
    """

    form: str = AUTO
    order: Sequence[str] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    time: str | None = None
    time_format: str | None = None
    registry: str | None = None
    registry_options: Mapping[str, str] = field(default_factory=dict)
    protobuf: str | None = None

    def rule(self, names: Sequence[str]) -> TimeRule:
        """Return where the time of a row is, given the profile's columns."""
        return TimeRule.of(self.time, self.time_format, names)


def form_of(run: RecordRun, options: FormOptions) -> str | None:
    """Return the form that the first records have; None where they are all tombstones. Raises InputError on others.

    >>> form_of(RecordRun("t", [0], [b'{"age": 41}'], lambda position: 0), FormOptions())
    'json'
    """
    for position, value in enumerate(run.values[:_LOOKED_AT]):
        if not value:
            continue
        headers = run.headers(position)
        if any(name.startswith(("ce_", "ce-")) for name in headers):
            return "cloudevents"
        if is_of_seldon(run.topic, headers):
            return "seldon"
        first = value[:1]
        if first == b"\0" and len(value) > 5:
            return "json" if value[5:6] in (b"{", b"[") else "protobuf" if options.protobuf else "avro"
        if value.startswith(_ARROW):
            return "arrow"
        if value.lstrip()[:1] in (b"{", b"["):
            return _form_of_json(value)
        if 0x80 <= value[0] <= 0x8F or value[0] in (0xDE, 0xDF):
            return "msgpack"
        if any(name.startswith("__value_schema_id") for name in headers):
            return "protobuf" if options.protobuf else "avro"
        raise InputError(f"records of {run.topic}", f"{', '.join(NAMES)} (--format)", describe(value[:40]))
    return None


def _form_of_json(value: bytes) -> str:
    try:
        content = read_json(value)
    except InputError:
        return "json"
    if isinstance(content, list) and content:
        content = content[0]
    if not isinstance(content, dict):
        return "json"
    if "specversion" in content and "type" in content:
        return "cloudevents"
    return "kserve" if lowered(content).keys() >= {"reqtype", "id", "bytes"} else "json"


def decoder_of(form: str, options: FormOptions, reader: Reader) -> RecordDecoder:
    """Return a decoder of a form, but for those of calls, of which every partition has its own.

    Raises InputError where an option is missing that it needs.
    """
    rule = options.rule(reader.names)
    if form in ("json", "msgpack"):
        coding: Coding = "json" if form == "json" else "msgpack"
        return ObjectDecoder(coding, reader, rule, order=options.order, fields=options.fields)
    if form == "arrow":
        return ArrowDecoder(reader, rule, fields=options.fields)
    if form not in NAMES:
        raise InputError("--format", f"one of {', '.join((AUTO, *NAMES))}", form)
    if options.registry is None:
        raise InputError("--registry", f"the URL of a schema registry, for records of {form}", "none")
    if form == "protobuf" and options.protobuf is None:
        raise InputError("--protobuf", "FILE:MESSAGE, the descriptors of the records", "none")
    client = registry_client(options.registry, options.registry_options)
    read = protobuf_reader(options.protobuf or "", client) if form == "protobuf" else avro_reader(client)
    return SchemaDecoder(read, reader, rule, fields=options.fields)
