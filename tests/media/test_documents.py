"""Pages, texts, scenes, molecules, graphs and figures are stored in forms that others read."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rltrack
from rltrack.errors import MediaError
from rltrack.media.base import Media


def written(media: Media, folder: Path) -> bytes:
    path = folder / f"file.{media.extension}"
    media.encode(path)
    return path.read_bytes()


# -- pages and texts ---------------------------------------------------------------------------


def test_html_is_kept_as_it_is(tmp_path: Path) -> None:
    """Its scripts, too: they are the user's, and the server sees to it that none runs."""
    page = "<h1>été</h1><script>alert(1)</script>"
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")

    for data in (page, io.StringIO(page), io.BytesIO(page.encode()), file, str(file)):
        assert written(rltrack.Html(data), tmp_path).decode() == page
    assert written(rltrack.Html("a.html", data_is_not_path=True), tmp_path) == b"a.html"


@pytest.mark.parametrize("data", ["missing.html", 7, None, b"<p>"])
def test_what_is_no_page_is_refused_at_the_call(data: Any) -> None:
    """W&B logs the name of a missing file as the page."""
    with pytest.raises(MediaError):
        rltrack.Html(data)


def test_texts_are_files_in_utf_8(tmp_path: Path) -> None:
    assert written(rltrack.Text("視頻", caption="c"), tmp_path).decode() == "視頻"
    assert written(rltrack.Text(""), tmp_path) == b""
    assert rltrack.Markdown("# a").extension == "md"


# -- scenes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [3, 4, 6])
@pytest.mark.parametrize("count", [0, 1, 1024, 1025])
def test_points_come_back(tmp_path: Path, columns: int, count: int) -> None:
    points = np.random.default_rng(0).random((count, columns))
    media = rltrack.Object3D(points)

    scene = json.loads(written(media, tmp_path))

    assert np.array_equal(np.array(scene["points"]).reshape(-1, columns), points)
    assert media.facts()["points"] == count


def test_a_scene_has_points_boxes_and_vectors(tmp_path: Path) -> None:
    box = rltrack.box3d(center=(1, 2, 3), size=(2, 4, 6), label="car", score=0.5)
    quarter = rltrack.box3d(center=(0, 0, 0), size=(2, 4, 6), orientation=(1, 0, 0, 1))
    media = rltrack.Object3D.from_point_cloud(
        torch.tensor([[0.0, 0, 0], [float("nan"), 0, 0]]),
        boxes=[box, quarter],
        vectors=[{"start": (0, 0, 0), "end": (1, 0, 0)}],
    )

    path = tmp_path / "scene"
    assert media.encode(path) == {"not_finite": 1}
    scene = json.loads(path.read_text())
    assert scene["points"] == [[0, 0, 0]]
    assert scene["boxes"][0]["corners"][0] == [0, 0, 0]
    assert scene["boxes"][0]["corners"][7] == [2, 4, 6]
    # A quarter turn about z: what was long in y is long in x now.
    assert np.abs(scene["boxes"][1]["corners"]).max(axis=0) == pytest.approx([2, 1, 3])
    assert scene["vectors"] == [{"start": [0, 0, 0], "end": [1, 0, 0]}]


def test_files_of_scenes_are_stored_byte_for_byte(tmp_path: Path) -> None:
    """A GLB is binary, and must not be read as a text."""
    content = bytes(range(256))
    path = tmp_path / "scene.glb"
    path.write_bytes(content)

    assert written(rltrack.Object3D(path), tmp_path / "..") == content
    with path.open("rb") as file:
        media = rltrack.Object3D(file)
    assert (media.extension, written(media, tmp_path)) == ("glb", content)
    stl = rltrack.Object3D.from_file(io.StringIO("solid"), "stl")
    assert (stl.extension, written(stl, tmp_path)) == ("stl", b"solid")


@pytest.mark.parametrize(
    "make",
    [
        lambda: rltrack.Object3D(np.zeros((3, 5))),
        lambda: rltrack.Object3D(np.zeros(3)),
        lambda: rltrack.Object3D({"boxes": []}),
        lambda: rltrack.Object3D("scene.exe"),
        lambda: rltrack.Object3D("scene.json"),
        lambda: rltrack.Object3D(io.StringIO("x")),
        lambda: rltrack.Object3D({"points": [[0, 0, 0]], "boxes": [{"corners": [[0, 0, 0]]}]}),
        lambda: rltrack.Object3D({"points": [[0, 0, 0]], "vectors": [{"start": (0, 0, 0)}]}),
        lambda: rltrack.box3d(center=(0, 0), size=(1, 1, 1)),
        lambda: rltrack.box3d(center=(0, 0, 0), size=(1, 1, 1), orientation=(0, 0, 0, 0)),
    ],
)
def test_what_is_no_scene_is_refused_at_the_call(make: Callable[[], Any]) -> None:
    with pytest.raises(MediaError):
        make()


# -- molecules ---------------------------------------------------------------------------------


def test_molecules_come_from_files_and_from_rdkit(tmp_path: Path) -> None:
    chem = pytest.importorskip("rdkit.Chem")
    made = rltrack.Molecule.from_smiles("CCO", caption="ethanol")
    pdb = written(made, tmp_path)

    atoms = chem.MolFromPDBBlock(pdb.decode(), removeHs=False)
    assert atoms.GetNumAtoms() == 9
    assert made.facts() == {"format": "pdb", "caption": "ethanol"}
    (tmp_path / "m.pdb").write_bytes(pdb)
    assert written(rltrack.Molecule(str(tmp_path / "m.pdb")), tmp_path) == pdb
    assert rltrack.Molecule(io.StringIO("x"), file_type="sdf").extension == "sdf"


@pytest.mark.parametrize("data", ["CCO", "missing.pdb", io.StringIO("x"), 7])
def test_what_is_no_molecule_is_refused_at_the_call(data: Any) -> None:
    with pytest.raises(MediaError):
        rltrack.Molecule(data)


def test_smiles_that_rdkit_cannot_read_are_refused() -> None:
    pytest.importorskip("rdkit.Chem")
    with pytest.raises(MediaError, match="RDKit cannot read it"):
        rltrack.Molecule.from_smiles("no smiles")


# -- figures -----------------------------------------------------------------------------------


def test_figures_of_plotly_are_logged_as_they_are_now(tmp_path: Path) -> None:
    """A figure may hold the user's own array, which goes on to change."""
    graph_objects = pytest.importorskip("plotly.graph_objects")
    heights = np.array([1.0, np.nan, 3.0])
    figure = graph_objects.Figure(graph_objects.Bar(y=heights))
    media = rltrack.Plotly(figure, caption="bars")
    figure.data[0].y = [7]

    [bars] = json.loads(written(media, tmp_path))["data"]

    read = np.frombuffer(base64.b64decode(bars["y"]["bdata"]), bars["y"]["dtype"])
    assert np.array_equal(read, [1, np.nan, 3], equal_nan=True)
    assert media.extension == "plotly.json"


def test_figures_of_matplotlib_are_drawn_by_plotly_on_request(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([0, 1, 2], [4, 5, 6])

    [line] = json.loads(written(rltrack.Plotly(figure), tmp_path))["data"]

    assert (line["type"], line["mode"]) == ("scatter", "lines")


def test_figures_of_bokeh_come_back(tmp_path: Path) -> None:
    plotting = pytest.importorskip("bokeh.plotting")
    document = pytest.importorskip("bokeh.document")
    figure = plotting.figure()
    figure.line(np.arange(3), np.array([4.0, 5.0, 6.0]))
    content = written(rltrack.Bokeh(figure), tmp_path)

    [read] = document.Document.from_json(json.loads(content)).roots
    assert list(read.renderers[0].data_source.data["y"]) == [4, 5, 6]
    assert figure.document is None, "the user may put it elsewhere"


@pytest.mark.parametrize("value", [7, None, {"layout": {}}, "missing.json", object()])
def test_what_is_no_figure_is_refused_at_the_call(value: Any) -> None:
    with pytest.raises(MediaError):
        rltrack.Plotly(value)
    with pytest.raises(MediaError):
        rltrack.Bokeh(value)


# -- graphs ------------------------------------------------------------------------------------


def test_the_layers_that_watch_returns_can_be_logged(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh())
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        graph = rltrack.watch(model, log_graph=True)
        model(torch.zeros(1, 3))
        run.log({"policy": graph, "again": rltrack.Graph(graph)})
    assert run.folder is not None

    [file, _] = sorted((run.folder / "media" / "graphs").iterdir())
    read = json.loads(file.read_text())
    assert [node["kind"] for node in read["nodes"]] == ["Linear", "Tanh", "Sequential"]
    assert read["edges"] == [["0", "1"]]


def test_the_layers_of_a_keras_model_can_be_logged(tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is first imported
    keras = pytest.importorskip("keras")
    seen = keras.Input((3,), name="seen")
    hidden = keras.layers.Dense(4, name="hidden")(seen)
    model = keras.Model(seen, keras.layers.Add(name="sum")([hidden, hidden]))

    read = json.loads(written(rltrack.Graph.from_keras(model), tmp_path))

    assert [node["parameters"] for node in read["nodes"]] == [0, 16, 0]
    assert read["nodes"][1]["outputs"] == [[None, 4]]
    assert read["edges"] == [["seen", "hidden"], ["hidden", "sum"]]


@pytest.mark.parametrize("data", [7, {}, {"nodes": [{}]}, {"nodes": [], "edges": [["a", "b"]]}])
def test_what_is_no_graph_is_refused_at_the_call(data: Any) -> None:
    with pytest.raises(MediaError):
        rltrack.Graph(data)


# -- what is logged directly -------------------------------------------------------------------


def test_figures_are_logged_directly_and_one_that_cannot_be_drawn_costs_itself(
    tmp_path: Path,
) -> None:
    """A plot that fails after ten hours of training must not end it."""
    graph_objects = pytest.importorskip("plotly.graph_objects")
    plotting = pytest.importorskip("bokeh.plotting")
    from matplotlib.figure import Figure

    figure = plotting.figure()
    figure.line([1, 2], [1, 2])
    broken = Figure()
    broken.text(0, 0, r"$\notatexcommand{$")
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"plotly": graph_objects.Figure(), "bokeh": figure, "broken": broken, "loss": 1.0})
    assert run.folder is not None

    folders = {path.parent.name for path in (run.folder / "media").rglob("*.json")}
    assert folders == {"plotly", "bokeh"}
    assert run.summary["loss"] == 1.0
