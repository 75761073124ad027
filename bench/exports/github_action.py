"""github-action-benchmark's ``customBiggerIsBetter``: a value a case, in messages per second. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.cell import versioned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.exports.cases import Exported


def document(cases: Sequence[Exported]) -> str:
    """Its ``range`` is half the width of the rate's 95 % interval, its ``extra`` what was measured."""
    return json.dumps([_entry(case) for case in cases], indent=2, ensure_ascii=False) + "\n"


def _entry(case: Exported) -> dict[str, str | float]:
    facts = case.facts
    told: dict[str, str | float] = {"name": case.name, "unit": "msg/s", "value": round(case.rate_per_s, 3)}
    if (rate := case.rate) is not None:
        told["range"] = f"± {rate.half_width:.3g}"
    broker = versioned(
        f"{facts.get('broker_origin')} {facts.get('broker_kind')}", facts.get("broker_version")
    )
    client = versioned(facts["client"], facts.get("client_version"))
    words = (client, versioned(facts["loop"], facts.get("loop_version")), broker, facts["guarantee"])
    told["extra"] = "\n".join((*words, f"{len(case.rates_per_s)} rounds"))
    return told
