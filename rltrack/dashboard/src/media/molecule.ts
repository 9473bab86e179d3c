/** The atoms and bonds of a molecule, out of the formats that hold them; pure. */

export interface Atom {
  element: string;
  x: number;
  y: number;
  z: number;
}

export interface Molecule {
  atoms: Atom[];
  /** Numbers of two atoms. */
  bonds: [number, number][];
}

/** Ångström, of a single bond; others are about as carbon. */
const RADII: Record<string, number> = {
  H: 0.31, C: 0.76, N: 0.71, O: 0.66, F: 0.57, P: 1.07, S: 1.05, Cl: 1.02, Br: 1.2, I: 1.39, Si: 1.11, B: 0.84,
  Na: 1.66, K: 2.03, Mg: 1.41, Ca: 1.76, Fe: 1.32, Zn: 1.22, Cu: 1.32, Se: 1.2,
};

/** As chemists colour atoms. */
const COLOURS: Record<string, string> = {
  H: "#e8e8e8", C: "#6b6f76", N: "#3050f8", O: "#e8362c", F: "#7fd64a", P: "#ff8000", S: "#e6c229", Cl: "#1fc01f",
  Br: "#a62929", I: "#940094", Fe: "#e06633", Zn: "#7d80b0", Na: "#ab5cf2", Mg: "#5fbf00", Ca: "#3dbf00", Si: "#c8a878",
};

export const radiusOf = (element: string): number => RADII[element] ?? 0.8;
export const colourOf = (element: string): string => COLOURS[element] ?? "#d060b0";

/** Null for a format that is not read here. */
export function readMolecule(text: string, format: string): Molecule | null {
  const read = {
    pdb: readPdb, pqr: readPdb, sdf: readMol, sd: readMol, mol: readMol, mol2: readMol2, gro: readGro,
    cif: readCif, mmcif: readCif, mcif: readCif,
  }[format];
  if (!read) return null;
  const found = read(text.replaceAll("\r\n", "\n"));
  const atoms = found.atoms.filter(({ x, y, z }) => Number.isFinite(x + y + z));
  if (atoms.length === 0) return null;
  return found.bonds.length ? found : { atoms, bonds: bondsOf(atoms) };
}

/** `CA` of a protein is carbon, `CA` alone calcium: what the file says comes first. */
function elementOf(told: string): string {
  const letters = told.replace(/[^A-Za-z]/g, "");
  const two = letters.slice(0, 1).toUpperCase() + letters.slice(1, 2).toLowerCase();
  return two in RADII && two.length === letters.length ? two : letters.slice(0, 1).toUpperCase() || "C";
}

function readPdb(text: string): Molecule {
  const atoms: Atom[] = [];
  const places = new Map<string, number>();
  const bonds = new Map<string, [number, number]>();
  for (const line of text.split("\n")) {
    if (line.startsWith("ENDMDL")) break; // the first of several conformations
    if (line.startsWith("ATOM") || line.startsWith("HETATM")) {
      const name = line.slice(12, 16);
      const told = line.slice(76, 78).trim();
      const element = told ? elementOf(told) : elementOf(name.startsWith(" ") || /^\d/.test(name) ? name.trim().replace(/^\d+/, "").slice(0, 1) : name.trim().slice(0, 1));
      places.set(line.slice(6, 11).trim(), atoms.length);
      const fixed = [line.slice(30, 38), line.slice(38, 46), line.slice(46, 54)].map(Number);
      // PQR files are not always in columns.
      const [x, y, z] = fixed.every(Number.isFinite) ? fixed : line.trim().split(/\s+/).slice(-5, -2).map(Number);
      atoms.push({ element, x: x!, y: y!, z: z! });
    } else if (line.startsWith("CONECT")) {
      const ends = line.slice(6).match(/.{1,5}/g)?.map((part) => part.trim()).filter(Boolean) ?? [];
      const from = places.get(ends[0] ?? "");
      for (const end of ends.slice(1)) {
        const to = places.get(end);
        if (from === undefined || to === undefined) continue;
        const pair: [number, number] = from < to ? [from, to] : [to, from];
        bonds.set(pair.join(), pair);
      }
    }
  }
  // A protein has CONECT for what is unusual only.
  return { atoms, bonds: bonds.size >= atoms.length - 1 ? [...bonds.values()] : [] };
}

function readMol(text: string): Molecule {
  const lines = text.split("\n");
  const counts = lines[3] ?? "";
  const atoms: Atom[] = [];
  const bonds: [number, number][] = [];
  if (counts.includes("V3000")) {
    for (const line of lines) {
      const parts = line.replace(/^M {2}V30 /, "").trim().split(/\s+/);
      if (/^M {2}V30 \d+ [A-Z]/.test(line)) atoms.push({ element: elementOf(parts[1]!), x: Number(parts[2]), y: Number(parts[3]), z: Number(parts[4]) });
      else if (/^M {2}V30 \d+ \d+ \d+ \d+/.test(line)) bonds.push([Number(parts[2]) - 1, Number(parts[3]) - 1]);
    }
    return { atoms, bonds };
  }
  const [atomCount, bondCount] = [Number(counts.slice(0, 3)), Number(counts.slice(3, 6))];
  for (const line of lines.slice(4, 4 + atomCount)) {
    const [x, y, z, element] = line.trim().split(/\s+/);
    atoms.push({ element: elementOf(element ?? "C"), x: Number(x), y: Number(y), z: Number(z) });
  }
  for (const line of lines.slice(4 + atomCount, 4 + atomCount + bondCount)) {
    bonds.push([Number(line.slice(0, 3)) - 1, Number(line.slice(3, 6)) - 1]);
  }
  return { atoms, bonds: bonds.filter(([a, b]) => atoms[a] && atoms[b]) };
}

function readMol2(text: string): Molecule {
  const part = (name: string) => (text.split(`@<TRIPOS>${name}`)[1] ?? "").split("@<TRIPOS>")[0]!.trim().split("\n").map((line) => line.trim().split(/\s+/));
  const atoms = part("ATOM").filter((line) => line.length > 5).map(([, , x, y, z, type]): Atom => ({ element: elementOf(type!.split(".")[0]!), x: Number(x), y: Number(y), z: Number(z) }));
  const bonds = part("BOND").filter((line) => line.length > 3).map(([, a, b]): [number, number] => [Number(a) - 1, Number(b) - 1]);
  return { atoms, bonds: bonds.filter(([a, b]) => atoms[a] && atoms[b]) };
}

function readGro(text: string): Molecule {
  const lines = text.split("\n");
  const atoms = lines.slice(2, 2 + Number(lines[1])).map((line): Atom => {
    const [x, y, z] = [line.slice(20, 28), line.slice(28, 36), line.slice(36, 44)].map((value) => Number(value) * 10); // nm
    return { element: elementOf(line.slice(10, 15).trim().slice(0, 1)), x: x!, y: y!, z: z! };
  });
  return { atoms, bonds: [] };
}

function readCif(text: string): Molecule {
  const lines = text.split("\n");
  const names: string[] = [];
  const atoms: Atom[] = [];
  for (const line of lines) {
    const told = line.trim();
    if (told.startsWith("_atom_site.")) names.push(told.slice("_atom_site.".length).split(/\s/)[0]!);
    else if (names.length && /^(ATOM|HETATM)\b/.test(told)) {
      const cells = told.match(/'[^']*'|"[^"]*"|\S+/g) ?? [];
      const cell = (name: string) => cells[names.indexOf(name)] ?? "";
      atoms.push({ element: elementOf(cell("type_symbol")), x: Number(cell("Cartn_x")), y: Number(cell("Cartn_y")), z: Number(cell("Cartn_z")) });
    }
  }
  return { atoms, bonds: [] };
}

/** Atoms that are as close as bonds are. In cells of space, so that a protein takes no time. */
export function bondsOf(atoms: Atom[]): [number, number][] {
  const SIZE = 3;
  const cells = new Map<string, number[]>();
  const cell = ({ x, y, z }: Atom) => [Math.floor(x / SIZE), Math.floor(y / SIZE), Math.floor(z / SIZE)] as const;
  const bonds: [number, number][] = [];
  atoms.forEach((atom, at) => {
    const [i, j, k] = cell(atom);
    for (let a = i - 1; a <= i + 1; a++) for (let b = j - 1; b <= j + 1; b++) for (let c = k - 1; c <= k + 1; c++) {
      for (const other of cells.get(`${a},${b},${c}`) ?? []) {
        const far = atoms[other]!;
        const distance = Math.hypot(atom.x - far.x, atom.y - far.y, atom.z - far.z);
        if (distance > 0.4 && distance < (radiusOf(atom.element) + radiusOf(far.element)) * 1.25) bonds.push([other, at]);
      }
    }
    const key = `${i},${j},${k}`;
    const known = cells.get(key);
    if (known) known.push(at);
    else cells.set(key, [at]);
  });
  return bonds;
}
