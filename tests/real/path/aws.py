"""Calls of moto by the JSON protocols of AWS, and of an S3 by PyArrow."""

import hashlib
import json
import urllib.error
import urllib.request
from typing import Any

import pyarrow.fs

from path.payloads import REGION

ACCESS_KEY = "polelake-real"
SECRET_KEY = "polelake-real-secret"

BUCKETS = ["raw", "refined", "curated", "site", "curated-once", "site-once"]

# Prefixes of the catalogue's databases: of the day by the state machine, and of the day at once.
DATABASES = {"curated": "real", "curated-once": "once"}

# The service of each protocol's targets, as a signature names it.
SERVICES = {"AWSGlue": "glue", "secretsmanager": "secretsmanager", "AWSStepFunctions": "states"}


def call_aws(endpoint: str, target: str, body: dict[str, Any], version: str = "1.1") -> Any:
    """Calls an operation; moto reads service and region from a signature that it never checks."""
    service = SERVICES[target.split(".")[0]]
    scope = f"{ACCESS_KEY}/20260101/{REGION}/{service}/aws4_request"
    headers = {
        "content-type": f"application/x-amz-json-{version}",
        "x-amz-target": target,
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }
    request = urllib.request.Request(endpoint, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        raise RuntimeError(f"{target}: {error.code} {text[:500]}") from error


def post_json(url: str, body: Any) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=30):
        pass


def required_databases(pack: list[dict[str, Any]], prefix: str) -> set[str]:
    """The databases that infra/main.tf makes of a pack of contracts."""
    names = {f"{prefix}_curated_quality"}
    for file in pack:
        if not file["path"].endswith(".odcs.yaml"):
            continue
        domain = file["value"]["domain"].lower()
        department = "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in domain)
        zones = ["raw"] if file["path"].startswith("sources/") else ["refined", "curated"]
        names |= {f"{prefix}_{zone}_{department}" for zone in zones}
    return names


def topics_of_contracts(pack: list[dict[str, Any]]) -> dict[str, str]:
    """The topic of each source."""
    topics = {}
    for file in pack:
        if not file["path"].startswith("sources/") or not file["path"].endswith(".odcs.yaml"):
            continue
        for custom in file["value"]["customProperties"]:
            if custom["property"] == "polelake":
                topics[file["value"]["id"]] = custom["value"]["topic"]
    return topics


def open_objects(address: str) -> pyarrow.fs.S3FileSystem:
    """The S3 of another author, as a file system of buckets."""
    return pyarrow.fs.S3FileSystem(
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        region=REGION,
        scheme="http",
        endpoint_override=address,
        allow_bucket_creation=True,
    )


def list_keys(objects: pyarrow.fs.S3FileSystem, bucket: str, prefix: str = "") -> list[str]:
    """The keys of a bucket's objects, sorted."""
    selector = pyarrow.fs.FileSelector(f"{bucket}/{prefix}", allow_not_found=True, recursive=True)
    found = objects.get_file_info(selector)
    files = (info for info in found if info.type == pyarrow.fs.FileType.File)
    return sorted(info.path.removeprefix(f"{bucket}/") for info in files)


def read_object(objects: pyarrow.fs.S3FileSystem, bucket: str, key: str) -> bytes:
    with objects.open_input_stream(f"{bucket}/{key}") as stream:
        return stream.read()


def read_json(objects: pyarrow.fs.S3FileSystem, bucket: str, key: str) -> Any:
    return json.loads(read_object(objects, bucket, key))


def object_digests(objects: pyarrow.fs.S3FileSystem, bucket: str, prefix: str) -> dict[str, str]:
    """The SHA-256 of each object below a prefix."""
    keys = list_keys(objects, bucket, prefix)
    return {key: hashlib.sha256(read_object(objects, bucket, key)).hexdigest() for key in keys}
