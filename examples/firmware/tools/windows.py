"""How long interrupts are off, in instructions, in each case of the firmware `critical-sections`."""

import sys

from tools import machine

CALIBRATION = "calibration"
# With `NoopRawMutex` there are no critical sections.
NO_MUTEX = "1 socket without mutex"
# The same firmware with a stack that did all its work in critical sections.
BEFORE = {
    "bring-up": (1976, 1975),
    "connect": (1761, 3034),
    "write 1460 blanks before payload echo is known": (15528, 17782),
    "write 1460 bytes": (1676, 3560),
    "write 1460 bytes, misaligned": (3537, 3537),
    "write 8192 bytes": (8408, 4311),
    "read 1460 bytes": (2146, 3060),
    "read 1460 bytes, misaligned": (3605, 3605),
    "read 8192 bytes": (7808, 3308),
    "one connection is written, all others are idle": (1098, 3107),
    "all connections are written": (860, 3033),
    "lines that are no URCs of the stack": (1213, 3033),
    "calls that return at once": (1673, 3266),
    "close": (592, 3126),
    "connect to a name of 245 characters": (5421, 5459),
    "look up a name of 245 characters": (4460, 4460),
    "bind a UDP socket": (2042, 4052),
    "send a datagram of 1460 bytes": (3788, 3788),
    "receive a datagram of 1460 bytes": (2515, 3125),
    "an error of the UART while 60 datagrams wait": (2146, 3078),
    "receive 60 datagrams": (1407, 1407),
    "connect in transparent mode": (1761, 4380),
    "write 1460 bytes in transparent mode": (1675, 1676),
    "receive 1460 bytes in transparent mode": (2630, 2630),
    "receive 1460 carriage returns in transparent mode": (71897, 71897),
    "leave transparent mode": (768, 2133),
    "drop all connections": (361, 471),
}


def measure():
    """The longest critical section of each case, by the stack and the name of the case; 0 if there is none."""
    elf = machine.build("critical-sections", "critical-sections")
    output, status = machine.run(elf, 120, board="mps2-an385", shift=6)
    longest = {}
    for line in output.splitlines():
        case, figures = line.rsplit(": ", 1)
        stack, _, name = case.partition(", ")
        longest[stack, name] = int(figures.split()[1])
    if status != 0:
        sys.exit(f"the firmware ended with status {status}: {output}")
    # A thousand instructions, and those of the measurement itself.
    calibration = longest.pop((CALIBRATION, ""))
    if not 1000 <= calibration <= 1010:
        sys.exit(f"a thousand instructions were measured as {calibration}")
    return longest


def section():
    """A section of docs/footprint.md."""
    longest = measure()
    stacks = list(dict.fromkeys(stack for stack, _ in longest if stack != NO_MUTEX))
    names = list(dict.fromkeys(name for _, name in longest))
    head = ["case", *(f"{stack}, {when}" for stack in stacks for when in ("before", "now"))]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for name in names:
        cells = [name]
        for index, stack in enumerate(stacks):
            before = BEFORE.get(name)
            cells += [f"{before[index]:,}" if before else "", f"{longest[stack, name]:,}"]
        lines.append(cells)
    table = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return f"""
## How long interrupts are off

The longest critical section of each case, in instructions of a Cortex-M3 in QEMU (`examples/firmware/interrupts`; the firmware is
`examples/firmware/critical-sections`, optimised with `s`). "1 socket" has rings of 8192 bytes, "12 sockets" rings of 4096 bytes, and eleven open connections besides the one of the
case. "Before" is the stack that did all its work in critical sections. With `NoopRawMutex` there is no critical section in any case.

{table}
"""
