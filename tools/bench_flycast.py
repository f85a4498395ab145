"""`tools/bench flycast`: Flycast's layer 4 beside HAProxy (as shipped, and tuned) and nginx, in one run.

A client's machine, a host and a server's machine in namespaces (tests/bench/flycast_host.cc); the rivals run
in the same host namespace and dial the same server, and `direct` is the client dialling the server through the
host's router; `kernel path` is the same by nftables alone; with --hop all cross a mesh of two hosts. Rounds alternate; each
figure is the median of its rounds. What is trusted is the proxy's own processor time per operation (of `direct` and
`kernel path`: that of both ends, to be compared with each other): on a shared machine rates swing.
"""

import argparse
import contextlib
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench_dns import install

SECONDS = 3
ROUNDS = 5
IDLE = 1800  # connections; a HAProxy here may hold 4000 in all
PORT = 8000
# name: (mode of stream_load, connections at once)
LOADS = {
    "one stream": ("download", 1),
    "eight streams": ("download", 8),
    "new connections": ("connections", 32),
    "small requests": ("requests", 32),
}
PACKAGES = ["haproxy", "nginx-light", "libnginx-mod-stream"]

HAPROXY = """global
  maxconn 4000
  nbthread 2
{tuning}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen web
  bind [{address}]:{port}
{options}  server machine [{server}]:8080
"""
TUNED = "  tune.bufsize 262144\n  tune.pipesize 1048576\n  tune.maxpollevents 200"
SPLICED = "  option splice-request\n  option splice-response\n"

NGINX = """load_module /usr/lib/nginx/modules/ngx_stream_module.so;
user root;
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 10000; }}
stream {{
  server {{
    listen [{address}]:{port} backlog=4096 reuseport;
    proxy_pass [{server}]:8080;
  }}
}}
"""


class Wrong(Exception):
    pass


def do(namespace, *command):
    if inside(namespace, *command).wait() != 0:
        raise Wrong(" ".join(map(str, command)) + " failed")


def inside(namespace, *command, **options):
    return subprocess.Popen(["nsenter", f"--net={namespace}", *map(str, command)], **options)


def processor_seconds(pid):
    """Of a process with all its threads and children, to the nanosecond."""
    total = 0
    for each in [pid, *children(pid)]:
        for task in pathlib.Path(f"/proc/{each}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def children(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [*map(int, found)] + [grandchild for child in found for grandchild in children(int(child))]


class Stage:
    """The namespaces, the server and our own proxy."""

    def __init__(self, build, *words):
        self.build, self.words = build, words
        self.tools = pathlib.Path(build) / "tests/bench"
        command = [self.tools / "flycast_host", *words]
        self.proxy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = {}
        for line in self.proxy.stdout:
            if line == "ready\n":
                break
            name, value = line.split()
            self.facts[name] = value
        else:
            raise Wrong("flycast_host did not start")
        for name in ("client", "host"):
            inside(self.facts[name], "sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535").wait()
        self.server = self.serve()

    def serve(self):
        return inside(self.facts["server"], self.tools / "stream_load", "serve", "::", 8080)

    def load(self, mode, at_once, seconds, address, port):
        """(operations or bytes a second, p50 us, p99 us, failures)"""
        run = inside(self.facts["client"], self.tools / "stream_load", mode, address, port, at_once, seconds,
                     stdout=subprocess.PIPE, text=True)
        output, _ = run.communicate()
        if run.returncode != 0:
            raise Wrong(f"stream_load {mode} ended with {run.returncode}")
        return [float(word) for word in output.split()]

    def close(self):
        for process in (self.server, self.proxy):
            process.terminate()
            process.wait()


class Mesh:
    """WireGuard between the hosts of client and server, in user space, in place of the lab's wire."""

    MTU = 1420

    def __init__(self, facts):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sixpn-bench-mesh-"))
        self.ends = [(1, facts["host"]), (2, facts["server_host"])]
        self.processes = []
        do(facts["host"], "ip", "link", "add", "underlay", "type", "veth", "peer", "name", "underlay", "netns",
           facts["server_host"])
        keys = {number: self.key(number) for number, _ in self.ends}
        for number, host in self.ends:
            self.join(number, host, keys)
        for machine in ("client", "server"):
            do(facts[machine], "ip", "link", "set", "sixpn0", "mtu", self.MTU)

    def key(self, number):
        private = subprocess.run(["wg", "genkey"], capture_output=True, check=True).stdout
        (self.folder / f"key{number}").write_bytes(private)
        return subprocess.run(["wg", "pubkey"], input=private, capture_output=True, check=True).stdout.decode().strip()

    def join(self, number, host, keys):
        other = 3 - number
        device = f"wgb{os.getpid()}h{number}"  # its control socket is seen by every namespace
        do(host, "ip", "address", "add", f"192.0.2.{number}/24", "dev", "underlay")
        do(host, "ip", "link", "set", "underlay", "up")
        self.processes.append(inside(host, "wireguard-go", "-f", device, stderr=subprocess.DEVNULL))
        control = pathlib.Path(f"/var/run/wireguard/{device}.sock")
        deadline = time.monotonic() + 20
        while not control.exists():
            if time.monotonic() > deadline:
                raise Wrong("wireguard-go did not start")
            time.sleep(0.01)
        do(host, "wg", "set", device, "private-key", self.folder / f"key{number}", "listen-port", 51820, "peer",
           keys[other], "allowed-ips", "fdaa::/16", "endpoint", f"192.0.2.{other}:51820")
        do(host, "ip", "link", "set", device, "mtu", self.MTU, "up")
        do(host, "ip", "-6", "route", "replace", "fdaa::/16", "dev", device)

    def close(self):
        for process in self.processes:
            process.terminate()
            process.wait()
        shutil.rmtree(self.folder)


class Rival:
    """Something between client and server. Subclasses: name, config(facts)."""

    port = PORT

    def __init__(self, stage):
        self.stage, self.folder = stage, pathlib.Path(tempfile.mkdtemp(prefix="sixpn-bench-flycast-"))

    def start(self):
        (self.folder / "conf").write_text(self.config(self.stage.facts))
        self.process = inside(self.stage.facts["host"], *self.command(), stderr=open(self.folder / "log", "w"))
        began = time.monotonic()
        while self.stage.load("connections", 1, 0.5, *self.endpoint())[0] == 0:
            if self.process.poll() is not None or time.monotonic() - began > 20:
                raise Wrong(f"{self.name} does not serve: {(self.folder / 'log').read_text()[-500:]}")

    def endpoint(self):
        return self.stage.facts["host_address"], self.port

    def pid(self):
        return self.process.pid

    def seconds(self):
        return processor_seconds(self.pid())

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


class Haproxy(Rival):
    name, tuning, options = "haproxy", "", ""

    def config(self, facts):
        return HAPROXY.format(address=facts["host_address"], port=self.port, server=facts["server_address"],
                              tuning=self.tuning, options=self.options)

    def command(self):
        return ["haproxy", "-db", "-f", self.folder / "conf"]


class TunedHaproxy(Haproxy):
    name, tuning, options, port = "haproxy tuned", TUNED, SPLICED, PORT + 1


class Nginx(Rival):
    name, port = "nginx", PORT + 2

    def config(self, facts):
        return NGINX.format(folder=self.folder, address=facts["host_address"], port=self.port,
                            server=facts["server_address"])

    def command(self):
        return ["nginx", "-c", self.folder / "conf", "-e", self.folder / "error.log"]


class Flycast(Rival):
    name = "flycast"

    def start(self):
        pass

    def endpoint(self):
        return self.stage.facts["flycast_address"], 80

    def pid(self):
        return self.stage.proxy.pid

    def close(self):
        shutil.rmtree(self.folder)


class Direct(Flycast):
    name = "direct"

    def endpoint(self):
        return self.stage.facts["server_address"], 8080

    def seconds(self):
        return 0.0


class DirectStreams(Direct):
    def seconds(self):
        """Of both ends: what the kernel does between them, it does in their time."""
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        return processor_seconds(self.stage.server.pid) + clients.ru_utime + clients.ru_stime


class KernelPath(DirectStreams):
    """In namespaces of its own: its connection tracking would slow the others."""

    name = "kernel path"

    def __init__(self, stage):
        super().__init__(stage)
        self.stage = Stage(stage.build, *stage.words, "kernel")

    def endpoint(self):
        return self.stage.facts["flycast_address"], 80

    def close(self):
        self.stage.close()
        super().close()


def measure(rivals, load, rounds, seconds):
    mode, at_once = LOADS[load]
    found = {rival.name: [] for rival in rivals}
    for _ in range(rounds):
        for rival in rivals:
            before = rival.seconds()
            rate, p50, p99, failures = rival.stage.load(mode, at_once, seconds, *rival.endpoint())
            used = rival.seconds() - before
            found[rival.name].append((rate, used / max(rate * seconds, 1), p50, p99, failures))
    return {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}


def resident(pid):
    return sum(int(line.split()[1]) * 1024
               for each in [pid, *children(pid)]
               for line in pathlib.Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
               if line.startswith("Pss_Anon:"))


def idle_memory(stage, rivals, count):
    """Anonymous memory of the proxy's process per connection that made one request and is idle."""
    for rival in rivals:
        if rival.name in ("direct", "kernel path"):
            continue
        before = resident(rival.pid())
        run = inside(stage.facts["client"], stage.tools / "stream_load", "idle", *rival.endpoint(), count, 8,
                     stdout=subprocess.PIPE, text=True)
        time.sleep(6)  # all are open by then; the printed count says so
        each = (resident(rival.pid()) - before) / count
        made = float(run.communicate()[0].split()[0]) * 8
        print(f"{'idle':<16} {rival.name:<14} {each:8.0f} bytes each ({made:.0f} open)", flush=True)


def tell(load, found):
    bulk = LOADS[load][0] == "download"
    for name, (rate, each, p50, p99, failures) in found.items():
        if bulk:
            words = f"{rate * 8 / 1e9:8.2f} Gbit/s  {each * 1e9:6.3f} CPU s/GB"
        else:
            words = f"{rate:8.0f} /s      {each * 1e6:6.1f} us CPU each   p50 {p50 / 1e3:.2f} p99 {p99 / 1e3:.2f} ms"
        wrong = f"   {failures:.0f} FAILED" if failures and not bulk else ""
        print(f"{load:<16} {name:<14} {words}{wrong}", flush=True)


def run(build, arguments):
    parser = argparse.ArgumentParser(prog="tools/bench flycast")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", help="loads, separated by commas: " + ", ".join(LOADS))
    parser.add_argument("--hop", action="store_true",
                        help="the server is on a second host, through WireGuard: beside the mesh alone")
    parser.add_argument("--two-loops", action="store_true", help="two of Flycast's loops, however few processors")
    parser.add_argument("--idle", type=int, default=IDLE, help="idle connections")
    parser.add_argument("--without", default="", help="rivals to leave out, separated by commas")
    options = parser.parse_args(arguments)
    install(PACKAGES)
    stage = Stage(build, *[word for word in ("hop", "two-loops") if getattr(options, word.replace("-", "_"))])
    with contextlib.ExitStack() as stack:
        stack.callback(stage.close)
        if options.hop:
            stack.callback(Mesh(stage.facts).close)
        rivals = []
        for kind in (DirectStreams, KernelPath, Haproxy, TunedHaproxy, Nginx, Flycast):
            if kind.name in options.without.split(",") or (options.hop and kind is KernelPath):
                continue
            rival = kind(stage)
            rival.start()
            stack.callback(rival.close)
            rivals.append(rival)
        if not options.only or "idle" in options.only:
            idle_memory(stage, rivals, options.idle)
        for load in (options.only.split(",") if options.only else LOADS):
            if load == "idle":
                continue
            tell(load, measure(rivals, load, options.rounds, options.seconds))


if __name__ == "__main__":
    try:
        run(sys.argv[1], sys.argv[2:])
    except Wrong as wrong:
        sys.exit(f"tools/bench flycast: {wrong}")
