#!/usr/bin/env python3
"""Pushes a file of JSON lines to polelake, and reports what became of each event.

    push.py SOURCE FILE [--url URL] [--run NAME]

Python's standard library is all that it needs. Exit code 0 when every event was accepted, 1 when some were
refused, 2 when the events could not be sent. The variable POLELAKE_TOKEN is sent as a bearer token.
"""

import argparse
import email.utils
import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass

# What the API takes in one request.
EVENTS_MAX = 500
BYTES_MAX = 4 * 1024 * 1024

ATTEMPTS_MAX = 6
TIMEOUT_SECONDS = 30
BACKOFF_SECONDS = 0.5
BACKOFF_SECONDS_MAX = 30.0

# Nothing is known of the events, or the API asks for another attempt. A repeat does no harm.
RETRYABLE = {408, 429, 500, 502, 503, 504}


class PushError(Exception):
    """The request as a whole was refused, or got no answer."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; status 0 stands for none."""

    status: int
    retry_after: str
    body: dict


@dataclass(frozen=True)
class EventResult:
    """What became of one event."""

    status: int
    text: str

    @property
    def is_accepted(self):
        return self.status == 202


class Client:
    """Pushes the events of one source."""

    def __init__(self, base_url, source, token=None):
        self.url = f"{base_url.rstrip('/')}/v1/{source}/events"
        self.token = token

    def push(self, events, idempotency_key):
        """Sends events in one request until each has an answer, and returns an EventResult for each.

        Every attempt sends the same bytes under the same key: events without an id then keep the id that the
        API makes for them, and an event that had arrived already is recognised as a repeat.
        """
        for attempt in range(1, ATTEMPTS_MAX + 1):
            answer = self._post(events, idempotency_key)
            results = read_results(answer, len(events))
            if not should_retry(answer, results) or attempt == ATTEMPTS_MAX:
                break
            time.sleep(pause_seconds(attempt, answer.retry_after))

        if results is None:
            detail = answer.body.get("detail", "no answer")
            raise PushError(f"{self.url}: {answer.status or 'unreachable'}: {detail}")
        return results

    def _post(self, events, idempotency_key):
        headers = {"content-type": "application/x-ndjson", "idempotency-key": idempotency_key}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url, data=b"\n".join(events), headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return read_answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return read_answer(refusal.code, refusal.headers, refusal.read())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, "", {"detail": str(error)})


def read_answer(status, headers, body):
    """An answer; what is not a JSON object, such as a proxy's own page, counts as an empty one."""
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    return Answer(status, headers.get("retry-after", ""), document if isinstance(document, dict) else {})


def read_results(answer, event_count):
    """The results of the events; None when the answer is about the request as a whole."""
    if "results" in answer.body:
        return [read_result(result) for result in answer.body["results"]]
    # A refused event that was sent alone is answered with its own problem.
    if event_count == 1 and answer.body.get("rule", "").startswith("event."):
        return [EventResult(answer.status, describe_problem(answer.body))]
    return None


def read_result(result):
    problem = result.get("problem")
    return EventResult(result["status"], describe_problem(problem) if problem else result["id"])


def describe_problem(problem):
    return f"{problem['rule']}: {problem['detail']}"


def should_retry(answer, results):
    if results is None:
        return answer.status == 0 or answer.status in RETRYABLE
    return any(result.status in RETRYABLE for result in results)


def pause_seconds(attempt, retry_after):
    """Never less than Retry-After asks for; the random part keeps clients from coming back all at once."""
    backoff = min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS * 2**attempt)
    return parse_retry_after(retry_after) + random.uniform(0, backoff)


def parse_retry_after(text):
    """Seconds, or the seconds until an HTTP date; 0 for anything else."""
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def read_events(path):
    with open(path, "rb") as lines:
        return [line.strip() for line in lines if line.strip()]


def split_batches(events):
    """Batches that each fit into one request, in the order of the file."""
    batch, size = [], 0
    for event in events:
        if batch and (len(batch) == EVENTS_MAX or size + len(event) > BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event) + 1
    if batch:
        yield batch


def push_file(client, path, run):
    """Pushes a file, prints a line for each event, and returns how many were refused."""
    number, refused = 0, 0
    for batch_number, batch in enumerate(split_batches(read_events(path))):
        for result in client.push(batch, f"{run}-{batch_number}"):
            number += 1
            refused += not result.is_accepted
            print(f"event {number:>6}  {result.status}  {result.text}")
    print(f"{number - refused} accepted, {refused} refused")
    return refused


def parse_arguments():
    parser = argparse.ArgumentParser(description="Pushes a file of JSON lines to polelake.")
    parser.add_argument("source", help="the source, as its contract names it")
    parser.add_argument("file", help="the events, one JSON object on each line")
    parser.add_argument("--url", default="http://127.0.0.1:8470", help="the HTTP API")
    parser.add_argument(
        "--run",
        default=str(uuid.uuid4()),
        help="the run's name; give it again to a run that broke off, and nothing is doubled",
    )
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    client = Client(arguments.url, arguments.source, os.environ.get("POLELAKE_TOKEN"))
    try:
        refused = push_file(client, arguments.file, arguments.run)
    except (OSError, PushError) as error:
        print(f"push.py: {error}", file=sys.stderr)
        return 2
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
