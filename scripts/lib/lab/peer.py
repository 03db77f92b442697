# SPDX-License-Identifier: BSD-3-Clause
"""A site: a real Linux kernel with an ordinary GRE tunnel.

Where the running kernel has GRE, a site is a network namespace. Where it has not, a site is a user-mode-linux
kernel (Debian's package), which is a process like any other: it takes the namespace's interface by AF_PACKET,
shows it to its guest as vec0 and has a gre module of its own. Its root is this machine's, read-only, so every
program installed here runs there, too.
"""
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from . import owner
from .network import Namespace
from .process import PATIENCE, LabError, Lines, libc, run, start, until

UML = Path(__file__).resolve().parent.parent / "uml"
_shim = None


def kernel_has_gre():
    """Does this kernel make GRE tunnels? Asked in a namespace, which is gone when the question is answered."""
    ns = Namespace("probe")
    try:
        made = ns.run("ip", "link", "add", "gre1", "type", "gre", "local", "192.0.2.1", "remote", "192.0.2.2",
                      check=False)
        return made.returncode == 0
    finally:
        ns.remove()


def make_peer(name, namespace, interface, kind=None):
    """A site behind `interface` of `namespace`. kind: "kernel", "uml", or None for the one that works here."""
    if kind is None:
        kind = "kernel" if kernel_has_gre() else "uml"
    return KernelPeer(name, namespace, interface) if kind == "kernel" else UmlPeer(name, namespace, interface)


class _Peer:
    """Common to both. launch() starts it, ready() waits until it has booted: several boot side by side.
    `interface` is its name inside; files in `directory` are seen inside and outside."""

    def __init__(self, name, namespace, interface):
        self.name, self.namespace, self.interface = name, namespace, interface
        self.directory = owner.temporary_folder(name)
        self._number = itertools.count(1)

    def gre(self, mac, address, hub, hub_mac, inner, inner_peer, options="", groups="239.0.0.0/8"):
        """Configure it as the classic guide does: an underlay address, gre1 to the hub, multicast through gre1.
        hub_mac None: the hub answers ARP."""
        out = self.interface
        self.sh(f"ip link set {out} down && ip link set {out} address {mac} up && ip addr add {address}/24 dev {out} && "
                + (f"ip neigh replace {hub} lladdr {hub_mac} dev {out} && " if hub_mac else "") +
                f"ip tunnel add gre1 mode gre remote {hub} local {address} ttl 64 {options} && "
                f"ip link set gre1 multicast on up && ip addr add {inner} peer {inner_peer} dev gre1 && "
                f"ip route add {groups} dev gre1")

    def path(self, name):
        """A file of `directory`, as it is called inside."""
        return str(self.directory / name)

    def sh(self, command, seconds=PATIENCE):
        """Run a shell command to its end; its output, or LabError."""
        job = self.spawn(command)
        if not job.wait(seconds):
            raise LabError(f"{self.name}: `{command}` did not end within {seconds:g} s: {job.words()}")
        if job.status:
            raise LabError(f"{self.name}: `{command}` failed with status {job.status}: {job.words()}")
        return job.text("out")

    def until_says(self, job, word, what, seconds=PATIENCE):
        """Wait until a command that goes on has written a word; LabError, with its own words, when it ends before."""
        def has_said():
            if word in job.text():
                return True
            if job.wait(0):
                raise LabError(f"{self.name}: {what}: the command ended with status {job.status}: {job.words()}")
            return False
        until(has_said, f"{self.name}: {what}", seconds)


class _Job:
    """A command inside a site; its output grows in a file."""

    def __init__(self, directory, number):
        self.directory, self.number, self.status = directory, number, None

    def text(self, stream="out"):
        path = self.directory / f"{stream}.{self.number}"
        return path.read_text(errors="replace") if path.exists() else ""

    def words(self):
        """The command's messages about its failure."""
        return self.text("err").strip() or self.text("out").strip() or "it said nothing"


# ---- a namespace of this kernel ----

class _KernelJob(_Job):
    def __init__(self, directory, number, argv):
        super().__init__(directory, number)
        with open(directory / f"out.{number}", "wb") as out, open(directory / f"err.{number}", "wb") as err:
            self.process = start(argv, stdout=out, stderr=err)

    def wait(self, seconds):
        try:
            self.status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def terminate(self):
        """SIGTERM to the command (to the executed program, if it is `exec ...`)."""
        if self.process.poll() is None:
            self.process.terminate()


class KernelPeer(_Peer):
    kind = "this kernel"

    def launch(self):
        self._jobs = []
        self.namespace.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")

    def ready(self, seconds=0.0):
        """There is nothing to wait for."""

    def spawn(self, command):
        job = _KernelJob(self.directory, next(self._number), self.namespace.argv("sh", "-c", command))
        self._jobs.append(job)
        return job

    def stop(self):
        for job in self._jobs:
            if job.process.poll() is None:
                job.process.kill()
                job.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


# ---- user-mode-linux ----

def _build_shim():
    """The library that makes UML's kernel run on today's processors; see its source."""
    global _shim
    if _shim is None:
        _shim = tempfile.NamedTemporaryFile(prefix=owner.label("uml-shim-"), suffix=".so", dir=owner.temporary_root())
        run("gcc", "-O2", "-shared", "-fPIC", "-o", _shim.name, UML / "xstate-shim.c")
    return _shim.name


def _memory_directory():
    """Where guests may keep their memory: a file that is mapped executable, 64 MB each at most."""
    for path in ("/dev/shm", "/tmp", "/var/tmp"):
        try:
            fs = os.statvfs(path)
        except OSError:
            continue
        if not fs.f_flag & os.ST_NOEXEC and fs.f_bavail * fs.f_frsize > 256 << 20:
            return path
    raise LabError("neither /dev/shm nor /tmp has 256 MB and allows executable mappings: "
                   "user-mode-linux cannot run here")


class _UmlJob(_Job):
    def __init__(self, peer, number, command):
        super().__init__(peer.directory, number)
        self._peer, self._since = peer, len(peer.console.lines)
        (peer.directory / f"cmd.{number}").write_text(command + "\n")
        peer.tell(number)

    def wait(self, seconds):
        """The guest prints `done NUMBER STATUS` on its console."""
        found = self._peer.console.wait(rf"^done {self.number} (\d+)", seconds, self._since)
        if found:
            self.status = int(found[0].group(1))
        elif self._peer.process.poll() is not None:
            raise LabError(f"{self._peer.name}: the user-mode-linux kernel died:\n{self._peer.log()}")
        return bool(found)

    def terminate(self):
        """SIGTERM to the command (to the executed program, if it is `exec ...`)."""
        self._peer.sh(f"kill $(cat /run/ctl/pid.{self.number}) 2>/dev/null || true")


class UmlPeer(_Peer):
    kind = "user-mode-linux"

    def path(self, name):
        return f"/run/ctl/{name}"

    def launch(self):
        self.interface, outside = "vec0", self.interface
        shutil.copy(UML / "init", self.directory / "init")
        os.chmod(self.directory / "init", 0o755)

        def isolate():
            # A process group of its own: UML has helper processes, and one signal must reach them all.
            os.setsid()
            libc.prctl(1, signal.SIGKILL, 0, 0, 0)

        environment = {**os.environ, "LD_PRELOAD": _build_shim(), "TMPDIR": _memory_directory()}
        argv = self.namespace.argv(
            "linux.uml", "mem=64M", "rootfstype=hostfs", "rootflags=/", "ro", f"init={self.directory}/init", "quiet",
            "panic=1", "noreboot", "con=null", "con0=fd:0,fd:1", "ssl=null",
            f"vec0:transport=raw,ifname={outside},depth=128", f"peer_ctl={self.directory}", f"peer_name={self.name}",
            f"umid={self.directory.name}", f"uml_dir={self.directory}/")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace", env=environment,
                                        preexec_fn=isolate)
        self.console = Lines(self.process.stdout)

    def ready(self, seconds=PATIENCE):
        if not self.console.wait(r"^ready", seconds):
            log = self.log()
            self.stop()
            raise LabError(f"{self.name}: the user-mode-linux kernel did not boot:\n{log}")

    def log(self):
        return "\n".join(self.console.lines[-40:])

    def tell(self, word):
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def spawn(self, command):
        return _UmlJob(self, next(self._number), command)

    def stop(self):
        """Power off, and end the rest of the process group."""
        if self.process.poll() is None:
            try:
                self.tell("poweroff")
                self.process.wait(3)
            except (OSError, subprocess.TimeoutExpired):
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        # The memory file is unlinked by UML itself as soon as it is mapped; all else is in the directory.
        until(lambda: not _group_alive(self.process.pid), f"{self.name}: its processes end", 5)
        shutil.rmtree(self.directory, ignore_errors=True)


def _group_alive(group):
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False
