"""TLS as the harness sees it: the files that it is given, and how a handshake fails, in a sentence."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from bench.brokers.ports import os_reason
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.client import Tls

OPTIONS = {"ca": "--tls-ca", "certificate": "--tls-certificate", "key": "--tls-key"}
WRONG_NAME = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
# What a server answers that wants to know who we are, or does not believe it.
WANTS_OURS = ("certificate required", "alert unknown ca", "alert bad certificate", "alert handshake failure")


def check_files(tls: Tls) -> None:
    """Raises UsageError for files that cannot be read or used."""
    if tls.key is not None and tls.certificate is None:
        raise UsageError("--tls-key is of no use without --tls-certificate")
    for name, option in OPTIONS.items():
        if (path := getattr(tls, name)) is not None:
            try:
                with open(path, "rb") as file:  # noqa: PTH123  # Path("") would be the folder that we are in
                    file.read(1)
            except (OSError, ValueError) as error:
                reason = os_reason(error) if isinstance(error, OSError) else str(error)
                raise UsageError(f"{option} {path!r} cannot be read ({reason})") from error
    try:
        ssl.create_default_context(cafile=tls.ca)
    except OSError as error:
        raise UsageError(f"--tls-ca {tls.ca!r} holds no certificate in PEM") from error
    try:
        tls.context()
    except OSError as error:
        raise UsageError(_unfit(tls, error)) from error


def tls_reason(error: ssl.SSLError) -> str:
    """Why a handshake failed, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in WRONG_NAME:
            return f"{error.verify_message} use the host that its certificate names"
        trust = "set SSL_CERT_FILE or --tls-ca to the certificate of its authority"
        return f"{error.verify_message or 'certificate not trusted'}; {trust}"
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if reason.endswith(WANTS_OURS):
        return f"{reason}; give --tls-certificate and --tls-key a client certificate that it trusts"
    return f"{reason}; does it listen for TLS on that port?"


def _unfit(tls: Tls, error: OSError) -> str:
    if tls.key is None:
        return (
            f"--tls-certificate {tls.certificate!r} does not hold a certificate and its key in PEM; "
            "a key in a file of its own is named with --tls-key"
        )
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"--tls-key {tls.key!r} is not the key of --tls-certificate {tls.certificate!r}"
    return (
        f"--tls-certificate {tls.certificate!r} and --tls-key {tls.key!r} must be in PEM, "
        "the key without a passphrase"
    )
