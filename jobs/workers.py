"""The same work by several processes or the machines of a Dask cluster: patients dealt out, answers put together.

A patient's answers depend on that patient alone, so whoever computes them comes to the same. Each worker opens the
database itself and writes in the same short blocks as a single process would.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from sqlalchemy.engine import Engine

from models.errors import UsageError

FEWEST = 100
"""With fewer patients to compute than this the start of a worker costs more than it saves."""


@contextmanager
def hands(workers: int, scheduler: str | None) -> Iterator[Executor | None]:
    """Whoever does the work: None for this process alone.

    Raises:
        UsageError: fewer than one worker, or a cluster is asked for that is not installed or does not answer.
    """
    if workers < 1:
        raise UsageError(f"--workers: at least one is needed, not {workers}.")
    if scheduler is not None:
        with _cluster(scheduler) as executor:
            yield executor
    elif workers == 1:
        yield None
    else:
        # A fresh process, not a copy of this one with its connections and threads.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield pool


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client  # type: ignore[import-not-found]
    except ImportError:
        raise UsageError(
            "--scheduler: this installation has no cluster support. Install it with pip install 'myopanel[cluster]', "
            "here and on every machine of the cluster, or use --workers."
        ) from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise UsageError(f"--scheduler: no Dask scheduler answers at {address}.") from error
    with client:
        yield client.get_executor()


def dealt(patient_ids: Sequence[int], workers: int) -> list[list[int]]:
    """The patients in as many shares as there are workers, none of them empty."""
    shares = [list(patient_ids[start::workers]) for start in range(workers)]
    return [share for share in shares if share]


def address_of(engine: Engine) -> str:
    """The address under which a worker opens the same database."""
    return engine.url.render_as_string(hide_password=False)
