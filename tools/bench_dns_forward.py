"""`tools/bench dns-forward`: names that are not ours, told from the cache (hit) and asked of an upstream (miss),
beside other forwarders. The upstream is a Knot of this benchmark, on the client's processor; every forwarder has
the other one for itself. What is compared is the whole process: processor time per answer, user and system, of all
threads. A miss is a name that nobody asked for before and that does not exist.
"""

import argparse
import os
import pathlib
import sys

import bench_dns
from bench_dns import CLIENT_CPU, Knot, Ours, Server

NAMES = 1000
FRESH = 600_000  # names per round; more than anybody answers in one
UPSTREAM_PORT = 5499
WINDOWS = {"hit": 256, "miss": 32}


def zone_lines():
    yield "$ORIGIN example."
    yield "$TTL 3600"
    yield "@ SOA ns hostmaster 1 3600 600 86400 300"
    yield "@ NS ns"
    yield "ns AAAA ::1"
    for name in range(NAMES):
        yield f"app{name} AAAA 2001:db8::{name:x}"
        yield f"app{name} AAAA 2001:db8:1::{name:x}"


class Upstream(Knot):
    name = "upstream"

    def config(self):
        super().config()
        (self.folder / "example.zone").write_text("\n".join(zone_lines()) + "\n")
        conf = self.folder / "knot.conf"
        conf.write_text(conf.read_text().replace("internal", "example"))

    def start(self):
        super().start()
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(task), {CLIENT_CPU})

    def answers(self):
        return answers(self.port)


def answers(port):
    return bench_dns.subprocess.run(
        ["dig", "@::1", "-p", str(port), "+time=1", "+tries=1", "+short", "app7.example", "AAAA"],
        capture_output=True, text=True).stdout.count("2001:db8:") == 2


class Forwarder(Server):
    def answers(self):
        return answers(self.port)


class OursForwarding(Forwarder):
    name = Ours.name

    def command(self):
        return [self.build / "tests/bench/dns_serve", self.port, 1, 1, 0, UPSTREAM_PORT]


class Dnsdist(Forwarder):
    name = package = "dnsdist"

    def config(self):
        (self.folder / "dnsdist.conf").write_text(f"""
setLocal("[::1]:{self.port}")
setACL("::1/128")
newServer({{address="[::1]:{UPSTREAM_PORT}", healthCheckMode="up"}})
pc = newPacketCache(200000, {{maxTTL=86400, minTTL=0}})
getPool(""):setCache(pc)
""")

    def command(self):
        return ["/usr/bin/dnsdist", "--supervised", "--disable-syslog", "-C", self.folder / "dnsdist.conf"]


class UnboundForwarding(Forwarder):
    name = package = "unbound"

    def config(self):
        (self.folder / "unbound.conf").write_text(f"""
server:
    interface: ::1@{self.port}
    num-threads: 1
    username: ""
    chroot: ""
    directory: "{self.folder}"
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-not-query-localhost: no
    access-control: ::1/128 allow
    module-config: "iterator"
forward-zone:
    name: "."
    forward-addr: ::1@{UPSTREAM_PORT}
remote-control:
    control-enable: no
""")

    def command(self):
        return ["/usr/sbin/unbound", "-d", "-c", self.folder / "unbound.conf"]


RIVALS = [Dnsdist, UnboundForwarding]


def questions(kind, turn, place):
    if kind == "hit":
        return [f"app{i}.example AAAA" for i in range(NAMES)]
    return [f"none{i}-{turn}-{place}.example AAAA" for i in range(FRESH)]


def measure(servers, kind, chosen):
    median = bench_dns.medians(servers, lambda turn, place: questions(kind, turn, place), chosen, WINDOWS[kind])
    print(f"\nforward {kind} ({chosen.rounds} rounds of {chosen.seconds} s, medians)")
    print(f"  {'server':<24}{'answers/s':>12}{'user us':>10}{'system us':>11}{'all us':>9}{'by cpu':>9}")
    for name, row in median.items():
        print(f"  {name:<24}{row['rate']:>12.0f}{row['user']:>10.2f}{row['system']:>11.2f}{row['all']:>9.2f}"
              f"{row['ratio']:>9.2f}", flush=True)


def run(build, arguments):
    parser = argparse.ArgumentParser(prog="tools/bench dns-forward")
    parser.add_argument("--rounds", type=int, default=bench_dns.ROUNDS)
    parser.add_argument("--seconds", type=float, default=bench_dns.SECONDS)
    parser.add_argument("--only", help="forwarders beside ours, comma separated (dnsdist, unbound)")
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args(arguments)
    wanted = [kind for kind in RIVALS if not chosen.only or kind.name in chosen.only.split(",")]
    bench_dns.install([kind.package for kind in [Upstream, *wanted]])
    servers = []
    upstream = Upstream(build, UPSTREAM_PORT)
    try:
        upstream.start()
        for place, kind in enumerate([OursForwarding, *wanted]):
            servers.append(kind(build, 5480 + place))
            servers[-1].start()
        for kind in WINDOWS:
            measure(servers, kind, chosen)
    finally:
        for server in [*servers, upstream]:
            if hasattr(server, "process"):
                server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(run(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]))
