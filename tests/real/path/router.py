"""One address for what moto has not: Lambda and S3 for its Step Functions, and rights in Glue.

moto's Step Functions look for Lambda and S3 at moto's own port, which is said to be this one. The
functions have this address as Glue's: all goes on to moto but statistics, which moto has not. They
are refused as to a role without that right, so that the day has to go on without them.
"""

import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow.fs

from path.aws import read_object
from path.functions import FunctionFailed, Sandboxes
from path.machine import RESULTS_PREFIX

REFUSED_TARGET = "AWSGlue.UpdateColumnStatistics"
REFUSAL = {"__type": "AccessDeniedException", "Message": "the role has no right to statistics"}

# What an execution may invoke at most: a machine in a circle must end.
INVOCATIONS_MAX = 5_000


class QuietServer(ThreadingHTTPServer):
    """A server that says nothing of callers who have gone away, as a stopped function does."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Router:
    """Serves invocations from the emulators, objects from the S3, and the catalogue from moto."""

    def __init__(self) -> None:
        # Both are known only after moto, which wants to know this port when it starts.
        self.functions: dict[str, Sandboxes] = {}
        self.objects: pyarrow.fs.S3FileSystem | None = None
        # Steps of the merge, or functions, that are answered as having failed.
        self.failing: set[str] = set()
        self.moto = ""
        self.refused = 0
        # Results of maps that were written: moto writes a list of files, and no files.
        self.map_results = 0
        # Bytes of the largest answer of each function: Step Functions take 262,144.
        self.largest: dict[str, int] = {}
        self.payloads: list[tuple[str, Any]] = []
        self.lock = threading.Lock()
        handler = type("Handler", (RouterHandler,), {"router": self})
        self.server = QuietServer(("127.0.0.1", 0), handler)
        self.port: int = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "Router":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)

    def note(self, function: str, payload: Any) -> None:
        with self.lock:
            self.payloads.append((function, payload))
            if len(self.payloads) > INVOCATIONS_MAX:
                raise RuntimeError(f"more than {INVOCATIONS_MAX} invocations")

    def forget(self) -> None:
        """Begins to count anew."""
        with self.lock:
            self.payloads.clear()

    def steps(self) -> Counter[str]:
        """How often each step of the merge was invoked, and the report."""
        with self.lock:
            return Counter(payload.get("step", function) for function, payload in self.payloads)


class RouterHandler(BaseHTTPRequestHandler):
    """The few requests that the state machine makes; anything else is refused by name."""

    router: Router
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802, the base class's name
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        target = self.headers.get("x-amz-target", "")
        parts = urllib.parse.unquote(self.path).strip("/").split("/")
        if target.startswith(REFUSED_TARGET):
            self.router.refused += 1
            self.send(400, json.dumps(REFUSAL).encode())
        elif target.startswith("AWSGlue."):
            self.forward(body)
        elif len(parts) == 4 and (parts[1], parts[3]) == ("functions", "invocations"):
            # By its name or its ARN.
            self.invoke(parts[2].split(":")[-1], json.loads(body or b"{}"))
        else:
            self.refuse()

    def forward(self, body: bytes) -> None:
        """Asks moto, and answers as it does."""
        names = ["x-amz-target", "content-type", "authorization", "x-amz-date"]
        headers = {name: self.headers[name] for name in names if name in self.headers}
        request = urllib.request.Request(self.router.moto, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                self.send(response.status, response.read())
        except urllib.error.HTTPError as error:
            self.send(error.code, error.read())

    def invoke(self, name: str, payload: Any) -> None:
        self.router.note(name, payload)
        try:
            if payload.get("step", name) in self.router.failing:
                raise FunctionFailed(name, {"errorType": "Withheld", "errorMessage": "by a check"})
            answer = self.router.functions[name].invoke(payload)
        except FunctionFailed as failure:
            # As Lambda says that the function itself has failed.
            body = json.dumps(failure.answer).encode()
            self.send(200, body, ("X-Amz-Function-Error", "Unhandled"))
        else:
            body = json.dumps(answer, separators=(",", ":")).encode()
            with self.router.lock:
                self.router.largest[name] = max(self.router.largest.get(name, 0), len(body))
            self.send(200, body, ("X-Amz-Executed-Version", "$LATEST"))

    def do_GET(self) -> None:  # noqa: N802
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).strip("/")
        host = self.headers.get("host", "").split(":")[0]
        # Virtual hosts name the bucket before the dot.
        if host.endswith(".localhost"):
            path = f"{host.removesuffix('.localhost')}/{path}"
        bucket, _, key = path.partition("/")
        try:
            body = read_object(self.router.objects, bucket, key)
        except (OSError, ValueError):
            self.refuse()
        else:
            self.send(200, body)

    def do_PUT(self) -> None:  # noqa: N802
        """The results of a map, below their prefix alone. No test reads them: they are not kept."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        # The bucket stands before the key, or in the name of the host.
        if f"/{RESULTS_PREFIX}/" in urllib.parse.unquote(self.path):
            with self.router.lock:
                self.router.map_results += 1
            self.send(200, b"", ("ETag", '"0"'))
        else:
            self.refuse()

    def refuse(self) -> None:
        self.send(404, f"nothing is routed to {self.command} {self.path}".encode())

    def send(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A line for each request would hide what the checks say."""
