"""The web server of one process: waitress, with the scheduler beside it unless it runs elsewhere."""

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy.engine import Engine

from dashboard.output import out, say
from models.errors import UsageError
from models.settings import Settings

THREADS = 8


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        UsageError: the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port (MYOPANEL_PORT or --port)."
        ) from error
    return listener


def close(server: Any, *, patience: float = 5) -> None:
    """Close a web server once its requests are answered, so that none of its threads writes afterwards.

    waitress wakes its loop by a byte written to a pipe. A request that ends when the pipe is closed writes that byte
    into whatever file has its number by then: the first letter of a database that was opened since, which is then
    "not a database". So the pipe stays open while a thread of it is left.

    Args:
        patience: seconds for the running requests to end. What still runs then is told nothing and hears nothing.
    """
    from waitress.wasyncore import dispatcher

    server.task_dispatcher.shutdown(timeout=patience)
    server.pull_trigger = lambda: None
    for connection in list(server.active_channels.values()):
        connection.handle_close()
    dispatcher.close(server)
    if not server.task_dispatcher.threads:
        server.trigger.close()


@contextmanager
def listening_for_hl7(settings: Settings, engine: Engine) -> Iterator[None]:
    """Listen for HL7 over MLLP until the block ends, if a port is configured.

    Raises:
        UsageError: the port is taken or the address is not ours.
    """
    if settings.mllp_port is None:
        yield
        return
    from jobs.mllp.listener import Listener

    listener = Listener(engine, settings)
    listener.start()
    say(f"Listening for HL7 on {listener.address}.")
    try:
        yield
    finally:
        listener.stop()


def serve_web(
    settings: Settings,
    engine: Engine,
    *,
    with_scheduler: bool,
    listener: socket.socket | None = None,
    demo_password: str = "",
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; a running job is let finish.

    Args:
        listener: an already bound socket; else one on the configured host and port.
        announce: told the address once requests are answered.
    """
    from waitress.server import create_server

    from dashboard.app import create_app, warm

    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    bound = listener or listen(settings.host, settings.port)
    host, port = bound.getsockname()[:2]
    application = create_app(settings, engine, demo_password=demo_password)
    warm(application)
    server: Any = create_server(application.server, sockets=[bound], threads=THREADS, ident=None, channel_timeout=60)
    hl7 = ExitStack()
    hl7.enter_context(listening_for_hl7(settings, engine))
    scheduler = None
    if with_scheduler:
        from jobs.scheduler import Scheduler

        scheduler = Scheduler(engine, settings)
        scheduler.start()
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if not stopping.is_set():
            stopping.set()
            raise SystemExit(0)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)
    address = f"http://{'[' + host + ']' if ':' in host else host}:{port}/"
    (announce or (lambda where: out(f"Myopanel on {where}")))(address)
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit):
        say("Stopping.")
    finally:
        hl7.close()
        if scheduler is not None:
            scheduler.stop()
        close(server)
