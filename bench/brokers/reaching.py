"""A server that is looked at once: every way in which it cannot be reached is one sentence."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bench.brokers.ports import os_reason
from bench.brokers.tls import tls_reason
from bench.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def reaching(where: object, *, limit_s: float, service: str, doubt: str = "") -> AsyncIterator[None]:
    """Lets the block run for ``limit_s`` at most; raises BrokerError where it ends for want of a server.

    ``where`` is the server as it is shown, ``service`` what starts one with docker compose, and ``doubt``
    a further question for where nobody answers.
    """
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise BrokerError(
            f"no answer from {where} within {limit_s:g} s; {doubt}is it overloaded, "
            "or is a firewall in between?"
        ) from None
    except ssl.SSLError as error:
        raise BrokerError(f"no TLS with {where}: {tls_reason(error)}") from error
    except socket.gaierror as error:
        raise BrokerError(f"no broker at {where} (no host has that name)") from error
    except OSError as error:
        start = f"start one with: docker compose up -d --wait {service}"
        raise BrokerError(f"no broker at {where} ({os_reason(error)}); {start}") from error
