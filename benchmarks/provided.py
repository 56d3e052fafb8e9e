"""What a measurement needs beside the project: environments of the peers, and large data, made on first use."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE / ".data"
UV = Path(sys.executable).with_name("uv")

BILL_ROWS = 125_000
BILL_SEED = 20_261_120


def peers(name: str) -> Path:
    """Give the Python of an environment that holds exactly peers/NAME.txt, made when it is missing or another."""
    wanted = (HERE / "peers" / f"{name}.txt").read_text()
    folder = HERE / ".venvs" / name
    python, stamp = folder / "bin" / "python", folder / "made_from.txt"
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"Making the environment {name} from peers/{name}.txt", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    packages = HERE / "peers" / f"{name}.txt"
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, "--requirement", packages], check=True)
    stamp.write_text(wanted)
    return python


def made(name: str, make: Callable[[Path], object]) -> Path:
    """Give a file of .data; when it is missing, `make` fills another one, which takes its place only when whole."""
    path = DATA / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"part.{path.name}")
        make(part)
        part.replace(path)
    return path


def bill() -> Path:
    """Give one month of AWS in FOCUS 1.3, 125,000 lines of 65 columns: 143 MB, the same bytes on every machine."""
    return made("focus13/focus_1_3_cost_and_usage_aws.csv", _make_bill)


def _make_bill(part: Path) -> None:
    print(f"Making a bill of {BILL_ROWS:,} lines", flush=True)
    folder = part.with_name("part")
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--provider", "aws", "--focus-version", "1.3", "--rows", str(BILL_ROWS), "--seed", str(BILL_SEED)]
    toolkit = peers("spend").with_name("focus-toolkit")
    subprocess.run([toolkit, "generate", *options, "--out", folder], check=True, stdout=subprocess.DEVNULL)
    (folder / "focus_1_3_cost_and_usage_aws.csv").replace(part)
    shutil.rmtree(folder)
