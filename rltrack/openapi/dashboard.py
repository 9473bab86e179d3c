"""What goes in and out of the dashboard's routes."""

from __future__ import annotations

from typing import Any, Final

from rltrack.openapi import shapes
from rltrack.openapi.operation import BYTES, EVENTS, FILE, ONE, Media, Operation, Operations

_RUN: Final = f"{ONE}/runs/{{run}}"
_VERSION: Final = f"{ONE}/artifact/{{name}}/{{version}}"
_SWEEP: Final = f"{ONE}/sweeps/{{sweep}}"
_DOCUMENTS: Final = f"{ONE}/documents/{{kind}}"
_TABLE: Final = Media(("text/csv", "application/vnd.apache.parquet"))

OPERATIONS: Final[Operations] = {
    ("GET", "/api/openapi.json"): Operation(answer=dict[str, Any]),
    ("GET", "/api/meta"): Operation(answer=shapes.Meta),
    ("GET", "/api/changes"): Operation(answer=EVENTS, refuses=(503,)),
    ("GET", "/api/projects"): Operation(answer=shapes.ProjectList),
    ("GET", "/api/search"): Operation(answer=shapes.Found, query=shapes.SearchQuery),
    # -- runs
    ("GET", f"{ONE}/runs"): Operation(answer=shapes.RunList, query=shapes.Since),
    ("GET", f"{ONE}/changes"): Operation(answer=EVENTS, refuses=(503,)),
    ("GET", _RUN): Operation(answer=shapes.WholeRun),
    ("GET", f"{_RUN}/media/{{path:path}}"): Operation(answer=FILE, query=shapes.Scripted),
    ("GET", f"{_RUN}/files/{{path:path}}"): Operation(answer=FILE, query=shapes.AsText),
    ("GET", f"{_RUN}/console"): Operation(answer=shapes.Console, query=shapes.ConsoleQuery),
    ("GET", f"{_RUN}/artifacts"): Operation(answer=shapes.RunArtifacts),
    ("GET", f"{_RUN}/episodes"): Operation(answer=shapes.Episodes, query=shapes.EpisodesQuery),
    ("POST", f"{ONE}/edit"): Operation(answer=shapes.Edited, body=shapes.EditBody),
    ("POST", f"{ONE}/delete"): Operation(answer=shapes.Done, body=shapes.RunsBody),
    ("POST", f"{ONE}/restore"): Operation(answer=shapes.Done, body=shapes.RunsBody),
    ("POST", f"{ONE}/move"): Operation(answer=shapes.Done, body=shapes.MoveBody),
    ("POST", f"{ONE}/stop"): Operation(answer=shapes.Done, body=shapes.RunsBody),
    # -- tables and charts of them
    ("POST", f"{ONE}/query"): Operation(answer=shapes.QueryAnswer, body=shapes.QueryBody),
    ("POST", f"{ONE}/series"): Operation(answer=BYTES, body=shapes.SeriesBody),
    ("GET", f"{ONE}/spark"): Operation(answer=shapes.Spark, query=shapes.SparkQuery),
    ("POST", f"{ONE}/statistics"): Operation(answer=shapes.Statistics, body=shapes.StatisticsBody),
    ("POST", f"{ONE}/histograms"): Operation(answer=shapes.Histograms, body=shapes.HistogramsBody),
    ("POST", f"{ONE}/media"): Operation(answer=shapes.AllMedia, body=shapes.MediaBody),
    ("POST", f"{ONE}/tables/query"): Operation(answer=shapes.TablePage, body=shapes.TableQuestion),
    ("GET", f"{ONE}/tables/export"): Operation(answer=_TABLE, query=shapes.ExportQuery),
    # -- artifacts
    ("GET", f"{ONE}/artifacts"): Operation(answer=shapes.Collections),
    ("POST", f"{ONE}/artifacts/change"): Operation(
        answer=shapes.VersionChanged, body=shapes.VersionChange
    ),
    ("POST", f"{ONE}/artifacts/delete"): Operation(
        answer=shapes.VersionsDone, body=shapes.VersionsBody
    ),
    ("POST", f"{ONE}/artifacts/restore"): Operation(
        answer=shapes.VersionsDone, body=shapes.VersionsBody
    ),
    ("GET", f"{ONE}/artifact/{{name}}"): Operation(answer=shapes.Versions),
    ("GET", f"{_VERSION}/files"): Operation(answer=shapes.ArtifactFiles),
    ("GET", f"{_VERSION}/lineage"): Operation(answer=shapes.Lineage),
    ("GET", f"{_VERSION}/file/{{path:path}}"): Operation(answer=FILE, query=shapes.AsText),
    # -- sweeps
    ("GET", "/api/sweeps/{sweep}"): Operation(answer=shapes.SweepPlace),
    ("GET", f"{ONE}/sweeps"): Operation(answer=shapes.Sweeps),
    ("POST", f"{ONE}/sweeps"): Operation(answer=shapes.Made, body=shapes.SweepBody),
    ("GET", _SWEEP): Operation(answer=shapes.Sweep, query=shapes.Since),
    ("POST", f"{_SWEEP}/ask"): Operation(
        answer=shapes.Sweep, body=shapes.SweepChange, refuses=(409,)
    ),
    ("POST", f"{_SWEEP}/board"): Operation(
        answer=shapes.Object, body=shapes.BoardBody, refuses=(409,)
    ),
    ("POST", f"{ONE}/importances"): Operation(
        answer=shapes.Importances, body=shapes.ImportancesBody, refuses=(501,)
    ),
    # -- documents
    ("POST", f"{ONE}/short"): Operation(
        answer=shapes.Document, body=shapes.LinkBody, refuses=(409,)
    ),
    ("GET", _DOCUMENTS): Operation(answer=shapes.DocumentList),
    ("GET", f"{_DOCUMENTS}/{{id}}"): Operation(answer=shapes.Document, refuses=(409,)),
    ("PUT", f"{_DOCUMENTS}/{{id}}"): Operation(
        answer=shapes.Document,
        body=shapes.DocumentBody,
        headers=shapes.IfMatchOrNone,
        also={412: shapes.Conflict},
        refuses=(409,),
    ),
    ("DELETE", f"{_DOCUMENTS}/{{id}}"): Operation(
        answer=shapes.Nothing,
        headers=shapes.IfMatch,
        also={412: shapes.Conflict},
        refuses=(409,),
    ),
}
