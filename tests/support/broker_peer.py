"""Another process at the broker, to be killed or stopped: `python -m tests.support.broker_peer ROLE URL COUNT`.

`publish` prints the id of each message that is confirmed. `consume` prints the id of each that it receives, and settles
nothing. `sleep` does so too until it has COUNT; with the next line on its standard input it tries to settle them, half
of them as dead letters, prints "failed N", and then receives, prints and acknowledges whatever comes. A fourth argument
is the lease of the embedded broker, in seconds.
"""

from __future__ import annotations

import sys
import threading

from logmill.broker import Broker, Consumer, Delivery, Message, open_broker
from logmill.broker.embedded import EmbeddedBroker
from logmill.errors import BrokerUnavailable
from logmill.record import Lane


def main(role: str, broker: Broker, count: int) -> None:
    """Do as the module says."""
    if role == "publish":
        publisher = broker.publisher()
        for number in range(count):
            message = Message(body=b"x" * 1000, lane=Lane.NORMAL, message_id=f"peer-{number}")
            publisher.publish(message).result(10.0)
            print(message.message_id, flush=True)
    else:
        consumer = broker.consumer(prefetch=count)
        held = [receive(consumer) for _ in range(count)]
        if role == "sleep":
            sys.stdin.readline()
            half = count // 2
            failed = consumer.dead_letter([(delivery, "too late") for delivery in held[:half]])
            consumer.acknowledge(held[half:])
            print(f"failed {len(failed)}", flush=True)
            while True:
                consumer.acknowledge([receive(consumer)])
    threading.Event().wait(60.0)


def receive(consumer: Consumer) -> Delivery:
    """The next delivery; prints its id."""
    while True:
        try:
            delivery = consumer.receive(1.0)
        except BrokerUnavailable:
            continue
        if delivery is not None:
            print(delivery.message.message_id, flush=True)
            return delivery


if __name__ == "__main__":
    lease = sys.argv[4:]
    address = sys.argv[2]
    main(
        sys.argv[1],
        EmbeddedBroker(address, lease_s=float(lease[0])) if lease else open_broker(address),
        int(sys.argv[3]),
    )
