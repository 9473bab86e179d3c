"""What servers that share their storage need, for as long as a block lasts: PostgreSQL and S3."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import httpx
from moto.server import ThreadedMotoServer

from tests.hub.postgres import Postgres, find_programs

_BUCKET = "rltrack"


@contextlib.contextmanager
def shared() -> Iterator[tuple[str, str, str]]:
    """A database, a store, and the address of its S3; of this process and its children."""
    programs = find_programs()
    assert programs is not None, "PostgreSQL is missing (Debian: postgresql)"
    os.environ |= {"AWS_ACCESS_KEY_ID": "load", "AWS_SECRET_ACCESS_KEY": "load"}
    os.environ |= {"AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}
    objects = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    objects.start()
    try:
        host, port = objects.get_host_and_port()
        address = f"http://{host}:{port}"
        httpx.put(f"{address}/{_BUCKET}").raise_for_status()
        with Postgres(programs) as postgres, postgres.database() as url:
            yield url, f"s3://{_BUCKET}/load", address
    finally:
        objects.stop()
