"""`tools/bench dns`: our resolver beside the fastest servers there are, on loopback, one answering thread each.

A saturating client of our own (tests/bench/dns_load.cc) is pinned to one processor, the server to another;
rounds alternate between the servers, and each figure is the median of its rounds. What is trusted is the
server's processor time per answer: on a shared machine the rate swings. An echo server that only moves the
datagrams shows what the kernel leaves to be won.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SECONDS = 4
ROUNDS = 5
WINDOW = 256
APPS = 1000
MACHINES = 2
PACE = 2000  # queries a second, for latency
TCP_CONNECTIONS, TCP_WINDOW = 8, 16
NAMES = 100_000
MEMORY_PART = 5_000  # names; fewer than the slowest machine answers in a second
SERVER_CPU, CLIENT_CPU = 0, 1
HERTZ = os.sysconf("SC_CLK_TCK")


class Wrong(Exception):
    pass


def addresses(app):
    return [f"fdaa:1:203:a1:1:{app * MACHINES + i >> 16:x}:{app * MACHINES + i & 0xffff:x}:2"
            for i in range(MACHINES)]


def zone_lines():
    yield "$ORIGIN internal."
    yield "$TTL 5"
    yield "@ SOA _dns.internal. hostmaster.internal. 1 3600 600 86400 5"
    yield "@ NS _dns.internal."
    yield "_dns AAAA fdaa::3"
    for app in range(APPS):
        for address in addresses(app):
            yield f"app{app} AAAA {address}"


class Server:
    """A server on a port of its own, pinned. Subclasses: name, config(folder, port), command(folder, port)."""

    package = None
    thread = None  # the name of the threads that answer; None: all do

    def __init__(self, build, port):
        self.build, self.port = build, port
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sixpn-bench-dns-"))
        os.chmod(self.folder, 0o755)

    def config(self):
        pass

    def start(self):
        self.config()
        self.log = open(self.folder / "log", "w")
        began = time.monotonic()
        self.process = subprocess.Popen(["taskset", "-c", str(SERVER_CPU), *map(str, self.command())],
                                        stdout=self.log, stderr=subprocess.STDOUT, cwd=self.folder)
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - began > 20:
                raise Wrong(f"{self.name} does not answer: {(self.folder / 'log').read_text()[-500:]}")
        self.ready_after = time.monotonic() - began

    def answers(self):
        asked = subprocess.run(["dig", "@::1", "-p", str(self.port), "+time=1", "+tries=1", "+short",
                                "app7.internal", "AAAA"], capture_output=True, text=True)
        return asked.stdout.count("fdaa:") == MACHINES

    def processes(self):
        """The server's own process and all below it."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
                    todo += map(int, (task / "children").read_text().split())
        return found

    def used(self):
        """(user, system, all) seconds so far, of the threads that answer. The first two are sampled by ticks, which a
        busy machine makes coarse; the third is the scheduler's own count."""
        user = system = all_ns = 0
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
                    if self.thread and (task / "comm").read_text().strip() != self.thread:
                        continue
                    fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
                    user, system = user + int(fields[11]), system + int(fields[12])
                    all_ns += int((task / "schedstat").read_text().split()[0])
        return user / HERTZ, system / HERTZ, all_ns / 1e9

    def memory_mb(self):
        total = 0
        for pid in self.processes():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)


class Ours(Server):
    name = "sixpn"
    thread = "sixpn-dns-0"
    changes = 0

    def command(self):
        return [self.build / "tests/bench/dns_serve", self.port, APPS, MACHINES, self.changes]


class OursChanging(Ours):
    name = "sixpn, 1,000 changes/s"
    changes = 1000


class Echo(Server):
    name = "echo"

    def command(self):
        return [self.build / "tests/bench/dns_load", "--echo", "::1", self.port]

    def answers(self):
        return subprocess.run(["ss", "-Hlun", f"sport = :{self.port}"], capture_output=True).stdout != b""


class Knot(Server):
    name = package = "knot"

    def config(self):
        (self.folder / "internal.zone").write_text("\n".join(zone_lines()) + "\n")
        (self.folder / "knot.conf").write_text(f"""
server:
    rundir: "{self.folder}"
    listen: ::1@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{self.folder}"
zone:
  - domain: internal
    storage: "{self.folder}"
    file: internal.zone
    zonefile-sync: -1
    journal-content: none
""")

    def command(self):
        return ["/usr/sbin/knotd", "-c", self.folder / "knot.conf"]


class Nsd(Server):
    name = package = "nsd"

    def config(self):
        (self.folder / "internal.zone").write_text("\n".join(zone_lines()) + "\n")
        (self.folder / "nsd.conf").write_text(f"""
server:
    ip-address: ::1@{self.port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{self.folder}"
    database: ""
    pidfile: "{self.folder}/nsd.pid"
    xfrdfile: "{self.folder}/xfrd.state"
    zonelistfile: "{self.folder}/zone.list"
    xfrdir: "{self.folder}"
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: internal
    zonefile: internal.zone
""")

    def command(self):
        return ["/usr/sbin/nsd", "-d", "-c", self.folder / "nsd.conf"]


class Pdns(Server):
    name = "pdns"
    package = "pdns-backend-bind"

    def config(self):
        (self.folder / "zone").write_text("\n".join(zone_lines()) + "\n")
        (self.folder / "named.conf").write_text(
            f'zone "internal" {{ type master; file "{self.folder}/zone"; }};\n')

    def command(self):
        return ["/usr/sbin/pdns_server", "--no-config", "--daemon=no", "--guardian=no", "--launch=bind",
                f"--bind-config={self.folder}/named.conf", "--local-address=::1", f"--local-port={self.port}",
                f"--socket-dir={self.folder}", "--receiver-threads=1", "--distributor-threads=1",
                "--loglevel=3"]


class Unbound(Server):
    name = package = "unbound"

    def config(self):
        (self.folder / "internal.zone").write_text("\n".join(zone_lines()) + "\n")
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
    access-control: ::1/128 allow
    module-config: "iterator"
    local-zone: "internal." nodefault
auth-zone:
    name: "internal"
    zonefile: "{self.folder}/internal.zone"
    for-downstream: yes
    for-upstream: no
remote-control:
    control-enable: no
""")

    def command(self):
        return ["/usr/sbin/unbound", "-d", "-c", self.folder / "unbound.conf"]


class Dnsmasq(Server):
    name = "dnsmasq"
    package = "dnsmasq-base"

    def config(self):
        lines = [f"{address} app{app}.internal" for app in range(APPS) for address in addresses(app)]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")

    def command(self):
        return ["/usr/sbin/dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root",
                f"--port={self.port}", "--listen-address=::1", "--bind-interfaces", "--no-daemon",
                f"--addn-hosts={self.folder}/hosts", "--conf-file=/dev/null", "--pid-file="]


RIVALS = [Knot, Nsd, Pdns, Unbound, Dnsmasq]
QUESTIONS = {
    "hit": [f"app{i % APPS}.internal AAAA" for i in range(APPS)],
    "no such name": [f"none{i}.internal AAAA" for i in range(APPS)],
    "no such type": [f"app{i}.internal A" for i in range(APPS)],
}


def install(packages):
    missing = [p for p in packages
               if subprocess.run(["dpkg", "-s", p], capture_output=True).returncode != 0]
    if missing:
        # Their daemons must not start by themselves.
        policy = pathlib.Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
                           check=True, stdout=subprocess.DEVNULL)
        finally:
            if ours:
                policy.unlink()


@contextlib.contextmanager
def question_file(questions):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(questions) + "\n")
        file.flush()
        yield file.name


def one_round(server, questions, seconds, window=WINDOW):
    before = server.used()
    ran = subprocess.run(["taskset", "-c", str(CLIENT_CPU), server.build / "tests/bench/dns_load", "::1",
                          str(server.port), str(seconds), str(window), str(questions)],
                         capture_output=True, text=True, check=True)
    after = server.used()
    rate = float(ran.stdout.split()[0])
    answers = rate * seconds
    user, system, all_of_it = ((now - then) / answers * 1e6 for now, then in zip(after, before))
    return {"rate": rate, "user": user, "system": system, "all": all_of_it, "said": ran.stdout.strip()}


def medians(servers, questions, chosen, window=WINDOW):
    """Alternating rounds, of questions(turn, place) to the server at `place`. Of each server by its name: the median
    rate, user, system and all microseconds per answer, and the same per answer of the first server's in the round:
    neighbours in time share what else the machine does."""
    figures = {server.name: [] for server in servers}
    for turn in range(chosen.rounds):
        for place, server in enumerate(servers):
            with question_file(questions(turn, place)) as file:
                figures[server.name].append(one_round(server, file, chosen.seconds, window))
            if chosen.verbose:
                print(f"  {server.name}: {figures[server.name][-1]['said']}", flush=True)
    median = {name: {key: statistics.median(row[key] for row in rows) for key in ("rate", "user", "system", "all")}
              for name, rows in figures.items()}
    for name, rows in figures.items():
        median[name]["ratio"] = statistics.median(
            row["all"] / first["all"] for row, first in zip(rows, figures[servers[0].name]))
    return median


def measure(servers, kind, chosen):
    median = medians(servers, lambda turn, place: QUESTIONS[kind], chosen)
    ours = median[Ours.name]
    print(f"\n{kind} ({chosen.rounds} rounds of {chosen.seconds} s, medians)")
    print(f"  {'server':<24}{'answers/s':>12}{'user us':>10}{'system us':>11}{'all us':>9}{'ours is':>9}{'by cpu':>9}")
    for name, row in median.items():
        print(f"  {name:<24}{row['rate']:>12.0f}{row['user']:>10.2f}{row['system']:>11.2f}{row['all']:>9.2f}"
              f"{ours['rate'] / row['rate']:>9.2f}{row['ratio']:>9.2f}", flush=True)


def probe(server, *arguments):
    ran = subprocess.run(["taskset", "-c", str(CLIENT_CPU), server.build / "tests/bench/dns_probe",
                          *map(str, arguments)], capture_output=True, text=True)
    if ran.returncode != 0:
        raise Wrong(f"{server.name}: {ran.stderr.strip()}")
    return ran.stdout.split()


def measure_latency(servers, rounds, seconds):
    """One query at a time, 2,000 a second: microseconds, ours included."""
    print(f"\none at a time, {PACE:,} a second ({rounds} rounds of {seconds} s, medians)")
    print(f"  {'server':<24}{'median us':>12}{'99th us':>10}{'ours is':>9}")

    def one(server, file):
        out = probe(server, "latency", "::1", server.port, seconds, PACE, file)
        return [float(out[0]), float(out[3])]  # "42.0 us median, 71.0 us 99th percentile, ..."

    compare(servers, rounds, one, fewer_is_better=True)


def measure_tcp(servers, rounds, seconds):
    """Pipelined over a few connections: answers a second, and the server's processor time for one."""
    print(f"\nTCP, {TCP_CONNECTIONS} connections, {TCP_WINDOW} queries each ({rounds} rounds of {seconds} s, medians)")
    print(f"  {'server':<24}{'answers/s':>12}{'cpu us':>10}{'ours is':>9}")

    def one(server, file):
        before = server.used()
        rate = float(probe(server, "tcp", "::1", server.port, seconds, TCP_CONNECTIONS, TCP_WINDOW, file)[0])
        after = server.used()
        return [rate, (after[2] - before[2]) / (rate * seconds) * 1e6]

    compare(servers, rounds, one, fewer_is_better=False)


def compare(servers, rounds, one, fewer_is_better):
    figures = {server.name: [] for server in servers}
    with question_file(QUESTIONS["hit"]) as file:
        for _ in range(rounds):
            for server in servers:
                try:
                    if figures[server.name] is not None:
                        figures[server.name].append(one(server, file))
                except Wrong as why:  # dnsmasq closes a connection after some queries
                    if server.name == Ours.name:
                        raise
                    print(f"  {why}", flush=True)
                    figures[server.name] = None
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items() if rows}
    ours = median[Ours.name][0]
    for name, (first, second) in median.items():
        ratio = first / ours if fewer_is_better else ours / first
        print(f"  {name:<24}{first:>12.1f}{second:>10.2f}{ratio:>9.2f}", flush=True)


class OursLarge(Ours):
    """100,000 names, each of one machine."""
    name = "sixpn, 100,000 names"

    def command(self):
        return [self.build / "tests/bench/dns_serve", self.port, NAMES, 1, 0]

    def answers(self):
        asked = subprocess.run(["dig", "@::1", "-p", str(self.port), "+time=1", "+tries=1", "+short",
                                "app7.internal", "AAAA"], capture_output=True, text=True)
        return "fdaa:" in asked.stdout


def measure_memory(build, port):
    """What the compiled names take, beyond the registry that they come from."""
    server = OursLarge(build, port)
    try:
        server.start()
        before = server.memory_mb()
        for first in range(0, NAMES, MEMORY_PART):
            with question_file(f"app{first + i}.internal AAAA" for i in range(MEMORY_PART)) as file:
                answered = 0
                while answered < MEMORY_PART:  # in order, from the first in each round
                    answered = one_round(server, file, 1)["rate"]
        per_name = (server.memory_mb() - before) * 1024 * 1024 / NAMES
        made = float(re.search(r"made ([\d.]+)", (server.folder / "log").read_text())[1])
        print(f"\n{NAMES:,} names, all asked: {per_name:.0f} bytes each beyond the registry; "
              f"first answer {server.ready_after * 1000:.0f} ms after start, {made:.0f} of them to make up the registry")
    finally:
        if hasattr(server, "process"):
            server.stop()


def run(build, arguments):
    parser = argparse.ArgumentParser(prog="tools/bench dns")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", help="servers beside ours, comma separated (echo, knot, nsd, pdns, unbound, dnsmasq)")
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args(arguments)
    wanted = [Echo, OursChanging, *RIVALS]
    if chosen.only:
        names = chosen.only.split(",")
        wanted = [kind for kind in wanted if kind.name.split(",")[0] in names]
    install([kind.package for kind in wanted if kind.package])
    servers = []
    try:
        for place, kind in enumerate([Ours, *wanted]):
            server = kind(build, 5400 + place)
            servers.append(server)
            server.start()
        for server in servers:
            print(f"{server.name:<26} first answer {server.ready_after * 1000:>6.0f} ms, "
                  f"{server.memory_mb():>6.1f} MB")
        for kind in QUESTIONS:
            asked = [s for s in servers if kind == "hit" or s.name not in (OursChanging.name,)]
            measure(asked, kind, chosen)
        speaking = [s for s in servers if s.name not in (Echo.name, OursChanging.name)]
        measure_latency(speaking, chosen.rounds, chosen.seconds)
        measure_tcp(speaking, chosen.rounds, chosen.seconds)
    finally:
        for server in servers:
            if hasattr(server, "process"):
                server.stop()
    measure_memory(build, 5399)
    return 0


if __name__ == "__main__":
    sys.exit(run(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]))
