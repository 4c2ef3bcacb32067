"""Puts a fault into the broker before each check, and sees the check fail and name it."""

from collections.abc import Callable

from context import CheckFailed, Context

from broker import checks
from broker.proxy import BrokerFault, spoil_broker

# Kinds of requests, by Kafka's numbers.
FETCH, FIND_COORDINATOR, JOIN_GROUP, API_VERSIONS, DESCRIBE_CONFIGS = 1, 10, 11, 18, 32


def run(context: Context) -> None:
    """Runs every check, as it is and over each fault. What fails here has not seen its fault."""
    started: list[str] = []
    context.check(
        checks.START, lambda: started.append(checks.start_broker(context)), always=True
    )
    if not started:
        return
    [bootstrap] = started
    for name, check in checks.CHECKS.items():
        context.check(name, lambda check=check: check(bootstrap), always=True)
        # A check over a broker between that spoils nothing tells what the one between does itself.
        expect_pass(context, name, check, bootstrap)
    for fault, words, check, telling in FAULTS:
        expect_failure(context, words, check, bootstrap, fault, telling)


FAULTS: list[tuple[BrokerFault, str, Callable[[str], str], str]] = [
    (
        BrokerFault(silent=frozenset({FIND_COORDINATOR})),
        "a group has no coordinator, and no answer says so",
        checks.refuse_group,
        "had not ended",
    ),
    (
        BrokerFault(silent=frozenset({JOIN_GROUP})),
        "who joins a group waits in silence",
        checks.refuse_group,
        "had not ended",
    ),
    (
        BrokerFault(closed=frozenset({JOIN_GROUP})),
        "who joins a group loses its connection",
        checks.refuse_group,
        "had not ended",
    ),
    (
        BrokerFault(silent=frozenset({API_VERSIONS})),
        "who asks what the broker can do waits in silence",
        checks.refuse_new_group,
        "had not ended",
    ),
    (
        BrokerFault(silent=frozenset({FETCH})),
        "who reads gets no answer",
        checks.read_partition,
        "had not ended",
    ),
    (
        BrokerFault(replaced={checks.RECORDS[2].encode(): b"another1"}),
        "a record is another",
        checks.read_partition,
        "other records than were sent",
    ),
    (
        BrokerFault(closed=frozenset({DESCRIBE_CONFIGS})),
        "settings of a topic are refused",
        checks.describe_topic,
        "had not ended",
    ),
    (
        BrokerFault(replaced={b"LogAppendTime": b"CreateTime   "}),
        "a topic has another setting",
        checks.describe_topic,
        "no message.timestamp.type",
    ),
    (
        BrokerFault(replaced={b"auto.create.topics.enable": b"auto.create.topics.denied"}),
        "a setting of the broker is missing",
        checks.describe_broker,
        "no auto.create.topics.enable",
    ),
]


def expect_pass(
    context: Context, name: str, check: Callable[[str], str], bootstrap: str
) -> None:
    """The check must pass through a broker between without a fault."""

    def pass_through() -> str:
        with spoil_broker(bootstrap, BrokerFault()) as address:
            return check(address)

    context.check(f"{name}, through a broker between", pass_through, always=True)


def expect_failure(
    context: Context,
    words: str,
    check: Callable[[str], str],
    bootstrap: str,
    fault: BrokerFault,
    telling: str,
) -> None:
    """The check must fail over the fault, and say so."""

    def see_fault() -> str:
        with spoil_broker(bootstrap, fault) as address:
            try:
                check(address)
            except CheckFailed as seen:
                if telling not in str(seen):
                    raise CheckFailed(f"`{telling}` is not in: {seen}") from None
                return f"seen: {str(seen)[:160]}"
        raise CheckFailed("the fault is not seen")

    context.check(f"broker, self-test: {words}", see_fault, always=True)
