"""A web server of a test, on a port of this machine, that leaves no thread and no open pipe behind."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def web_server(application: Any, *, threads: int = 4) -> Iterator[str]:
    """The address at which a WSGI application answers until the block ends."""
    from waitress.server import create_server

    from dashboard.serving import close

    server: Any = create_server(application, host="127.0.0.1", port=0, threads=threads)
    loop = threading.Thread(target=server.run, daemon=True)
    loop.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.trigger.pull_trigger(lambda: close(server))  # in its own loop: nobody else may close what it waits for
        loop.join(timeout=10)
