"""The machine's side of http_clients_test.cc: a plain HTTP/1.1 server of Python's library that gives bodies back.

  echo_server.py http ADDRESS PORT       POST, PUT: the body, chunked when the target says so; GET /N: N bytes
  echo_server.py websocket ADDRESS PORT  every message comes back
Prints "ready" when it listens.
"""

import asyncio
import http.server
import socket
import sys


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # a response in one write: one that was killed has begun none

    def handle_expect_100(self):
        asked = super().handle_expect_100()
        self.wfile.flush()
        return asked

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline() != b"\r\n":
            pass
        return whole

    def answer(self, body):
        self.send_response(200)
        self.send_header("X-Client", self.headers["Fly-Client-IP"])
        if "chunked" not in self.path:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(body), 10000):
            piece = body[at:at + 10000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        return self.wfile.write(b"0\r\n\r\n")

    def do_POST(self):
        self.answer(self.body())

    do_PUT = do_POST

    def do_GET(self):
        self.answer(b"x" * int(self.path.strip("/") or 0))

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 512
    daemon_threads = True


def serve_http(address, port):
    server = Server((address, port), Echo)
    print("ready", flush=True)
    server.serve_forever()


async def serve_websocket(address, port):
    import websockets

    async def echo(socket, *_):
        async for message in socket:
            await socket.send(message)

    async with websockets.serve(echo, address, port, max_size=None):
        print("ready", flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    if sys.argv[1] == "http":
        serve_http(sys.argv[2], int(sys.argv[3]))
    else:
        asyncio.run(serve_websocket(sys.argv[2], int(sys.argv[3])))
