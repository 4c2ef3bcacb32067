"""A broker between a client and another broker, which leaves out what a fault says."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from processes import LOOPBACK

LENGTH = struct.Struct(">i")
KIND = struct.Struct(">h")
PORT = struct.Struct(">i")


@dataclass(frozen=True)
class BrokerFault:
    """Kinds of requests that get no answer, or a closed connection; bytes of answers replaced."""

    silent: frozenset[int] = frozenset()
    closed: frozenset[int] = frozenset()
    replaced: dict[bytes, bytes] = field(default_factory=dict)


class SpoiltBroker:
    """Clients see this one only: in every answer its port stands for the other's."""

    def __init__(self, port: int, fault: BrokerFault) -> None:
        self.behind = port
        self.fault = fault
        self.listener = socket.create_server((LOOPBACK, 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"{LOOPBACK}:{self.port}"

    def serve(self) -> None:
        """Takes connections until the listener is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            broker = socket.create_connection((LOOPBACK, self.behind))
            for one in (self.pass_requests, self.pass_answers):
                threading.Thread(target=one, args=(client, broker), daemon=True).start()

    def pass_requests(self, client: socket.socket, broker: socket.socket) -> None:
        """Passes what the fault leaves."""
        for frame in read_frames(client):
            [kind] = KIND.unpack_from(frame)
            if kind in self.fault.closed:
                break
            if kind not in self.fault.silent:
                write_frame(broker, frame)
        end(client, broker)

    def pass_answers(self, client: socket.socket, broker: socket.socket) -> None:
        """Passes answers, with what the fault replaces."""
        host = LOOPBACK.encode()
        replaced = {host + PORT.pack(self.behind): host + PORT.pack(self.port)}
        for frame in read_frames(broker):
            for old, new in (replaced | self.fault.replaced).items():
                frame = frame.replace(old, new)
            write_frame(client, frame)
        end(client, broker)


def read_frames(source: socket.socket) -> Iterator[bytes]:
    """Requests or answers, each of which follows its length."""
    with source.makefile("rb") as stream:
        while True:
            try:
                [length] = LENGTH.unpack(stream.read(LENGTH.size))
                yield stream.read(length)
            except (OSError, ValueError, struct.error):
                return


def write_frame(target: socket.socket, frame: bytes) -> None:
    """Writes one with its length; a side that has gone is noticed when it is read."""
    try:
        target.sendall(LENGTH.pack(len(frame)) + frame)
    except OSError:
        return


def end(*sides: socket.socket) -> None:
    """Ends both sides of a connection, of which one may be gone."""
    for one in sides:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@contextmanager
def spoil_broker(bootstrap: str, fault: BrokerFault) -> Iterator[str]:
    """The address of a broker with a fault."""
    spoilt = SpoiltBroker(int(bootstrap.rpartition(":")[2]), fault)
    threading.Thread(target=spoilt.serve, daemon=True).start()
    try:
        yield spoilt.address
    finally:
        spoilt.listener.close()
