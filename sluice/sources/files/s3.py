"""Landed files under an S3 prefix.

An object is fetched whole into a temporary file before it is parsed: a connection that breaks off is then a retry,
never half a file's rows. `If-Match` holds the etag of the listing, so an object that was replaced is seen as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sluice.errors import Broken, SluiceError, Transient
from sluice.model.facts import Notice
from sluice.sources.files.names import fault, hidden, pattern, shown
from sluice.sources.files.place import Entry, gone

_BLOCK = 4 * 1024 * 1024
_REFUSED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "401", "403"}
_BUSY = {"SlowDown", "Throttling", "RequestLimitExceeded", "503", "429"}
_REPLACED = {"PreconditionFailed", "NoSuchKey", "412", "404"}


class Bucket:
    """s3://bucket/prefix, with the keys of `storage`; what is not in it boto3 finds its own way."""

    def __init__(self, uri: str, storage: dict[str, str]) -> None:
        self.bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        self.prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        options = {key.lower(): value for key, value in storage.items()}
        endpoint = options.get("aws_endpoint_url") or options.get("aws_endpoint")
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=options.get("aws_access_key_id"),
            aws_secret_access_key=options.get("aws_secret_access_key"),
            aws_session_token=options.get("aws_session_token"),
            region_name=options.get("aws_region"),
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"max_attempts": 4, "mode": "standard"},
                s3={"addressing_style": "path" if endpoint else "auto"},
            ),
        )

    def listing(self, glob: str) -> tuple[list[Entry], list[Notice]]:
        matches, notices = pattern(glob), []
        entries: dict[str, Entry] = {}  # by uri: a page that the server repeats must not land a file twice
        for found in self._objects():
            name = found["Key"].removeprefix(self.prefix)
            if not name or name.endswith("/") or hidden(name) or not matches.fullmatch(name):
                continue
            uri = f"s3://{self.bucket}/{found['Key']}"
            if why := fault(name):
                notices.append(Notice("refused", f"a file is left alone: {why}", shown(uri)))
                continue
            entries[uri] = Entry(uri, name, found["Size"], found["LastModified"], found["ETag"].strip('"'))
        return sorted(entries.values(), key=lambda e: e.name), notices

    def _objects(self) -> Iterator[dict[str, Any]]:
        where = f"s3://{self.bucket}/{self.prefix}"
        try:
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
                yield from page.get("Contents", ())
        except (ClientError, BotoCoreError) as error:
            raise _classified(error, where) from error

    def version(self, entry: Entry) -> str | None:
        return f"{entry.etag}:{entry.size}"

    @contextmanager
    def open(self, uri: str, version: str, room: Path) -> Iterator[BinaryIO]:
        root = f"s3://{self.bucket}/{self.prefix}"
        name = uri.removeprefix(root)
        if name == uri or fault(name):
            raise Broken("file.unreadable", "the name does not lead below the source's prefix", shown(uri))
        etag, _, size = version.rpartition(":")
        with (room / "object").open("w+b") as file:
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name, IfMatch=f'"{etag}"')
                for block in answer["Body"].iter_chunks(_BLOCK):
                    file.write(block)
            except (ClientError, BotoCoreError) as error:
                if isinstance(error, ClientError) and error.response["Error"]["Code"] in _REPLACED:
                    raise gone(uri, "the object was replaced or removed") from error
                raise _classified(error, uri) from error
            if file.tell() != int(size):
                what = f"the object broke off after {file.tell()} of {size} bytes"
                raise Transient("source.unreachable", what, uri)
            file.seek(0)
            yield file


def _classified(error: ClientError | BotoCoreError, where: str) -> SluiceError:
    """boto3 has tried several times already; its message never holds a key's secret."""
    if not isinstance(error, ClientError):
        return Transient("source.unreachable", f"the object store did not answer ({type(error).__name__})", where)
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _REFUSED:
        return Broken("source.unauthorised", f"the object store refused our credentials ({code})", where)
    if code in _BUSY:
        return Transient("source.throttled", f"the object store asked us to slow down ({code})", where)
    if status >= 500:
        return Transient("source.unreachable", f"the object store failed ({code})", where)
    return Broken("source.rejected", f"the object store refused the request ({code})", where)
