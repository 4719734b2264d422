"""Runs one program contained: a program of its own, started by `contain.py`, that imports nothing of gonogo.

What runs inside is an unprivileged user without capabilities, in user, mount, network, process and IPC namespaces of
its own. It sees a root made for it: the folders that it is given to read, a few devices, and one folder to write to.
Nothing of /proc or /sys is there. When this program dies everything inside dies.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

REFUSED = 125  # the exit code where nothing was run, because the containment could not be made
PREFIX = "gonogo: no containment: "
NEW_NAMESPACES = 0x00020000 | 0x08000000 | 0x20000000 | 0x40000000 | 0x04000000  # mount, IPC, process, network, UTS
NEW_USER = 0x10000000
MS_BIND, MS_RECURSIVE, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 0x40000, 2
READ_ONLY, NO_SUID, NO_DEVICES = 1, 2, 4  # attributes of a mount
MOUNT_SETATTR, AT_HERE, AT_RECURSIVE = 442, -100, 0x8000
DEATH_SIGNAL, DUMPABLE, DROP_BOUNDING, NO_NEW_PRIVILEGES, AMBIENT, CLEAR_AMBIENT = 1, 4, 24, 38, 47, 4
CAPABILITY_VERSION = 0x20080522
HIGHEST_CAPABILITY = 63
DEVICES = ("null", "zero", "random", "urandom")
MOST_PROCESSES = 256
ROOT_BYTES = 2**20  # of the root's own file system: folders to mount on, nothing else
FIRST_TO_DIE = "1000"  # where memory runs out

libc = ctypes.CDLL(None, use_errno=True)


def called(name: str, *arguments: Any) -> int:
    """Call a function of the C library. Raises OSError that names it."""
    result = int(getattr(libc, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2)."""
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    called("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def restrict(path: str, attributes: int, *, recursive: bool = True) -> None:
    """Add attributes to a mount; those that it has stay."""
    wanted = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    flags = AT_RECURSIVE if recursive else 0
    called("syscall", MOUNT_SETATTR, AT_HERE, path.encode(), flags, ctypes.byref(wanted), ctypes.sizeof(wanted))


def become_root_of_a_namespace() -> None:
    """An ordinary user gets the right to mount in a user namespace of its own, in which it is nobody else."""
    uid, gid = os.geteuid(), os.getegid()
    called("unshare", NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def make_root(root: str, given: dict[str, Any]) -> None:
    """A root of its own with what is given to read and the one folder to write to, which is where we are."""
    mount("none", "/", None, MS_RECURSIVE | MS_PRIVATE)
    mount("gonogo", root, "tmpfs", NO_SUID | NO_DEVICES, f"mode=0755,size={ROOT_BYTES}")
    for source, path in given["read_only"]:
        show(root, source, path)
    for name in DEVICES:
        bind(f"/dev/{name}", f"{root}/dev/{name}", READ_ONLY | NO_SUID)
    if given["semaphores"]:  # they are files, whose place is fixed; the folder is one of the box
        bind(given["semaphores"], f"{root}/dev/shm", NO_SUID | NO_DEVICES)  # noqa: S108 - of the new root
    write(f"{root}/etc/passwd", f"contained:x:{given['uid']}:{given['gid']}::{given['box']}:/bin/false\n")
    write(f"{root}/etc/group", f"contained:x:{given['gid']}:\n")
    Path(root + given["box"]).mkdir(parents=True, exist_ok=True)
    mount(".", root + given["box"], None, MS_BIND)
    restrict(root + given["box"], NO_SUID | NO_DEVICES)


def show(root: str, source: str, path: str) -> None:
    """Let a folder or file be read as `path`. Links at the top (/bin, /lib64) are made again."""
    if Path(source).is_symlink():
        Path(root + path).symlink_to(Path(source).readlink())
    elif Path(source).exists():
        bind(source, root + path, READ_ONLY | NO_SUID | NO_DEVICES)


def bind(source: str, target: str, attributes: int) -> None:
    """The same thing at a second place, restricted."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    if Path(source).is_dir():
        Path(target).mkdir(exist_ok=True)
    else:
        Path(target).touch()
    mount(source, target, None, MS_BIND | MS_RECURSIVE)
    restrict(target, attributes)


def write(path: str, text: str) -> None:
    """A file of the new root."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def enter_root(root: str, box: str) -> None:
    """Make it the root, and let go of the old one."""
    restrict(root, READ_ONLY | NO_SUID | NO_DEVICES, recursive=False)
    os.chdir(root)
    called("pivot_root", b".", b".")
    called("umount2", b".", MNT_DETACH)
    os.chdir(box)


def become(uid: int, gid: int, proc: int, sysctl: int) -> None:
    """Root becomes the user, in a user namespace where nobody else exists. No more namespaces from here on."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        called("prctl", DUMPABLE, 1, 0, 0, 0)  # else our own folder of /proc belongs to root
        called("unshare", NEW_USER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            put(proc, name, text)
    put(sysctl, "max_user_namespaces", "0")


def put(folder: int, name: str, text: str) -> None:
    """Write a file of /proc through a folder that was opened before the old root went away."""
    file = os.open(name, os.O_WRONLY, dir_fd=folder)
    os.write(file, text.encode())
    os.close(file)


def drop_everything(most_bytes: int | None) -> None:
    """No capabilities, no way to get any, few processes, no core files, no file larger than it may be."""
    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (MOST_PROCESSES, MOST_PROCESSES))
    os.umask(0o077)
    for capability in range(HIGHEST_CAPABILITY + 1):
        libc.prctl(DROP_BOUNDING, capability, 0, 0, 0)  # those that this kernel does not know are refused
    called("prctl", AMBIENT, CLEAR_AMBIENT, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    called("capset", ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
    called("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def first_process(given: dict[str, Any]) -> NoReturn:
    """The namespace's first process: it starts the program, buries orphans, and takes everything with it at the end."""
    program = os.fork()
    if not program:
        work(given)
    while True:
        pid, status = os.wait()
        if pid == program:
            os._exit(code_of(status))


def work(given: dict[str, Any]) -> NoReturn:
    """The program itself, or a look at what it would see."""
    if given["probe"] is not None:
        os.write(1, json.dumps(seen(given["probe"])).encode())
        os._exit(0)
    source = os.open(given["stdin"] or "/dev/null", os.O_RDONLY)
    os.dup2(source, 0)
    try:
        os.execv(given["command"][0], given["command"])  # noqa: S606 - a shell would read what somebody else wrote
    except OSError as error:
        refuse(f"{given['command'][0]} cannot be run: {error.strerror}")


def seen(paths: list[str]) -> dict[str, Any]:
    """What can be done in here, by trying; `paths` are there outside and must not be here."""
    outside = [path for path in ("/", "/usr", "/etc", "/dev", "/tmp", "/var/tmp", "/dev/shm") if writable(path)]  # noqa: S108
    return {
        "user": os.getuid(),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "network": reaches_network(),
        "writable": outside,
        "box": writable("."),
        "processes": Path("/proc/1").exists() or os.getpid() > MOST_PROCESSES,
        "seen": [path for path in paths if os.path.lexists(path)],
        "namespaces": libc.unshare(NEW_USER) == 0,
    }


def writable(folder: str) -> bool:
    """Whether a file can be made there."""
    path = Path(folder, ".gonogo-probe")
    try:
        path.touch()
        path.unlink()
    except OSError:
        return False
    return True


def reaches_network() -> bool:
    """Whether a packet to another host would be sent. Nothing is sent: this only asks for a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))  # kept for documents: nobody's
        except OSError:
            return False
    return True


def code_of(status: int) -> int:
    """As a shell tells it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def refuse(reason: str) -> NoReturn:
    """End without having run anything."""
    os.write(2, f"{PREFIX}{reason}\n".encode())
    os._exit(REFUSED)


def main() -> None:
    """Contain ourselves, then start the program and wait for it."""
    given = json.loads(sys.argv[1])
    try:
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_DIE)
        os.chdir(given["box"])
        if os.geteuid() != 0:
            become_root_of_a_namespace()
        called("unshare", NEW_NAMESPACES)
        make_root(given["root"], given)
        proc, sysctl = (os.open(path, os.O_PATH | os.O_DIRECTORY) for path in ("/proc/self/", "/proc/sys/user"))
        enter_root(given["root"], given["box"])
        become(given["uid"], given["gid"], proc, sysctl)
        os.close(proc)
        os.close(sysctl)
        child = os.fork()
        if not child:
            called("prctl", DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
            drop_everything(given["most"])
            first_process(given)
    except (OSError, AttributeError) as error:
        refuse(str(error))
    called("prctl", DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)  # a change of user has forgotten it
    sys.exit(code_of(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
