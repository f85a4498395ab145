"""The demonstration that tools/demo runs: a three-region cluster in namespaces, looked at from inside.

Prints what it does and what it sees, checks each result, and cleans up after itself whatever happens.
"""

import argparse
import json
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time

from lab import Lab, Wrong

REGIONS = ["iad", "fra", "nrt"]

WEB_CONFIG = """\
app = "web"
primary_region = "fra"

[[services]]
protocol = "tcp"
internal_port = 8080
processes = ["app"]
[[services.ports]]
port = 80
"""

# A real HTTP server, a few lines: says where it runs and who asks.
WEB_SERVER = """\
import http.server, os, socket
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"hello from {os.environ['FLY_REGION']}, machine {os.environ['FLY_MACHINE_ID']}, to {self.client_address[0]}\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(("::", 8080), Hello).serve_forever()
"""


class Demo(Lab):
    def __init__(self, build):
        super().__init__("sixpn-demo", build, {region: region for region in REGIONS})
        self.checks = 0
        self.failed = []

    # ---- printing and checking -------------------------------------------------------------------

    def title(self, text):
        print(f"\n== {text}", flush=True)

    def show(self, where, command, output):
        print(f"   {where}$ {command}")
        for line in output.rstrip().splitlines():
            print(f"      {line}")
        sys.stdout.flush()

    def check(self, what, holds, found=""):
        self.checks += 1
        if holds:
            print(f"   ok: {what}", flush=True)
            return
        print(f"   WRONG: {what}" + (f"; found: {found}" if found else ""), flush=True)
        self.failed.append(what)

    def inside(self, region, machine, command, timeout=15):
        """A command inside a machine; shown with its output."""
        code, out, err = self.exec(region, machine, *shlex.split(command), timeout=timeout)
        self.show(f"{region} machine ", command, out or err)
        return code, out

    # ---- the cluster -----------------------------------------------------------------------------

    def start_machine(self, region, app, *words, command):
        machine = self.run_machine(region, app, *words, command=command)
        print(f"   {app} machine {machine['id']} on {region}: {machine['address']}")
        return machine

    def start_apps(self):
        config = self.folder / "fly.toml"
        config.write_text(WEB_CONFIG)
        server = self.folder / "hello.py"
        server.write_text(WEB_SERVER)
        self.sixpn("iad", "apps", "create", "web", "--org", "acme", "--config", str(config))
        self.sixpn("iad", "apps", "create", "shell", "--org", "acme")
        self.sixpn("fra", "apps", "create", "spy", "--org", "globex")
        colours = dict(zip(REGIONS, ("blue", "green", "blue")))
        self.eventually("every host knows the apps",
                        lambda: all(len(json.loads(self.sixpn(r, "--json", "apps", "list"))) == 3
                                    for r in REGIONS))
        self.web = {region: self.start_machine(region, "web", "--metadata",
                                             f"color={colours[region]}",
                                             command=["python3", str(server)])
                    for region in REGIONS}
        self.worker = self.start_machine("fra", "web", "--group", "worker",
                                       command=["sleep", "infinity"])
        self.shell = self.start_machine("fra", "shell", command=["sleep", "infinity"])
        self.spy = self.start_machine("fra", "spy", command=["sleep", "infinity"])
        out = self.sixpn("fra", "ips", "allocate-v6", "--private", "-a", "web")
        self.flycast = re.search(r"fdaa:[0-9a-f:]+", out).group(0)
        print(f"   web's Flycast address: {self.flycast}")

    # ---- what is shown ---------------------------------------------------------------------------

    def dig(self, name, kind="AAAA", where=None):
        region, machine = where or ("fra", self.shell["id"])
        _, out = self.inside(region, machine, f"dig +short +tries=1 {name} {kind}")
        return out.split("\n")[:-1]

    def dig_status(self, name, kind="AAAA", where=None):
        region, machine = where or ("fra", self.shell["id"])
        _, out, _ = self.sixpn(region, "machine", "exec", machine, "--", "dig", "+tries=1", name,
                               kind, must=False)
        status = re.search(r"status: (\w+)", out)
        answers = re.search(r"ANSWER: (\d+)", out)
        seen = (status.group(1) if status else "no answer", int(answers.group(1)) if answers else -1)
        self.show(f"{region} machine ", f"dig {name} {kind}",
                  f"status {seen[0]}, {seen[1]} answers")
        return seen

    def addresses(self, *machines):
        return {machine["address"] for machine in machines}

    def show_addresses(self):
        web = self.web
        every = [*web.values(), self.worker]
        self.eventually("names have reached fra", lambda: len(
            self.sixpn("fra", "machine", "exec", self.shell["id"], "--", "dig", "+short",
                       "web.internal", "AAAA", must=False)[1].split()) == len(every))
        expected = [
            ("web.internal", every),
            ("global.web.internal", every),
            ("iad.web.internal", [web["iad"]]),
            (f"{web['nrt']['id']}.vm.web.internal", [web["nrt"]]),
            ("worker.process.web.internal", [self.worker]),
            ("blue.color.kv._metadata.web.internal", [web["iad"], web["nrt"]]),
        ]
        for name, machines in expected:
            found = self.dig(name)
            self.check(f"{name} names {len(machines)} of web's machines",
                       set(found) == self.addresses(*machines), found)
        self.wait_for_round_trips()
        found = self.dig("top4.nearest.of.web.internal")
        self.check("top4.nearest.of.web lists fra before iad before nrt",
                   set(found[:2]) == self.addresses(web["fra"], self.worker)
                   and found[2:] == [web["iad"]["address"], web["nrt"]["address"]], found)
        self.check("web.flycast is the Flycast address", self.dig("web.flycast") == [self.flycast])
        pointer = self.dig(f"-x {web['iad']['address']}", "")
        self.check("PTR leads back to the machine",
                   pointer == [f"{web['iad']['id']}.vm.web.internal."], pointer)

    def wait_for_round_trips(self):
        """The first measurements hold the tunnel's handshake; a few seconds correct them."""
        far = {"iad": 0.130, "nrt": 0.290}

        def settled():
            trips = {host["name"]: host["round_trip_us"] for host in self.status("fra")["hosts"]}
            return all(trips[name] and trips[name] < limit * 1e6 for name, limit in far.items())

        self.eventually("fra has measured its paths", settled)

    def show_texts(self):
        every = {f"{m['id']} {m['region']}" for m in [*self.web.values(), self.worker]}

        def text(name):
            return "".join(self.dig(name, "TXT")).replace('" "', "").strip('"')

        for prefix in ("", "all."):
            found = text(f"{prefix}vms.web.internal")
            self.check(f"{prefix}vms.web lists every machine", set(found.split(",")) == every, found)
            found = text(f"{prefix}regions.web.internal")
            self.check(f"{prefix}regions.web lists three regions",
                       set(found.split(",")) == set(REGIONS), found)
            found = text(f"{prefix}_instances.internal")
            self.check(f"{prefix}_instances lists acme's five machines and no other's",
                       len(found.split(";")) == 5 and "app=spy" not in found, found)
        found = text("_apps.internal")
        self.check("_apps lists acme's apps only", set(found.split(",")) == {"web", "shell"}, found)
        found = self.dig_status("_peer.internal", "TXT")
        self.check("_peer exists (no peers yet)", found[0] == "NOERROR", found)
        self.check("an A query is NODATA, not NXDOMAIN",
                   self.dig_status("web.internal", "A") == ("NOERROR", 0))
        self.check("an unknown name is NXDOMAIN",
                   self.dig_status("nope.internal")[0] == "NXDOMAIN")

    def show_reach(self):
        for region, least in (("iad", 80), ("nrt", 220)):
            code, out = self.inside("fra", self.shell["id"],
                                    f"ping -6 -c 2 -W 3 {region}.web.internal")
            times = [float(t) for t in re.findall(r"time=([0-9.]+)", out)]
            self.check(f"fra reaches {region} over the mesh, {least} ms or more away",
                       code == 0 and times and min(times) >= least, out)

    def curl(self, where):
        region, machine = where
        code, out = self.inside(region, machine, "curl -sS --max-time 5 http://web.flycast/")
        return out if code == 0 else f"curl exit {code}"

    def show_flycast(self):
        shell = ("fra", self.shell["id"])
        out = self.curl(shell)
        self.check("from fra, web.flycast is answered by fra", "hello from fra" in out, out)
        self.check("the server sees the client's own address", self.shell["address"] in out, out)
        out = self.curl(("nrt", self.web["nrt"]["id"]))
        self.check("from nrt, by nrt", "hello from nrt" in out, out)

    def show_isolation(self):
        spy = ("fra", self.spy["id"])
        self.check("globex does not know web.internal",
                   self.dig_status("web.internal", where=spy)[0] == "NXDOMAIN")
        self.check("globex does not know web.flycast",
                   self.dig_status("web.flycast", where=spy)[0] == "NXDOMAIN")
        for what, machine in (("on its own host", self.web["fra"]), ("elsewhere", self.web["iad"])):
            code, out = self.inside(*spy, f"ping -6 -c 2 -i 0.2 -W 1 {machine['address']}")
            self.check(f"globex cannot ping acme's machine {what}", code != 0, out)
        code, out = self.inside(*spy, f"curl -sS --max-time 2 http://[{self.flycast}]/")
        self.check("globex cannot use acme's Flycast address", code != 0, out)

    def show_loss(self):
        shell = ("fra", self.shell["id"])
        self.sixpn("fra", "machine", "stop", self.web["fra"]["id"])
        print("   web's machine in fra is stopped")
        out = self.curl(shell)
        self.check("now iad answers web.flycast: the next nearest", "hello from iad" in out, out)
        print("   host iad dies: agent, tunnel, machines and link, all at once")
        self.kill_host(self.hosts["iad"])
        gone = self.web["iad"]["address"]
        took = self.eventually("iad's machine is out of the answers", lambda: gone not in self.sixpn(
            "fra", "machine", "exec", self.shell["id"], "--", "dig", "+short", "web.internal", "AAAA",
            must=False)[1].split())
        print(f"   its machine left every answer on fra after {took:.1f} s")
        found = self.dig("web.internal")
        self.check("web.internal names what is left",
                   set(found) == self.addresses(self.web["nrt"], self.worker), found)
        out = self.curl(shell)
        self.check("nrt answers web.flycast now", "hello from nrt" in out, out)
        self.check("fra says that iad is down", "iad" not in self.alive_hosts("fra"))
        print(self.sixpn("fra", "status").rstrip())

    def tell_how_to_look(self):
        host = self.hosts["fra"]
        enter = f"sudo nsenter --net=/run/netns/{host.netns}"
        command = f"{enter} {self.bin['sixpn']} --socket {host.socket}"
        print(textwrap.dedent(f"""
            The cluster stays up (host iad was lost on purpose). Look around from host fra:
              {command} status
              {command} machine list
              {command} dig web.internal --org acme
            and from inside a machine:
              {command} machine exec {self.shell['id']} -- dig web.internal AAAA
              {command} machine exec {self.shell['id']} -- curl http://web.flycast/
            Logs: {self.folder}/*/agent.log. Take it down with: sudo tools/demo --clean"""))

    def play(self):
        self.title("Three hosts, a simulated internet, one cluster")
        self.start_internet()
        took = self.form()
        print(f"   all three hosts see each other ({took:.1f} s after the last one started)")
        self.title("Two organisations: acme with the app web in three regions, globex with a spy")
        self.start_apps()
        self.title("sixpn status, on iad")
        print(self.sixpn("iad", "status").rstrip())
        self.title("Names, asked inside a machine in fra")
        self.show_addresses()
        self.show_texts()
        self.title("Machines reach each other over WireGuard")
        self.show_reach()
        self.title("Flycast: the nearest region answers")
        self.show_flycast()
        self.title("Another organisation sees nothing of it")
        self.show_isolation()
        self.title("A machine stops, a host dies")
        self.show_loss()


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave the cluster up at the end")
    parser.add_argument("--clean", action="store_true", help="take a kept cluster down")
    arguments = parser.parse_args()
    demo = Demo(arguments.build.resolve())
    if arguments.clean:
        demo.clean()
        return 0
    if demo.folder.exists():
        print("tools/demo: a demonstration is up already (or was cut short): sudo tools/demo --clean",
              file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    kept = False
    try:
        demo.play()
        print(f"\n{demo.checks - len(demo.failed)} of {demo.checks} checks hold; "
              f"{time.monotonic() - start:.0f} s")
        for what in demo.failed:
            print(f"WRONG: {what}")
        if arguments.keep:
            demo.tell_how_to_look()
            kept = True
        return 1 if demo.failed else 0
    except (Wrong, subprocess.TimeoutExpired) as wrong:
        print(f"\nWRONG: {wrong}", file=sys.stderr)
        print(demo.logs(), file=sys.stderr)
        return 1
    finally:
        if not kept:
            demo.clean()


if __name__ == "__main__":
    sys.exit(main())
