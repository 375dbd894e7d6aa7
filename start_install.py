"""Make .venv beside this file and keep it at what the locks say; standard library only, called by start.py.

The stamp in .venv holds one hash for each step of the set-up. While a step is under way the stamp says "unfinished"
instead: after a power cut, kill -9 or Ctrl-C the next call finds that, and makes .venv anew.
"""

# Nothing here is newer than Python 3.6 can read, so that an old Python gets a sentence too, and no SyntaxError.

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENV = HERE / ".venv"
SCRIPTS = ENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = ENV / "nlviz.json"
TORCH, LOCK, TEST_LOCK, BENCH_LOCK = (
    HERE / f"requirements{end}" for end in ("-torch.txt", ".lock", "-test.lock", "-bench.lock")
)
VERSION, SYSTEM, MACHINE = sys.version_info[:2], sys.platform, platform.machine()
LOWEST, HIGHEST = (3, 11), (3, 13)
ROOM = 2.5  # gigabytes asked for before .venv is made

# What each step of the set-up reads, what to call it, and the arguments of its calls of pip.
# PyTorch comes first and alone: the registry's newest would be another one, and so it would with what the bench needs.
STEPS = {
    "torch": (TORCH, "PyTorch", [["-r", TORCH, "-c", LOCK]]),
    "course": (LOCK, "the course", [["-r", LOCK], ["--no-deps", "--no-build-isolation", "-e", HERE]]),
    "test": (TEST_LOCK, "the tests' tools", [["-r", TEST_LOCK]]),
    "bench": (BENCH_LOCK, "what the bench compares with", [["--no-deps", "-r", BENCH_LOCK]]),
}
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off")
DISK = ("No space left", "Errno 28", "WinError 112", "Disk quota exceeded", "not enough space on the disk")
NETWORK = ("Retrying (", "NewConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError", "getaddrinfo")

# No question about news and no look for updates at the first start; light or dark as the system is.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
}


class SetUpError(Exception):
    """What is in the way, in a sentence with its cure; shown without a trace."""


def obstacle() -> str:
    """Why the course cannot run on this Python or machine, and what to do; empty where it can."""
    if not LOWEST <= VERSION <= HIGHEST:
        found = "The course needs Python 3.11, 3.12 or 3.13, and this is {}.{}".format(*VERSION)
        there = other_python()
        if there:
            return f"{found}; type: {' '.join([there, 'start.py', *sys.argv[1:]])}"
        return f"{found}; get one from https://www.python.org/downloads/ and call again."
    if SYSTEM == "darwin" and MACHINE != "arm64":
        return (
            "There is no PyTorch for Intel Macs any more; open the course on Binder, or on a Linux or Windows machine "
            "(on a Mac with an Apple chip: take the arm64 Python from https://www.python.org/downloads/)."
        )
    if sys.maxsize < 2**32:
        return "This is a 32-bit Python and PyTorch needs a 64-bit one; get it from https://www.python.org/downloads/"
    return ""


def other_python() -> str:
    """Name a fitting Python that is installed beside this one; empty if there is none."""
    for minor in range(HIGHEST[1], LOWEST[1] - 1, -1):
        command = ["py", f"-3.{minor}"] if os.name == "nt" else [f"python3.{minor}"]
        if answer(*command, "-c", "print(1)"):
            return " ".join(command)
    return ""


def answer(*command) -> str:
    """What a short command prints; empty if it fails or is not there."""
    words = [str(word) for word in command]
    try:
        told = subprocess.check_output(words, stderr=subprocess.DEVNULL, env=environment(), universal_newlines=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.strip()


def environment() -> dict:
    """The environment of all that runs in .venv: as if it were activated, and nothing from other Pythons."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH", "PIP_USER")}
    kept["PATH"] = os.pathsep.join([str(SCRIPTS), kept.get("PATH", "")])
    kept["VIRTUAL_ENV"] = str(ENV)
    return kept


def free() -> float:
    """Gigabytes free on the disk that holds .venv."""
    return shutil.disk_usage(str(HERE)).free / 1e9


def read_stamp() -> dict:
    """What is in .venv: one hash a step, or "unfinished"; {} where nothing was begun. A damaged stamp is unfinished."""
    try:
        stamp = json.loads(STAMP.read_text("utf8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        stamp = None
    return stamp if isinstance(stamp, dict) else {"unfinished": "stamp"}


def write_stamp(stamp: dict) -> None:
    """All of it or nothing."""
    part = STAMP.with_suffix(".part")
    part.write_text(json.dumps(stamp, indent=1), "utf8")
    os.replace(str(part), str(STAMP))


def wanted(step: str) -> str:
    """A hash of what a step reads."""
    return hashlib.sha256(STEPS[step][0].read_bytes()).hexdigest()[:16]


def version_inside() -> str:
    """Which Python .venv holds, "3.11" say; empty if it does not run."""
    return answer(PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")


def usable(stamp: dict) -> bool:
    """Can .venv be used, or brought up to date? Not if it was interrupted or moved, or if its Python or pip fails."""
    version = version_inside()
    return (
        "unfinished" not in stamp
        and stamp.get("folder", str(HERE)) == str(HERE)
        and version in [f"3.{minor}" for minor in range(LOWEST[1], HIGHEST[1] + 1)]
        and stamp.get("python", version) == version
        and bool(stamp or answer(PYTHON, "-m", "pip", "--version"))
    )


def missing(*steps) -> list:
    """The steps still to be taken, in order."""
    stamp = read_stamp()
    return [step for step in steps if stamp.get(step) != wanted(step)] if usable(stamp) else list(steps)


@contextlib.contextmanager
def alone():
    """One set-up at a time. The system frees the lock when its holder dies, and pip holds it too: it is never stale."""
    ENV.mkdir(exist_ok=True)
    with open(str(ENV / "start.lock"), "a") as lock:
        if not taken(lock):
            print("Another start.py is setting up this folder; waiting for it (Ctrl-C stops the waiting).", flush=True)
            while not taken(lock):
                time.sleep(0.5)
        yield lock


def taken(lock) -> bool:
    """Take the lock, unless somebody else holds it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return os.name != "nt" and not isinstance(error, BlockingIOError)  # some network folders know no locks
    return True


def set_up(*steps) -> None:
    """Bring .venv to what the locks say. A step under way is noted in the stamp: what is interrupted is made anew."""
    if not missing(*steps):
        return
    with alone() as lock:
        todo = missing(*steps)  # another call may have done it while this one waited
        stamp = read_stamp()
        if todo and not usable(stamp):
            make_venv(lock)
            stamp = {}
        for step in todo:
            stamp.update(folder=str(HERE), python=version_inside())
            write_stamp({"unfinished": step})
            install(step, lock, stamp)
            stamp[step] = wanted(step)
            write_stamp(stamp)


def make_venv(lock) -> None:
    """An empty .venv in place of whatever is there."""
    if importlib.util.find_spec("ensurepip") is None:
        name = "python{}.{}-venv".format(*VERSION)
        raise SetUpError(f"This Python came without its venv module; on Debian or Ubuntu type: sudo apt install {name}")
    print("Setting up .venv: once, some minutes, about 1.6 GB. It may be stopped and called again.", flush=True)
    write_stamp({"unfinished": "venv"})
    for entry in ENV.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        elif entry.name not in ("start.lock", STAMP.name):
            entry.unlink()
    if free() < ROOM:
        raise SetUpError(f"The disk has {free():.1f} GB free and the course needs {ROOM:g}; make room and call again.")
    status, said = piped([sys.executable, "-m", "venv", ENV], lock)
    if status or not answer(PYTHON, "-m", "pip", "--version"):
        raise SetUpError(explain("an empty .venv", said))


def install(step: str, lock, before: dict) -> None:
    """One step of the set-up, or a sentence why not.

    pip fetches everything before it changes anything: when the network fails, .venv is still what it was before.
    """
    _, name, calls = STEPS[step]
    begun = time.monotonic()
    print(f"Installing {name} ...", flush=True)
    index = os.environ.get("NLVIZ_TORCH_INDEX", "") if sys.platform.startswith("linux") else ""
    if step == "torch" and index:
        status, _ = piped([PYTHON, *PIP, "--no-deps", "--index-url", index, "-r", TORCH], lock)
        if status:
            print("NLVIZ_TORCH_INDEX does not give it; taking the ordinary registry.", flush=True)
        else:
            calls = []
    for arguments in calls:
        status, said = piped([PYTHON, *PIP, *arguments], lock)
        if status:
            if fault(said) == "network":
                write_stamp(before)
            raise SetUpError(explain(name, said))
    if step == "course":
        folder = ENV / "etc" / "jupyter" / "labconfig"  # read by the JupyterLab of this .venv only
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "default_setting_overrides.json").write_text(json.dumps(LAB_SETTINGS, indent=1), "utf8")
    print(f"Installed {name} in {time.monotonic() - begun:.0f} s.", flush=True)


def fault(said: str) -> str:
    """What pip stumbled over: the disk, the network, a package that does not exist, or something else."""
    signs = (("disk", DISK), ("network", NETWORK), ("absent", ("No matching distribution",)))
    return next((name for name, words in signs if any(word in said for word in words)), "other")


def explain(name: str, said: str) -> str:
    """One sentence, with its cure, for what went wrong."""
    lines = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines() or ["no reason given"]
    here = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return (
        f"Could not set up {name}: "
        + {
            "disk": f"the disk is full. Free {ROOM:g} GB here, and some in the folder for temporary files "
            "(TMPDIR may name another), and call again.",
            "network": "the package registry cannot be reached. Connect to the network (with a proxy: set HTTPS_PROXY) "
            "and call again; what is there already is kept.",
            "absent": f"the registry has no fitting package for this machine ({here}; {lines[-1]}). "
            "Open the course on Binder, or try Python 3.11.",
            "other": f"{lines[-1]}. Call again; if it stays so, delete the folder {ENV} and call once more.",
        }[fault(said)]
    )


def piped(command, lock) -> tuple:
    """Run pip or venv; gives its exit status and all it said, of which the last line is shown while it works."""
    wide = shutil.get_terminal_size().columns - 1
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "universal_newlines": True, "errors": "replace"}
    if os.name != "nt":
        more["pass_fds"] = (lock.fileno(),)
    said = []
    words = [str(word) for word in command]
    with subprocess.Popen(words, cwd=str(HERE), env=environment(), stdin=subprocess.DEVNULL, **more) as process:
        for line in process.stdout:
            said.append(line)
            if line.startswith("ERROR"):
                print(line.rstrip(), flush=True)
            elif sys.stdout.isatty():
                print(line.strip()[:wide].ljust(wide), end="\r", flush=True)
    if sys.stdout.isatty():
        print(" " * wide, end="\r", flush=True)
    return process.returncode, "".join(said)
