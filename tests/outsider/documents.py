"""Fetches résumés as a gateway would, by key and by link, and opens them."""

from __future__ import annotations

import io
import os
import urllib.parse
import urllib.request
from dataclasses import dataclass

import boto3
import docx
from botocore.config import Config

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
FILE_NAME = "이력서.docx"
TIMEOUT_S = 20


@dataclass(frozen=True)
class Fetched:
    """A stored document; `faults` tells what was wrong on the way."""

    member: int
    body: bytes
    faults: list[str]


class Store:
    """The bucket, found as any AWS program finds it (`AWS_ENDPOINT_URL_S3` and so on)."""

    def __init__(self, bucket: str) -> None:
        own_endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        self._bucket = bucket
        self._client = boto3.client(
            "s3",
            region_name=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
            config=Config(
                connect_timeout=TIMEOUT_S,
                read_timeout=TIMEOUT_S,
                s3={"addressing_style": "path" if own_endpoint else "auto"},
            ),
        )

    def check(self) -> None:
        """Raises when the bucket cannot be reached."""
        self._client.head_bucket(Bucket=self._bucket)

    def fetch(self, member: int, key: str, url: str) -> Fetched:
        faults: list[str] = []
        by_key = by_url = b""
        try:
            stored = self._client.get_object(Bucket=self._bucket, Key=key)
            by_key = stored["Body"].read()
            faults += _check_headers("by key", stored.get("ContentType"), stored.get("ContentDisposition"))
        except Exception as error:  # Whatever went wrong, the member has no document.
            faults.append(f"{key!r} cannot be fetched by key: {error}")
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:
                by_url = response.read()
                headers = response.headers
                faults += _check_headers(
                    "by resumeUrl", headers.get("Content-Type"), headers.get("Content-Disposition")
                )
        except Exception as error:
            faults.append(f"{key!r} cannot be fetched by resumeUrl: {error}")
        if by_key and by_url and by_key != by_url:
            faults.append(f"{key!r} and its resumeUrl give different documents")
        return Fetched(member, by_key or by_url, faults)


def check_document(body: bytes, email: str) -> list[str]:
    """Opens a document; it must have the title, the section 기본 정보 and the member's own email."""
    try:
        document = docx.Document(io.BytesIO(body))
    except Exception as error:
        return [f"python-docx cannot open the document: {error!r}"]
    faults = []
    headings = [(p.text.strip(), p.style.name) for p in document.paragraphs if p.style and p.text.strip()]
    if not headings or headings[0][0] != "이력서":
        faults.append("the document does not begin with the title 이력서")
    if not any(text == "기본 정보" and style.startswith("Heading") for text, style in headings):
        faults.append("the document has no heading 기본 정보")
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    if not any(email in text for text in cells + [text for text, _ in headings]):
        faults.append("the document does not name the member's email")
    return faults


def _check_headers(way: str, content_type: str | None, disposition: str | None) -> list[str]:
    faults = []
    if content_type != CONTENT_TYPE:
        faults.append(f"fetched {way}, the content type is {content_type!r}")
    disposition = disposition or ""
    encoded = "filename*=utf-8''" + urllib.parse.quote(FILE_NAME).lower()
    if not disposition.startswith("attachment") or encoded not in disposition.lower():
        faults.append(f"fetched {way}, Content-Disposition {disposition!r} is no attachment named {FILE_NAME}")
    return faults
