/** Installs the package in another folder, and uses its types and both entries there. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const PROGRAM = `
import { Client, createReadStream, type FileInfo, NotFoundError } from "lakeport";
import { Client as BrowserClient } from "lakeport/browser";
import { FileService } from "lakeport/v1";

const client = new Client({ endpoint: "grpc://127.0.0.1:1", credentials: null, timeoutMs: 100 });
const files = client.files("lake", "main");
export const info = (): Promise<FileInfo> => files.stat("a");
export const stream = (): NodeJS.ReadableStream => createReadStream(files, "a");
export const browser = new BrowserClient({ endpoint: "https://example.com", credentials: { token: "t" } });
client.close();
console.log(typeof NotFoundError, FileService.typeName);
`;

test("the package works in another folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lakeport-"));
  try {
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: folder, encoding: "utf8" });
    const modules = join(folder, "node_modules");
    mkdirSync(join(modules, "lakeport"), { recursive: true });
    const packed = execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], {
      cwd: ROOT,
      encoding: "utf8",
    });
    run("tar", "xzf", packed.trim(), "-C", join(modules, "lakeport"), "--strip-components=1");
    for (const name of ["LICENSE", "README.md"]) {
      assert.equal(readFileSync(join(modules, "lakeport", name), "utf8"), readFileSync(join(ROOT, name), "utf8"));
    }
    const repository = join(ROOT, "../../LICENSE");
    assert.equal(readFileSync(join(ROOT, "LICENSE"), "utf8"), readFileSync(repository, "utf8"));
    // The dependencies are those of this package, so that the test needs no registry.
    for (const name of ["@bufbuild", "@connectrpc", "@types", "undici-types", "yaml"]) {
      symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    }
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(folder, "program.ts"), PROGRAM);
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const common = [
      "--strict",
      "--exactOptionalPropertyTypes",
      "--target",
      "es2023",
      "--lib",
      "es2023,dom,esnext.disposable",
    ];
    const flags = [...common, "--types", "node", "program.ts"];
    run(process.execPath, compiler, ...flags, "--module", "esnext", "--moduleResolution", "bundler", "--noEmit");
    run(process.execPath, compiler, ...flags, "--module", "nodenext");
    assert.equal(run(process.execPath, "program.js").trim(), "function lakeport.v1.FileService");
    const page =
      'import { Client } from "lakeport"; globalThis.client = new Client({ endpoint: "https://example.com" });';
    const stdin = { contents: page, resolveDir: folder };
    const { outputFiles } = await build({
      stdin,
      bundle: true,
      write: false,
      minify: true,
      format: "esm",
      platform: "browser",
    });
    assert(!(outputFiles[0]?.text ?? "node:").includes("node:"), "the bundle needs Node.js");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
