"""A certificate authority of a run's own, whom nobody trusts that was not told to."""

from __future__ import annotations

import subprocess
from pathlib import Path

from services import NotStarted

DAYS = "3"
ADDRESSES = "subjectAltName=IP:127.0.0.1,DNS:localhost"


class Authority:
    """Vouches for servers on this machine."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self.ca, self._key = folder / f"{name}.pem", folder / f"{name}.key"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
            "-subj", f"/CN={name} of this run", "-keyout", str(self._key), "-out", str(self.ca),
        )  # fmt: skip

    def certificate(self, name: str) -> tuple[Path, Path]:
        """A server's certificate and its key."""
        certificate, key, asked = (self._folder / f"{name}.{kind}" for kind in ("crt", "key", "csr"))
        addresses = self._folder / f"{name}.names"
        addresses.write_text(ADDRESSES)
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", str(key), "-out", str(asked),
        )  # fmt: skip
        self._openssl(
            "x509", "-req", "-in", str(asked), "-CA", str(self.ca), "-CAkey", str(self._key), "-CAcreateserial",
            "-days", DAYS, "-extfile", str(addresses), "-out", str(certificate),
        )  # fmt: skip
        return certificate, key

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotStarted(f"openssl {arguments[0]}: {done.stderr.strip()}")
