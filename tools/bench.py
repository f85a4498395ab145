"""The benchmarks that tools/bench runs, on whole clusters of namespace hosts (tools/lab.py).

Each prints one line per figure: name, value, unit. What is measured is what a user sees: answers of the
resolver asked from inside machines, packets between machines, memory and processor time of the agent.
"""

import argparse
import json
import os
import pathlib
import select
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time

from lab import Lab, Unix, Wrong, processor_seconds, resident_mb, socket_in

HOSTS = 10
RESOLVER = ("fdaa::3", 53)
AAAA = 28


def figure(name, value, unit):
    print(f"{name:<52} {value:>10.2f} {unit}", flush=True)


def spread(name, values, unit):
    figure(f"{name}, median of {len(values)}", statistics.median(values), unit)
    figure(f"{name}, maximum", max(values), unit)


class Resolver:
    """Asks the resolver of one host from inside one of its machines."""

    def __init__(self, machine):
        self.socket = socket_in(machine["id"], socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.connect(RESOLVER)
        self.id = 0

    def send(self, name, kind=AAAA):
        self.id = (self.id + 1) & 0xffff
        labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l)
        self.socket.send(struct.pack("!HHHHHH", self.id, 0x0100, 1, 0, 0, 0) + labels + b"\0"
                         + struct.pack("!HH", kind, 1))

    def receive(self):
        """(rcode, addresses) of the newest query's answer, or None."""
        message = self.socket.recv(4096)
        ident, flags, _, answers = struct.unpack_from("!HHHH", message)
        if ident != self.id:
            return None
        addresses = []
        at = message.index(b"\0", 12) + 5
        for _ in range(answers):
            kind, _, _, length = struct.unpack_from("!HHIH", message, at + 2)
            if kind == AAAA:
                addresses.append(socket.inet_ntop(socket.AF_INET6, message[at + 12:at + 28]))
            at += 12 + length
        return flags & 0xf, addresses

    def ask(self, name, timeout=2.0):
        self.send(name)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if select.select([self.socket], [], [], max(0, deadline - time.monotonic()))[0]:
                answer = self.receive()
                if answer:
                    return answer
        return None


class Bench(Lab):
    def __init__(self, build, hosts=HOSTS, regions=("iad", "fra", "nrt")):
        super().__init__("sixpn-bench", build,
                         {f"h{i}": regions[i % len(regions)] for i in range(hosts)})

    def api(self, name, method, path, body=None):
        connection = Unix(self.hosts[name].socket)
        connection.request(method, path, json.dumps(body) if body is not None else None)
        reply = connection.getresponse()
        answer = json.loads(reply.read())
        connection.close()
        if reply.status != 200:
            raise Wrong(f"{method} {path} on {name}: {answer}")
        return answer

    def start(self):
        self.start_internet()
        self.form(say=lambda _: None)
        self.api("h0", "POST", "/v1/apps", {"name": "base", "org": "acme"})
        self.machines = {}
        for name in self.hosts:
            self.eventually(f"{name} knows the app", lambda n=name: self.api(n, "GET", "/v1/apps"))
            self.machines[name] = self.api(name, "POST", "/v1/machines",
                                           {"app": "base", "command": ["sleep", "infinity"]})
        self.resolvers = {name: Resolver(machine) for name, machine in self.machines.items()}
        self.eventually("all machines are known everywhere", lambda: all(
            len((r.ask("base.internal") or (0, []))[1]) == len(self.hosts)
            for r in self.resolvers.values()))

    def until_all(self, name, holds, start, limit=30.0):
        """Asks every resolver over and over; seconds from `start` until each answer holds, per host."""
        waiting = dict(self.resolvers)
        took = {}
        while waiting:
            if time.monotonic() - start > limit:
                raise Wrong(f"{name}: {sorted(waiting)} did not answer as awaited in {limit:.0f} s")
            for resolver in waiting.values():
                resolver.send(name)
            deadline = time.monotonic() + 0.01
            pending = {r.socket: n for n, r in waiting.items()}
            while pending and time.monotonic() < deadline:
                ready, _, _ = select.select(list(pending), [], [], max(0, deadline - time.monotonic()))
                for sock in ready:
                    host = pending[sock]
                    answer = waiting[host].receive()
                    if answer is None:
                        continue
                    del pending[sock]
                    if holds(answer):
                        took[host] = time.monotonic() - start
                        del waiting[host]
        return took

    # ---- the benchmarks --------------------------------------------------------------------------

    def propagation(self, rounds=20):
        """A record written on one host until every one of 10 hosts answers it by DNS."""
        for label, regions in (("3 regions", ("iad", "fra", "nrt")), ("1 region", ("iad",))):
            self.__init__(self.build, HOSTS, regions)
            with_cluster(self, lambda label=label: self.propagation_rounds(label, rounds))

    def propagation_rounds(self, label, rounds):
        last = []
        for i in range(rounds):
            writer = f"h{i % HOSTS}"
            start = time.monotonic()
            self.api(writer, "POST", "/v1/apps", {"name": f"app{i}", "org": "acme"})
            took = self.until_all(f"app{i}.internal", lambda answer: answer[0] == 0, start)
            last.append(1000 * max(took.values()))
        spread(f"record to all {HOSTS} resolvers, {label}", last, "ms")

    def host_loss(self, rounds=3):
        """A host killed until its machines are out of all answers."""
        def play():
            took = []
            for i in range(rounds):
                victim = f"h{HOSTS - 1 - i}"
                gone = self.machines[victim]["address"]
                self.resolvers.pop(victim)
                start = time.monotonic()
                self.kill_host(self.hosts[victim])
                out = self.until_all("base.internal", lambda answer: gone not in answer[1], start)
                took.append(max(out.values()))
            spread("host killed until out of all answers", took, "s")
        with_cluster(self, play)

    def quiet(self, minutes=10):
        """False suspicions in a quiet cluster of 10 hosts."""
        def play():
            end = time.monotonic() + 60 * minutes
            not_alive = 0
            polls = 0
            while time.monotonic() < end:
                for name in self.hosts:
                    polls += 1
                    not_alive += len(self.hosts) - len(self.alive_hosts(name))
                time.sleep(1)
            figure(f"host views polled in {minutes} minutes", polls, "views")
            figure("hosts seen as not alive", not_alive, "times")
            for what in ("suspicions", "downs", "stalls"):
                total = sum(self.api(name, "GET", "/v1/status")["registry"][what]
                            for name in self.hosts)
                figure(f"registry {what}, all hosts", total, "times")
        with_cluster(self, play)

    def machine_run(self, rounds=20):
        """`machine run` until another host's machine resolves and pings it."""
        def play():
            took = []
            other = self.machines["h1"]
            ping = socket_in(other["id"], socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            ping.settimeout(0.05)
            for i in range(rounds):
                argv = self.on_host("h0", [self.bin["sixpn"], "--socket", str(self.hosts["h0"].socket),
                                           "machine", "run", "--app", "base", "--group", f"g{i}", "--",
                                           "sleep", "infinity"])
                start = time.monotonic()
                command = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
                address = None
                while not address:
                    answer = self.resolvers["h1"].ask(f"g{i}.process.base.internal", 0.01)
                    address = answer[1][0] if answer and answer[1] else None
                    if time.monotonic() - start > 30:
                        raise Wrong("the new machine was never resolved")
                self.until_ping(ping, address, i + 1)
                took.append(1000 * (time.monotonic() - start))
                command.wait()
            spread("machine run until resolved and pinged (iad to fra)", took, "ms")
        self.__init__(self.build, 3, ("iad", "fra", "nrt"))
        with_cluster(self, play)

    def until_ping(self, ping, address, sequence):
        for attempt in range(200):
            ident = (sequence << 8 | attempt) & 0xffff
            ping.sendto(struct.pack("!BBHHH", 128, 0, 0, ident, 1), (address, 0))
            try:
                while True:
                    reply, source = ping.recvfrom(2048)
                    if reply[0] == 129 and source[0] == address:
                        return
            except TimeoutError:
                pass
        raise Wrong(f"{address} never answered a ping")

    def idle(self, machines=100, seconds=60):
        """An idle agent's memory and processor time: 10 hosts, 100 machines."""
        def play():
            for i in range(machines - len(self.hosts)):
                self.api(f"h{i % HOSTS}", "POST", "/v1/machines",
                         {"app": "base", "command": ["sleep", "infinity"]})
            time.sleep(5)  # what the starting caused is over
            pids = [host.agent.pid for host in self.hosts.values()]
            before = {pid: processor_seconds(pid) for pid in pids}
            time.sleep(seconds)
            cpu = [100 * (processor_seconds(pid) - before[pid]) / seconds for pid in pids]
            spread(f"processor time of an agent, {machines} machines", cpu, "% of a core")
            spread("resident memory of an agent", [resident_mb(pid) for pid in pids], "MB")
            spread("private memory of an agent", [private_mb(pid) for pid in pids], "MB")
        with_cluster(self, play)

    def registry_disk(self):
        """From a cold start to a served snapshot of 50,000 records on disk; reading, writing, SQL."""
        subprocess.run([self.build / "tests/bench/registry_disk_bench"], check=True)

    def registry_scale(self):
        """1,000 hosts with 40 machines each: memory of the registry, and from a datagram to the answer."""
        for networks in ("100", "1"):
            subprocess.run([self.build / "tests/bench/registry_scale_bench", "40", networks],
                           check=True)

    def registry_agent(self):
        """Memory of a whole agent: alone, and with 1,000 hosts of 40 machines each on its disk."""
        for label, machines in (("alone", None), ("1,000 hosts", "40")):
            one = Lab("sixpn-bench", self.build, {"h1000": "iad"})
            try:
                one.start_internet()
                host = one.hosts["h1000"]
                host.folder.mkdir()
                if machines:
                    one.must([self.build / "tests/bench/agent_state", host.folder / "state",
                              machines], timeout=600)
                else:
                    one.must([one.bin["sixpn"], "cluster", "init", "--name", host.name, "--region",
                              host.region, "--state-dir", f"{host.folder}/state"])
                one.start_agent(host)
                known = 1001 if machines else 1
                one.eventually("all hosts are known",
                               lambda: len(one.status(host.name)["hosts"]) == known)
                for seconds in (0, 60):
                    time.sleep(seconds)
                    figure(f"{label}, after {seconds} s: resident", resident_mb(host.agent.pid), "MB")
                    figure(f"{label}, after {seconds} s: private", private_mb(host.agent.pid), "MB")
                if machines:
                    self.busy_agent(one, host)
            finally:
                one.clean()

    def busy_agent(self, one, host, rate=200, seconds=20):
        """The processor time of the same agent at rest and with so many changes a second."""
        before = processor_seconds(host.agent.pid)
        time.sleep(seconds)
        idle = processor_seconds(host.agent.pid) - before
        figure("1,000 hosts, at rest: processor", 100 * idle / seconds, "% of a core")
        # The second host's address, so that what it says needs no tunnel.
        one.must(["ip", "-n", host.netns, "addr", "add", "fdaa::1:1:0:0:1/128", "dev", "lo", "nodad"])
        known = self.changes(one, host)
        load = subprocess.Popen(["ip", "netns", "exec", host.netns, self.build / "tests/bench/registry_load",
                                 "1000", str(rate), str(seconds)], stdout=subprocess.PIPE, text=True)
        assert load.stdout.readline() == "ready\n"
        before = processor_seconds(host.agent.pid)
        assert load.wait() == 0
        busy = processor_seconds(host.agent.pid) - before
        taken = self.changes(one, host) - known
        figure(f"1,000 hosts, {rate} changes/s: processor", 100 * busy / seconds, "% of a core")
        figure(f"1,000 hosts, {rate} changes/s: taken", taken / seconds, "1/s")
        figure(f"1,000 hosts, after {rate * seconds} changes: resident", resident_mb(host.agent.pid), "MB")

    def changes(self, one, host):
        """Machines that are stopped, as the agent has it."""
        dump = json.loads(one.sixpn(host.name, "--json", "registry", "dump"))
        return sum(record["major"] == 2 and record["key"].startswith("machine/") for record in dump)

    def registry_join(self):
        """A new host's first sync of 1,000 hosts with 40 machines each, over TCP on loopback."""
        subprocess.run([self.build / "tests/bench/registry_sync_bench"], check=True)


def private_mb(pid):
    kilobytes = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(("Private_Clean:", "Private_Dirty:")):
            kilobytes += int(line.split()[1])
    return kilobytes / 1024


def with_cluster(bench, play):
    try:
        bench.start()
        play()
    except Wrong:
        print(bench.logs(), file=sys.stderr)
        raise
    finally:
        bench.clean()


def registry(bench):
    """Our agents beside Debian's Serf: updates, detection, traffic, memory, false suspicions."""
    import bench_registry  # pylint: disable=import-outside-toplevel
    bench_registry.run(bench.build)


def dns(bench):
    """Our resolver beside knot, nsd, unbound, dnsmasq and a server that only echoes."""
    import bench_dns  # pylint: disable=import-outside-toplevel
    bench_dns.run(bench.build, [])


def dns_forward(bench):
    """Our forwarder beside dnsdist and unbound: told from the cache, and asked of an upstream."""
    import bench_dns_forward  # pylint: disable=import-outside-toplevel
    bench_dns_forward.run(bench.build, [])


def dns_beside(bench):
    """How late our own names are answered while an upstream answers foreign ones, is dead, or floods."""
    import bench_dns_beside  # pylint: disable=import-outside-toplevel
    bench_dns_beside.run(bench.build, [])


def flycast(bench):
    """Streams through Flycast beside HAProxy (as shipped, and tuned), nginx and no proxy at all."""
    import bench_flycast  # pylint: disable=import-outside-toplevel
    bench_flycast.run(bench.build, [])


def flycast_http(bench):
    """Requests through Flycast's HTTP ports beside HAProxy and nginx (both in HTTP mode) and no proxy at all."""
    import bench_flycast_http  # pylint: disable=import-outside-toplevel
    bench_flycast_http.run(bench.build, [])


def flycast_steady(bench):
    """How much later requests at 3,200 a second are answered through Flycast, HAProxy and nginx than without a proxy."""
    import bench_flycast_steady  # pylint: disable=import-outside-toplevel
    bench_flycast_steady.run(bench.build, [])


def flycast_failover(bench):
    """What clients notice of machines, hosts and agents that end, at 1,000 requests per second."""
    import bench_failover  # pylint: disable=import-outside-toplevel
    bench_failover.run(bench.build, [])


BENCHMARKS = {
    "propagation": Bench.propagation,
    "host-loss": Bench.host_loss,
    "quiet": Bench.quiet,
    "machine-run": Bench.machine_run,
    "idle": Bench.idle,
    "registry-disk": Bench.registry_disk,
    "registry-scale": Bench.registry_scale,
    "registry-agent": Bench.registry_agent,
    "registry-join": Bench.registry_join,
    "registry": registry,
    "dns": dns,
    "dns-forward": dns_forward,
    "dns-beside": dns_beside,
    "flycast": flycast,
    "flycast-http": flycast_http,
    "flycast-steady": flycast_steady,
    "flycast-failover": flycast_failover,
}


def main():
    parser = argparse.ArgumentParser(prog="tools/bench")
    parser.add_argument("name", nargs="?", choices=BENCHMARKS)
    parser.add_argument("--build", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.name:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:<13} {benchmark.__doc__}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(arguments.build.resolve())
    if bench.folder.exists():
        bench.clean()  # an earlier run was cut short
    try:
        BENCHMARKS[arguments.name](bench)
    except Wrong as wrong:
        print(f"tools/bench: {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
