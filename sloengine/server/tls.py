"""TLS of listeners."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from sloengine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """PEM files, with the Collector's key names. `client_ca_file` demands client certificates."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None

    def read(self) -> TlsMaterial:
        """Read the files.

        Raises:
            ConfigError: One cannot be read, or certificate and key do not belong together.
        """
        self.server_context()
        return TlsMaterial(
            certificate_chain=_read(self.cert_file),
            private_key=_read(self.key_file),
            client_roots=None if self.client_ca_file is None else _read(self.client_ca_file),
        )

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a server: TLS 1.2 or newer.

        Raises:
            ConfigError: As `read`.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert_file, self.key_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                f"tls: certificate {self.cert_file} with key {self.key_file} cannot be used: "
                f"{error}; give a readable PEM pair"
            ) from error
        if self.client_ca_file is not None:
            try:
                context.load_verify_locations(self.client_ca_file)
            except OSError as error:
                raise ConfigError(
                    f"tls: client_ca_file {self.client_ca_file} cannot be used: {error}; "
                    "give a readable PEM file"
                ) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """The contents of the files, for servers that want bytes."""

    certificate_chain: bytes
    private_key: bytes
    client_roots: bytes | None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"tls: {path} cannot be read: {error}") from error
