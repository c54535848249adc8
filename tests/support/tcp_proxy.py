"""A TCP proxy that misbehaves on request: it cuts connections in mid-message, delays, throttles, and hangs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

_CHUNK_BYTES = 64 * 1024
_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a proxy passes bytes on; by default as fast as it can.

    Attributes:
        cut_within_bytes: every connection is broken (RST) after a random number of bytes up to this; 0 never.
        delay_s: wait before each piece.
        bytes_per_s: at most so fast, for each direction of each connection; 0 is unlimited.
        hangs: connections are accepted, and whatever is sent over them is swallowed; those that saw this stay dead.
    """

    cut_within_bytes: int = 0
    delay_s: float = 0.0
    bytes_per_s: int = 0
    hangs: bool = False


WELL = Behaviour()


class Connection:
    """One connection through the proxy: the client's side and the server's side.

    Attributes:
        left_bytes: how many bytes may still pass before it is cut; None for any number.
    """

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.left_bytes: int | None = None
        self.is_dead = False

    def abort(self) -> None:
        """Break both sides at once, without sending what is still buffered."""
        for writer in (self.client, self.server):
            writer.transport.abort()


class TcpProxy:
    """Listens on `port` of loopback from construction to `close`, and connects to `target_port` for each client.

    Args:
        port: where to listen.
        target_port: where to.
        seed: of where connections are cut.
    """

    def __init__(self, port: int, target_port: int, seed: int = 0) -> None:
        self.port = port
        self._target_port = target_port
        self._rng = random.Random(seed)
        self._behaviour = WELL
        self._open: set[Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", port))

    def behave(self, behaviour: Behaviour) -> None:
        """Change how it behaves, also towards the connections that are open."""
        self._loop.call_soon_threadsafe(self._behave, behaviour)

    def cut_now(self) -> None:
        """Break every open connection at once."""
        self._loop.call_soon_threadsafe(lambda: [connection.abort() for connection in list(self._open)])

    def close(self) -> None:
        """Break everything and stop listening."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()

    def _call(self, coroutine: Coroutine[None, None, object]) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10.0)

    # From here on: the proxy's thread.

    async def _end(self) -> None:
        if isinstance(self._server, asyncio.Server):
            self._server.close()
        for connection in list(self._open):
            connection.abort()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _behave(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        for connection in self._open:
            self._set_cut(connection)

    def _set_cut(self, connection: Connection) -> None:
        within = self._behaviour.cut_within_bytes
        connection.left_bytes = self._rng.randrange(1, within + 1) if within else None

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                answers, server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except (OSError, TimeoutError):
            client.transport.abort()
            return
        connection = Connection(client, server)
        if server.get_extra_info("sockname") == server.get_extra_info("peername"):
            # Where nobody listens, the kernel may connect a port to itself.
            connection.abort()
            return
        self._set_cut(connection)
        self._open.add(connection)
        try:
            to_server = self._pump(connection, reader, server, self.request)
            to_client = self._pump(connection, answers, client, self.answer)
            await asyncio.gather(to_server, to_client)
        except (OSError, asyncio.CancelledError):
            # Broken by one side, or the proxy ends; asyncio would print the latter as a fault of ours.
            pass
        finally:
            self._open.discard(connection)
            connection.abort()

    async def _pump(
        self,
        connection: Connection,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        alter: Callable[[Connection, bytes], bytes],
    ) -> None:
        while True:
            chunk = await source.read(_CHUNK_BYTES)
            behaviour = self._behaviour
            if behaviour.hangs:
                connection.is_dead = True
            if connection.is_dead and chunk:
                continue
            if not chunk:
                break
            chunk = alter(connection, chunk)
            wait_s = behaviour.delay_s + (len(chunk) / behaviour.bytes_per_s if behaviour.bytes_per_s else 0.0)
            if wait_s:
                await asyncio.sleep(wait_s)
            left = connection.left_bytes
            if left is not None:
                connection.left_bytes = left - len(chunk)
                if connection.left_bytes <= 0:
                    # The part before the cut must get there, or nothing would ever end in the middle of a message.
                    sink.write(chunk[:left])
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1.0):
                            await sink.drain()
                    await asyncio.sleep(0.01)
                    connection.abort()
                    return
            if chunk:
                sink.write(chunk)
                await sink.drain()
        if not connection.is_dead:
            with contextlib.suppress(OSError):
                sink.write_eof()
        elif sink is connection.server:
            # The client gave up. The end of a dead connection's server is not passed on: the client is to notice it.
            connection.abort()

    def request(self, _connection: Connection, chunk: bytes) -> bytes:
        """What to pass on of bytes from the client."""
        return chunk

    def answer(self, _connection: Connection, chunk: bytes) -> bytes:
        """What to pass on of bytes from the server."""
        return chunk
