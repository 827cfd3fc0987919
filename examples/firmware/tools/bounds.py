"""What the measured firmwares may take, in bytes, optimised for size (`s`): so that growth is noticed."""

# By how much a bound may be exceeded.
SLACK = 1.05

BOUNDS = {
    # One TCP socket.
    "tcp": {"flash": 93_800, "memory": 6_660, "stack": 2_228},
    # TCP, name lookup, UDP, and restarts of the module.
    "all": {"flash": 97_320, "memory": 8_404, "stack": 2_228},
}
