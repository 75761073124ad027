"""A process with librdkafka's mock cluster of one broker, until it is told to end or its input does.

One line of JSON says where it is: ``{"url": "kafka://127.0.0.1:PORT", "version": VERSION_OF_LIBRDKAFKA}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from confluent_kafka import Producer, libversion

LIMIT_S = 10.0
WARNING = 4  # librdkafka would print a notice of the mock cluster before our line


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": WARNING})
    (broker,) = cluster.list_topics(timeout=LIMIT_S).brokers.values()
    greeting = {"url": f"kafka://{broker.host}:{broker.port}", "version": libversion()[0]}
    sys.stdout.write(json.dumps(greeting) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
