"""One budget of time: whoever starts this program says how much is left, and each step takes a part of it."""

import os
import time

# configure.sh and apply.py set it for what they start.
VARIABLE = "REMAINING_SECONDS"


class Deadline:
    """The moment at which waiting ends."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.at = time.monotonic() + seconds

    @classmethod
    def inherited(cls, default_seconds):
        """What the caller has left; the default for a person who starts the program by hand."""
        return cls(float(os.environ.get(VARIABLE, default_seconds)))

    def remaining(self):
        return max(0.0, self.at - time.monotonic())

    def is_over(self):
        return self.remaining() == 0

    def within(self, seconds):
        """The earlier of this deadline and one in so many seconds."""
        return Deadline(min(seconds, self.remaining()))

    def less(self, seconds):
        """So many seconds before this deadline, to keep time for what comes after."""
        return Deadline(max(0.0, self.remaining() - seconds))


class Patience:
    """With a fault that may pass: from when it was first seen. It need not be seen each time after that, because a service
    that is started again and again is starting in between."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.since = None

    def is_over(self, is_seen):
        now = time.monotonic()
        if is_seen and self.since is None:
            self.since = now
        return self.since is not None and now > self.since + self.seconds
