"""`tools/bench dns-beside`: how late our own names are answered while foreign names are asked of an upstream that answers,
is dead, or floods.

One answering thread of ours has a processor; who asks, and the upstream, have the other one. Own names are asked 2,000 times a second,
one at a time (dns_probe); beside them, as often, foreign names that nobody asked before. A dead upstream reads nothing; one that floods
sends whoever asked it datagrams that answer nothing. Conditions alternate; each figure is the median of its rounds.
"""

import argparse
import multiprocessing
import os
import pathlib
import random
import socket
import statistics
import struct
import sys
import time

import bench_dns
from bench_dns import CLIENT_CPU, PACE
from bench_dns_forward import UPSTREAM_PORT, OursForwarding, Upstream

FLOOD = 20_000  # datagrams a second
CONDITIONS = ("nothing asked", "answers", "dead", "floods")


def foreign(port, seconds):
    """Asks PACE names a second that do not exist, and reads no answer."""
    os.sched_setaffinity(0, {CLIENT_CPU})
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.connect(("::1", port))
    salt = random.getrandbits(40)
    began = time.monotonic()
    asked = 0
    while (now := time.monotonic() - began) < seconds:
        while asked < now * PACE:
            label = f"x{salt:x}-{asked}".encode()
            end.send(struct.pack("!HHHHHH", asked & 0xffff, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label +
                     b"\7example\0" + struct.pack("!HH", 28, 1))
            asked += 1
        time.sleep(0.001)


def bad_upstream(ready, floods):
    """On the upstream's port: reads nothing, or answers every source with noise, for ever."""
    os.sched_setaffinity(0, {CLIENT_CPU})
    end = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    end.bind(("::1", UPSTREAM_PORT))
    end.setblocking(False)
    ready.set()
    sources = []
    noise = os.urandom(200)
    while True:
        time.sleep(0.002)
        if not floods:
            continue
        try:
            while True:
                sources = [end.recvfrom(4096)[1], *sources[:31]]
        except BlockingIOError:
            pass
        for number in range(FLOOD // 500 if sources else 0):
            try:
                end.sendto(noise, sources[number % len(sources)])
            except OSError:  # it has closed that port
                pass


class BadUpstream:
    def __init__(self, floods):
        ready = multiprocessing.Event()
        self.process = multiprocessing.Process(target=bad_upstream, args=(ready, floods), daemon=True)
        self.process.start()
        ready.wait(10)

    def stop(self):
        self.process.terminate()
        self.process.join()


def begin_upstream(build, condition):
    if condition in ("dead", "floods"):
        return BadUpstream(condition == "floods")
    upstream = Upstream(build, UPSTREAM_PORT)
    upstream.start()
    return upstream


class Resolver(OursForwarding):
    def answers(self):
        """Of its own name: the upstream may be dead."""
        return "fdaa:" in bench_dns.subprocess.run(
            ["dig", "@::1", "-p", str(self.port), "+time=1", "+tries=1", "+short", "app0.internal", "AAAA"],
            capture_output=True, text=True).stdout


def one_round(build, condition, seconds, file):
    upstream = begin_upstream(build, condition)
    server = Resolver(build, 5490)
    try:
        server.start()
        asking = multiprocessing.Process(target=foreign, args=(server.port, seconds + 1), daemon=True)
        if condition != "nothing asked":
            asking.start()
            time.sleep(0.5)  # the flood is on, the upstream found out
        out = bench_dns.probe(server, "latency", "::1", server.port, seconds, PACE, file)
        if condition != "nothing asked":
            asking.join()
        return float(out[0]), float(out[3])  # "42.0 us median, 71.0 us 99th percentile, ..."
    finally:
        if hasattr(server, "process"):
            server.stop()
        upstream.stop()


def run(build, arguments):
    parser = argparse.ArgumentParser(prog="tools/bench dns-beside")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    chosen = parser.parse_args(arguments)
    bench_dns.install([Upstream.package])
    found = {condition: [] for condition in CONDITIONS}
    with bench_dns.question_file(["app0.internal AAAA"]) as file:
        for _ in range(chosen.rounds):
            for condition in CONDITIONS:
                found[condition].append(one_round(build, condition, chosen.seconds, file))
    print(f"own names, {PACE:,} a second ({chosen.rounds} rounds of {chosen.seconds} s, medians)")
    for condition, rows in found.items():
        median, late = (statistics.median(column) for column in zip(*rows))
        print(f"  upstream: {condition:<16}{median:8.0f} us median{late:8.0f} us 99th percentile", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]))
