"""A laboratory of sixpn hosts on one machine: network namespaces joined by a simulated internet, with real
agents and real WireGuard. tools/demo shows it, tools/bench measures it.

A Lab lives in a folder of its own under /run; everything in it (namespaces, processes by their ids,
files) is gone after clean().
"""

import ctypes
import http.client
import json
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import textwrap
import time


CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Wrong(Exception):
    """What should have happened did not."""


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("sixpn")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


class Host:
    def __init__(self, lab, name, region, number):
        self.name = name
        self.region = region
        self.address = f"192.0.2.{number}"
        self.netns = f"{lab.name}-{name}"
        self.folder = lab.folder / name
        self.socket = self.folder / "run" / "sixpnd.sock"
        self.interface = f"{lab.name[:9]}-{name}"[:15]
        self.agent = None

    def config(self):
        return textwrap.dedent(f"""\
            state_dir = "{self.folder}/state"
            run_dir = "{self.folder}/run"
            [wireguard]
            interface = "{self.interface}"
            endpoints = ["{self.address}"]
            """)


class Lab:
    """`regions`: host name -> region, the first one makes the cluster."""

    supervised = False  # agents run as under a supervisor: restart_agent() needs it

    def __init__(self, name, build, regions):
        self.name = name
        self.build = build
        self.folder = pathlib.Path("/run") / name
        self.bin = {program: str(build / "bin" / program)
                    for program in ("sixpnd", "sixpn", "sixpn-test-internet")}
        self.hosts = {host: Host(self, host, region, i + 1)
                      for i, (host, region) in enumerate(regions.items())}
        self.internet = None

    # ---- running things --------------------------------------------------------------------------

    def run(self, argv, timeout=30):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def must(self, argv, timeout=30):
        code, out, err = self.run(argv, timeout)
        if code != 0:
            raise Wrong(f"{shlex.join(map(str, argv))} failed: {err or out}")
        return out

    def on_host(self, name, argv):
        return ["nsenter", f"--net=/run/netns/{self.hosts[name].netns}", *argv]

    def sixpn(self, name, *words, must=True, timeout=30):
        argv = self.on_host(name, [self.bin["sixpn"], "--socket", str(self.hosts[name].socket), *words])
        if must:
            return self.must(argv, timeout)
        return self.run(argv, timeout)

    def exec(self, name, machine, *argv, timeout=15):
        """A command inside a machine: exit code, output, errors."""
        return self.sixpn(name, "machine", "exec", machine, "--", *argv, must=False, timeout=timeout)

    def eventually(self, what, condition, limit=20.0, pause=0.05):
        """Polls until the condition holds; returns the seconds it took."""
        start = time.monotonic()
        while not condition():
            if time.monotonic() - start > limit:
                raise Wrong(f"{what}: not within {limit:.0f} s")
            time.sleep(pause)
        return time.monotonic() - start

    # ---- the cluster -----------------------------------------------------------------------------

    def start_internet(self):
        self.folder.mkdir(mode=0o700)
        hosts = []
        for host in self.hosts.values():
            self.must(["ip", "netns", "add", host.netns])
            hosts.append(f"{host.name},/run/netns/{host.netns},{host.address},{host.region}")
        fifo = self.folder / "internet.control"
        os.mkfifo(fifo)
        control = os.open(fifo, os.O_RDWR)  # both ends: it never reads an end of file
        log = self.folder / "internet.log"
        with open(log, "wb") as out:
            self.internet = subprocess.Popen([self.bin["sixpn-test-internet"], *hosts],
                                             stdin=control, stdout=out, stderr=out,
                                             start_new_session=True)
        self.remember(self.internet.pid)
        self.eventually("the simulated internet is up", lambda: "ready" in log.read_text())
        for host in self.hosts.values():
            self.must(["ip", "-n", host.netns, "route", "add", "default", "dev", "eth0"])

    def tell_internet(self, line):
        with open(self.folder / "internet.control", "w", encoding="ascii") as control:
            control.write(line + "\n")

    def remember(self, pid):
        with open(self.folder / "pids", "a", encoding="ascii") as pids:
            pids.write(f"{pid}\n")

    def start_agent(self, host, token=None):
        host.folder.mkdir(exist_ok=True)
        config = host.folder / "agent.toml"
        config.write_text(host.config())
        argv = self.on_host(host.name, [self.bin["sixpnd"], "--config", str(config)])
        if self.supervised:
            argv.append("--supervised")
        if token:
            argv += ["--join", token]
        with open(host.folder / "agent.log", "ab") as log:
            host.agent = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True)
        self.remember(host.agent.pid)

        def answers():
            if host.agent.poll() is not None:
                raise Wrong(f"the agent on {host.name} ended: "
                            + (host.folder / "agent.log").read_text()[-2000:])
            return self.sixpn(host.name, "status", must=False)[0] == 0

        self.eventually(f"the agent on {host.name} answers", answers)

    def restart_agent(self, host):
        """As a supervisor does it; returns the seconds from the signal until the new one answers."""
        start = time.monotonic()
        host.agent.terminate()
        if host.agent.wait() != 0:
            raise Wrong(f"the agent on {host.name} ended with {host.agent.returncode}")
        self.start_agent(host)
        return time.monotonic() - start

    def status(self, name):
        return json.loads(self.sixpn(name, "--json", "status"))

    def alive_hosts(self, name):
        return {host["name"] for host in self.status(name)["hosts"] if host["status"] == "alive"}

    def form(self, say=print):
        """Makes the cluster on the first host, joins the others; returns seconds until all agree."""
        first, *others = self.hosts.values()
        first.folder.mkdir()
        say(self.must([self.bin["sixpn"], "cluster", "init", "--name", first.name, "--region",
                       first.region, "--state-dir", f"{first.folder}/state"]).rstrip())
        self.start_agent(first)
        for host in others:
            token = self.sixpn(first.name, "host", "invite", "--name", host.name, "--region",
                               host.region, "--root-key",
                               f"{first.folder}/state/root.key").split()[0]
            say(f"   host {host.name} joins with token {token[:30]}...")
            self.start_agent(host, token)
        everyone = set(self.hosts)
        return self.eventually("all hosts see each other", lambda: all(
            self.alive_hosts(name) == everyone for name in self.hosts), limit=60)

    def run_machine(self, name, app, *words, command):
        return json.loads(self.sixpn(name, "--json", "machine", "run", "--app", app, *words, "--",
                                     *command))

    def kill_host(self, host):
        """Agent, tunnel, machines and link, all at once."""
        host.agent.kill()
        host.agent.wait()
        self.tell_internet(f"cut-off {host.name}")
        self.take_down_host(host)

    # ---- cleaning up: only what this laboratory made -----------------------------------------------

    def end_processes_in(self, netns):
        for pid in self.run(["ip", "netns", "pids", netns])[1].split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def remove_netns(self, netns):
        if os.path.exists(f"/run/netns/{netns}"):
            self.end_processes_in(netns)
            self.run(["ip", "netns", "del", netns])

    def take_down_host(self, host):
        machines = host.folder / "state" / "machines"
        if machines.is_dir():
            for machine in machines.iterdir():
                self.remove_netns(machine.name)
                shutil.rmtree(f"/etc/netns/{machine.name}", ignore_errors=True)
        if os.path.exists(f"/run/netns/{host.netns}"):
            self.end_processes_in(host.netns)

    def end_remembered(self):
        try:
            pids = (self.folder / "pids").read_text().split()
        except FileNotFoundError:
            return
        for pid in map(int, pids):
            try:
                if "sixpn" in pathlib.Path(f"/proc/{pid}/cmdline").read_text():  # ids are reused
                    os.kill(pid, signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                pass

    def clean(self):
        self.end_remembered()
        for host in self.hosts.values():
            self.take_down_host(host)
            self.remove_netns(host.netns)
            pathlib.Path(f"/var/run/wireguard/{host.interface}.sock").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self):
        """The last lines of every agent's log, for a failure's report."""
        tails = []
        for host in self.hosts.values():
            log = host.folder / "agent.log"
            if log.exists():
                tails.append(f"---- {host.name}: last lines of its log\n" + log.read_text()[-1500:])
        return "\n".join(tails)


def socket_in(netns, *kind):
    """A socket that lives in another network namespace."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    away = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    try:
        if LIBC.setns(away, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {netns}")
        return socket.socket(*kind)
    finally:
        LIBC.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(away)


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise Wrong(f"process {pid} has no VmRSS")
