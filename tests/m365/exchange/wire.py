"""IMAP on the wire: lines, literals and both ends of a connection (RFC 3501 §2.2, RFC 7888)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass

#: Longer than any line of a test; asyncio's own limit of 64 kB is met by a FETCH of many flags.
LIMIT = 1 << 24
_CHUNK = 1 << 16
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r?\n\Z")


@dataclass(frozen=True)
class Wire:
    """One end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send *data* in one piece, all of it even if the task is cancelled here."""
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> bytes:
        """Return the next line, nothing at the end."""
        return await self.reader.readline()

    async def unit(self) -> bytes:
        """Return a whole response of a server: a line with the literals in it and what follows them."""
        unit = await self.line()
        while literal := _LITERAL.search(unit):
            unit += await self.reader.readexactly(int(literal[1])) + await self.line()
        return unit

    async def command(self) -> bytes:
        """Return the first line of a client's command; its literals are requested and dropped."""
        first = line = await self.line()
        while literal := _LITERAL.search(line):
            if not literal[2]:
                await self.send(b"+ Ready for additional command text.\r\n")
            await self.reader.readexactly(int(literal[1]))
            line = await self.line()
        return first

    async def pass_literal(self, line: bytes, onward: Wire) -> bool:
        """Pass the literal that *line* announces, if any, to *onward*; return whether the command goes on after it."""
        literal = _LITERAL.search(line)
        if not literal:
            return False
        left = int(literal[1])
        while left and (chunk := await self.reader.read(min(left, _CHUNK))):
            await onward.send(chunk)
            left -= len(chunk)
        return True

    async def close(self) -> None:
        """Send what is left and close; cut the connection if the other side does not react within a second."""
        self.writer.close()
        try:
            await asyncio.wait_for(self.writer.wait_closed(), 1)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            self.cut()

    def cut(self) -> None:
        """Close at once, without sending what is left."""
        with contextlib.suppress(AttributeError):  # Python 3.11's, of a TLS transport that is closed already
            self.writer.transport.abort()
