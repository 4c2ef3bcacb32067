"""The state machine as it is deployed, in moto's executor of Amazon States Language."""

import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

from path.aws import call_aws, post_json
from path.payloads import ACCOUNT, REGION

# Until when an execution must have ended; a soak's has hundreds of shards, one after the other.
EXECUTION_SECONDS, EXECUTION_SECONDS_IN_SOAK = 240, 1_800

# Where the results of a map's items are written, as infra/snapshot-merge.tf has it.
RESULTS_PREFIX = "curated/_runs"

ROLE = f"arn:aws:iam::{ACCOUNT}:role/polelake-real"


def fill_template(text: str, values: dict[str, str]) -> str:
    """As Terraform's `templatefile` fills it; a variable without a value is an error."""
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    if "${" in text:
        begin = text.index("${")
        raise RuntimeError(f"the state machine has a variable without a value: {text[begin:][:40]}")
    return text


def read_definition(infra: Path, bucket: str) -> str:
    """The machine over a bucket, with what infra/snapshot-merge.tf fills in."""
    template = infra / "state-machines" / "snapshot.asl.json"
    functions = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    values = {
        "snapshot_merge": f"{functions}:snapshot-merge",
        "quality_report": f"{functions}:quality-report",
        "curated_bucket": bucket,
        "results_prefix": RESULTS_PREFIX,
    }
    return fill_template(template.read_text(encoding="utf-8"), values)


def shorten_waits(definition: str) -> str:
    """The same machine, which waits a second where the deployed one waits for minutes."""
    definition = re.sub(r'"IntervalSeconds": \d+', '"IntervalSeconds": 1', definition)
    return re.sub(r'"BackoffRate": \d+', '"BackoffRate": 1', definition)


def create_machine(moto: str, name: str, definition: str) -> str:
    """Creates the machine in an executor that really executes; gives its ARN."""
    post_json(f"{moto}/moto-api/config", {"stepfunctions": {"execute_state_machine": True}})
    answer = call_aws(
        moto,
        "AWSStepFunctions.CreateStateMachine",
        {"name": name, "definition": definition, "roleArn": ROLE, "type": "STANDARD"},
        "1.0",
    )
    return answer["stateMachineArn"]


def execute_machine(
    moto: str, machine: str, payload: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """Executes the machine to its end; gives the description of the execution."""
    begun = call_aws(
        moto,
        "AWSStepFunctions.StartExecution",
        {"stateMachineArn": machine, "name": str(uuid.uuid4()), "input": json.dumps(payload)},
        "1.0",
    )
    arn = begun["executionArn"]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        described = call_aws(
            moto, "AWSStepFunctions.DescribeExecution", {"executionArn": arn}, "1.0"
        )
        if described["status"] != "RUNNING":
            return described
        time.sleep(0.2)
    raise TimeoutError(f"the execution had not ended after {seconds} s")


def last_failure(moto: str, execution: str) -> str:
    """Why an execution failed, as its history has it."""
    history = call_aws(
        moto,
        "AWSStepFunctions.GetExecutionHistory",
        {"executionArn": execution, "reverseOrder": True, "maxResults": 20},
        "1.0",
    )
    details = [
        value
        for event in history["events"]
        for name, value in event.items()
        if name.endswith("FailedEventDetails")
    ]
    return json.dumps(details[:2])[:800]
