"""The only reader of the clock."""

import time

now_ns = time.time_ns
monotonic_ns = time.monotonic_ns
monotonic_s = time.monotonic
sleep = time.sleep
