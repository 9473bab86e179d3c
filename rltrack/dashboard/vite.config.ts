import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The server answers deep paths (/p/x/r/y) with index.html, so assets need paths from the root.
  base: "/",
  plugins: [svelte()],
  build: { outDir: "../server/static", emptyOutDir: true },
  server: { proxy: { "/api": "http://127.0.0.1:7777" } },
  test: { include: ["src/**/*.test.ts"] },
});
