"""`Molecule`: a chemical structure, in the formats that viewers read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

from rltrack.errors import MediaError
from rltrack.extras import require
from rltrack.journal.records import Json
from rltrack.media.base import Media
from rltrack.media.files import Bytes, UserFile, content_of, is_path

FILE_FORMATS: Final = (
    *("pdb", "pqr", "mmcif", "mcif", "cif", "sdf", "sd", "gro", "mol", "mol2", "mmtf"),
)


class Molecule(Media):
    """A molecule, from a file.

    Args:
        data_or_path: the path of a file, or an open file.
        caption: shown below it.
        file_type: the format of an open file without a name: ``pdb``, ``sdf`` or the like.

    Raises:
        MediaError: it is no such file.
    """

    immutable = True
    kind: ClassVar[str] = "molecule"
    type_name: ClassVar[str] = "molecule-file"

    def __init__(
        self, data_or_path: Any, caption: str | None = None, file_type: str | None = None
    ) -> None:
        self._caption = caption
        self._source: UserFile | Bytes
        if is_path(data_or_path, FILE_FORMATS) or isinstance(data_or_path, str):
            self._source = UserFile(data_or_path, FILE_FORMATS, "Molecule")
            self.extension = self._source.format
            self.size_bytes = 0  # it stays on the disk until it is copied
            return
        content = content_of(data_or_path)
        if content is None:
            raise MediaError(
                f"Molecule: a {type(data_or_path).__qualname__} is no path or open file; of "
                "RDKit's molecules and SMILES there are Molecule.from_rdkit and from_smiles"
            )
        name = str(getattr(data_or_path, "name", ""))
        self.extension = file_type or Path(name).suffix[1:].lower()
        if self.extension not in FILE_FORMATS:
            raise MediaError(
                f"Molecule(file_type={self.extension!r}): there are {', '.join(FILE_FORMATS)}"
            )
        self._source = content
        self.size_bytes = content.size_bytes

    @classmethod
    def from_rdkit(
        cls,
        data_or_path: Any,
        caption: str | None = None,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """A molecule of RDKit's, or a mol, mol2, pdb or sdf file that it reads.

        Args:
            data_or_path: an ``rdkit.Chem.Mol`` or a path.
            caption: shown below it.
            convert_to_3d_and_optimize: give its atoms places in space.
            mmff_optimize_molecule_max_iterations: how long these are improved.

        Raises:
            MediaError: it is no such molecule.
            MissingExtraError: RDKit is not installed.
        """
        chem = require("rdkit.Chem", extra="molecule")
        molecule = data_or_path
        if not isinstance(molecule, chem.Mol):
            reader = {
                ".mol": chem.MolFromMolFile,
                ".sdf": chem.MolFromMolFile,
                ".mol2": chem.MolFromMol2File,
                ".pdb": chem.MolFromPDBFile,
            }.get(Path(str(molecule)).suffix.lower())
            if reader is None:
                raise MediaError(f"Molecule.from_rdkit({molecule!r}): no Mol and no such file")
            try:
                molecule = reader(str(molecule))
            except OSError as fault:
                raise MediaError(f"Molecule.from_rdkit: {fault}") from None
            if molecule is None:
                raise MediaError(f"Molecule.from_rdkit({data_or_path!r}): RDKit cannot read it")
        if convert_to_3d_and_optimize:
            places = require("rdkit.Chem.AllChem", extra="molecule")
            molecule = chem.AddHs(molecule)
            if places.EmbedMolecule(molecule, randomSeed=0) < 0:
                raise MediaError("Molecule.from_rdkit: RDKit finds no places for its atoms")
            places.MMFFOptimizeMolecule(molecule, maxIters=mmff_optimize_molecule_max_iterations)
        made = cls.__new__(cls)
        made._caption = caption
        made._source = Bytes(chem.MolToPDBBlock(molecule).encode())
        made.extension = "pdb"
        made.size_bytes = made._source.size_bytes
        return made

    @classmethod
    def from_smiles(
        cls,
        data: str,
        caption: str | None = None,
        sanitize: bool = True,
        convert_to_3d_and_optimize: bool = True,
        mmff_optimize_molecule_max_iterations: int = 200,
    ) -> Molecule:
        """A molecule of its SMILES.

        Args:
            data: the SMILES.
            caption: shown below it.
            sanitize: have RDKit look whether it can exist.
            convert_to_3d_and_optimize: give its atoms places in space.
            mmff_optimize_molecule_max_iterations: how long these are improved.

        Raises:
            MediaError: RDKit cannot read it.
            MissingExtraError: RDKit is not installed.
        """
        molecule = require("rdkit.Chem", extra="molecule").MolFromSmiles(data, sanitize=sanitize)
        if molecule is None:
            raise MediaError(f"Molecule.from_smiles({data!r}): RDKit cannot read it")
        return cls.from_rdkit(
            molecule, caption, convert_to_3d_and_optimize, mmff_optimize_molecule_max_iterations
        )

    def facts(self) -> dict[str, Json]:
        """Format and caption."""
        facts: dict[str, Json] = {"format": self.extension}
        return facts if self._caption is None else {**facts, "caption": self._caption}

    def encode(self, path: Path) -> dict[str, Json]:
        """Write the file.

        Raises:
            OSError: the file cannot be written.
        """
        self._source.copy_to(path)
        return {}
