"""The largest figures that the measured firmwares may have, so that growth is noticed. KB is 1000 bytes."""

# Bytes, optimised for size (`s`). The figures in the comments are those when the bounds were set: flash with about 1 % to spare
# (the goal is 52 KB with TCP only and 60 KB with everything below), static memory and stack with 5 % or less.
BOUNDS = {
    # One TCP socket: 56,432; 5,380; 1,960.
    "tcp": {"flash": 57_000, "memory": 5_680, "stack": 2_016},
    # TCP, name lookup, UDP, and restarts of the module: 65,696; 7,076; 1,868.
    "all": {"flash": 66_500, "memory": 7_460, "stack": 1_967},
}

# Instructions per received byte, by the number of bytes that each read of the UART returns. "Waited for": the runner sleeps before
# each read, so that the executor's share is included. At most 5 % over the figures at the time when the bounds were set: 13.6, 32.2,
# 18.8 and 53.4.
INSTRUCTIONS = {
    "64 at a time": 14.3,
    "16 at a time": 33.8,
    "64 at a time, waited for": 19.7,
    "16 at a time, waited for": 56,
}

# Instructions for which interrupts are off at a time, in any case: 39, and 109 if six tasks find the stack in use.
INTERRUPTS_OFF = 120

# Places in the source of quectel-nal that can panic: a bounds check of core's parser of IPv6 addresses, inlined into
# `at/fields/address.rs`. No bytes on the UART reach it.
PANICS = {"ours": 1, "everything": 1}
