"""``mqbench sweep``: one field over values, all of them in the same rounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bench import catalogue, questions, session
from bench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.questions import Finished
    from bench.runner import Progress

CLIENT, LOOP = "aio-pika", "asyncio"
HOW_MEASURED = ("warmup_s", "measure_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``swept`` is the field with its values, ``run`` what else was asked for."""

    swept: Mapping[str, tuple[Any, ...]]
    run: session.Request


async def run(request: Request, *, say: Callable[[str], None], tell: Callable[[Progress], None]) -> Finished:
    """Measures and answers; raises UsageError and its kinds before anything is started."""
    field, values = checked(request)
    asked = replace(
        request.run,
        clients=request.run.clients or (CLIENT,),
        loops=request.run.loops or (LOOP,),
        values={**request.run.values, field: values},
    )
    question = {"kind": "sweep", "field": field}
    finished = await session.run(asked, say=say, tell=tell, facts={"question": question})
    return questions.concluded(finished.folder, finished.outcome)


def checked(request: Request) -> tuple[str, tuple[Any, ...]]:
    """The field and its values; raises UsageError where they are no sweep."""
    ((field, values),) = request.swept.items()
    if field in HOW_MEASURED:
        raise UsageError(f"{field} is how long each point is measured, and no property of it: --set {field}=")
    if len(set(values)) < 2:
        raise UsageError(
            f"a sweep takes at least two values of {field}, got {len(set(values))}: {field}=V1,V2,..."
        )
    if len(request.run.scenarios) > 1:
        raise UsageError(f"a sweep is of one scenario, got {', '.join(request.run.scenarios)}")
    if field in request.run.values:
        raise UsageError(f"{field} is swept: leave --set {field} out")
    (name,) = request.run.scenarios or (catalogue.HEADLINE,)
    entry = catalogue.find_scenario(name).with_values({**request.run.values, field: values})
    if others := [other for other in entry.varied if other != field]:
        raise UsageError(
            f"a sweep varies one field, and {name} varies {' and '.join(others)} too: "
            f"give {'it one value' if len(others) == 1 else 'each one value'} with --set"
        )
    return field, values
