"""`tools/bench flycast-http`: requests through a port with the handler http, beside HAProxy and nginx in HTTP mode.

The stage, the rivals and the reading of processor time are those of bench_flycast.py; the server is nginx, the
client wrk with 32 kept connections; for HTTP/2, which machines get as HTTP/1.1, h2load with 16 connections of 16
requests at once. What is trusted is the proxy's processor time per request: on a
shared machine rates swing. Also how much memory an idle connection takes.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from bench_dns import install
from bench_flycast import PORT, Direct, Flycast, Haproxy, Nginx, Stage, Wrong, inside

SECONDS = 3
ROUNDS = 5
CONNECTIONS = 32
IDLE = 2000
LOADS = {"3 bytes": "/small", "16 KiB": "/16k", "HTTP/2, 3 bytes": "h2:/small"}
AT_ONCE = 16  # connections of HTTP/2, and requests on each
PACKAGES = ["haproxy", "nginx-light", "nghttp2-client", "wrk"]

COMMON = """user root;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 10000; }}
"""
SERVER = "worker_processes 1;\n" + COMMON + """http {{
  access_log off;
  keepalive_requests 100000000;
  server {{
    listen [::]:8080 backlog=4096;
    location = /small {{ return 200 "abc"; }}
    location / {{ root {folder}; }}
  }}
}}
"""
HAPROXY = """global
  maxconn 4000
  nbthread 2
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen web
  bind [{address}]:{port}
  server machine [{server}]:8080
"""
NGINX = "worker_processes 2;\n" + COMMON + """http {{
  access_log off;
  keepalive_requests 100000000;
  upstream machine {{ server [{server}]:8080; keepalive 64; }}
  server {{
    listen [{address}]:{port} backlog=4096 reuseport;
    location / {{
      proxy_pass http://machine;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}
"""


class HttpStage(Stage):
    def serve(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sixpn-bench-http-"))
        os.chmod(self.folder, 0o755)
        (self.folder / "conf").write_text(SERVER.format(folder=self.folder))
        (self.folder / "16k").write_bytes(b"x" * 16384)
        return inside(self.facts["server"], "nginx", "-c", self.folder / "conf", "-e", self.folder / "error.log")

    def load(self, mode, at_once, seconds, address, port):
        """(requests a second, p50 us, p99 us, failures); `mode` is a path, behind h2: for HTTP/2, or a rival's probe."""
        if mode.startswith("h2:"):
            return self.load_http2(mode.removeprefix("h2:"), seconds, address, port)
        path = mode if mode.startswith("/") else "/small"
        run = inside(self.facts["client"], "wrk", "-t1", f"-c{at_once}", f"-d{max(1, round(seconds))}", "--latency",
                     f"http://[{address}]:{port}{path}", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        output, _ = run.communicate()
        done = re.search(r"(\d+) requests in ([0-9.]+)s", output)
        if not done:
            return [0.0, 0.0, 0.0, 0.0]
        wrong = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", output)))
        errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
        wrong += sum(map(int, errors.groups())) if errors else 0
        return [int(done[1]) / float(done[2]), latency(output, 50), latency(output, 99), wrong]

    def load_http2(self, path, seconds, address, port):
        log = self.folder / "h2load"
        log.unlink(missing_ok=True)
        run = inside(self.facts["client"], "h2load", "-t1", f"-c{AT_ONCE}", f"-m{AT_ONCE}", f"-D{max(1, round(seconds))}",
                     f"--connect-to=[{address}]:{port}", f"--log-file={log}", f"http://machine{path}",
                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        output, _ = run.communicate()
        rate = re.search(r"finished in .*?, ([0-9.]+) req/s", output)
        if not rate or not log.exists():
            return [0.0, 0.0, 0.0, 0.0]
        wrong = sum(map(int, re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", output).groups()))
        took = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
        return [float(rate[1]), took[len(took) // 2], took[len(took) * 99 // 100], wrong]

    def close(self):
        super().close()
        shutil.rmtree(self.folder)


def latency(output, percentile):
    value, unit = re.search(rf"{percentile}%\s+([0-9.]+)(us|ms|s)", output).groups()
    return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


class HttpHaproxy(Haproxy):
    speaks_http2 = True  # it knows the preface

    def config(self, facts):
        return HAPROXY.format(address=facts["host_address"], port=self.port, server=facts["server_address"])


class HttpNginx(Nginx):
    speaks_http2 = False  # on a port with HTTP/1
    port = PORT + 2

    def config(self, facts):
        return NGINX.format(folder=self.folder, address=facts["host_address"], port=self.port,
                            server=facts["server_address"])


class HttpDirect(Direct):
    speaks_http2 = False


class HttpFlycast(Flycast):
    speaks_http2 = True


def measure(stage, rivals, path, options):
    found = {rival.name: [] for rival in rivals}
    for _ in range(options.rounds):
        for rival in rivals:
            before = rival.seconds()
            rate, p50, p99, wrong = stage.load(path, CONNECTIONS, options.seconds, *rival.endpoint())
            used = rival.seconds() - before
            found[rival.name].append((rate, used / max(rate * options.seconds, 1), p50, p99, wrong))
    return {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}


def private_bytes(pid):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    total = 0
    for each in [pid, *map(int, children)]:
        found = re.search(r"RssAnon:\s+(\d+) kB", pathlib.Path(f"/proc/{each}/status").read_text())
        total += int(found[1]) * 1024
    return total


def idle(stage, rival, pid):
    """Bytes of the proxy's own memory per client connection that made one request, 6 s after it."""
    before = private_bytes(pid)
    address, port = rival.endpoint()
    mine = os.open("/proc/self/ns/net", os.O_RDONLY)
    with open(stage.facts["client"], "rb") as client:
        setns(client.fileno())
    try:
        sockets = []
        for _ in range(IDLE):
            each = socket.create_connection((address, port))
            each.sendall(b"GET /small HTTP/1.1\r\nHost: machine\r\n\r\n")
            each.recv(4096)
            sockets.append(each)
    finally:
        setns(mine)
        os.close(mine)
    time.sleep(6)
    after = private_bytes(pid)
    for each in sockets:
        each.close()
    return (after - before) / IDLE


def setns(descriptor):
    import ctypes  # pylint: disable=import-outside-toplevel
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0) != 0:
        raise Wrong(f"setns: {os.strerror(ctypes.get_errno())}")


def run(build, arguments):
    parser = argparse.ArgumentParser(prog="tools/bench flycast-http")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--hop", action="store_true", help="the server is on a second host")
    parser.add_argument("--requests", action="store_true", help="the port's limits count requests")
    parser.add_argument("--two-loops", action="store_true", help="two of Flycast's loops, however few processors")
    options = parser.parse_args(arguments)
    install(PACKAGES)
    words = [word for word in ("hop", "requests", "two-loops") if getattr(options, word.replace("-", "_"))]
    stage = HttpStage(build, "http", *words)
    with contextlib.ExitStack() as stack:
        stack.callback(stage.close)
        rivals = []
        for kind in (HttpDirect, HttpHaproxy, HttpNginx, HttpFlycast):
            rival = kind(stage)
            rival.start()
            stack.callback(rival.close)
            rivals.append(rival)
        for rival in rivals[1:]:
            pid = stage.proxy.pid if rival.name == "flycast" else rival.process.pid
            print(f"{'idle connection':<16} {rival.name:<14} {idle(stage, rival, pid):8.0f} bytes", flush=True)
        for load, path in LOADS.items():
            able = [rival for rival in rivals if not path.startswith("h2:") or rival.speaks_http2]
            for name, (rate, each, p50, p99, wrong) in measure(stage, able, path, options).items():
                print(f"{load:<16} {name:<14} {rate:8.0f} /s   {each * 1e6:6.1f} us CPU each   "
                      f"p50 {p50 / 1e3:.2f} p99 {p99 / 1e3:.2f} ms" + (f"   {wrong:.0f} FAILED" if wrong else ""),
                      flush=True)


if __name__ == "__main__":
    try:
        run(sys.argv[1], sys.argv[2:])
    except Wrong as wrong:
        sys.exit(f"tools/bench flycast-http: {wrong}")
