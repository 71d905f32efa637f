"""The cost of a function as the number of Python lines that it runs, which a busy machine does not change."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any


def count(work: Callable[[], object]) -> int:
    """Return how many lines of Python *work* runs; those of the standard library count, too."""
    steps = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        del frame, argument
        steps += event == "line"
        return trace

    before = sys.gettrace()
    gc.disable()  # Hypothesis runs lines of its own at each collection
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return steps
