"""What the measured firmwares may take, in bytes, optimised for size (`s`): so that growth is noticed."""

# By how much a bound may be exceeded.
SLACK = 1.05

BOUNDS = {
    # One TCP socket.
    "tcp": {"flash": 47_220, "memory": 6_110, "stack": 1_920},
    # TCP, name lookup, UDP, and restarts of the module.
    "all": {"flash": 54_720, "memory": 7_300, "stack": 1_920},
}

# Instructions per byte received, by how many bytes come with each read of the UART; where each piece has to be waited for, the
# executor's share is among them.
INSTRUCTIONS = {
    "64 at a time": 20,
    "16 at a time": 45,
    "64 at a time, waited for": 20,
    "16 at a time, waited for": 61,
}

# Places in the source of quectel-nal that can panic.
PANICS = {"ours": 0, "everything": 0}
