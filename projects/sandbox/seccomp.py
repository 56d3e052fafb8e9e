"""A system-call filter without network, written for the kernel's own virtual machine.

The filter is put on by the process itself, after its start and before it touches foreign data,
and can never be taken off again. It lists what is denied: numeric libraries use many harmless calls,
and a list of allowed ones would break with every new version of them. What the kernel learns after this list was
written does not exist inside. Lengths of files are changed through open descriptors only, rights, times and other
attributes not at all: Landlock does not guard these calls, and a descriptor may be of the program's own code, which
a child may read. Nor does a process set priorities: they reach every process of the same user. Nor does it
have descriptors send signals to others, hold up those who open a file, or watch what happens in folders that it may
not read. Nor does it keep a file without a name where nobody can count it: in the memory of the kernel, on the way
through a socket, in a rule of its own, or in a thread that has descriptors apart. A pair of sockets carries a stream:
a datagram may be addressed to any socket in the file system.
"""

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass, field

# From linux/prctl.h, linux/seccomp.h, linux/filter.h and linux/audit.h.
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_TSYNC = 1  # all threads of the process
RET_ALLOW = 0x7FFF0000
RET_KILL_PROCESS = 0x80000000
RET_ERRNO = 0x00050000
LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K
OFFSET_NUMBER, OFFSET_ARCHITECTURE, OFFSET_ARGUMENTS = 0, 4, 16  # in struct seccomp_data
X32_BIT = 0x40000000  # the third ABI of x86-64 has its own numbers
PR_SET_DUMPABLE = 4
PR_SET_PDEATHSIG, SIGKILL = 1, 9  # taking it back would let a process outlive its worker
CLONE_THREAD, CLONE_FILES = 0x00010000, 0x00000400
AF_UNIX, NOT_STREAM = 1, 0b1110  # of the kinds of sockets, only SOCK_STREAM has none of these bits
NEW_NAMESPACES = 0x7E020080  # CLONE_NEWTIME, NS, CGROUP, UTS, IPC, USER, PID, NET
SET_OWN, SET_SIGNAL, SET_OWN_EX = 8, 10, 15  # of fcntl: whom a descriptor tells of news, by which signal
SET_LEASE = 1024  # of fcntl: everyone else who opens the file waits for most of a minute
# Of ioctl: terminal or not and its size (TCGETS, TIOCGWINSZ), bytes that wait (FIONREAD), and how a descriptor behaves
# (FIONBIO, FIONCLEX, FIOCLEX). Others set a file's attributes, type into a terminal, or have sockets send signals.
HARMLESS_CONTROLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)

# Numbers above 423 are the same on every architecture.
SAME_EVERYWHERE = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,  # would do network and files behind the filter's back
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "clone3": 435,  # its flags lie behind a pointer
    "close_range": 436,  # could give a thread descriptors of its own
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "landlock_create_ruleset": 444,  # a rule keeps the file that it is about
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
    "memfd_secret": 447,
    "fchmodat2": 452,
}
FIRST_UNKNOWN = 463  # setxattrat, of Linux 6.13; what follows did not exist when this was written, or sets attributes
ABSENT = ("clone3", "close_range")  # libraries do without them where the kernel says that it has none


@dataclass(frozen=True, slots=True)
class Machine:
    """What differs between processors."""

    audit: int
    seccomp: int  # number of the call that puts the filter on
    numbers: dict[str, int] = field(default_factory=dict)


MACHINES = {
    "x86_64": Machine(
        audit=0xC000003E,
        seccomp=317,
        numbers={
            "socket": 41, "socketpair": 53, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288,
            "execve": 59, "execveat": 322, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
            "kcmp": 312, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "add_key": 248, "request_key": 249,
            "keyctl": 250, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
            "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320,
            "reboot": 169, "swapon": 167, "swapoff": 168, "acct": 163, "quotactl": 179, "settimeofday": 164,
            "clock_settime": 227, "clock_adjtime": 305, "adjtimex": 159, "sethostname": 170, "setdomainname": 171,
            "iopl": 172, "ioperm": 173, "personality": 135, "open_by_handle_at": 304, "name_to_handle_at": 303,
            "fanotify_init": 300, "setsid": 112, "setpgid": 109, "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297,
            "tkill": 200, "setrlimit": 160, "mknod": 133, "mknodat": 259, "syslog": 103, "vhangup": 153,
            "shmget": 29, "shmat": 30, "shmctl": 31, "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220,
            "msgget": 68, "msgsnd": 69, "msgrcv": 70, "msgctl": 71, "mq_open": 240, "mq_unlink": 241,
            "truncate": 76, "chmod": 90, "chown": 92, "lchown": 94, "fchownat": 260, "fchmodat": 268,
            "fchmod": 91, "fchown": 93, "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190,
            "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
            "sendmsg": 46, "sendmmsg": 307, "memfd_create": 319,
            "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280,
            "setpriority": 141, "ioprio_set": 251, "sched_setparam": 142, "sched_setscheduler": 144,
            "sched_setaffinity": 203, "sched_setattr": 314, "migrate_pages": 256, "move_pages": 279,
            "kill": 62, "tgkill": 234, "prlimit64": 302, "clone": 56, "fork": 57, "vfork": 58, "ioctl": 16,
            "prctl": 157, "fallocate": 285, "fcntl": 72, "inotify_init": 253, "inotify_init1": 294,
        },
    ),
    "aarch64": Machine(
        audit=0xC00000B7,
        seccomp=277,
        numbers={
            "socket": 198, "socketpair": 199, "connect": 203, "accept": 202, "bind": 200, "listen": 201, "accept4": 242,
            "execve": 221, "execveat": 281, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271,
            "kcmp": 272, "bpf": 280, "perf_event_open": 241, "userfaultfd": 282, "add_key": 217, "request_key": 218,
            "keyctl": 219, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268,
            "init_module": 105, "finit_module": 273, "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294,
            "reboot": 142, "swapon": 224, "swapoff": 225, "acct": 89, "quotactl": 60, "settimeofday": 170,
            "clock_settime": 112, "clock_adjtime": 266, "adjtimex": 171, "sethostname": 161, "setdomainname": 162,
            "personality": 92, "open_by_handle_at": 265, "name_to_handle_at": 264,
            "fanotify_init": 262, "setsid": 157, "setpgid": 154, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240,
            "tkill": 130, "setrlimit": 164, "mknodat": 33, "syslog": 116, "vhangup": 58,
            "shmget": 194, "shmat": 196, "shmctl": 195, "semget": 190, "semop": 193, "semctl": 191, "semtimedop": 192,
            "msgget": 186, "msgsnd": 189, "msgrcv": 188, "msgctl": 187, "mq_open": 180, "mq_unlink": 181,
            "truncate": 45, "fchownat": 54, "fchmodat": 53, "fchmod": 52, "fchown": 55,
            "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
            "sendmsg": 211, "sendmmsg": 269, "memfd_create": 279,
            "utimensat": 88, "setpriority": 140, "ioprio_set": 30, "sched_setparam": 118, "sched_setscheduler": 119,
            "sched_setaffinity": 122, "sched_setattr": 274, "migrate_pages": 238, "move_pages": 239,
            "kill": 129, "tgkill": 131, "prlimit64": 261, "clone": 220, "ioctl": 29, "prctl": 167, "fallocate": 47,
            "fcntl": 25, "inotify_init1": 26,
        },
    ),
}  # fmt: skip
WITH_CONDITION = {
    "kill", "tgkill", "prlimit64", "clone", *ABSENT, "fcntl", "ioctl", "prctl", "fallocate", "socketpair",
}  # fmt: skip
FORKS = {"fork", "vfork"}


class FilterError(OSError):
    """The kernel did not take the filter."""


def machine() -> Machine | None:
    """Describe this processor; None where no filter was written for it."""
    return MACHINES.get(platform.machine()) if platform.system() == "Linux" and _is_64_bit() else None


def _is_64_bit() -> bool:
    return struct.calcsize("P") == struct.calcsize("Q")


def _statement(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


def _refuse(number: int) -> bytes:
    return _statement(RETURN, RET_ERRNO | number)


def _deny(number: int, error: int = errno.EPERM) -> bytes:
    return _statement(JUMP_EQUAL, number, 0, 1) + _refuse(error)


def _argument(index: int, *, high: bool = False) -> bytes:
    """Load half of an argument; both architectures are little-endian."""
    return _statement(LOAD_WORD, OFFSET_ARGUMENTS + 8 * index + (4 if high else 0))


def _when(number: int, body: bytes) -> bytes:
    """Run the body for one call; the body ends with a verdict on every path."""
    return _statement(JUMP_EQUAL, number, 0, len(body) // 8) + body


ALLOW = _statement(RETURN, RET_ALLOW)
REFUSE = _refuse(errno.EPERM)


def program(target: Machine, *, own_process: int, may_fork: bool = False) -> bytes:
    """Write the filter for a processor and a process; without ``may_fork`` it gets threads only."""
    numbers = target.numbers | SAME_EVERYWHERE
    spared = WITH_CONDITION | (FORKS if may_fork else set())
    parts = [
        _statement(LOAD_WORD, OFFSET_ARCHITECTURE),
        _statement(JUMP_EQUAL, target.audit, 1, 0),
        _statement(RETURN, RET_KILL_PROCESS),
        _statement(LOAD_WORD, OFFSET_NUMBER),
        _statement(JUMP_AT_LEAST, X32_BIT, 0, 1),
        _statement(RETURN, RET_KILL_PROCESS),
        _statement(JUMP_AT_LEAST, FIRST_UNKNOWN, 0, 1),
        _refuse(errno.ENOSYS),
        *[_deny(number) for name, number in numbers.items() if name not in spared],
        _deny(numbers["fallocate"], errno.EOPNOTSUPP),  # it would fill a disk at once; the C library writes instead
        *[_deny(numbers[name], errno.ENOSYS) for name in ABSENT],
        _when(numbers["kill"], _only_if_equal(0, own_process)),
        _when(numbers["tgkill"], _only_if_equal(0, own_process)),
        _when(numbers["prlimit64"], _only_without_new_limit()),
        _when(numbers["clone"], _clone_body(may_fork=may_fork)),
        _when(numbers["fcntl"], _unless_one_of(1, SET_OWN, SET_SIGNAL, SET_OWN_EX, SET_LEASE)),
        _when(numbers["ioctl"], _only_one_of(1, *HARMLESS_CONTROLS)),
        _when(numbers["prctl"], _prctl_body()),
        _when(numbers["socketpair"], _only_streams()),
        ALLOW,
    ]
    return b"".join(parts)


def _only_if_equal(index: int, value: int) -> bytes:
    return _argument(index) + _statement(JUMP_EQUAL, value, 1, 0) + REFUSE + ALLOW


def _unless_one_of(index: int, *values: int) -> bytes:
    return _argument(index) + b"".join(map(_deny, values)) + ALLOW


def _only_one_of(index: int, *values: int) -> bytes:
    """Let some values through; for others, a file answers that it is no such device."""
    allow = [_statement(JUMP_EQUAL, value, 0, 1) + ALLOW for value in values]
    return _argument(index) + b"".join(allow) + _refuse(errno.ENOTTY)


def _only_without_new_limit() -> bytes:
    """Let limits be read: both halves of the pointer to a new limit must be zero."""
    low = _argument(2) + _statement(JUMP_EQUAL, 0, 0, 2)
    high = _argument(2, high=True) + _statement(JUMP_EQUAL, 0, 1, 0)
    return low + high + REFUSE + ALLOW


def _clone_body(*, may_fork: bool) -> bytes:
    namespaces = _argument(0) + _statement(JUMP_ANY_BIT, NEW_NAMESPACES, 0, 1) + REFUSE
    threads_only = b"" if may_fork else _statement(JUMP_ANY_BIT, CLONE_THREAD, 1, 0) + REFUSE
    apart = _statement(JUMP_ANY_BIT, CLONE_THREAD, 0, 2) + _statement(JUMP_ANY_BIT, CLONE_FILES, 1, 0) + REFUSE
    return namespaces + threads_only + apart + ALLOW


def _prctl_body() -> bytes:
    hides = _argument(0) + _statement(JUMP_EQUAL, PR_SET_DUMPABLE, 0, 1) + REFUSE  # its files could not be seen
    asks_for_it = _argument(0) + _statement(JUMP_EQUAL, PR_SET_PDEATHSIG, 0, 3)
    return hides + asks_for_it + _argument(1) + _statement(JUMP_EQUAL, SIGKILL, 1, 0) + REFUSE + ALLOW


def _only_streams() -> bytes:
    local = _argument(0) + _statement(JUMP_EQUAL, AF_UNIX, 1, 0) + REFUSE
    return local + _argument(1) + _statement(JUMP_ANY_BIT, NOT_STREAM, 0, 1) + REFUSE + ALLOW


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def apply_filter(*, may_fork: bool = False) -> bool:
    """Put the filter on this process for good; False where none exists for this machine.

    Raises FilterError where it should work and does not, so that the caller can stop.
    """
    target = machine()
    if target is None:
        return False
    code = program(target, own_process=os.getpid(), may_fork=may_fork)
    buffer = ctypes.create_string_buffer(code, len(code))
    description = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise FilterError(ctypes.get_errno(), "no_new_privs was refused")
    if libc.syscall(target.seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(description)):
        raise FilterError(ctypes.get_errno(), "the system-call filter was refused")
    return True
