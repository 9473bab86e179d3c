"""A logged picture is the picture: every pixel of a PNG, however its array was laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rltrack
from rltrack.errors import MediaError
from rltrack.journal.reader import Entry, JournalReader
from rltrack.journal.records import Row
from rltrack.media.image import Image

Pixels = npt.NDArray[np.uint8]


def photo(height: int = 12, width: int = 17, channels: int = 3) -> Pixels:
    """Pixels of which each row, column and channel differs."""
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def read_back(image: Image, folder: Path) -> npt.NDArray[Any]:
    path = folder / f"image.{image.extension}"
    image.encode(path)
    with PIL.Image.open(path) as picture:
        return np.asarray(picture)


@given(
    pixels=hnp.arrays(
        np.uint8,
        st.tuples(st.integers(5, 12), st.integers(5, 12), st.sampled_from([1, 3, 4])),
    ),
    layout=st.sampled_from(["HWC", "CHW"]),
    named=st.booleans(),
    on_torch=st.booleans(),
    in_order=st.booleans(),
)
def test_any_bytes_in_any_layout_come_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    pixels: Pixels,
    layout: str,
    named: bool,
    on_torch: bool,
    in_order: bool,
) -> None:
    """A guess that is wrong once shows noise to whoever debugs an agent by what it sees."""
    given_as = pixels if layout == "HWC" else pixels.transpose(2, 0, 1)
    given_as = np.ascontiguousarray(given_as) if in_order else np.asfortranarray(given_as)
    data = torch.from_numpy(given_as) if on_torch else given_as
    four_in_front = layout == "CHW" and pixels.shape[2] == 4
    image = Image(data, axes=layout if named or four_in_front else None)

    read = read_back(image, tmp_path_factory.mktemp("image"))

    assert np.array_equal(read.reshape(pixels.shape), pixels)
    assert image.facts()["layout"] == layout


@given(
    dtype=st.sampled_from(["float16", "float32", "float64", "int8", "uint16", "int64", "bool"]),
    data=st.data(),
)
def test_numbers_of_any_type_make_a_picture_or_an_error_at_the_call(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, data: st.DataObject
) -> None:
    """Values come from a network that may have diverged: NaN, infinities, the largest float."""
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=5))
    array = data.draw(hnp.arrays(dtype, shape))
    try:
        image = Image(array)
    except MediaError:
        assert np.dtype(dtype).kind in "iu"
        assert array.min() < 0 or array.max() > 255
        return

    assert read_back(image, tmp_path_factory.mktemp("image")).shape == shape


@pytest.mark.parametrize(
    ("array", "expected", "told"),
    [
        ([[0, 1]], [[0, 1]], {}),  # W&B shows 0 and 255
        ([[False, True]], [[0, 255]], {}),
        ([[0.0, 0.5, 1.0]], [[0, 128, 255]], {"scaled_from": [0, 1]}),
        ([[-1.0, 0.0, 1.0]], [[0, 128, 255]], {"scaled_from": [-1, 1]}),
        ([[0.0, 100.4, 255.0]], [[0, 100, 255]], {}),
        ([[-20.0, 300.0]], [[0, 255]], {"clipped": 2}),
        ([[np.nan, 0.2, 1.0]], [[51, 51, 255]], {"scaled_from": [0, 1], "not_finite": 1}),
        ([[np.nan, np.inf]], [[0, 0]], {"scaled_from": [0, 1], "not_finite": 2}),
    ],
)
def test_only_floats_are_rescaled_and_the_row_says_how(
    tmp_path: Path, array: Any, expected: Any, told: Any
) -> None:
    """A mask of 0 and 1 is not a picture of black and white."""
    image = Image(np.array(array))
    found = image.encode(tmp_path / "image.png")

    with PIL.Image.open(tmp_path / "image.png") as picture:
        assert np.asarray(picture).tolist() == expected
    assert {name: fact for name, fact in found.items() if name not in ("width", "height")} == told


def test_floats_are_taken_as_they_are_where_asked(tmp_path: Path) -> None:
    """A dark frame in 0..255 has no value above 1."""
    read = read_back(Image(np.array([[0.0, 1.0]]), normalize=False), tmp_path)

    assert read.tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((5,), "pictures have 2 axes"),
        ((3, 8, 3), "both 3 and 3 could be the channels; say which by axes='HWC' or 'CHW'"),
        ((4, 84, 84), "a stack of 4 gray pictures; say which by axes='HWC' or 'CHW' or 'NHW'"),
        ((8, 8, 2), "no axis holds 1, 3 or 4 channels"),
        ((2, 3, 8, 8, 3), "pictures have 2 axes"),
        ((0, 8, 3), "holds no pixel"),
        ((8, 0), "holds no pixel"),
        ((), "pictures have 2 axes"),
    ],
)
def test_what_can_be_read_in_two_ways_asks_for_its_axes(shape: tuple[int, ...], says: str) -> None:
    """W&B takes the last axis, whatever it is."""
    with pytest.raises(MediaError, match=says):
        Image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ("HWD", "there are HW, HWC"),
        ("HW", "has 3 axes"),
        ("CHW", "C is 12, and may be 1, 3 or 4"),
    ],
)
def test_axes_that_do_not_fit_are_refused(axes: str, says: str) -> None:
    with pytest.raises(MediaError, match=says):
        Image(photo(), axes=axes)


def test_a_stack_of_atari_frames_is_shown_side_by_side(tmp_path: Path) -> None:
    """What the policy sees is four gray frames."""
    stack = photo(8, 8, 4).transpose(2, 0, 1)

    read = read_back(Image(stack, axes="NHW"), tmp_path)

    assert np.array_equal(read, np.block([[stack[0], stack[1]], [stack[2], stack[3]]]))


def test_a_batch_is_shown_side_by_side(tmp_path: Path) -> None:
    """W&B ends with PIL's TypeError."""
    batch = np.stack([photo(), photo()[::-1], photo()[:, ::-1]])

    read = read_back(Image(torch.from_numpy(batch).permute(0, 3, 1, 2)), tmp_path)

    assert read.shape == (24, 34, 3)
    assert np.array_equal(read[:12, 17:], batch[1])
    assert not read[12:, 17:].any(), "the free place is black"


def test_pil_images_come_back_equal(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(photo())

    assert np.array_equal(read_back(Image(picture), tmp_path), photo())
    assert read_back(Image(picture, mode="L"), tmp_path).ndim == 2


def test_the_data_is_copied_at_once(tmp_path: Path) -> None:
    """Envs render into one buffer, again and again."""
    buffer, picture = photo(), PIL.Image.fromarray(photo())
    images = Image(buffer), Image(torch.from_numpy(buffer)), Image(picture)
    buffer[:] = 0
    picture.paste((0, 0, 0), (0, 0, 17, 12))

    for image in images:
        assert np.array_equal(read_back(image, tmp_path), photo())


@pytest.mark.parametrize("file_type", ["jpg", "bmp", "gif", "webp"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_other_formats_are_written_on_request(
    tmp_path: Path, file_type: Any, channels: int
) -> None:
    image = Image(np.full((8, 8, channels), 200, np.uint8), file_type=file_type)
    path = tmp_path / f"image.{file_type}"
    image.encode(path)

    with PIL.Image.open(path) as picture:
        assert np.abs(np.asarray(picture.convert("L")).astype(int) - 200).max() < 4


def test_a_file_is_stored_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    PIL.Image.fromarray(photo()).save(path)
    content = path.read_bytes()

    image = Image(path, caption="as it was")
    path.unlink()  # the user's, and gone
    found = image.encode(tmp_path / "stored.jpg")

    assert (tmp_path / "stored.jpg").read_bytes() == content
    assert found == {"width": 17, "height": 12}


def test_a_zip_bomb_is_stored_and_never_opened(tmp_path: Path) -> None:
    """A few kilobytes that decode to gigabytes must not take the training's memory."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    side = 60_000
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(1 << 20))
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb)

    assert Image(path).encode(tmp_path / "stored.png") == {}
    assert (tmp_path / "stored.png").read_bytes() == bomb


@pytest.mark.parametrize(
    "data", [None, 7, "missing.png", "text.txt", b"no picture", {}, "bad\0.png"]
)
def test_what_is_no_picture_is_refused_at_the_call(data: Any) -> None:
    with pytest.raises(MediaError):
        Image(data)


def test_boxes_become_one_form_and_masks_files(tmp_path: Path) -> None:
    """Readers need not know in how many ways a box can be given."""
    mask = np.eye(12, 17, dtype=np.int64) * 3
    image = Image(
        photo(),
        classes=rltrack.Classes([{"id": 3, "name": "pole"}]),
        boxes={
            "truth": {
                "box_data": [
                    {
                        "position": {"middle": (0.5, 0.25), "width": 0.5, "height": 0.5},
                        "class_id": 3,
                        "scores": {"sure": np.float32(0.5)},
                        "box_caption": "here",
                    }
                ],
                "class_labels": {3: "pole"},
            }
        },
        masks={"segments": {"mask_data": torch.from_numpy(mask), "class_labels": {3: "pole"}}},
    )
    placed: list[Any] = []

    def put(part: Any) -> Any:
        placed.append(part)
        return {"_type": part.type_name, "path": "masks/m.png"}

    image.place(put)
    facts: Any = image.facts()

    assert facts["boxes"]["truth"] == {
        "box_data": [
            {
                "position": {"minX": 0.25, "maxX": 0.75, "minY": 0.0, "maxY": 0.5},
                "class_id": 3,
                "scores": {"sure": 0.5},
                "box_caption": "here",
            }
        ],
        "class_labels": {"3": "pole"},
    }
    assert facts["classes"] == {"3": "pole"}
    assert facts["masks"]["segments"] == {
        "_type": "mask",
        "path": "masks/m.png",
        "class_labels": {"3": "pole"},
    }
    placed[0].encode(tmp_path / "mask.png")
    with PIL.Image.open(tmp_path / "mask.png") as picture:
        assert np.array_equal(np.asarray(picture), mask)


@pytest.mark.parametrize(
    "over",
    [
        {"boxes": {"a": {}}},
        {"boxes": {"a": {"box_data": [{"position": {"minX": 0}}]}}},
        {
            "boxes": {
                "a": {"box_data": [{"position": {"minX": 9, "maxX": 12, "minY": 0, "maxY": 1}}]}
            }
        },
        {
            "boxes": {
                "a": {"box_data": [{"position": {"minX": 1, "maxX": 0, "minY": 0, "maxY": 1}}]}
            }
        },
        {"masks": {"a": {"mask_data": np.zeros((3, 3), int)}}},
        {"masks": {"a": {"mask_data": np.full((12, 17), 256)}}},
        {"masks": {"a": {"mask_data": np.full((12, 17), np.nan)}}},
        {"classes": [{"name": "no id"}]},
        {"mode": "XYZ"},
        {"file_type": "exe"},
    ],
)
def test_what_does_not_fit_the_picture_is_refused_at_the_call(over: Any) -> None:
    with pytest.raises(MediaError):
        Image(photo(), **over)


def test_matplotlib_figures_are_logged_as_they_look_now(tmp_path: Path) -> None:
    """The caller closes the figure in the next line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    axes = figure.subplots()
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"figure": figure, "axes": axes, "pictures": [PIL.Image.fromarray(photo())] * 2})
        figure.clear()
    assert run.folder is not None

    [row] = rows_of(run.folder)
    reference: Any = row.values["figure"]
    assert reference["_type"] == "image-file"
    with PIL.Image.open(run.folder / "media" / reference["path"]) as picture:
        assert picture.size == (100, 50)
        assert np.asarray(picture.convert("L")).min() < 100, "axes were drawn"
    group: Any = row.values["pictures"]
    assert (group["_type"], group["count"]) == ("images/separated", 2)


def test_a_list_of_pictures_is_one_entry_with_all_of_them(tmp_path: Path) -> None:
    """W&B keeps 108 of 110 and drops the rest."""
    with rltrack.init(project="p", dir=tmp_path, settings={"silent": True}) as run:
        run.log({"eval/frames": [rltrack.Image(photo(8, 8 + at % 2)) for at in range(110)]})
    assert run.folder is not None

    [row] = rows_of(run.folder)
    found: Any = row.values["eval/frames"]
    assert (found["_type"], found["count"]) == ("images/separated", 110)
    paths = {item["path"] for item in found["items"]}
    assert len([path for path in paths if (run.folder / "media" / path).is_file()]) == 110


def rows_of(folder: Path) -> list[Row]:
    records = [
        record
        for item in JournalReader(folder / "journal").poll(final=True)
        for record in ([item.record] if isinstance(item, Entry) else item.rows())
    ]
    return [record for record in records if isinstance(record, Row)]


def test_pictures_of_several_sizes_in_a_list_are_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are all kept."""
    with rltrack.init(project="p", dir=tmp_path) as run:
        for _ in range(2):
            run.log(
                {"seen": [Image(photo(8, 8)), Image(photo(9, 8))], "same": [Image(photo())] * 2}
            )
    told = [line for line in capsys.readouterr().err.splitlines() if "several sizes" in line]
    assert len(told) == 1
    assert "8x8, 8x9" in told[0]
    assert len(list(tmp_path.rglob("*.png"))) >= 4
