"""What the dashboard's routes are asked and answer. Times are seconds since the epoch.

A number that is not finite is the text "NaN", "Infinity" or "-Infinity": JSON has no word for it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from rltrack.openapi.schema import Says

Count = Annotated[int, Says(minimum=0)]
Whole = Annotated[int, Says(minimum=1)]
Number = float | Literal["NaN", "Infinity", "-Infinity"]
State = Literal["running", "finished", "failed", "crashed", "killed", "preempted"]
Texts = list[str]
Object = dict[str, Any]
RunIds = Annotated[list[str], Says(maxItems=10_000)]


class Nothing(TypedDict):
    """It was done."""


class Since(TypedDict):
    """Parameters of lists that follow changes."""

    since: NotRequired[Annotated[int, Says("The version of an answer: what changed after it")]]


#: Written as a call, since `as` is a word of Python.
AsText = TypedDict(
    "AsText",
    {"as": NotRequired[Annotated[Literal["text"], Says("Send it as plain text, whatever it is")]]},
)


class Scripted(TypedDict):
    """Parameters of a file of media."""

    scripts: NotRequired[Annotated[str, Says("Let the scripts of a page run, apart from all else")]]


# -- what there is ---------------------------------------------------------------------------------


class Meta(TypedDict):
    """The server itself."""

    version: str
    accounts: bool
    root: NotRequired[Annotated[str, Says("Its folder; not on a team's server")]]


class ProjectLine(TypedDict):
    """A line of the list of projects."""

    name: str
    run_count: Count
    states: dict[str, int]
    last_activity: float


class ProjectList(TypedDict):
    """All projects that one sees."""

    projects: list[ProjectLine]


class SearchQuery(TypedDict):
    """Parameters of a search."""

    q: NotRequired[Annotated[str, Says("Words, or `key=value` of a config")]]
    near: NotRequired[Annotated[str, Says("A project whose things come first")]]


class FoundRun(TypedDict):
    """A run that was found."""

    project: str
    id: str
    name: str
    state: State
    created_at: float
    why: Annotated[Texts, Says("Where it fits, if that is not its name")]


class FoundArtifact(TypedDict):
    """An artifact that was found."""

    name: str
    type: str


class Found(TypedDict):
    """What fits, best first."""

    runs: list[FoundRun]
    metrics: Texts
    artifacts: list[FoundArtifact]
    projects: Texts


# -- runs ------------------------------------------------------------------------------------------


class RunLine(TypedDict):
    """What a list of runs shows of one."""

    id: str
    name: str
    state: State
    created_at: float
    ended_at: float | None
    duration_s: float
    heartbeat_at: float
    host: str
    group: str | None
    job_type: str | None
    sweep: str | None
    tags: Texts
    notes: str | None
    slot: Annotated[int, Says("Number of its colour")]
    last_step: int | None
    row_count: Count
    incomplete: Annotated[int, Says("Rows that were lost", minimum=0)]
    damage: Texts
    config: Object
    summary: Object
    metrics: Annotated[Texts, Says("Keys that have numbers")]


class MetricLine(TypedDict):
    """A metric of a project."""

    key: str
    x: str
    run_count: Count
    hidden: bool


class RunList(TypedDict):
    """The runs that changed after a version, and those that are gone."""

    project: str
    version: int
    removed: Texts
    runs: list[RunLine]
    metrics: list[MetricLine]


class SavedFile(TypedDict):
    """A file that a run saved."""

    path: str
    bytes: Count
    time: float


class MediaLine(TypedDict):
    """A file that a run logged, with more facts by its kind."""

    key: str
    kind: str
    step: int
    global_step: float | None
    time: float
    url: Annotated[str | None, Says("Where it is, once it is ready")]
    state: str
    error: str | None
    chart: Any


class Note(TypedDict):
    """Something that a run told of itself."""

    time: float
    level: Literal["info", "warning"]
    message: str


class WholeRun(TypedDict):
    """All that a run's page shows besides charts."""

    id: str
    name: str
    state: State
    created_at: float
    ended_at: float | None
    config: Object
    summary: Object
    metrics: Texts
    metadata: Object
    axes: dict[str, str]
    hidden: Texts
    system_metrics: Texts
    files: list[SavedFile]
    media: list[MediaLine]
    events: list[Note]


class ConsoleQuery(TypedDict):
    """Parameters of a console."""

    after: NotRequired[
        Annotated[
            str,
            Says(
                "By writer the number of the first line that is wanted, as JSON",
                contentMediaType="application/json",
            ),
        ]
    ]


class Console(TypedDict):
    """Lines that a run printed, as columns."""

    writers: Texts
    left_out: Count
    number: list[int]
    text: Texts
    time: list[float]
    writer: Annotated[list[int], Says("Places in `writers`")]
    error: Annotated[list[bool], Says("Whether it went to stderr")]


class EpisodesQuery(TypedDict):
    """Parameters of episodes."""

    name: NotRequired[Annotated[str, Says("First part of the keys, like `episode`")]]


class Distribution(TypedDict):
    """Counts between edges."""

    edges: list[float]
    counts: list[int]
    mean: float
    median: float


class Episodes(TypedDict):
    """The newest episodes of a run as columns, and videos of some."""

    names: Texts
    name: str | None
    total: Count
    columns: dict[str, list[Any]]
    distributions: dict[str, Distribution | None]
    clips: list[Object]


class RunsBody(TypedDict):
    """Some runs, by id."""

    runs: RunIds


class MoveBody(TypedDict):
    """Some runs, and the project that they go to."""

    runs: RunIds
    to: str


class RunFailure(TypedDict):
    """A run of which it could not be done."""

    run: str
    error: str


class Done(TypedDict):
    """Each run stands for itself: which it was done for, and why not for others."""

    done: Texts
    failed: list[RunFailure]


class RunFacts(TypedDict):
    """What people say of a run."""

    name: NotRequired[Any]
    notes: NotRequired[Any]
    group: NotRequired[Any]
    job_type: NotRequired[Any]
    tags: NotRequired[Any]


class RunChange(TypedDict):
    """A run, and what is to be said of it."""

    run: str
    facts: NotRequired[RunFacts]
    config: NotRequired[Object]
    summary: NotRequired[Object]
    removed_config: NotRequired[Texts]
    removed_summary: NotRequired[Texts]


class EditBody(TypedDict):
    """Changes of runs."""

    changes: list[RunChange]


class Edited(TypedDict):
    """The changes that put it back as it was, and what could not be changed."""

    undo: list[RunChange]
    failed: list[RunFailure]


# -- tables and charts of runs ---------------------------------------------------------------------


class AllBut(TypedDict):
    """Runs whose config is the same but for some keys."""

    all_config_but: Texts


class QueryBody(TypedDict):
    """Which runs are shown, in what order and in which groups."""

    filter: NotRequired[
        Annotated[str | Object | None, Says("As the README tells, or as MongoDB has it")]
    ]
    order: NotRequired[Annotated[Texts, Says("Fields; with `-` in front, descending")]]
    group: NotRequired[Texts | AllBut | None]
    columns: NotRequired[Texts | None]
    offset: NotRequired[Count]
    limit: NotRequired[Annotated[int, Says(minimum=1, maximum=1000)]]


class RunGroup(TypedDict):
    """A group of runs, in order."""

    values: Object
    count: Count
    runs: Texts


class QueryAnswer(TypedDict):
    """How many fit, and a page of runs or groups, or the columns of all."""

    version: int
    total: Count
    runs: NotRequired[list[RunLine]]
    groups: NotRequired[list[RunGroup]]
    group_count: NotRequired[Count]
    ids: NotRequired[Texts]
    values: NotRequired[dict[str, list[Any]]]


class PanelBody(TypedDict):
    """One chart: a metric of some runs."""

    key: str
    runs: Annotated[Texts, Says(maxItems=1000)]
    x: NotRequired[Annotated[str, Says("auto, _step, _timestamp, _runtime or a metric")]]
    buckets: NotRequired[Annotated[int, Says("Points of a line", minimum=1)]]
    range: NotRequired[list[float] | None]
    stream: NotRequired[Literal["default", "system"]]
    groups: NotRequired[dict[str, Texts]]
    centre: NotRequired[str]
    spread: NotRequired[str]
    members: NotRequired[bool]
    log_x: NotRequired[bool]


class SeriesBody(TypedDict):
    """Some charts."""

    panels: Annotated[list[PanelBody], Says(maxItems=100)]


class SparkQuery(TypedDict):
    """Parameters of a small curve."""

    metric: NotRequired[Annotated[str, Says("By default the likeliest return")]]


class SparkLine(TypedDict):
    """A curve of few points."""

    slot: int
    points: list[list[float]]


class Spark(TypedDict):
    """One metric of the newest runs, the newest last."""

    metric: str | None
    metrics: Texts
    lines: list[SparkLine]


class StatisticsBody(TypedDict):
    """Which experiments are compared, by which score."""

    metric: NotRequired[str | None]
    take: NotRequired[str]
    last: NotRequired[Whole]
    task: NotRequired[str | None]
    but: NotRequired[Texts]
    limits: NotRequired[
        Annotated[
            Literal["observed"] | dict[str, list[float]] | None,
            Says("Of each task, what is 0 and what is 1"),
        ]
    ]
    threshold: NotRequired[float]
    crashed: NotRequired[Literal["count", "leave out"]]
    chosen: NotRequired[Texts | None]
    baseline: NotRequired[str | None]


class ExperimentLine(TypedDict):
    """An experiment: runs that differ by their seeds."""

    name: str
    n_runs: Count


class Statistics(TypedDict):
    """Scores, intervals, profiles and curves, and the Python that gives the same."""

    metric: str | None
    metrics: Texts
    keys: Texts
    experiments: list[ExperimentLine]
    chosen: Texts
    groups: list[Object]
    thresholds: list[float]
    grid: list[float]
    x: str | None
    baseline: str | None
    python: str
    warnings: Texts


class HistogramsBody(TypedDict):
    """Which histograms, and how fine."""

    key: str
    runs: Annotated[Texts, Says(minItems=1, maxItems=20)]
    x: NotRequired[str]
    columns: NotRequired[Annotated[int, Says(minimum=2, maximum=1000)]]
    bins: NotRequired[Annotated[int, Says(minimum=2, maximum=512)]]
    outliers: NotRequired[bool]


class RunHistograms(TypedDict):
    """Counts of each column, by bin."""

    run: str
    histograms: Count
    counts: list[list[float] | None]


class Histograms(TypedDict):
    """Histograms over steps; all runs share edges and grid."""

    x: str
    edges: list[float]
    grid: list[float]
    outside: float
    runs: list[RunHistograms]
    missing: Texts


class RunMedia(TypedDict):
    """What a run logged besides numbers."""

    run: str
    media: list[MediaLine]
    histograms: Texts


class AllMedia(TypedDict):
    """What some runs logged besides numbers."""

    runs: list[RunMedia]
    missing: Texts


class MediaBody(TypedDict):
    """Some runs, by id."""

    runs: Annotated[Texts, Says(maxItems=100)]


# -- tables that were logged -----------------------------------------------------------------------


class TableQuestion(TypedDict):
    """Which rows of logged tables, in what order or groups; `server/tables.py` tells all of it."""

    key: str
    runs: NotRequired[Texts | None]
    steps: NotRequired[Literal["last", "all"] | int | list[int] | dict[str, int]]
    join: NotRequired[Object | None]
    computed: NotRequired[dict[str, str]]
    filter: NotRequired[Any]
    group: NotRequired[Texts]
    aggregates: NotRequired[list[Object]]
    subtotals: NotRequired[bool]
    depth: NotRequired[Annotated[int, Says(minimum=0, maximum=64)]]
    turned: NotRequired[list[list[Any]]]
    sort: NotRequired[Texts]
    columns: NotRequired[Texts | None]
    offset: NotRequired[Annotated[int, Says(minimum=0, maximum=2**53)]]
    limit: NotRequired[Annotated[int, Says(minimum=1, maximum=1000)]]


class TableColumn(TypedDict):
    """A column, and what is in it."""

    name: str
    type: str


class TablePage(TypedDict):
    """A page of rows."""

    total: Count
    offset: Count
    columns: list[TableColumn]
    rows: list[list[Any]]
    cut: Annotated[list[list[int]], Says("Row and column of cells that are sent in part")]
    levels: NotRequired[list[int]]
    primary_key: Any
    tables: list[Object]
    missing: Texts
    took_ms: float


class ExportQuery(TypedDict):
    """Parameters of an export."""

    ask: Annotated[
        str,
        Says("A question of `tables/query`, as JSON", contentMediaType="application/json"),
    ]
    format: NotRequired[Literal["csv", "parquet"]]


# -- artifacts -------------------------------------------------------------------------------------


class CollectionLine(TypedDict):
    """An artifact, with what is told of its newest version."""

    name: str
    type: str
    version_count: Count
    aliases: Texts
    size: Count
    count: Count
    total_size: Count
    newest: Count
    description: str | None
    updated_at: float


class Collections(TypedDict):
    """The artifacts of a project."""

    collections: list[CollectionLine]


class ToldRun(TypedDict):
    """A run that made or used something; one that is gone has no name."""

    project: str
    id: str
    name: str | None
    state: str | None
    slot: int | None


class VersionLine(TypedDict):
    """A version of an artifact."""

    version: str
    digest: str
    size: Count
    count: Count
    created_at: float
    updated_at: float
    description: str | None
    metadata: Object
    aliases: Texts
    tags: Texts
    ttl_s: float | None
    source: Any
    step: int | None
    run: ToldRun | None
    uses: list[Object]


class Versions(TypedDict):
    """The versions of an artifact, the newest first."""

    name: str
    project: str
    type: str
    versions: list[VersionLine]


class ArtifactFile(TypedDict):
    """A file of a version."""

    path: str
    digest: str
    size: int | None
    ref: str | None
    type: Any


class ArtifactFiles(TypedDict):
    """The files of a version; at most ten thousand are listed."""

    count: Count
    files: list[ArtifactFile]


class ToldVersion(TypedDict):
    """A version somewhere in the story of another."""

    project: str
    name: str
    version: str
    type: str
    aliases: Texts
    size: Count
    count: Count
    created_at: float
    digest: str


class LineageNode(TypedDict):
    """A run or a version."""

    id: str
    kind: Literal["run", "version"]
    run: NotRequired[ToldRun]
    version: NotRequired[ToldVersion]


class Lineage(TypedDict):
    """What led to a version, and what was made of it."""

    nodes: list[LineageNode]
    edges: list[Texts]
    left_out: bool


class RunArtifacts(TypedDict):
    """The versions that a run logged and used."""

    logged: list[ToldVersion]
    used: list[ToldVersion]


class VersionsBody(TypedDict):
    """Versions of an artifact: `["v3"]`."""

    name: str
    versions: Texts


class VersionFailure(TypedDict):
    """A version of which it could not be done."""

    version: str
    error: str


class VersionsDone(TypedDict):
    """Each version stands for itself."""

    done: Texts
    failed: list[VersionFailure]


class VersionChange(TypedDict):
    """What is to be said of a version."""

    name: str
    version: str
    description: NotRequired[str | None]
    tags: NotRequired[Texts]
    aliases: NotRequired[Texts]


class VersionChanged(TypedDict):
    """The changes that put it back as it was."""

    undo: list[VersionChange]


# -- sweeps ----------------------------------------------------------------------------------------


class SweepLine(TypedDict):
    """A line of the list of sweeps."""

    id: str
    name: str
    description: str | None
    project: str
    method: str
    metric: str | None
    goal: str | None
    state: str
    reason: str | None
    created_at: float
    counts: dict[str, int]
    live_agents: Count
    best: Object | None


class Sweeps(TypedDict):
    """The sweeps of a project, the newest first."""

    sweeps: list[SweepLine]


class Sweep(TypedDict):
    """A sweep, and those of its trials that changed since a version."""

    id: str
    name: str
    project: str
    method: str
    state: str
    version: Count
    has_runs: bool
    whole: bool
    text: str
    parameters: list[Object]
    metrics: list[Object]
    agents: list[Object]
    trials: list[Object]
    expected: int | None
    run_cap: int | None


class SweepPlace(TypedDict):
    """Where a sweep is."""

    id: str
    project: str


class SweepBody(TypedDict):
    """A new sweep."""

    text: Annotated[str, Says("Its config, as YAML or JSON", maxLength=1 << 20)]
    id: NotRequired[Annotated[str | None, Says("By default one is chosen")]]
    prior_runs: NotRequired[Texts]


class Made(TypedDict):
    """What was made."""

    id: str


class SweepChange(TypedDict):
    """What is to become of a sweep, or of one trial."""

    what: Literal["pause", "resume", "stop", "cancel"]
    trial: NotRequired[int | None]


class BoardBody(TypedDict):
    """A step of an agent, with what it needs; `server/sweep_board.py` has them."""

    do: Literal[
        "place", "join", "append", "beat", "beat_s", "news", "take", "last_claim", "claimant", "update",
    ]  # fmt: skip


class ImportancesBody(TypedDict):
    """Parameters of rows, and what came of each row."""

    columns: dict[str, list[Any]]
    values: list[float]
    metric: NotRequired[str]
    method: NotRequired[str]
    goal: NotRequired[Literal["minimize", "maximize"]]


class Importance(TypedDict):
    """How much a parameter matters."""

    name: str
    importance: Number
    correlation: Number | None


class Importances(TypedDict):
    """How much each parameter matters."""

    method: str
    count: Count
    caution: str | None
    parameters: list[Importance]


# -- documents -------------------------------------------------------------------------------------


class DocumentBody(TypedDict):
    """What is to be kept."""

    body: Any


class Document(TypedDict):
    """A view, a report, or the like."""

    id: str
    version: Annotated[str, Says("Another one with every change")]
    saved_at: float
    by: str | None
    body: Any


class DocumentList(TypedDict):
    """All of a kind, and the ids of those that cannot be read."""

    documents: list[Document]
    damaged: Texts


class Conflict(TypedDict):
    """Somebody else has changed it meanwhile: what is there now."""

    error: str
    hint: str
    document: Document | None


class IfMatch(TypedDict):
    """Headers of a removal."""

    if_match: NotRequired[Annotated[str, Says("The version that is replaced, or `*` for any")]]


class IfMatchOrNone(TypedDict):
    """Headers of a change."""

    if_match: NotRequired[Annotated[str, Says("The version that is replaced, or `*` for any")]]
    if_none_match: NotRequired[Annotated[str, Says("`*`: there is none yet")]]


class LinkBody(TypedDict):
    """A page of a project, with all that it shows."""

    link: Annotated[str, Says(pattern="^/p/", maxLength=200_000)]
