"""`tools/bench flycast-steady`: how much later a request is answered through a proxy, at a rate that it carries easily.

The stage and the rivals of bench_flycast.py and bench_flycast_http.py; client and server are steady_load, which times
each request from the moment it was due. What a proxy adds is its figure less that of `direct` in the same run. Rounds
alternate; each figure is the median of its rounds.
"""

import argparse
import contextlib
import signal
import statistics
import subprocess
import sys
import time

from bench_dns import install
from bench_flycast import PACKAGES, Direct, Flycast, Haproxy, Nginx, Stage, Wrong, inside
from bench_flycast_http import HttpHaproxy, HttpNginx

RATE = 3200
SECONDS = 5
ROUNDS = 5
PORTS = {"TCP": ([], (Direct, Haproxy, Nginx, Flycast)),
         "HTTP": (["http"], (Direct, HttpHaproxy, HttpNginx, Flycast))}


class SteadyStage(Stage):
    def serve(self):
        return inside(self.facts["server"], self.tools / "steady_load", "serve", 8080, "abc")

    def load(self, mode, at_once, seconds, address, port):
        """(answers a second, p50 us, p99 us, failures), at `at_once` requests a second; `mode` is a rival's own word."""
        run = inside(self.facts["client"], self.tools / "steady_load", "keep", address, port, at_once,
                     stdout=subprocess.PIPE, text=True)
        time.sleep(seconds)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate()
        if run.returncode != 0:
            raise Wrong(f"steady_load ended with {run.returncode}")
        requests, failed, p50, p99, _ = map(float, output.splitlines()[0].split())
        return [(requests - failed) / seconds, p50 * 1e3, p99 * 1e3, failed]


def measure(stage, rivals, options):
    found = {rival.name: [] for rival in rivals}
    for _ in range(options.rounds):
        for rival in rivals:
            before = rival.seconds()
            rate, p50, p99, failed = stage.load("steady", options.rate, options.seconds, *rival.endpoint())
            used = (rival.seconds() - before) / max(rate * options.seconds, 1) * 1e6
            found[rival.name].append((used, p50, p99, failed))
    return {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}


def tell(kind, found):
    _, direct50, direct99, _ = found["direct"]
    for name, (used, p50, p99, failed) in found.items():
        wrong = f"   {failed:.0f} FAILED" if failed else ""
        print(f"{kind:<5} {name:<8} {used:6.1f} us CPU each   p50 {p50:7.0f} us (+{p50 - direct50:.0f})   "
              f"p99 {p99:7.0f} us (+{p99 - direct99:.0f}){wrong}", flush=True)


def run(build, arguments):
    parser = argparse.ArgumentParser(prog="tools/bench flycast-steady")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=int, default=RATE, help="requests a second")
    parser.add_argument("--only", choices=PORTS, help="one kind of port")
    options = parser.parse_args(arguments)
    install(PACKAGES)
    for kind in [options.only] if options.only else PORTS:
        words, rivals = PORTS[kind]
        stage = SteadyStage(build, *words)
        with contextlib.ExitStack() as stack:
            stack.callback(stage.close)
            between = []
            for each in rivals:
                rival = each(stage)
                rival.start()
                stack.callback(rival.close)
                between.append(rival)
            tell(kind, measure(stage, between, options))


if __name__ == "__main__":
    try:
        run(sys.argv[1], sys.argv[2:])
    except Wrong as wrong:
        sys.exit(f"tools/bench flycast-steady: {wrong}")
