"""A small QEMU guest with a Debian kernel: what the scripts beside this one share.

The kernel's package is fetched by apt into a cache folder and unpacked there, not installed. The guest prints
"SIXPN-GUEST-EXIT n" before it powers itself off. No acceleration is needed.
"""
import gzip
import os
import re
import shutil
import stat
import subprocess
import sys
import threading

KERNEL_META_PACKAGE = "linux-image-cloud-amd64"
# What the mesh uses, each with what it depends on.
MESH_MODULES = ["wireguard", "veth", "tun", "bridge", "nf_tables", "nft_objref", "nft_socket", "nft_tproxy",
                "nft_reject_inet"]
GUEST_LIMIT_S = 540
SKIP = 77


def skip(reason):
    print(f"skipped: {reason}", file=sys.stderr)
    sys.exit(SKIP)


def kernel_package():
    """The name of the package that the meta package depends on now."""
    known = subprocess.run(["apt-cache", "depends", KERNEL_META_PACKAGE], capture_output=True,
                           text=True)
    found = re.search(r"Depends: (linux-image-\S+)", known.stdout)
    if not found:
        skip(f"apt knows no {KERNEL_META_PACKAGE}: run apt-get update")
    return found.group(1)


def unpacked_kernel(cache):
    """A folder with a kernel package's files; any that was fetched before will do."""
    os.makedirs(cache, exist_ok=True)
    for name in sorted(os.listdir(cache)):
        if name.startswith("linux-image-") and os.path.isdir(os.path.join(cache, name)):
            return os.path.join(cache, name)
    package = kernel_package()
    fetched = subprocess.run(["apt-get", "download", "-q", package], cwd=cache, text=True,
                             capture_output=True)
    archives = [name for name in os.listdir(cache) if name.endswith(".deb")]
    if fetched.returncode != 0 or not archives:
        skip(f"the kernel package {package} cannot be fetched: {fetched.stderr.strip()[-300:]}")
    # Unpacked beside its place and moved there, so that a broken run leaves no half kernel.
    scratch = os.path.join(cache, "unpacking")
    shutil.rmtree(scratch, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-x", os.path.join(cache, archives[0]), scratch], check=True)
    os.rename(scratch, os.path.join(cache, package))
    os.unlink(os.path.join(cache, archives[0]))
    return os.path.join(cache, package)


def module_index(kernel):
    """Module name -> file."""
    index = {}
    for folder, _, files in os.walk(os.path.join(kernel, "lib/modules")):
        for name in files:
            if re.search(r"\.ko(\.xz)?$", name):
                index[name.split(".")[0].replace("-", "_")] = os.path.join(folder, name)
    return index


def module_bytes(path):
    if not path.endswith(".xz"):
        return open(path, "rb").read()
    return subprocess.run(["xz", "-dc", path], capture_output=True, check=True).stdout


def in_load_order(names, index):
    """[(name, bytes)], each after what it depends on (modinfo's `depends` and soft ones)."""
    order, seen = [], set()

    def visit(name):
        name = name.replace("-", "_")
        if name in seen or name not in index:
            return  # built in
        seen.add(name)
        content = module_bytes(index[name])
        for found in re.finditer(rb"\0(?:depends|softdep)=([^\0]*)", content):
            for wanted in re.split(r"[,\s]+", found.group(1).decode()):
                if wanted and not wanted.endswith(":"):
                    visit(wanted)
        order.append((name, content))

    for name in names:
        visit(name)
    return order


def with_libraries(programs):
    """{path in the guest: path here} of the programs and all that ldd lists for them."""
    files = {}
    for guest_path, path in programs.items():
        files[guest_path] = path
        listed = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
        for library in re.findall(r"(/\S+)", listed):
            if os.path.exists(library):
                files[library] = os.path.realpath(library)
    return files


class Archive:
    """A cpio archive in the new ASCII form (initramfs buffer format)."""

    def __init__(self):
        self.parts, self.folders, self.inode = [], set(), 0

    def entry(self, name, mode, content=b""):
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in (header + name.encode() + b"\0", content):
            self.parts.append(part + b"\0" * (-len(part) % 4))

    def file(self, path, content, executable=False):
        path = path.lstrip("/")
        folder = os.path.dirname(path)
        missing = []
        while folder and folder not in self.folders:
            missing.append(folder)
            self.folders.add(folder)
            folder = os.path.dirname(folder)
        for name in reversed(missing):
            self.entry(name, stat.S_IFDIR | 0o755)
        self.entry(path, stat.S_IFREG | (0o755 if executable else 0o644), content)

    def bytes(self):
        self.entry("TRAILER!!!", 0)
        return b"".join(self.parts)


def write_initramfs(path, kernel, programs, modules, init):
    """`programs`: {path in the guest: path here}, their libraries come along; `modules`: names, what they depend on
    comes along; `init`: the text of /init, in which {modules} stands for all their names in order."""
    archive = Archive()
    for folder in ("proc", "sys", "dev", "run", "tmp", "var"):
        archive.folders.add(folder)
        archive.entry(folder, stat.S_IFDIR | 0o755)
    for guest_path, source in with_libraries(programs).items():
        archive.file(guest_path, open(source, "rb").read(), executable=True)
    ordered = in_load_order(modules, module_index(kernel))
    for name, content in ordered:
        archive.file(f"/modules/{name}", content)
    names = " ".join(name for name, _ in ordered)
    archive.file("/init", init.replace("{modules}", names).encode(), executable=True)
    with open(path, "wb") as out:
        out.write(gzip.compress(archive.bytes(), 1))


def run_guest(kernel, initramfs, memory_mb, words="", devices=()):
    """Boots and prints what the guest prints. `words`: of the kernel's command line; `devices`: of qemu's."""
    boot = os.path.join(kernel, "boot")
    image = next(os.path.join(boot, n) for n in os.listdir(boot) if n.startswith("vmlinuz"))
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "2",
               "-m", str(memory_mb), "-kernel", image, "-initrd", initramfs,
               "-append", f"console=ttyS0 quiet panic=-1 {words}", "-display", "none", "-serial", "stdio",
               "-monitor", "none", "-no-reboot", "-nic", "none", *devices]
    guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                             errors="replace")
    exit_code = 1
    timer = threading.Timer(GUEST_LIMIT_S, guest.kill)
    timer.start()
    for line in guest.stdout:
        found = re.match(r"SIXPN-GUEST-EXIT (\d+)", line)
        if found:
            exit_code = int(found.group(1))
        print(line.rstrip(), flush=True)
    timer.cancel()
    guest.wait()
    return exit_code
