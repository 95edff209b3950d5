"""Records of Avro, Protobuf and JSON with the mark of a schema registry, decoded by confluent-kafka.

A value begins with 0 and its schema's id, or the id is in a header. Schemas of Avro come from the registry. For
Protobuf the registry has the schema too, but messages are made by its descriptors: `protoc --descriptor_set_out`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from driftmeter.counts.rows import Reader
from driftmeter.errors import InputError, MissingExtraError
from driftmeter.kafka.records import BadRecord, DecodedRun, RecordRun, RowsPart
from driftmeter.kafka.times import TimeRule

_LONGEST = 200


class SchemaDecoder:
    """Decodes records by a function that returns a dictionary for a value, as deserializers do."""

    def __init__(
        self,
        read: Callable[[bytes, str], Any],
        reader: Reader,
        rule: TimeRule,
        *,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """`read` takes a value and its topic, and may raise anything; `fields` maps columns to fields."""
        self._read, self._time = read, rule.field
        self._given = [(name, (fields or {}).get(name, name)) for name in reader.names]

    def decode(self, run: RecordRun) -> DecodedRun:
        """See RecordDecoder."""
        decoded = DecodedRun()
        records: list[dict[str, Any]] = []
        places: list[int] = []
        times: list[Any] = []
        for position, value in enumerate(run.values):
            if value is None:
                decoded.without_rows += 1
                continue
            try:
                content = self._read(value, run.topic)
            except Exception as error:  # deserializers raise what their libraries do
                decoded.bad.append(BadRecord(position, f"{type(error).__name__}: {error}"[:_LONGEST]))
                continue
            record = {name: value_at(content, path) for name, path in self._given}
            if all(value is None for value in record.values()) and not _knows(content, self._given):
                names = ", ".join(path for _, path in self._given[:5])
                got = ", ".join(list(content)[:5]) if isinstance(content, dict) else type(content).__name__
                decoded.bad.append(BadRecord(position, str(InputError("value", f"some of the fields {names}", got))))
                continue
            records.append(record)
            places.append(position)
            times.append(None if self._time is None else value_at(content, self._time))
        if records:
            given = times if any(time is not None for time in times) else None
            decoded.parts.append(RowsPart(records, np.array(places, np.intp), given))
        return decoded


def value_at(content: Any, path: str) -> Any:
    """Return what is under a key, or at a path of keys with dots between; None where nothing is."""
    if isinstance(content, Mapping) and path in content:
        return content[path]
    for key in path.split("."):
        if not isinstance(content, Mapping):
            return None
        content = content.get(key)
    return content


def registry_client(url: str, options: Mapping[str, str]) -> Any:
    """Return a client of a schema registry; `options` are those of confluent-kafka's client."""
    try:
        from confluent_kafka.schema_registry import SchemaRegistryClient
    except ImportError as error:
        raise _missing(error) from error
    return SchemaRegistryClient.new_client({"url": url, **options})


def avro_reader(client: Any) -> Callable[[bytes, str], Any]:
    """Return a function that decodes Avro by the schemas of a registry, of which `client` is a client."""
    try:
        from confluent_kafka.schema_registry.avro import AvroDeserializer
        from confluent_kafka.serialization import MessageField, SerializationContext
    except ImportError as error:
        raise _missing(error) from error
    deserialize = AvroDeserializer(client)
    return lambda value, topic: deserialize(value, SerializationContext(topic, MessageField.VALUE))


def protobuf_reader(descriptors: str, client: Any) -> Callable[[bytes, str], Any]:
    """Return a function that decodes Protobuf: `descriptors` is `FILE:MESSAGE`, a descriptor set and a full name.

    Raises InputError where there is no such message.
    """
    try:
        from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
        from confluent_kafka.serialization import MessageField, SerializationContext
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise _missing(error) from error
    path, _, name = descriptors.rpartition(":")
    files = descriptor_pb2.FileDescriptorSet()
    pool = descriptor_pool.DescriptorPool()
    try:
        files.ParseFromString(Path(path).read_bytes())
        for file in files.file:
            pool.Add(file)
        message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    except KeyError as error:
        names = [f"{file.package}.{one.name}".lstrip(".") for file in files.file for one in file.message_type]
        raise InputError("--protobuf", f"FILE:MESSAGE, one of {', '.join(names[:10]) or 'none'}", name) from error
    except Exception as error:
        expected = "FILE:MESSAGE, where protoc --include_imports --descriptor_set_out=FILE wrote the file"
        raise InputError("--protobuf", expected, f"{descriptors}: {error}"[:_LONGEST]) from error
    deserialize = ProtobufDeserializer(message, {"use.deprecated.format": False}, client)
    return lambda value, topic: fields_of(deserialize(value, SerializationContext(topic, MessageField.VALUE)))


def fields_of(message: Any) -> dict[str, Any]:
    """Return the fields of a Protobuf message by name: messages as dictionaries, enums by their names.

    A field with presence that is not set is None; any other has its default, which is not on the wire.
    """
    fields: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            fields[field.name] = None
            continue
        value = getattr(message, field.name)
        if field.is_repeated:
            value = list(value)
        elif field.message_type is not None:
            is_time = field.message_type.full_name == "google.protobuf.Timestamp"
            value = value.ToDatetime() if is_time else fields_of(value)
        elif field.enum_type is not None:
            named = field.enum_type.values_by_number.get(value)
            value = value if named is None else named.name
        fields[field.name] = value
    return fields


def _knows(content: Any, given: list[tuple[str, str]]) -> bool:
    return isinstance(content, Mapping) and any(path in content for _, path in given)


def _missing(error: ImportError) -> MissingExtraError:
    return MissingExtraError(f"records with a schema registry need {error.name}: pip install 'driftmeter[kafka]'")
