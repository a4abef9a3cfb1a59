import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";
import { authorizationOf, type Credentials } from "../../src/credentials.js";
import { parseEndpoint } from "../../src/endpoint.js";
import { InvalidArgumentError } from "../../src/errors/error.js";
import { lakectlCredentials } from "../../src/node/lakectl.js";
import { Client } from "../../src/node.js";

test("the scheme selects TLS and the port", () => {
  for (const [text, url] of [
    ["grpc://h", "http://h:50051"],
    ["http://h", "http://h:50051"],
    ["grpc://h:80/", "http://h"],
    ["GRPCS://h", "https://h"],
    ["https://h:8443", "https://h:8443"],
    ["grpc://[::1]:7", "http://[::1]:7"],
    ["grpc://[::1]", "http://[::1]:50051"],
  ] as const) {
    assert.equal(parseEndpoint(text, "the endpoint", "50051").url, url, text);
  }
  assert.equal(parseEndpoint("http://h", "the endpoint", "80").url, "http://h");
  assert.equal(parseEndpoint("unix:/run/a b.sock", "the endpoint", "50051").socket, "/run/a b.sock");
  assert.equal(parseEndpoint("unix:///run/s", "the endpoint", "50051").socket, "/run/s");
});

test("an invalid endpoint is refused without its secrets", () => {
  const texts = [
    "",
    "h:1",
    "ftp://h",
    "grpc://",
    "grpc://h/path",
    "grpc://h?x",
    "unix:s",
    "unix:/",
    "grpc://h:0",
    "grpc://h:x",
  ];
  for (const text of [...texts, "grpc://h:70000", "grpc://a b", "grpc://key:s3cr3t@h"]) {
    assert.throws(
      () => parseEndpoint(text, "LAKEPORT_ENDPOINT", "50051"),
      (error: Error) =>
        error instanceof InvalidArgumentError &&
        error.message.includes("LAKEPORT_ENDPOINT") &&
        !error.message.includes("s3cr3t"),
      text,
    );
  }
});

test("credentials become a header, and errors do not show them", () => {
  assert.equal(authorizationOf({ accessKeyId: "id", secretAccessKey: "ü" }), "Basic aWQ6w7w=");
  assert.equal(authorizationOf({ token: "t" }), "Bearer t");
  const wrong = [{ token: "s3cr3t\n" }, { token: "" }, { accessKeyId: "s3cr3t" }, { secretAccessKey: "s3cr3t" }];
  for (const credentials of wrong) {
    assert.throws(
      () => authorizationOf(credentials as Credentials),
      (error: Error) => error instanceof InvalidArgumentError && !error.message.includes("s3cr3t"),
    );
  }
});

suite("lakectl's configuration", () => {
  let folder = "";
  let file = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lakeport-"));
    file = join(folder, "lakectl.yaml");
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  test("variables override the file", () => {
    writeFileSync(file, "credentials:\n  access_key_id: fileKey\n  secret_access_key: fileSecret\nserver: {}\n");
    const env = { LAKECTL_CONFIG_FILE: file };
    assert.deepEqual(lakectlCredentials(env), { accessKeyId: "fileKey", secretAccessKey: "fileSecret" });
    const mixed = { ...env, LAKECTL_CREDENTIALS_ACCESS_KEY_ID: "key" };
    assert.deepEqual(lakectlCredentials(mixed), { accessKeyId: "key", secretAccessKey: "fileSecret" });
    const both = { LAKECTL_CREDENTIALS_ACCESS_KEY_ID: "key", LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY: "secret" };
    // The file is not read.
    const unused = { ...both, LAKECTL_CONFIG_FILE: "/missing" };
    assert.deepEqual(lakectlCredentials(unused), { accessKeyId: "key", secretAccessKey: "secret" });
  });

  test("a file without credentials has none", () => {
    for (const text of ["", "server:\n  endpoint_url: http://x\n", "credentials: null\n", "- 1\n"]) {
      writeFileSync(file, text);
      assert.equal(lakectlCredentials({ LAKECTL_CONFIG_FILE: file }), undefined);
    }
  });

  test("mistakes are reported without secrets", () => {
    for (const [text, pattern] of [
      ["credentials:\n  access_key_id: s3cr3t\n", /incomplete lakeFS key pair/],
      ["credentials:\n  secret_access_key: s3cr3t: {\n", /not a valid configuration file/],
      [undefined, /does not exist/],
    ] as const) {
      rmSync(file, { force: true });
      if (text !== undefined) {
        writeFileSync(file, text);
      }
      assert.throws(
        () => lakectlCredentials({ LAKECTL_CONFIG_FILE: file }),
        (error: Error) =>
          error instanceof InvalidArgumentError && pattern.test(error.message) && !error.message.includes("s3cr3t"),
      );
    }
  });

  test("the environment configures a client", () => {
    const before = { ...process.env };
    try {
      delete process.env["LAKEPORT_ENDPOINT"];
      assert.throws(() => new Client({ credentials: null }), /set LAKEPORT_ENDPOINT/);
      process.env["LAKEPORT_ENDPOINT"] = "grpc://127.0.0.1:1";
      new Client({ credentials: null }).close();
      assert.throws(() => new Client({ credentials: null, caFile: join(folder, "missing") }), /CA certificates/);
      assert.throws(() => new Client({ credentials: null, timeoutMs: 0 }), /timeoutMs/);
      process.env["LAKECTL_CONFIG_FILE"] = join(folder, "missing");
      assert.throws(() => new Client(), /does not exist/);
    } finally {
      process.env = before;
    }
  });
});
