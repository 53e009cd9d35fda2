"""Sets the clock of a process that a test of `make anyday` starts; Python imports it by its name before anything else.

Ahead by as much as the test's own clock, not to the same instant: time never goes back from one process to the next.
"""

import os
import time

import time_machine

time_machine.travel(time.time() + float(os.environ["TEST_CLOCK_AHEAD"])).start()  # noqa: TID251 - sets the clock
