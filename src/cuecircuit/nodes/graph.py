"""Tables and questions as nodes: what each needs, and an order in which every node comes after what it needs."""

from collections.abc import Iterable, Iterator, Mapping

from cuecircuit.errors import StudyError
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.question_checks import formula_of
from cuecircuit.study.questions import Composite, Correlation, Formula, Question, Reduce, Split, Stack
from cuecircuit.study.schema import Study


def ordered_nodes(study: Study) -> dict[str, tuple[str, ...]]:
    """Return every node of a study with those it needs, in topological order, in the order of the file where free.

    Nodes are `subjects`, `visits`, `operant` (which makes `bins` too), `trials`, `maps.NAME` (which makes
    `contrasts.NAME` too), `edges.NAME`, `regions.NAME`, `derived.NAME` and `questions.NAME`.

    Raises:
        StudyError: nodes that need one another in a circle, with the way round.
    """
    needs = dict(_needs(study))
    order: dict[str, tuple[str, ...]] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in order:
            return
        if name in path:
            raise StudyError(f"{' needs '.join([*path[path.index(name) :], name])}; nothing can be made first")
        for other in needs[name]:
            visit(other, (*path, name))
        order[name] = needs[name]

    for name in needs:
        visit(name, ())
    return order


def node_of(table: str) -> str:
    """Return the node that makes a table."""
    kind, _, name = table.partition(".")
    return {"bins": "operant", "contrasts": f"maps.{name}"}.get(kind, table)


def _needs(study: Study) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "subjects", ()
    if "session" in study.factors:
        yield "visits", ("subjects",)
    about = ("subjects", "visits") if "session" in study.factors else ("subjects",)
    if study.operant:
        yield "operant", about
    if study.trials:
        yield "trials", about
    for name, maps in study.maps.items():
        yield f"maps.{name}", (*about, *(("trials",) if study.trials and maps.kind in ("blocks", "glm") else ()))
    for name, edges in study.edges.items():
        yield f"edges.{name}", (*about, *(("trials",) if study.trials and edges.kind != "correlation" else ()))
    for name, region in study.regions.items():
        within = [f"questions.{region.within.question}"] if region.within else []
        yield f"regions.{name}", (*about, node_of(split_reference(region.of)[0]), *within)
    for name, derived in study.derived.items():
        yield f"derived.{name}", tuple(dict.fromkeys([*about, *_sources(study, derived)]))
    for name, question in study.questions.items():
        yield f"questions.{name}", tuple(dict.fromkeys([*about, *_asked(study, question)]))


def _sources(study: Study, derived: object) -> Iterator[str]:
    match derived:
        case Reduce():
            yield node_of(split_reference(derived.of)[0])
            if derived.less:
                yield node_of(split_reference(derived.less.of)[0])
            yield from _derived_columns(study, [*derived.where, *(derived.less.where if derived.less else ())])
        case Composite():
            yield from (f"derived.{name}" for name in derived.sum_of_z)
        case Split():
            yield from _derived_columns(study, [derived.split])
        case Stack():
            yield derived.of


def _asked(study: Study, question: Question) -> Iterator[str]:
    yield node_of(split_reference(question.of)[0])
    columns = [*question.where, *question.each]
    for key in ("between", "within", "by", "covariates", "controls"):
        columns += getattr(question, key, ())
    if isinstance(question, Formula):
        columns += formula_of(question.formula).columns
    if isinstance(question, Correlation):
        yield node_of(split_reference(question.with_.of)[0])
        columns += question.with_.where
    yield from _derived_columns(study, columns)


def _derived_columns(study: Study, columns: Iterable[str]) -> Iterator[str]:
    return (f"derived.{name}" for name in columns if name in study.derived)


def upstream(order: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """Return everything that a node goes back to, in order."""
    above, waiting = set[str](), [name]
    while waiting:
        for other in order[waiting.pop()]:
            if other not in above:
                above.add(other)
                waiting.append(other)
    return tuple(other for other in order if other in above)


def participant_nodes(study: Study) -> tuple[str, ...]:
    """Return the nodes that end with maps of each subject, in order; none where a study has no maps."""
    order = ordered_nodes(study)
    needed = {need for name in order if name.startswith("maps.") for need in (name, *upstream(order, name))}
    return tuple(name for name in order if name in needed)
