"""Builds firmware and runs it in QEMU with the virtual modem connected to its second UART."""

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
    """Runs cargo for the Cortex-M and returns the folder with its results."""
    command = ["bash", str(ROOT / ".ci/cortex-m-cargo"), *arguments]
    variables = {"CARGO_TARGET_DIR": str(FIRMWARE / "target"), **(environment or {})}
    subprocess.run(command, cwd=FIRMWARE, env=os.environ | variables, check=True)
    folder = Path(variables["CARGO_TARGET_DIR"])
    # .ci/cortex-m-cargo uses a folder of its own when it builds `core` too.
    installed = shutil.which("rustup") and subprocess.run(
        ["rustup", "target", "list", "--installed"], capture_output=True, text=True, check=False
    )
    if not installed or TARGET not in installed.stdout.split():
        folder /= "cortex-m"
    return folder / TARGET


def build(package, binary, features=(), environment=None):
    """Builds a binary and returns its ELF file."""
    arguments = ["build", "--release", "--package", package, "--bin", binary]
    if features:
        arguments += ["--features", ",".join(features)]
    return cargo(*arguments, environment=environment) / "release" / binary


def inspect(*arguments):
    """Runs the tool `inspect`: its exit status and its output."""
    command = ["cargo", "run", "--quiet", "--manifest-path", str(FIRMWARE / "Cargo.toml")]
    command += ["--package", "inspect", "--target-dir", str(FIRMWARE / "target/inspect"), "--"]
    command += [str(argument) for argument in arguments]
    # Not from the folder of the firmware: its .cargo/config.toml selects the Cortex-M, and this tool runs here.
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return result.returncode, result.stdout


def install_qemu():
    """Installs QEMU for ARM from the distribution if it is missing. Asks first, except in CI (`CI=true`)."""
    if shutil.which("qemu-system-arm"):
        return
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    install = ["install", "-y", "--no-install-recommends", "qemu-system-arm"]
    commands = [[*as_root, "apt-get", "-qq", *arguments] for arguments in (["update"], install)]
    text = "".join(f"    {' '.join(command)}\n" for command in commands)
    if os.environ.get("CI", "false") in ("", "0", "false"):
        print(f"qemu-system-arm is missing. These commands install it:\n\n{text}", file=sys.stderr)
        if not sys.stdin.isatty() or input("Run them now? [y/N] ").strip().lower() not in ("y", "yes"):
            sys.exit("Nothing was installed. With CI=true the scripts install it without asking.")
    for command in commands:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def free_port():
    """A free TCP port of the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def stop(process):
    """Ends a process that this program has started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Modem:
    """The virtual modem as a process. `routes` maps addresses to ports of the loopback interface."""

    @staticmethod
    def build():
        """Builds the program and returns its path."""
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
        # Looks the port up instead of connecting to it: the modem takes the first connection for its host.
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


def run(firmware, seconds, modem_port=None, board="lm3s6965evb", shift=None):
    """Runs a firmware: its output and its exit status, which is None when the time ran out. With `shift`, each instruction takes 2^shift ns."""
    install_qemu()
    modem = f"tcp:127.0.0.1:{modem_port}" if modem_port else "null"
    command = ["qemu-system-arm", "-machine", board, "-cpu", "cortex-m3"]
    # QEMU's processor spins while the firmware is idle. In one thread it does not starve the UART.
    command += ["-accel", "tcg,thread=single"]
    command += ["-semihosting-config", "enable=on,target=native", "-display", "none"]
    command += ["-monitor", "none", "-serial", "null", "-serial", modem, "-kernel", str(firmware)]
    if shift is not None:
        command += ["-icount", f"shift={shift}"]
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
