"""What a dead letter must look like: contract section 5. Pure."""

from __future__ import annotations

import struct

from wire import Names, Record, Request, Sent

PREFIX = "kafka_dlt-"
TEXT_LIMIT = 1024
"""Bytes that the message and the stack trace may have at most."""


def original_address(record: Record) -> tuple[str, int, int] | None:
    """The topic, partition and offset that a dead letter says it comes from; None when it does not say so rightly."""
    topic = record.text_header(PREFIX + "original-topic")
    partition = record.last_header(PREFIX + "original-partition") or b""
    offset = record.last_header(PREFIX + "original-offset") or b""
    if not topic or len(partition) != 4 or len(offset) != 8:
        return None
    return topic, struct.unpack(">i", partition)[0], struct.unpack(">q", offset)[0]


def check_dead_letter(
    record: Record, request: Request, sent: Sent, code: str, names: Names, partitions: int, secret: str
) -> list[str]:
    """All that is wrong with the dead letter of a record that ended in `code`.

    `partitions` is the dead-letter topic's partition count, `secret` a word that the member wrote.
    """
    faults = []
    if record.topic != sent.topic + names.dead_letter_suffix:
        faults.append(f"it lies in {record.topic}")
    if sent.partition < partitions and record.partition != sent.partition:
        faults.append(f"it lies in partition {record.partition}, not in {sent.partition}")
    if record.key != request.key:
        faults.append(f"its key is {record.key!r}, not {request.key!r}")
    if record.value != request.value:
        faults.append("its value is not the request's bytes")

    kept = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    if kept != request.headers:
        faults.append(f"the request's headers {request.headers!r} became {kept!r}")
    added = {name.removeprefix(PREFIX): value for name, value in record.headers if name.startswith(PREFIX)}
    if len(added) != len(record.headers) - len(kept):
        faults.append(f"a {PREFIX} header comes twice")

    exact = {
        "original-topic": sent.topic.encode(),
        "original-partition": struct.pack(">i", sent.partition),
        "original-offset": struct.pack(">q", sent.offset),
        "original-timestamp": struct.pack(">q", sent.timestamp),
        "original-timestamp-type": sent.timestamp_type.encode(),
        "original-consumer-group": names.groups[request.flow].encode(),
        "exception-fqcn": code.encode(),
        "exception-cause-fqcn": code.encode(),
    }
    texts = ("exception-message", "exception-stacktrace")
    for name, value in exact.items():
        if name not in added:
            faults.append(f"{PREFIX}{name} is missing")
        elif added[name] != value:
            faults.append(f"{PREFIX}{name} is {added[name]!r}, not {value!r}")
    for name in texts:
        faults += _check_text(name, added.get(name), secret)
    for name in added.keys() - exact.keys() - set(texts):
        faults.append(f"the contract knows no header {PREFIX}{name}")
    return faults


def _check_text(name: str, value: bytes | None, secret: str) -> list[str]:
    if not value:
        return [f"{PREFIX}{name} is missing or empty"]
    if len(value) > TEXT_LIMIT:
        return [f"{PREFIX}{name} has {len(value)} bytes, more than {TEXT_LIMIT}"]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return [f"{PREFIX}{name} is not UTF-8"]
    return [f"{PREFIX}{name} holds what the member wrote"] if secret in text else []
