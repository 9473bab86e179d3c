import { describe, expect, test } from "vitest";
import { asGlb } from "./gltf";
import { bondsOf, readMolecule } from "./molecule";
import { formatOf } from "./panels";

const WATER = [[0, 0, 0.1173], [0, 0.7572, -0.4692], [0, -0.7572, -0.4692]] as const;

describe("molecules", () => {
  const sdf = [
    "water", "", "", "  3  2  0  0  0  0            999 V2000",
    ...WATER.map(([x, y, z], i) => `${[x, y, z].map((n) => n.toFixed(4).padStart(10)).join("")} ${i ? "H" : "O"}   0  0`),
    "  1  2  1  0", "  1  3  1  0", "M  END",
  ].join("\n");
  const pdb = WATER.map(([x, y, z], i) =>
    `HETATM${String(i + 1).padStart(5)}  ${i ? "H" : "O"}   HOH A   1    ${[x, y, z].map((n) => n.toFixed(3).padStart(8)).join("")}  1.00  0.00           ${i ? "H" : "O"}`,
  ).join("\n");
  const cif = ["loop_", ...["group_PDB", "type_symbol", "Cartn_x", "Cartn_y", "Cartn_z"].map((name) => `_atom_site.${name}`),
    ...WATER.map(([x, y, z], i) => `HETATM ${i ? "H" : "O"} ${x} ${y} ${z}`)].join("\n");
  const mol2 = ["@<TRIPOS>ATOM", ...WATER.map(([x, y, z], i) => `${i + 1} A ${x} ${y} ${z} ${i ? "H" : "O.3"}`),
    "@<TRIPOS>BOND", "1 1 2 1", "2 1 3 1"].join("\n");
  const gro = ["water", " 3", ...WATER.map(([x, y, z], i) =>
    `    1SOL     ${i ? "H" : "O"}W${String(i + 1).padStart(4)}${[x, y, z].map((n) => (n / 10).toFixed(3).padStart(8)).join("")}`)].join("\n");

  test.each([["sdf", sdf], ["pdb", pdb], ["cif", cif], ["mol2", mol2], ["gro", gro]])("of %s are the same water", (format, text) => {
    const found = readMolecule(text, format)!;
    expect(found.atoms.map(({ element }) => element)).toEqual(["O", "H", "H"]);
    expect(found.atoms[1]!.y).toBeCloseTo(0.76, 1);
    expect(found.bonds.map((pair) => pair.toSorted().join())).toEqual(["0,1", "0,2"]);
  });

  test("of an unknown or empty form are none", () => {
    expect(readMolecule("x", "mmtf")).toBeNull();
    expect(readMolecule("", "pdb")).toBeNull();
  });

  test("of many atoms have their bonds found at once", () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => ({ element: "C", x: i * 1.5, y: 0, z: 0 }));
    expect(bondsOf(chain)).toHaveLength(19_999);
  });
});

test("a glTF with its buffers inside is the same as GLB", () => {
  const data = (bytes: number[]) => `data:application/octet-stream;base64,${btoa(String.fromCharCode(...bytes))}`;
  const glb = new DataView(asGlb(JSON.stringify({
    asset: { version: "2.0" },
    buffers: [{ uri: data([1, 2, 3]), byteLength: 3 }, { uri: data([4, 5]), byteLength: 2 }],
    bufferViews: [{ buffer: 0 }, { buffer: 1, byteOffset: 1 }],
  })));
  expect(glb.getUint32(8, true)).toBe(glb.byteLength);
  const jsonSize = glb.getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(new Uint8Array(glb.buffer, 20, jsonSize)));
  expect(json.buffers).toEqual([{ byteLength: 8 }]);
  expect(json.bufferViews).toEqual([{ buffer: 0, byteOffset: 0 }, { buffer: 0, byteOffset: 5 }]);
  expect([...new Uint8Array(glb.buffer, 28 + jsonSize, 8)]).toEqual([1, 2, 3, 0, 4, 5, 0, 0]);
  expect(() => asGlb('{"buffers":[{"uri":"a.bin","byteLength":1}]}')).toThrow("a.bin");
});

test("a file's form is its ending", () => {
  expect([formatOf("/a/b_1.pts.json"), formatOf("/a/b.PDB"), formatOf("/a/b")]).toEqual(["pts.json", "pdb", ""]);
});
