#!/usr/bin/env python3
"""Runs a test program in a small QEMU guest with a Debian kernel, which has WireGuard.

Usage: run.py --cache FOLDER PROGRAM [ARGUMENT...]

The initramfs holds the program, the programs it runs, their libraries, and the modules of the mesh. A boot
takes under ten seconds. Exit code: the program's; 77 when no kernel package can be had; 1 when the guest fails.
"""
import argparse
import os
import shutil
import sys

from guest import MESH_MODULES, run_guest, unpacked_kernel, write_initramfs

PROGRAMS = ["ip", "nft", "ping", "wg", "busybox"]
GUEST_MEMORY_MB = 768

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin GTEST_COLOR=no
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/net /run /tmp /var/run
for module in {modules}; do insmod /modules/$module || echo "insmod $module failed"; done
ip link set lo up
cd /
/test-program {arguments}
echo "SIXPN-GUEST-EXIT $?"
poweroff -f
"""


def build_initramfs(kernel, program, arguments, path):
    programs = {"/test-program": program}
    for name in PROGRAMS:
        programs["/bin/" + name] = shutil.which(name) or sys.exit(f"{name} is not installed")
    words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in arguments)
    write_initramfs(path, kernel, programs, MESH_MODULES, INIT.replace("{arguments}", words))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", required=True)
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    kernel = unpacked_kernel(options.cache)
    initramfs = os.path.join(options.cache, f"initramfs.{os.getpid()}")
    try:
        build_initramfs(kernel, options.program, options.arguments, initramfs)
        sys.exit(run_guest(kernel, initramfs, GUEST_MEMORY_MB))
    finally:
        if os.path.exists(initramfs):
            os.unlink(initramfs)


if __name__ == "__main__":
    main()
