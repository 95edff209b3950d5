"""`driftmeter consume`: a consumer group on Kafka that counts rows."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from driftmeter.cli.params import time_format_option
from driftmeter.cli.replay import stop_on_signal
from driftmeter.errors import InputError

if TYPE_CHECKING:
    from driftmeter.kafka.owned import ConsumeTotals

FORMS = ("auto", "json", "msgpack", "arrow", "avro", "protobuf", "cloudevents", "seldon", "kserve")
_SAY_EVERY = 30.0  # seconds


@click.command(short_help="Count the rows of Kafka topics.")
@click.option("--brokers", required=True, envvar="DRIFTMETER_KAFKA_BROKERS", show_envvar=True, metavar="HOST:PORT,…",
              help="Brokers to begin with.")  # fmt: skip
@click.option("--topic", "topics", required=True, multiple=True, metavar="NAME", help="Topic to read. Repeatable.")
@click.option("--model", required=True, envvar="DRIFTMETER_MODEL", show_envvar=True, metavar="NAME",
              help="The model, by the name that the server or store knows.")  # fmt: skip
@click.option("--target", envvar="DRIFTMETER_URL", show_envvar=True, metavar="URL", help="The metric server, or the "
              "gateway before it.  [default: http://localhost:8001]")  # fmt: skip
@click.option("--store", envvar="DRIFTMETER_STORE", show_envvar=True, metavar="URL", help="Write to the store of the "
              "servers instead: redis://HOST:PORT/0 or sqlite:///PATH.")  # fmt: skip
@click.option("--group", metavar="NAME", help="Consumer group: members of one share the partitions.  [default: "
              "driftmeter-MODEL]")  # fmt: skip
@click.option("--protocol", type=click.Choice(["classic", "consumer"]), default="classic", show_default=True,
              help="Group protocol. With consumer (KIP-848, Kafka 4) the partitions of a killed member wait for 45 s, "
              "with classic for 6 s.")  # fmt: skip
@click.option("--from", "begin", type=click.Choice(["earliest", "latest"]), default="earliest", show_default=True,
              help="Where a partition begins of which the group has committed nothing.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMS), default="auto", show_default=True, metavar="NAME",
              help=f"What a record is: {', '.join(FORMS[1:])}. auto looks at the first records and says what it found.",
              )  # fmt: skip
@click.option("--columns", metavar="NAMES", help="The features, with commas between them, in the order of values "
              "without names.  [default: the profile's order]")  # fmt: skip
@click.option("--field", "fields", multiple=True, metavar="COLUMN=FIELD", help="The field that holds a column, such as "
              "age=customer.age. Repeatable.")  # fmt: skip
@click.option("--time", metavar="FIELD", help="Event time: a field, or record for the record's own time.  [default: a "
              "field called timestamp, else the record's]")  # fmt: skip
@time_format_option
@click.option("--registry", envvar="DRIFTMETER_SCHEMA_REGISTRY", show_envvar=True, metavar="URL",
              help="Schema registry, for avro and protobuf.")  # fmt: skip
@click.option("--protobuf", metavar="FILE:MESSAGE", help="Descriptors of the records, from protoc --include_imports "
              "--descriptor_set_out=FILE, and the full name of their message.")  # fmt: skip
@click.option("--dead-letter", metavar="TOPIC", help="Send records that cannot be read to this topic, with the reason "
              "in their headers.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Setting of librdkafka, such as "
              "security.protocol=SASL_SSL; registry.KEY=VALUE sets one of the registry's client. VALUE may be "
              "env:NAME or file:PATH: so secrets stay out of the command line. Repeatable.")  # fmt: skip
@click.option("--until-end", is_flag=True, help="Stop once all partitions are read up to where they end now, and close "
              "all panes.")  # fmt: skip
@click.option("--allow-compacted", is_flag=True, help="Read compacted topics too.")
@click.option("--metrics-port", type=click.IntRange(0, 65_535), metavar="PORT", help="Expose metrics for Prometheus.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info",
              show_default=True, help="What to log to stderr.")  # fmt: skip
def consume(
    brokers: str,
    topics: Sequence[str],
    model: str,
    target: str | None,
    store: str | None,
    group: str | None,
    protocol: Any,
    begin: Any,
    form: str,
    columns: str | None,
    fields: Sequence[str],
    time: str | None,
    time_format: str | None,
    registry: str | None,
    protobuf: str | None,
    dead_letter: str | None,
    settings: Sequence[str],
    until_end: bool,
    allow_compacted: bool,
    metrics_port: int | None,
    log_level: str,
) -> None:
    """Count the rows of Kafka topics, as a member of a consumer group, and send the counts. Ctrl-C stops it.

    Run as many as the topic has partitions: they share the work. A member that is killed loses nothing and counts
    nothing twice. See docs/engines.md.

    \b
    driftmeter consume --brokers kafka:9092 --topic rows --model credit --target http://driftmeter:8001
    driftmeter consume --brokers kafka:9092 --topic rows --model credit --time applied_at --dead-letter rows.bad
    driftmeter consume --brokers kafka:9093 --topic rows --model credit --set security.protocol=SASL_SSL \\
        --set sasl.mechanism=PLAIN --set sasl.username=drift --set sasl.password=file:/run/secrets/kafka
    """
    from driftmeter.integrations.sinks import open_sink
    from driftmeter.kafka.forms import FormOptions
    from driftmeter.kafka.metrics import ConsumerMetrics
    from driftmeter.kafka.options import ConsumeOptions
    from driftmeter.kafka.start import start_member

    if target is not None and store is not None:
        context = click.get_current_context()
        given = [name for name in ("target", "store") if _is_given(context, name)]
        if len(given) == 2:
            raise InputError("--target and --store", "one of the two", "both")
        target, store = (target, None) if given != ["store"] else (None, store)
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    of_registry, of_kafka = settings_of(settings)
    options = ConsumeOptions(
        brokers=brokers,
        topics=tuple(dict.fromkeys(topics)),
        group=group or f"driftmeter-{model}",
        protocol=protocol,
        settings=of_kafka,
        begin=begin,
        form=FormOptions(
            form,
            None if columns is None else [name.strip() for name in columns.split(",")],
            dict(_pair(one, "--field", "COLUMN=FIELD") for one in fields),
            time,
            time_format,
            registry,
            of_registry,
            protobuf,
        ),
        dead_letters=dead_letter,
        until_end=until_end,
        allow_compacted=allow_compacted,
    )
    stop = threading.Event()
    metrics = ConsumerMetrics()
    sink = open_sink(store or target or "http://localhost:8001", model, patience=0.0, stop=stop)
    try:
        member = start_member(options, sink, metrics=metrics, stop=stop)
        if metrics_port is not None:
            metrics.serve(metrics_port)
        with stop_on_signal(stop), _progress(until_end=until_end) as progress:
            totals = member.run(progress)
    finally:
        sink.close()
    _summarize(totals, stopped=stop.is_set())


def settings_of(given: Sequence[str], environment: Any = os.environ) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings of the registry's client, and those of librdkafka.

    A value `env:NAME` is read from the environment, `file:PATH` from a file without its last line end.
    Raises InputError, which names the setting and never its value.

    >>> settings_of(["sasl.password=env:SECRET", "registry.basic.auth.user.info=a:b"], {"SECRET": "x"})
    ({'basic.auth.user.info': 'a:b'}, {'sasl.password': 'x'})
    """
    of_registry: dict[str, str] = {}
    of_kafka: dict[str, str] = {}
    for one in given:
        name, value = _pair(one, "--set", "KEY=VALUE")
        kind, _, rest = value.partition(":")
        if kind == "env":
            if rest not in environment:
                raise InputError(f"--set {name}", "the name of a variable that is set", rest)
            value = environment[rest]
        elif kind == "file":
            try:
                value = Path(rest).read_text().rstrip("\r\n")
            except OSError as error:
                raise InputError(f"--set {name}", "a file that can be read", f"{rest}: {error.strerror}") from error
        if name.startswith("registry."):
            of_registry[name.removeprefix("registry.")] = value
        else:
            of_kafka[name] = value
    return of_registry, of_kafka


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise InputError(option, form, f"{name}{separator}" if separator else f"{len(text)} characters without =")
    return name.strip(), value


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


@contextmanager
def _progress(*, until_end: bool) -> Iterator[Callable[[ConsumeTotals], None]]:
    """Yield what shows the progress: a bar where there is an end and a terminal, else a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("consume"), BarColumn(), TextColumn("{task.fields[rows]:,} rows, {task.fields[lag]:,} to go"),
        TimeElapsedColumn(), console=console, disable=not (until_end and console.is_terminal),
    )  # fmt: skip
    task = bar.add_task("", total=None, rows=0, lag=0)
    last = [time.monotonic(), 0.0]

    def show(totals: ConsumeTotals) -> None:
        bar.update(task, completed=totals.read, total=totals.read + totals.lag, rows=totals.read, lag=totals.lag)
        now = time.monotonic()
        if now - last[0] >= _SAY_EVERY:
            rate = (totals.read - last[1]) / (now - last[0])
            last[:] = [now, totals.read]
            logging.getLogger("driftmeter.kafka").info(
                "%s rows (%s/s), %s behind, %d partitions", f"{totals.read:,}", f"{rate:,.0f}", f"{totals.lag:,}",
                totals.partitions,
            )  # fmt: skip

    with nullcontext() if bar.disable else bar:
        yield show


def _summarize(totals: ConsumeTotals, *, stopped: bool) -> None:
    outcomes = ", ".join(f"{rows:,} {name}" for name, rows in sorted(totals.rows.items()) if rows)
    again = f"; {totals.again:,} read again" if totals.again else ""
    lost = f"; {totals.records_lost:,} records were gone when they were to be read again" if totals.records_lost else ""
    click.echo(f"{'stopped: ' if stopped else ''}{totals.read:,} rows: {outcomes or 'none'}{again}{lost}")
