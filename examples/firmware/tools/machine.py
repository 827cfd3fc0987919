"""Builds a firmware and runs it in QEMU, with the virtual modem at its second UART."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parent.parent
ROOT = FIRMWARE.parent.parent
TARGET = "thumbv7m-none-eabi"


def cargo(*arguments, environment=None):
    """Runs cargo for the Cortex-M, and says where its results are."""
    command = ["bash", str(ROOT / ".ci/cortex-m-cargo"), *arguments]
    variables = {"CARGO_TARGET_DIR": str(FIRMWARE / "target"), **(environment or {})}
    subprocess.run(command, cwd=FIRMWARE, env=os.environ | variables, check=True)
    folder = Path(variables["CARGO_TARGET_DIR"])
    # As .ci/cortex-m-cargo does: apart from the rest when core is built along.
    installed = shutil.which("rustup") and subprocess.run(
        ["rustup", "target", "list", "--installed"], capture_output=True, text=True, check=False
    )
    if not installed or TARGET not in installed.stdout.split():
        folder /= "cortex-m"
    return folder / TARGET


def build(package, binary, profile="release", features=(), environment=None):
    """The ELF file of a binary."""
    arguments = ["build", "--profile", profile, "--package", package, "--bin", binary]
    if features:
        arguments += ["--features", ",".join(features)]
    folder = cargo(*arguments, environment=environment)
    return folder / ("debug" if profile == "dev" else profile) / binary


def inspect(*arguments):
    """Runs the tool that looks into firmware: its exit status and its output."""
    command = ["cargo", "run", "--quiet", "--manifest-path", str(FIRMWARE / "Cargo.toml")]
    command += ["--package", "inspect", "--target-dir", str(FIRMWARE / "target/inspect"), "--"]
    command += [str(argument) for argument in arguments]
    # From elsewhere: what is configured in the folder is for the part, and this is for the computer.
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return result.returncode, result.stdout


def install_qemu():
    """QEMU for ARM, from the distribution when it is missing."""
    if shutil.which("qemu-system-arm"):
        return
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    print("installing qemu-system-arm", file=sys.stderr)
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "qemu-system-arm"]):
        command = [*as_root, "apt-get", "-qq", *arguments]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def free_port():
    """A TCP port of the loopback interface that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def stop(process):
    """Ends a process that was started here."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Modem:
    """The virtual modem as a process of its own. `routes` leads addresses to ports of the loopback interface."""

    @staticmethod
    def build():
        """The program."""
        command = ["cargo", "build", "--quiet", "--package", "virtual-modem"]
        subprocess.run(command, cwd=ROOT, check=True)
        return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/virtual-modem"

    def __init__(self, program, routes, names=(), faults=(), log=None):
        self.port = free_port()
        command = [str(program), "--tcp", f"127.0.0.1:{self.port}"]
        for address, port in routes.items():
            command += ["--route", f"{address}=127.0.0.1:{port}"]
        for name, address in dict(names).items():
            command += ["--dns", f"{name}={address}"]
        for fault in faults:
            command += ["--fault", fault]
        self.process = subprocess.Popen(command, stderr=log or subprocess.DEVNULL)
        self._wait_for_port()

    def _wait_for_port(self):
        # Its port is looked for without connecting: whoever connects is the host.
        wanted = f"0100007F:{self.port:04X} 00000000:0000 0A"
        for _ in range(200):
            if wanted in Path("/proc/net/tcp").read_text():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        stop(self.process)
        raise RuntimeError("the virtual modem does not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)


def run(firmware, seconds, modem_port=None, board="lm3s6965evb", count_instructions=False):
    """Runs a firmware: its output and its exit status. The status is None when it took too long."""
    install_qemu()
    modem = f"tcp:127.0.0.1:{modem_port}" if modem_port else "null"
    command = ["qemu-system-arm", "-machine", board, "-cpu", "cortex-m3"]
    # An idle processor spins in QEMU; in one thread it leaves the UART time to do something.
    command += ["-accel", "tcg,thread=single"]
    command += ["-semihosting-config", "enable=on,target=native", "-display", "none"]
    command += ["-monitor", "none", "-serial", "null", "-serial", modem, "-kernel", str(firmware)]
    if count_instructions:
        command += ["-icount", "shift=0"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        status = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        status = None
    return output.decode(errors="replace"), status
