"""Another process at the broker, to be killed: `python -m tests.support.broker_peer publish|consume URL COUNT`.

It prints one line for each message that is confirmed or received, then waits to be killed.
"""

from __future__ import annotations

import sys
import threading

from logmill.broker import Message, open_broker
from logmill.errors import BrokerUnavailable
from logmill.record import Lane


def main(role: str, url: str, count: int) -> None:
    """Do as the module says."""
    broker = open_broker(url)
    if role == "publish":
        publisher = broker.publisher()
        for number in range(count):
            message = Message(body=b"x" * 1000, lane=Lane.NORMAL, message_id=f"peer-{number}")
            publisher.publish(message).result(10.0)
            print(message.message_id, flush=True)
    else:
        consumer = broker.consumer(prefetch=count)
        received = 0
        while received < count:
            try:
                delivery = consumer.receive(1.0)
            except BrokerUnavailable:
                continue
            if delivery is not None:
                received += 1
                print(delivery.message.message_id, flush=True)
    threading.Event().wait(60.0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
