"""A forward proxy before S3 that counts what an engine asks for: LIST, GET, HEAD, keys and bytes.

A proxy and not another port, for the local platform answers only requests that name its own
address, and the requests' signatures hold that name.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, fields

from processes import LOOPBACK

CHUNK = 1 << 16
KEY_MARK = b"<Key>"


@dataclass
class Counts:
    """Requests by kind, the keys of the lists, and the bytes of the answers with their heads."""

    list: int = 0
    get: int = 0
    head: int = 0
    other: int = 0
    keys: int = 0
    bytes: int = 0

    def minus(self, earlier: Counts) -> Counts:
        """What came since an earlier moment."""
        return Counts(
            *(getattr(self, one.name) - getattr(earlier, one.name) for one in fields(Counts))
        )

    def copy(self) -> Counts:
        """The counts of this moment."""
        return Counts(*(getattr(self, one.name) for one in fields(Counts)))


class CountingProxy:
    """Forwards connections to a port of loopback. It changes nothing that a signature holds."""

    def __init__(self, target: int):
        self.target = target
        self.counts = Counts()
        # The data objects that were read, each as often as it was asked for.
        self.opened: list[str] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server((LOOPBACK, 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.accept_connections, daemon=True).start()

    def accept_connections(self) -> None:
        """Serves each connection in two threads of its own."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        """Forwards one connection until either side closes it."""
        try:
            server = socket.create_connection((LOOPBACK, self.target))
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        current = Current()
        answers = threading.Thread(
            target=self.forward_answers, args=(server, client, current), daemon=True
        )
        answers.start()
        self.forward_requests(client, server, current)
        answers.join()
        client.close()
        server.close()

    def forward_requests(
        self, client: socket.socket, server: socket.socket, current: Current
    ) -> None:
        """Counts each request by its head, and passes on what came."""
        reader = client.makefile("rb")
        try:
            while head := read_head(reader):
                head[0] = to_origin_form(head[0])
                current.kind = kind_of_request(head[0])
                path = path_of_request(head[0])
                with self.lock:
                    setattr(self.counts, current.kind, getattr(self.counts, current.kind) + 1)
                    if current.kind == "get" and path.endswith(".parquet"):
                        self.opened.append(path)
                server.sendall(b"".join(head))
                forward_body(reader, server, length_of_body(head))
        except OSError:
            pass
        finally:
            close_writing(server)

    def forward_answers(
        self, server: socket.socket, client: socket.socket, current: Current
    ) -> None:
        """Passes on the answers. They belong to the last request: clients wait for each answer."""
        kept = b""
        try:
            while chunk := server.recv(CHUNK):
                # A mark may stand across two chunks.
                window = kept + chunk if current.kind == "list" else b""
                kept = window[1 - len(KEY_MARK) :]
                with self.lock:
                    self.counts.bytes += len(chunk)
                    self.counts.keys += window.count(KEY_MARK)
                client.sendall(chunk)
        except OSError:
            pass
        finally:
            close_writing(client)

    def now(self) -> Counts:
        """The counts so far."""
        with self.lock:
            return self.counts.copy()

    def objects_opened(self, since: int) -> set[str]:
        """The data objects that were read behind a place in the list of all."""
        with self.lock:
            return set(self.opened[since:])

    def close(self) -> None:
        """Takes no more connections."""
        self.listener.close()


class Current:
    """The kind of a connection's last request."""

    kind = "other"


def read_head(reader) -> list[bytes]:
    """The lines of a request's head with the empty one; none at the end of the connection."""
    lines: list[bytes] = []
    while line := reader.readline():
        lines.append(line)
        if line in (b"\r\n", b"\n"):
            return lines
    return []


def to_origin_form(line: bytes) -> bytes:
    """A request line as a server takes it: a proxy gets the whole address, a server the path."""
    method, target, version = line.split(b" ", 2)
    if target.startswith(b"http://"):
        target = b"/" + target.removeprefix(b"http://").partition(b"/")[2]
    return b" ".join((method, target, version))


def kind_of_request(line: bytes) -> str:
    """Which count a request belongs to."""
    method, target, *_ = line.decode("latin-1").split(" ")
    if method == "GET":
        path, _, query = target.partition("?")
        names = {pair.partition("=")[0] for pair in query.split("&")}
        is_list = "list-type" in names or ("prefix" in names and path.strip("/").count("/") == 0)
        return "list" if is_list else "get"
    return "head" if method == "HEAD" else "other"


def path_of_request(line: bytes) -> str:
    """The path that a request names."""
    return line.decode("latin-1").split(" ")[1].partition("?")[0]


def length_of_body(head: list[bytes]) -> int:
    """The bytes that follow a request's head. No reader sends chunks."""
    for line in head[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def forward_body(reader, server: socket.socket, length: int) -> None:
    """Passes on a request's body."""
    while length > 0:
        chunk = reader.read(min(length, CHUNK))
        if not chunk:
            return
        server.sendall(chunk)
        length -= len(chunk)


def close_writing(one: socket.socket) -> None:
    """Tells the other side that no more comes."""
    try:
        one.shutdown(socket.SHUT_WR)
    except OSError:
        pass
