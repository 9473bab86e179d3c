/** Scenes and molecules in space, by three.js. A chunk of its own. */

import {
  AmbientLight, Box3, BufferAttribute, BufferGeometry, CanvasTexture, Color, CylinderGeometry, DirectionalLight,
  DoubleSide, Group, InstancedMesh, LineBasicMaterial, LineSegments, Matrix4, Mesh, MeshStandardMaterial, type Object3D,
  PerspectiveCamera, Points, PointsMaterial, Quaternion, Scene, SphereGeometry, Sprite, SpriteMaterial, TextureLoader,
  Vector3, WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { asGlb } from "./gltf";
import { colourOf, radiusOf, readMolecule } from "./molecule";
import { classRgb } from "./overlays";

export interface Shown {
  reset(): void;
  /** Of points, in parts of what they are at first. */
  pointSize(factor: number): void;
  dark(isDark: boolean): void;
  remove(): void;
  /** What is in it, in words. */
  told: string;
}

interface Cloud {
  points: number[][];
  boxes?: { corners: number[][]; label?: string | null; color?: number[]; score?: number }[];
  vectors?: { start: number[]; end: number[] }[];
}

/** Show a file. Raises: it cannot be read, or this browser draws nothing in space. */
export async function show(place: HTMLElement, bytes: ArrayBuffer, format: string, isDark: boolean): Promise<Shown> {
  const { content, told } = await contentOf(bytes, format);
  return stage(place, content, told, isDark);
}

async function contentOf(bytes: ArrayBuffer, format: string): Promise<{ content: Object3D; told: string }> {
  const text = () => new TextDecoder().decode(bytes);
  if (format === "pts.json" || format === "json") {
    const cloud = JSON.parse(text()) as Cloud;
    return { content: cloudOf(cloud), told: `${cloud.points.length.toLocaleString("en-US")} points` };
  }
  if (format === "obj") {
    const { OBJLoader } = await import("three/addons/loaders/OBJLoader.js");
    return meshes(new OBJLoader().parse(text()));
  }
  if (format === "stl" || format === "ply") {
    const geometry = format === "stl"
      ? new (await import("three/addons/loaders/STLLoader.js")).STLLoader().parse(bytes)
      : new (await import("three/addons/loaders/PLYLoader.js")).PLYLoader().parse(bytes);
    if (format === "ply" && !geometry.index) return { content: pointsOf(geometry), told: "points" };
    geometry.computeVertexNormals();
    return meshes(new Mesh(geometry, material(geometry.hasAttribute("color"))));
  }
  if (format === "glb" || format === "gltf") {
    const { GLTFLoader } = await import("three/addons/loaders/GLTFLoader.js");
    const loader = new GLTFLoader();
    loader.register((parser) => {
      // Its own loader fetches `blob:` addresses, which the policy of the page forbids; pictures may be of them.
      (parser as unknown as { textureLoader: TextureLoader }).textureLoader = new TextureLoader();
      return { name: "pictures" };
    });
    const found = await loader.parseAsync(format === "gltf" ? asGlb(text()) : bytes, "");
    return meshes(found.scene);
  }
  const molecule = readMolecule(text(), format);
  if (!molecule) throw new Error(`files of the form ${format} are not drawn here`);
  return { content: ballsAndSticks(molecule), told: `${molecule.atoms.length.toLocaleString("en-US")} atoms` };
}

const material = (vertexColors = false) =>
  new MeshStandardMaterial({ color: vertexColors ? 0xffffff : 0x8f9bd8, roughness: 0.65, metalness: 0.05, side: DoubleSide, vertexColors });

function meshes(content: Object3D): { content: Object3D; told: string } {
  let triangles = 0;
  content.traverse((part) => {
    if (!(part instanceof Mesh)) return;
    const geometry = part.geometry as BufferGeometry;
    triangles += (geometry.index?.count ?? geometry.getAttribute("position").count) / 3;
  });
  return { content, told: `${Math.round(triangles).toLocaleString("en-US")} triangles` };
}

function pointsOf(geometry: BufferGeometry): Points {
  const hasColours = geometry.hasAttribute("color");
  geometry.computeBoundingSphere();
  const size = (geometry.boundingSphere?.radius ?? 1) / 60;
  return new Points(geometry, new PointsMaterial({ size, vertexColors: hasColours, color: hasColours ? 0xffffff : 0x5f6cd8 }));
}

function cloudOf(cloud: Cloud): Group {
  const group = new Group();
  const count = cloud.points.length;
  const width = cloud.points[0]?.length ?? 3;
  const places = new Float32Array(count * 3);
  const colours = new Float32Array(count * 3);
  const one = new Color();
  cloud.points.forEach((point, i) => {
    places.set(point.slice(0, 3), 3 * i);
    if (width === 3) return;
    const [red, green, blue] = width === 6 ? (point.slice(3) as [number, number, number]) : classRgb(point[3]!);
    one.setRGB(red / 255, green / 255, blue / 255, "srgb").toArray(colours, 3 * i);
  });
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(places, 3));
  if (width > 3) geometry.setAttribute("color", new BufferAttribute(colours, 3));
  if (count) group.add(pointsOf(geometry));
  for (const box of cloud.boxes ?? []) group.add(frameOf(box));
  for (const { start, end } of cloud.vectors ?? []) group.add(lines([start, end], 0xe0a030));
  return group;
}

function lines(points: number[][], colour: number): LineSegments {
  const geometry = new BufferGeometry().setFromPoints(points.map(([x, y, z]) => new Vector3(x, y, z)));
  return new LineSegments(geometry, new LineBasicMaterial({ color: colour }));
}

/** Corners come in any order: of a box, each has its three edges to the closest that are no diagonals. */
function frameOf(box: NonNullable<Cloud["boxes"]>[number]): Group {
  const group = new Group();
  const [red, green, blue] = box.color ?? [255, 255, 255];
  const colour = new Color().setRGB((red ?? 255) / 255, (green ?? 255) / 255, (blue ?? 255) / 255, "srgb");
  const corners = box.corners.map(([x, y, z]) => new Vector3(x, y, z));
  const centre = corners.reduce((sum, corner) => sum.add(corner), new Vector3()).divideScalar(corners.length || 1);
  const ends: number[][] = [];
  corners.forEach((corner, i) => {
    const others = corners.map((other, j) => ({ j, other })).filter(({ j }) => j !== i);
    // Opposite ends of the box lie on other sides of its middle; of the rest, an edge is no sum of two others.
    const near = others.filter(({ other }) => {
      const edge = other.clone().sub(corner);
      return !others.some(({ other: a }) => a !== other && others.some(({ other: b }) =>
        b !== other && b !== a && a.clone().sub(corner).add(b.clone().sub(corner)).distanceTo(edge) < 1e-6 * (1 + edge.length())));
    });
    for (const { j, other } of near) if (j > i && other.distanceTo(corner) > 0) ends.push(corner.toArray(), other.toArray());
  });
  group.add(lines(ends, colour.getHex()));
  const text = [box.label, box.score === undefined ? null : box.score.toFixed(2)].filter(Boolean).join(" ");
  if (text) {
    const size = new Box3().setFromPoints(corners);
    group.add(label(text, new Vector3(centre.x, centre.y, size.max.z), size.getSize(new Vector3()).length() / 6, colour));
  }
  return group;
}

function label(text: string, at: Vector3, height: number, colour: Color): Sprite {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d")!;
  context.font = "600 40px Inter Variable, sans-serif";
  canvas.width = Math.ceil(context.measureText(text).width) + 24;
  canvas.height = 56;
  context.font = "600 40px Inter Variable, sans-serif";
  context.fillStyle = "rgb(0 0 0 / 65%)";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = `#${colour.getHexString()}`;
  context.fillText(text, 12, 42);
  const sprite = new Sprite(new SpriteMaterial({ map: new CanvasTexture(canvas), depthTest: false }));
  sprite.scale.set((height * canvas.width) / canvas.height, height, 1);
  sprite.position.copy(at);
  return sprite;
}

function ballsAndSticks({ atoms, bonds }: NonNullable<ReturnType<typeof readMolecule>>): Group {
  const group = new Group();
  const detail = atoms.length > 3000 ? 8 : 20;
  const balls = new InstancedMesh(new SphereGeometry(1, detail, detail), new MeshStandardMaterial({ roughness: 0.5 }), atoms.length);
  const [matrix, colour] = [new Matrix4(), new Color()];
  atoms.forEach(({ element, x, y, z }, i) => {
    const radius = 0.22 + radiusOf(element) * 0.25;
    balls.setMatrixAt(i, matrix.makeScale(radius, radius, radius).setPosition(x, y, z));
    balls.setColorAt(i, colour.set(colourOf(element)));
  });
  const sticks = new InstancedMesh(new CylinderGeometry(0.1, 0.1, 1, 8), new MeshStandardMaterial({ roughness: 0.5 }), bonds.length * 2);
  const [up, turn] = [new Vector3(0, 1, 0), new Quaternion()];
  bonds.forEach(([a, b], i) => {
    const ends = [atoms[a]!, atoms[b]!].map(({ x, y, z }) => new Vector3(x, y, z)) as [Vector3, Vector3];
    const middle = ends[0].clone().add(ends[1]).divideScalar(2);
    // Each half in the colour of its atom.
    ends.forEach((end, half) => {
      const along = middle.clone().sub(end);
      turn.setFromUnitVectors(up, along.clone().normalize());
      matrix.compose(end.clone().add(middle).divideScalar(2), turn, new Vector3(1, along.length(), 1));
      sticks.setMatrixAt(2 * i + half, matrix);
      sticks.setColorAt(2 * i + half, colour.set(colourOf(atoms[half ? b : a]!.element)));
    });
  });
  group.add(balls);
  if (bonds.length) group.add(sticks);
  return group;
}

function stage(place: HTMLElement, content: Object3D, told: string, isDark: boolean): Shown {
  const renderer = new WebGLRenderer({ antialias: true, alpha: true });
  renderer.setPixelRatio(devicePixelRatio);
  place.append(renderer.domElement);
  const scene = new Scene();
  scene.add(content, new AmbientLight(0xffffff, 1.6));
  const camera = new PerspectiveCamera(45, 1, 0.001, 1e6);
  camera.up.set(0, 0, 1);
  const sun = new DirectionalLight(0xffffff, 2.2);
  camera.add(sun);
  sun.position.set(0.5, 0.8, 1);
  scene.add(camera);
  const controls = new OrbitControls(camera, renderer.domElement);
  const box = new Box3().setFromObject(content);
  const centre = box.isEmpty() ? new Vector3() : box.getCenter(new Vector3());
  const radius = Math.max(1e-6, box.isEmpty() ? 1 : box.getSize(new Vector3()).length() / 2);

  // Drawn when something changes: a page may hold many scenes, and none turns by itself.
  let due = 0;
  const draw = () => {
    due = 0;
    renderer.render(scene, camera);
  };
  const soon = () => (due ||= requestAnimationFrame(draw));
  const reset = () => {
    camera.position.copy(centre).add(new Vector3(1, -1.4, 0.8).normalize().multiplyScalar(radius * 2.2));
    camera.near = radius / 500;
    camera.far = radius * 100;
    camera.updateProjectionMatrix();
    controls.target.copy(centre);
    controls.update();
    soon();
  };
  const dark = (is: boolean) => {
    scene.background = new Color(is ? 0x1d2026 : 0xf1f2f5);
    soon();
  };
  const fit = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = place;
    if (width === 0 || height === 0) return;
    renderer.setSize(width, height);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    soon();
  });
  const sizes = new Map<PointsMaterial, number>();
  content.traverse((part) => {
    if (part instanceof Points) sizes.set(part.material as PointsMaterial, (part.material as PointsMaterial).size);
  });
  controls.addEventListener("change", soon);
  // Without Ctrl the wheel scrolls the page.
  renderer.domElement.addEventListener("wheel", (event) => !event.ctrlKey && !event.altKey && event.stopImmediatePropagation(), { capture: true });
  fit.observe(place);
  dark(isDark);
  reset();
  return {
    told,
    reset,
    dark,
    pointSize(factor) {
      for (const [one, size] of sizes) one.size = size * factor;
      soon();
    },
    remove() {
      cancelAnimationFrame(due);
      fit.disconnect();
      controls.dispose();
      content.traverse((part) => {
        const { geometry, material: look } = part as Partial<Mesh>;
        geometry?.dispose();
        for (const one of Array.isArray(look) ? look : look ? [look] : []) one.dispose();
      });
      renderer.dispose();
      // A browser has sixteen contexts for a page, and takes the oldest away.
      renderer.forceContextLoss();
      renderer.domElement.remove();
    },
  };
}
