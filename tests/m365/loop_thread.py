"""An event loop in a thread of its own, for servers that a test talks to."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class LoopThread:
    """An event *loop* that runs from start() to stop()."""

    def __init__(self, name: str) -> None:
        """Make the loop."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)

    def start(self) -> None:
        """Run the loop."""
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do *work* in the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def stop(self) -> None:
        """Cancel all tasks and end the loop, which can have been stopped before."""
        if self._thread.is_alive():
            self.run(_cancel_tasks())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
        self.loop.close()


async def _cancel_tasks() -> None:
    # A task that has not begun could not close what it holds, and a TLS handshake may still end in one.
    for _ in range(3):
        await asyncio.sleep(0.01)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
