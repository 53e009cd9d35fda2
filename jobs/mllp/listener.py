"""The listener: connections of senders, each in a thread of its own; their messages read one after the other.

Every frame is answered within the time a sender waits. Where the database does not let us finish by then, the answer
says so and asks for the message again: nothing is ever answered as taken before it is.
"""

import contextlib
import datetime as dt
import logging
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

from sqlalchemy.engine import Engine

from jobs import evaluation, lease
from jobs.mllp.answer import INTERNAL, MISSING, Problem
from jobs.mllp.framing import Frames, TooLong, Unframed, framed
from jobs.mllp.inbox import Inbox
from jobs.mllp.standing import lease_name
from models.clock import utc_now
from models.database import engine_for
from models.errors import UsageError, told
from models.settings import Settings

log = logging.getLogger(__name__)

ANSWERED_WITHIN = 1.7
"""Seconds after which a message is answered whatever became of it; senders are promised two."""
_COMPLETE_WITHIN = 60.0
"""Seconds in which a frame that has begun has to end."""
_MISSING_RETURN = 0.5
"""Seconds after which a file separator without a carriage return ends a frame."""
_LOOKS_UP = 0.25
"""Seconds after which a waiting thread looks whether it shall stop, or has waited long enough."""
_FOLLOWED_AFTER = 1.0
"""Seconds in which further messages may come before the patients concerned are evaluated together."""
_ROUND = 20.0
"""Seconds between two looks at what was kept and not read, and between two signs of life."""
_PIECE = 64 * 1024
ALIVE_FOR = dt.timedelta(seconds=90)

_BUSY = Problem(INTERNAL, "it takes longer than usual; nothing is lost, send the message again")
_BROKEN = Problem(INTERNAL, "an error here; the message was not taken, send it again")


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens there; nobody else can meanwhile.

    Raises:
        UsageError: the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"Cannot listen for HL7 on {host}:{port} ({error.strerror or error}): give this process another "
            "MYOPANEL_MLLP_PORT, or an empty one if another process listens already."
        ) from error
    return listener


class Listener:
    """Listens for HL7 from `start` to `stop`, in threads. `start` raises `UsageError` where it cannot."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        clock: Callable[[], dt.datetime] = utc_now,
        answered_within: float = ANSWERED_WITHIN,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._engine = engine
        self._answered_within = answered_within
        self._durable = engine_for(settings.database_url, durable=True)
        self._holder = lease.new_holder()
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hl7-reader")
        self._inbox = Inbox(self._durable, timezone=settings.timezone, clock=clock, changed=self._changed.set)
        self._socket: socket.socket | None = None
        self._connections: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        """Where it listens: `127.0.0.1:2575`."""
        if self._socket is None:
            return ""
        host, port = self._socket.getsockname()[:2]
        return f"{host}:{port}"

    def start(self) -> None:
        """Begin to listen, and read what an earlier process kept and did not get to read.

        Raises:
            UsageError: the port is taken, or the address is not ours.
        """
        self._socket = listening_socket(self._settings.mllp_host, self._settings.mllp_port or 0)
        self._socket.settimeout(_LOOKS_UP)
        self._reader.submit(self._catch_up, again=True)
        # Whoever died between storing facts and evaluating them left that to us.
        self._changed.set()
        for work in (self._accept, self._follow):
            thread = threading.Thread(target=work, name=f"hl7{work.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Take no more, let the message that is being read be answered, and close everything."""
        if self._socket is None:
            return
        self._stopping.set()
        self._changed.set()
        for thread in self._threads:
            thread.join(timeout=30)
        with self._lock:
            open_ones = list(self._connections)
        for thread in open_ones:
            thread.join(timeout=30)
        self._reader.shutdown(wait=True, cancel_futures=True)
        self._socket.close()
        self._socket = None
        try:
            lease.release(self._engine, lease_name(self._settings), self._holder, self._clock())
        except Exception as error:
            log.error("HL7: the end was not recorded: %s", told(error))
        self._durable.dispose()

    # ----------------------------------------------------------------------------------------------------- connections

    def _accept(self) -> None:
        assert self._socket is not None  # noqa: S101  it was opened before this thread
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:
                # Mostly: no more file descriptors. Those connected may end meanwhile.
                log.error("HL7: no connection was taken: %s", error.strerror or type(error).__name__)
                time.sleep(_LOOKS_UP)
                continue
            with self._lock:
                self._connections = {thread for thread in self._connections if thread.is_alive()}
                if len(self._connections) >= self._settings.mllp_connections:
                    log.warning("HL7: a connection was refused, %d are open", len(self._connections))
                    connection.close()
                    continue
                thread = threading.Thread(target=self._serve, args=(connection,), name="hl7-connection", daemon=True)
                self._connections.add(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.closing(connection):
            try:
                connection.settimeout(_LOOKS_UP)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                self._converse(connection)
                _hang_up(connection)
            except OSError:
                # The sender went away: what it was not told, it sends again.
                log.info("HL7: a connection broke off")

    def _converse(self, connection: socket.socket) -> None:
        """Answer frame after frame until the sender leaves, keeps silent too long, or sends what is no frame."""
        frames = Frames(self._settings.mllp_frame_mib * 1024 * 1024)
        heard = begun = time.monotonic()
        while not self._stopping.is_set():
            try:
                piece = connection.recv(_PIECE)
            except TimeoutError:
                silent = time.monotonic() - heard
                if frames.may_have_ended and silent > _MISSING_RETURN:
                    self._answer(connection, frames.settle())
                elif frames.begun and time.monotonic() - begun > _COMPLETE_WITHIN:
                    log.warning("HL7: a connection was closed: a frame did not end")
                    return
                elif silent > self._settings.mllp_idle_seconds:
                    return
                continue
            if not piece:
                # Who closes behind a file separator has said all there is.
                self._answer(connection, frames.settle())
                return
            heard = time.monotonic()
            was = frames.begun
            try:
                ready = frames.feed(piece)
            except TooLong as error:
                most = self._settings.mllp_frame_mib
                self._send(connection, error.head, Problem(MISSING, f"the message is longer than {most} MiB"))
                log.warning("HL7: a connection was closed: a frame is longer than %d MiB", most)
                return
            except Unframed as error:
                log.warning("HL7: a connection was closed: %s", error)
                return
            if ready or not was:
                begun = heard
            elif heard - begun > _COMPLETE_WITHIN:
                log.warning("HL7: a connection was closed: a frame did not end")
                return
            self._answer(connection, ready)

    def _answer(self, connection: socket.socket, ready: list[bytes]) -> None:
        for content in ready:
            reading: Future[bytes] = self._reader.submit(self._inbox.take, content)
            try:
                answer = reading.result(timeout=self._answered_within)
            except NotYet:
                # What has not begun is not begun: whoever is answered so sends it again.
                reading.cancel()
                answer = self._inbox.refusal(content, _BUSY)
            except Exception as error:
                log.error("HL7: a message was not taken: %s", told(error))
                answer = self._inbox.refusal(content, _BROKEN)
            connection.sendall(framed(answer))

    def _send(self, connection: socket.socket, content: bytes, problem: Problem) -> None:
        connection.sendall(framed(self._inbox.refusal(content, problem)))

    # ------------------------------------------------------------------------------------------- what follows from them

    def _follow(self) -> None:
        """Evaluate the patients whose facts changed; now and then show that we live and look for what is unread."""
        due = 0.0
        owed = False
        while not self._stopping.is_set():
            if time.monotonic() >= due:
                if owed:
                    self._changed.set()
                self._show_life()
                due = time.monotonic() + _ROUND
                self._reader.submit(self._catch_up, again=False)
            if not self._changed.wait(timeout=1.0):
                continue
            self._stopping.wait(timeout=_FOLLOWED_AFTER)
            self._changed.clear()
            if self._stopping.is_set():
                return
            try:
                evaluation.follow(self._engine, timezone=self._settings.timezone, now=self._clock())
                owed = False
            except Exception as error:
                # Mostly the database is away: tried again in the next round.
                owed = True
                log.error("HL7: the patients concerned were not evaluated: %s", told(error))

    def _catch_up(self, *, again: bool, after: int = 0) -> None:
        """Read what is unread, a little at a time behind whatever arrives meanwhile."""
        on = self._inbox.catch_up(again=again, after=after)
        if on is not None and not self._stopping.is_set():
            self._reader.submit(self._catch_up, again=again, after=on)

    def _show_life(self) -> None:
        try:
            lease.acquire(self._engine, lease_name(self._settings), self._holder, self._clock(), lasts=ALIVE_FOR)
        except Exception as error:
            log.error("HL7: no sign of life was given: %s", told(error))


def _hang_up(connection: socket.socket) -> None:
    """Close in a way that lets the last answer arrive: with bytes unread the other side would see a reset."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + 1
        while time.monotonic() < until and connection.recv(_PIECE):
            pass
