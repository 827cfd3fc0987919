#!/usr/bin/env python3
"""Counts the instructions that a payload byte costs, and writes them into docs/benchmarks.md.

Needs cargo and valgrind, and an x86-64 machine for comparable figures.
"""

import itertools
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
TARGET = ROOT / "target" / "cost"
PROGRAM = TARGET / "release" / "cost"
BEGIN = "<!-- cost: written by benches/cost/measure.py -->\n"
END = "<!-- cost: end -->\n"

CHUNKS = (16, 64, 256, 1500)
CONTENTS = ("random", "text", "breaks")
# Payload behind one header, and how many headers: the difference of the first two is payload and nothing else, that of
# the last two is all that payload needs.
SHORT, LONG = (460, 40), (1460, 40)
MORE = (1460, 80)

# Instructions per payload byte that must not be exceeded, by size of chunk.
GOALS = {16: 25.0, 64: 8.0, 256: 3.0, 1500: 1.2}
SPREAD = 0.02


def count(what, content, chunk, line, shape, pace):
    """Instructions of one run, without those of the simulated module."""
    frame, frames = shape
    with tempfile.TemporaryDirectory() as folder:
        arguments = [PROGRAM, what, content, chunk, line, frame, frames, pace]
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
            + ["--toggle-collect=*module_*", "--collect-atstart=yes"]
            + [str(argument) for argument in arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
    return int(re.search(r"Collected : (\d+)", run.stderr).group(1))


def per_byte(case):
    """Instructions per byte of payload alone, and of payload with all that it needs."""
    short, long, more = (count(*case[:4], shape, case[4]) for shape in (SHORT, LONG, MORE))
    size = lambda shape: shape[0] * shape[1]
    alone = (long - short) / (size(LONG) - size(SHORT))
    with_frames = (more - long) / (size(MORE) - size(LONG))
    return alone, with_frames


def number(value):
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def table(title, rows):
    head = "".join(f" {chunk} bytes |" for chunk in CHUNKS)
    lines = [f"\n### {title}\n", f"| |{head}", "|---|" + "---:|" * len(CHUNKS)]
    lines += [f"| {name} |" + "".join(f" {number(value)} |" for value in values) for name, values in rows]
    return "\n".join(lines) + "\n"


def main():
    subprocess.run(
        ["cargo", "build", "--release", "--manifest-path", HERE / "Cargo.toml", "--target-dir", TARGET], check=True
    )
    line_of = lambda chunk, line: line if chunk > 256 else "small"
    cases = [
        (what, content, chunk, line, "all")
        for what, content, chunk, line in itertools.product(("buffer", "push"), CONTENTS, CHUNKS, ("small", "large"))
        if line == line_of(chunk, line)
    ]
    cases += [(what, "random", chunk, line_of(chunk, "large"), "each") for what in ("buffer", "push") for chunk in CHUNKS]
    cases += [("stock", content, chunk, "small", "all") for content in ("random", "text") for chunk in CHUNKS]
    cases += [("send", "random", chunk, "small", "all") for chunk in CHUNKS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        figures = dict(zip(cases, pool.map(per_byte, cases)))

    names = {"buffer": "buffer", "push": "direct push"}
    kinds = {"random": "random bytes", "text": "HTTP text", "breaks": "zeros and line ends"}

    def row(what, content, pace, index, line="large"):
        return [figures[what, content, chunk, line_of(chunk, line), pace][index] for chunk in CHUNKS]

    receive = [
        (f"{names[what]}, {kinds[content]}", row(what, content, "all", 0))
        for what in names
        for content in CONTENTS
    ]
    everything = [(f"{names[what]}, in one go", row(what, "random", "all", 1)) for what in names]
    everything += [(f"{names[what]}, with a pause after each chunk", row(what, "random", "each", 1)) for what in names]
    stock = [
        (f"`AtDigester`, {kinds[content]}", [figures["stock", content, chunk, "small", "all"][0] for chunk in CHUNKS])
        for content in ("random", "text")
    ]
    small = [
        (f"{names[what]}, {name}", [row(what, "random", "all", index, line)[3] for line in ("small", "large")])
        for what in names
        for index, name in ((0, "payload alone"), (1, "with all that it needs"))
    ]
    send = [figures["send", "random", chunk, "small", "all"][1] for chunk in CHUNKS]

    part = table("Receiving: payload alone", receive + stock)
    part += table("Receiving: payload and all that it needs", everything)
    part += "\n### The buffer between UART and digester, chunks of 1500 bytes\n\n"
    part += "| | 256 bytes | 1536 bytes |\n|---|---:|---:|\n"
    part += "".join(f"| {name} |" + "".join(f" {value:.2f} |" for value in values) + "\n" for name, values in small)
    part += table("Sending: payload and all that it needs, written in chunks", [("from `write` to the UART", send)])
    part += "\n"

    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(before + BEGIN + part + END + after)
    print(part)

    missed = []
    for what, chunk in itertools.product(names, CHUNKS):
        values = [figures[what, content, chunk, line_of(chunk, "large"), "all"][0] for content in CONTENTS]
        if max(values) > GOALS[chunk]:
            missed.append(f"{what}, {chunk} bytes: {max(values):.2f}, goal {GOALS[chunk]}")
        if max(values) > (1 + SPREAD) * min(values):
            missed.append(f"{what}, {chunk} bytes: {min(values):.2f} to {max(values):.2f}")
    return "\n".join(missed)


if __name__ == "__main__":
    sys.exit(main())
