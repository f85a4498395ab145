"""`tools/bench registry`: our agents beside Serf's, the same number of each, on the same simulated internet.

Both are watched through the streams that their own programs offer (Serf: its RPC protocol; ours: the watch
of the registry), so nothing is polled. Rounds alternate between the two. Each figure is printed for both,
with the ratio of Serf's to ours.
"""

import json
import random
import re
import signal
import socket
import statistics
import subprocess
import time

import msgpack

from lab import Lab, Unix, Wrong, resident_mb, socket_in

HOSTS = 16
REGIONS = ("iad", "fra", "nrt")
RPC_PORT = 7373


class SerfAgent:
    """One Serf agent through its RPC protocol. Its event stream gathers events for a second and more, so its
    member list is asked instead, over and over."""

    def __init__(self, netns):
        self.socket = socket_in(netns, socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", RPC_PORT))
        self.unpacker = msgpack.Unpacker(raw=False)
        self.sequence = 0
        self.call("handshake", {"Version": 1}, answers=False)

    def close(self):
        self.socket.close()

    def receive(self):
        while True:
            for item in self.unpacker:
                return item
            received = self.socket.recv(65536)
            if not received:
                raise Wrong("a Serf agent closed its connection")
            self.unpacker.feed(received)

    def send(self, command, body):
        self.sequence += 1
        self.socket.sendall(msgpack.packb({"Command": command, "Seq": self.sequence})
                            + msgpack.packb(body))

    def call(self, command, body, answers=True):
        self.send(command, body)
        while True:
            header = self.receive()
            if header.get("Error"):
                raise Wrong(f"serf {command}: {header['Error']}")
            # A write that was not waited for is acknowledged in between, by a header alone.
            if header["Seq"] == self.sequence:
                return self.receive() if answers else None

    def knows(self, fact):
        kind, name, *value = fact
        wanted = {"Name": f"^{name}$"}
        if kind == "value":
            wanted["Tags"] = {"v": f"^{value[0]}$"}
        else:
            wanted["Status"] = "failed" if kind == "down" else "alive"
        return bool(self.call("members-filtered", wanted)["Members"])


class Serf(Lab):
    """Serf agents with its LAN defaults, in namespaces of the same simulated internet."""

    title = "serf"
    down_line = re.compile(r"EventMemberFailed: (\w+)")

    def __init__(self, build, program):
        super().__init__("sixpn-serf", build, {f"h{i}": REGIONS[i % 3] for i in range(HOSTS)})
        self.program = program
        self.agents = {}

    def start(self):
        self.start_internet()
        for host in self.hosts.values():
            host.folder.mkdir(exist_ok=True)
            self.start_process(host.name)
        self.eventually("all Serf agents know each other", lambda: all(
            self.on(name, "members", "-status=alive").count("alive") == HOSTS
            for name in self.hosts), limit=60)
        self.agents = {name: SerfAgent(host.netns) for name, host in self.hosts.items()}

    def on(self, name, *words):
        return self.run(self.on_host(name, [self.program, *words]))[1]

    def start_process(self, name):
        host = self.hosts[name]
        self.must(["ip", "-n", host.netns, "link", "set", "lo", "up"])
        argv = [self.program, "agent", f"-node={name}", f"-bind={host.address}:7946",
                f"-rpc-addr=127.0.0.1:{RPC_PORT}", "-log-level=info", "-tag", "v=0"]
        if name != "h0":
            argv += ["-retry-join=192.0.2.1", "-retry-interval=1s"]
        with open(host.folder / "agent.log", "ab") as log:
            host.agent = subprocess.Popen(self.on_host(name, argv), stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True)
        self.remember(host.agent.pid)

    def change(self, name, value):
        """Writes over an open connection, as a program would; returns what all others must come to know."""
        self.agents[name].send("tags", {"Tags": {"v": value}})
        return ("value", name, value)

    def revive(self, name):
        self.start_process(name)

        def listens():
            try:
                self.agents[name] = SerfAgent(self.hosts[name].netns)
            except OSError:
                return False
            return True

        self.eventually(f"the Serf agent {name} answers", listens)


class OurAgent:
    """One of our agents, by the stream of `GET /v1/registry/watch`."""

    def __init__(self, host):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(host.socket))
        self.socket.sendall(b"GET /v1/registry/watch HTTP/1.1\r\nHost: sixpn\r\n\r\n")
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive()
        head, self.chunks = received.split(b"\r\n\r\n", 1)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise Wrong(f"the watch was refused: {head.decode()} {self.chunks.decode()}")
        self.lines = b""
        self.facts = set()
        self.take(b"")
        while not any(fact[0] == "alive" for fact in self.facts):
            self.take(self.receive())
        self.socket.setblocking(False)

    def close(self):
        self.socket.close()

    def receive(self):
        received = self.socket.recv(65536)
        if not received:
            raise Wrong("an agent closed its watch")
        return received

    def take(self, received):
        """Chunked transfer coding (RFC 9112 section 7.1), then lines of JSON."""
        self.chunks += received
        while b"\r\n" in self.chunks:
            size, rest = self.chunks.split(b"\r\n", 1)
            length = int(size, 16)
            if len(rest) < length + 2:
                break
            self.lines += rest[:length]
            self.chunks = rest[length + 2:]
        *whole, self.lines = self.lines.split(b"\n")
        for line in whole:
            self.learn(json.loads(line))

    def learn(self, line):
        value = line.get("new") or line.get("value")
        if not value or line.get("kind") not in ("app", "host"):
            return
        name = value["name"]
        if line["kind"] == "app":
            self.facts.add(("value", name))
            return
        status = "alive" if value["status"] == "alive" else "down"
        if value["status"] == "suspected":
            return
        self.facts -= {("alive", name), ("down", name)}
        self.facts.add((status, name))

    def knows(self, fact):
        try:
            while True:
                self.take(self.receive())
        except BlockingIOError:
            return fact in self.facts


class Ours(Lab):
    """Our agents with their defaults, as many as Serf's."""

    title = "sixpn"
    down_line = re.compile(r"host (\w+) is down, was")

    def __init__(self, build):
        super().__init__("sixpn-reg", build, {f"h{i}": REGIONS[i % 3] for i in range(HOSTS)})
        self.agents = {}

    def start(self):
        self.start_internet()
        self.form(say=lambda _: None)
        self.agents = {name: OurAgent(host) for name, host in self.hosts.items()}

    def change(self, name, value):
        connection = Unix(self.hosts[name].socket)
        body = json.dumps({"name": f"v{value}", "org": "acme"})
        connection.request("POST", "/v1/apps", body)
        reply = connection.getresponse()
        if reply.status != 200:
            raise Wrong(f"creating an app on {name}: {reply.read().decode()}")
        connection.close()
        return ("value", f"v{value}")

    def revive(self, name):
        self.start_agent(self.hosts[name])
        self.agents[name] = OurAgent(self.hosts[name])


class Play:
    """The rounds, alternating between the two; each method gives a list of values per side."""

    def __init__(self, sides):
        self.sides = sides

    def per_side(self):
        return {side.title: [] for side in self.sides}

    def until_all(self, side, fact, among, limit=60):
        """Seconds until every agent of `among` knows the fact."""
        start = time.monotonic()
        waiting = set(among)
        while waiting:
            waiting -= {name for name in waiting if side.agents[name].knows(fact)}
            if time.monotonic() - start > limit:
                raise Wrong(f"{side.title}: {sorted(waiting)} did not learn {fact} in {limit:.0f} s")
        return time.monotonic() - start

    def updates(self, rounds=20):
        took = self.per_side()
        for i in range(rounds):
            for side in self.sides:
                writer = f"h{i % HOSTS}"
                start = time.monotonic()
                fact = side.change(writer, str(i + 1))
                self.until_all(side, fact, set(side.agents) - {writer})
                took[side.title].append(1000 * (time.monotonic() - start))
        return took

    def losses(self, rounds=5):
        took = self.per_side()
        for i in range(rounds):
            for side in self.sides:
                victim = f"h{HOSTS - 1 - i}"
                others = set(side.agents) - {victim}
                side.agents.pop(victim).close()
                side.hosts[victim].agent.kill()
                side.hosts[victim].agent.wait()
                took[side.title].append(self.until_all(side, ("down", victim), others))
                side.revive(victim)
                self.until_all(side, ("alive", victim), others)
        return took

    def traffic(self, seconds=60):
        before = {side.title: sent_bytes(side) for side in self.sides}
        time.sleep(seconds)
        return {side.title: [(now - then) / seconds for now, then in
                             zip(sent_bytes(side), before[side.title])] for side in self.sides}

    def memory(self):
        return {side.title: [resident_mb(host.agent.pid) for host in side.hosts.values()]
                for side in self.sides}

    def pauses(self, rounds=6, seconds=5):
        """Half of the agents stopped for seconds: how often each side's agents declared hosts down that had
        never stopped, and hosts that had."""
        healthy, stopped = self.per_side(), self.per_side()
        chance = random.Random(1)
        for _ in range(rounds):
            victims = set(chance.sample([f"h{i}" for i in range(HOSTS)], HOSTS // 2))
            for side in self.sides:
                seen = {name: len(downs(side, name)) for name in side.hosts}
                self.pause(side, victims, seconds)
                told = [who for name in side.hosts for who in downs(side, name)[seen[name]:]]
                healthy[side.title].append(sum(who not in victims for who in told))
                stopped[side.title].append(sum(who in victims for who in told))
        return healthy, stopped

    def pause(self, side, victims, seconds):
        for victim in victims:
            side.hosts[victim].agent.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        for victim in victims:
            side.hosts[victim].agent.send_signal(signal.SIGCONT)
        # What was begun in the pause is judged in the longest suspicion that either of them has.
        time.sleep(20)
        for name in side.hosts:
            self.until_all(side, ("alive", name), set(side.agents) - {name})


def downs(side, name):
    return side.down_line.findall((side.hosts[name].folder / "agent.log").read_text())


def sent_bytes(side):
    sent = []
    for host in side.hosts.values():
        links = json.loads(side.must(["ip", "-n", host.netns, "-j", "-s", "link", "show", "eth0"]))
        sent.append(links[0]["stats64"]["tx"]["bytes"])
    return sent


def compare(what, unit, values, digest=statistics.median):
    ours, theirs = digest(values["sixpn"]), digest(values["serf"])
    ratio = f"{theirs / ours:8.1f} x" if ours else ("       = " if theirs == ours else "       - ")
    print(f"{what:<58} {ours:>10.2f} {theirs:>10.2f} {ratio}  {unit}", flush=True)


def unpack_serf(folder):
    """The program of Debian's package, without installing the service that comes with it."""
    scratch = folder / "serf-package"
    scratch.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-qq", "serf"], cwd=scratch, check=True)
    package = next(scratch.glob("serf_*.deb"))
    subprocess.run(["dpkg-deb", "-x", package, scratch / "unpacked"], check=True)
    return str(scratch / "unpacked" / "usr" / "bin" / "serf")


def run(build):
    sides = [Ours(build), Serf(build, unpack_serf(build))]
    try:
        for side in sides:
            if side.folder.exists():
                side.clean()
            side.start()
        play = Play(sides)
        print(f"{f'{HOSTS} agents each, 3 regions':<58} {'sixpn':>10} {'serf':>10} {'ratio':>10}")
        updates = play.updates()
        compare("a change known to all, median", "ms", updates)
        compare("a change known to all, maximum", "ms", updates, max)
        losses = play.losses()
        compare("agent killed until all say so, median", "s", losses)
        compare("agent killed until all say so, maximum", "s", losses, max)
        compare("sent by an idle host (ours inside WireGuard), median", "B/s", play.traffic())
        compare("resident memory of an agent, median", "MB", play.memory())
        healthy, stopped = play.pauses()
        compare("half stopped for 5 s: healthy hosts said to be down", "times", healthy, sum)
        compare("half stopped for 5 s: stopped hosts said to be down", "times", stopped, sum)
    except Wrong:
        for side in sides:
            print(side.logs())
        raise
    finally:
        for side in sides:
            side.clean()
