"""tools/bench flycast-failover: what the clients of a Flycast address notice while machines, hosts and agents
end: hosts a, b and c of one region in namespaces (tools/lab.py), a machine of the app on a and b, and 1,000
requests a second from a, which has one of its own, and from c: half on kept connections, half each on its own.

Per scene: requests, how many failed, p50, p99 and the worst delay in milliseconds, over all clients; then a line for
each way to fail. Requests are GETs on an HTTP port; `agents-tcp` is on a plain TCP port. `--only SCENE,...` runs
some, `--rate N` is another rate, `--rounds N` repeats them.
"""

import argparse
import pathlib
import signal
import subprocess
import sys
import time

from lab import Lab, Wrong

SCENES = ("quiet", "killed", "blackholed", "machines", "agents", "agents-tcp", "host")
SERVICE = """app = "web"
[[services]]
protocol = "tcp"
internal_port = 8080
auto_start_machines = false
[[services.ports]]
port = 80
handlers = ["http"]
[[services.ports]]
port = 81
"""
BLACKHOLE = "add table inet hole; add chain inet hole in { type filter hook input priority -300; policy drop; }; " \
            "add chain inet hole out { type filter hook output priority -300; policy drop; }"


class Failover(Lab):
    supervised = True

    def __init__(self, build, rate):
        super().__init__("sixpn-fail", build, {"a": "iad", "b": "iad", "c": "iad"})
        self.load = str(build / "tests" / "bench" / "steady_load")
        self.rate = rate
        self.web = {}
        self.client = {}
        self.loads = []
        self.address = None

    def start(self):
        self.start_internet()
        self.form(say=lambda _: None)
        config = self.folder / "fly.toml"
        config.write_text(SERVICE)
        self.sixpn("a", "apps", "create", "web", "--org", "acme", "--config", str(config))
        self.sixpn("a", "apps", "create", "client", "--org", "acme")
        self.address = self.sixpn("a", "ips", "allocate-v6", "--private", "-a", "web").split()[0]
        for name in self.hosts:
            self.eventually(f"{name} knows the apps", lambda n=name: {"web", "client"} <= set(
                self.sixpn(n, "apps", "list").split()))
        for name in ("a", "b"):
            self.web[name] = self.run_machine(name, "web", command=[self.load, "serve", "8080", name])["id"]
        for name in ("a", "c"):
            self.client[name] = self.run_machine(name, "client", command=["sleep", "infinity"])["id"]
        self.until_started(*self.web)

    def state(self, viewer, machine):
        out = self.sixpn(viewer, "--json", "machine", "status", machine, must=False)[1]
        return '"state":"started"' in out.replace(" ", "").replace("\n", "")

    def until_started(self, *names):
        self.eventually("the machines are started", lambda: all(
            self.state(viewer, self.web[name]) for viewer in self.hosts if self.is_up(viewer) for name in names))

    def is_up(self, name):
        return self.hosts[name].agent.poll() is None

    def begin(self, port):
        for client in self.client.values():
            for mode in ("keep", "connect"):
                self.loads.append(subprocess.Popen(
                    ["nsenter", f"--net=/run/netns/{client}", self.load, mode, self.address, port,
                     str(self.rate / 4)], stdout=subprocess.PIPE, text=True, start_new_session=True))
        time.sleep(2)

    def finish(self, scene):
        time.sleep(2)
        for load in self.loads:
            load.send_signal(signal.SIGINT)
        requests = failed = 0
        medians, p99s, worst, ways = [], [], 0.0, {}
        for load in self.loads:
            first, *more = load.communicate(timeout=60)[0].splitlines()
            asked, lost, p50, p99, most = first.split()
            requests += int(asked)
            failed += int(lost)
            medians.append(float(p50))
            p99s.append(float(p99))
            worst = max(worst, float(most))
            for line in more:
                count, _, way = line.partition(" ")
                ways[way] = ways.get(way, 0) + int(count)
        self.loads = []
        print(f"{scene:<12} {requests:>7} requests  {failed:>5} failed   p50 {sorted(medians)[len(medians) // 2]:>6.1f}"
              f"   p99 {max(p99s):>7.1f}   worst {worst:>8.1f} ms", flush=True)
        for way, count in sorted(ways.items()):
            print(f"{'':<12} {count:>7} {way}", flush=True)

    # ---- scenes ------------------------------------------------------------------------------------

    def pid(self, name):
        import json  # pylint: disable=import-outside-toplevel
        return json.loads(self.sixpn(name, "--json", "machine", "status", self.web[name]))["pid"]

    def scene(self, name):
        self.begin("81" if name == "agents-tcp" else "80")
        getattr(self, name.replace("-tcp", "").replace("-", "_"))()
        self.finish(name)

    def quiet(self):
        time.sleep(2)

    def killed(self):
        for name in ("b", "a"):
            self.must(["kill", "-9", str(self.pid(name))])
            time.sleep(1)
            self.sixpn(name, "machine", "start", self.web[name])
            self.until_started(name)

    def blackholed(self):
        for name in ("b", "a"):
            inside = ["nsenter", f"--net=/run/netns/{self.web[name]}", "nft"]
            self.must([*inside, BLACKHOLE])
            time.sleep(3)
            self.must([*inside, "delete table inet hole"])
            time.sleep(1)

    def machines(self):
        for name in self.web:
            self.sixpn(name, "machine", "stop", self.web[name])
            self.sixpn(name, "machine", "start", self.web[name])
            self.until_started(name)

    def agents(self):
        took = []
        for name, host in self.hosts.items():
            took.append(self.restart_agent(host))
            self.eventually("the hosts see each other", lambda n=name: all(
                self.alive_hosts(viewer) == set(self.hosts) for viewer in self.hosts))
        print(f"{'':<12} an agent was replaced in {max(took):.2f} s at most, from the signal to its first answer", flush=True)

    def host(self):
        self.kill_host(self.hosts["b"])
        time.sleep(5)


def run(build, words):
    parser = argparse.ArgumentParser(prog="tools/bench flycast-failover")
    parser.add_argument("--only", default=",".join(SCENES))
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args(words)
    lab = Failover(pathlib.Path(build).resolve(), arguments.rate)
    if lab.folder.exists():
        lab.clean()  # an earlier run was cut short
    try:
        lab.start()
        wanted = [scene for scene in SCENES if scene in arguments.only.split(",")]
        for _ in range(arguments.rounds):
            for scene in wanted:
                if scene != "host":
                    lab.scene(scene)
        if "host" in wanted:
            lab.scene("host")  # nothing comes after it
    except Wrong as wrong:
        print(f"{wrong}\n{lab.logs()}", file=sys.stderr)
        return 1
    finally:
        for load in lab.loads:
            load.kill()
        lab.clean()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(run(sys.argv[1], sys.argv[2:]))
