"""Events through the relay, sent again until each is acknowledged, as its clients do."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from context import CheckFailed

from path.demo import split_requests
from path.functions import Sandboxes
from path.mapping import read_topic
from path.payloads import push_request

ACCEPTED = 202

# How often a request's events are sent before the push gives up: the broker is back long before.
ATTEMPTS_MAX = 60

# Of so many requests one is sent a second time.
REPEAT_EVERY = 5


@dataclass
class Push:
    """What was pushed, and what the relay acknowledged of it."""

    acknowledged: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    requests: int = 0
    repeated: int = 0
    unavailable: int = 0

    def push_all(
        self,
        relay: Sandboxes,
        events: dict[str, list[bytes]],
        sources: dict[str, str],
        before_request: Callable[[int], None] = lambda number: None,
    ) -> None:
        """Pushes the events of each topic in their order; some requests come twice."""
        for topic, values in events.items():
            for request in split_requests(values):
                self.requests += 1
                before_request(self.requests)
                self.push_request(relay, sources[topic], topic, request)
                if self.requests % REPEAT_EVERY == 0:
                    self.repeated += len(request)
                    self.push_request(relay, sources[topic], topic, request)

    def push_request(self, relay: Sandboxes, source: str, topic: str, events: list[bytes]) -> None:
        """Sends events until each is acknowledged. Those that are not are sent again together."""
        left = events
        for attempt in range(ATTEMPTS_MAX):
            name = f"{self.requests}-{attempt}"
            left = self.send(relay, source, topic, left, name)
            if not left:
                return
            self.unavailable += len(left)
            time.sleep(0.5)
        raise CheckFailed(f"{source}: {len(left)} events not acknowledged")

    def send(
        self, relay: Sandboxes, source: str, topic: str, events: list[bytes], name: str
    ) -> list[bytes]:
        """Sends a request once; gives the events that it has to be sent again."""
        answer = relay.invoke(push_request(source, events, name))
        statuses = read_statuses(answer, len(events))
        wrong = {status for status in statuses if status != ACCEPTED and status < 500}
        if wrong:
            raise CheckFailed(f"{source}: refused with {sorted(wrong)}: {answer['body'][:500]}")
        pairs = list(zip(events, statuses, strict=True))
        self.acknowledged.update((topic, event) for event, status in pairs if status == ACCEPTED)
        return [event for event, status in pairs if status != ACCEPTED]


def read_statuses(answer: dict[str, Any], count: int) -> list[int]:
    """The status of each event of a request."""
    body = json.loads(answer["body"])
    entries = body.get("results")
    if entries is None:
        return [answer["statusCode"]] * count
    return [entry["status"] for entry in entries]


def compare_with_topics(push: Push, bootstrap: str, topics: list[str]) -> tuple[list[str], int]:
    """What is acknowledged and not found, or found and never sent; and how many are there twice."""
    found: Counter[tuple[str, bytes]] = Counter()
    for topic in topics:
        found.update((topic, message.value()) for message in read_topic(bootstrap, topic))
    faults = []
    if lost := push.acknowledged - found:
        faults.append(f"{lost.total()} acknowledged events are not in Kafka")
    if strange := set(found) - set(push.acknowledged):
        faults.append(f"{len(strange)} events in Kafka were never sent")
    return faults, (found - push.acknowledged).total()


def kill_at(request: int, kill: Callable[[], None]) -> Callable[[int], None]:
    """Kills the broker while this request is under way; the next one finds it dead for certain."""
    # The function is invoked meanwhile, and needs some milliseconds to send.
    timer = threading.Timer(0.01, kill)

    def before_request(number: int) -> None:
        if number == request:
            timer.start()
        elif number == request + 1:
            timer.join()

    return before_request
