#!/usr/bin/env python3
"""Runs tests/vm/systemd_checks.sh in a QEMU guest that is a small Debian: its systemd, its systemd-resolved, our unit.

Usage: systemd.py --cache FOLDER --programs FOLDER

The guest's packages are fetched by apt into the cache folder and unpacked there, nothing is installed on this
machine: packages that would change its name lookup stay in the guest. Their configuration scripts do not run;
what of them matters here is done below. Exit code: 0 when each check passed, 1 when not, 77 when the packages
cannot be had.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

from guest import MESH_MODULES, SKIP, run_guest, skip, unpacked_kernel, with_libraries, write_initramfs

PACKAGES = ["systemd-sysv", "systemd-resolved", "dbus", "bash", "coreutils", "findutils", "grep", "sed", "mawk", "util-linux", "mount", "login",
            "base-passwd", "base-files", "procps", "iproute2", "nftables", "iputils-ping", "bind9-dnsutils", "busybox", "libc-bin"]
PROGRAMS = {"sixpnd": "usr/sbin", "sixpn-shim": "usr/sbin", "sixpn": "usr/bin"}
IMAGE_MB = 700
MEMORY_MB = 768
DISK_MODULES = ["virtio_pci", "virtio_blk", "ext4"]

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in {modules}; do insmod /modules/$module || echo "insmod $module failed"; done
mkdir -p /root
until [ -b /dev/vda ]; do :; done
mount -t ext4 /dev/vda /root
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /lib/systemd/systemd
"""

# The checks' own unit: what it says goes to the serial line, and the guest ends with it.
CHECKS_UNIT = """[Unit]
Description=the checks
After=multi-user.target systemd-resolved.service dbus.service

[Service]
Type=oneshot
ExecStart=/bin/bash /checks.sh
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
TimeoutStartSec=infinity

[Install]
WantedBy=multi-user.target
"""


def packages_in(cache):
    """The folder with the archives of PACKAGES and all they depend on, as of a machine where nothing is installed."""
    folder = pathlib.Path(cache, "systemd-packages").resolve()
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    status = folder / "status"
    status.touch()
    fetched = subprocess.run(
        ["apt-get", "-q", "-y", "--download-only", "-o", f"Dir::State::status={status}",
         "-o", f"Dir::Cache::archives={folder}", "-o", "Debug::NoLocking=1",
         "-o", "APT::Install-Recommends=false", "install", *PACKAGES], text=True, capture_output=True)
    if fetched.returncode != 0:
        skip(f"the guest's packages cannot be fetched: {fetched.stderr.strip()[-300:]}")
    return sorted(folder.glob("*.deb"))


def unpack(archives, root):
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    # These bring the links from /bin, /sbin and /lib into /usr, where the guest has them as Debian does.
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to("usr/" + name)
    for archive in archives:
        tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", root], stdin=tar.stdout, check=True)
        if tar.wait() != 0:
            sys.exit(f"{archive} cannot be unpacked")


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def configure(root):
    """What the packages' own scripts would do, as far as this guest needs it."""
    for name in ("passwd", "group"):
        shutil.copy(root / "usr/share/base-passwd" / f"{name}.master", root / "etc" / name)
    with open(root / "etc/passwd", "a") as users, open(root / "etc/group", "a") as groups:
        for number, name in ((101, "messagebus"), (102, "systemd-resolve"), (103, "systemd-network")):
            users.write(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
            groups.write(f"{name}:x:{number}:\n")
    (root / "usr/bin/awk").symlink_to("mawk")
    write(root / "etc/fstab", "/dev/vda / ext4 defaults 0 0\n")
    write(root / "etc/hostname", "guest\n")
    write(root / "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    write(root / "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    write(root / "etc/machine-id", "5ec2d0a4f1b84d0c9f4d6a1e8c3b7a90\n")
    resolv_conf = root / "etc/resolv.conf"
    resolv_conf.unlink(missing_ok=True)
    resolv_conf.symlink_to("../run/systemd/resolve/stub-resolv.conf")
    units = root / "etc/systemd/system"
    for target, unit in (("sysinit.target", "systemd-resolved.service"), ("multi-user.target", "checks.service")):
        wants = units / f"{target}.wants"
        wants.mkdir(parents=True, exist_ok=True)
        folder = "/etc" if unit == "checks.service" else "/lib"
        (wants / unit).symlink_to(f"{folder}/systemd/system/{unit}")
    (units / "dbus-org.freedesktop.resolve1.service").symlink_to("/lib/systemd/system/systemd-resolved.service")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for unit in ("serial-getty@ttyS0.service", "getty@tty1.service", "apt-daily.timer", "fstrim.timer"):
        (units / unit).symlink_to("/dev/null")
    subprocess.run(["ldconfig", "-r", root], check=True)


def install_sixpn(root, programs, source):
    """As docs/guide.md says, section 'A cluster'."""
    placed = {f"/{folder}/{name}": str(programs / name) for name, folder in PROGRAMS.items()}
    for guest_path, path in with_libraries(placed).items():
        target = root / guest_path.lstrip("/")
        if guest_path in placed or not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            target.chmod(0o755)
    shutil.copy(source / "packaging/sixpnd.service", root / "etc/systemd/system/sixpnd.service")
    (root / "etc/tmpfiles.d").mkdir(exist_ok=True)
    shutil.copy(source / "packaging/sixpn.tmpfiles.conf", root / "etc/tmpfiles.d/sixpn.conf")
    write(root / "etc/systemd/system/checks.service", CHECKS_UNIT)
    shutil.copy(source / "tests/vm/systemd_checks.sh", root / "checks.sh")
    subprocess.run(["ldconfig", "-r", root], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", required=True)
    parser.add_argument("--programs", required=True, type=pathlib.Path)
    options = parser.parse_args()
    source = pathlib.Path(__file__).resolve().parents[2]
    for program in ("qemu-system-x86_64", "mke2fs"):
        if shutil.which(program) is None:
            print(f"{program} is not installed", file=sys.stderr)
            sys.exit(SKIP)
    kernel = unpacked_kernel(options.cache)
    scratch = pathlib.Path(options.cache, f"systemd.{os.getpid()}").resolve()
    root, image, initramfs = scratch / "root", scratch / "disk", scratch / "initramfs"
    try:
        unpack(packages_in(options.cache), root)
        configure(root)
        install_sixpn(root, options.programs, source)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, image, f"{IMAGE_MB}M"], check=True)
        write_initramfs(initramfs, kernel, {"/bin/busybox": shutil.which("busybox")},
                        [*DISK_MODULES, *MESH_MODULES], INIT)
        sys.exit(run_guest(kernel, str(initramfs), MEMORY_MB, words="systemd.show_status=no",
                           devices=["-drive", f"file={image},format=raw,if=virtio,cache=unsafe"]))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
