import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import type { Credentials } from "../credentials.js";
import { invalid } from "../errors/error.js";

const KEY = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID";
const SECRET = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY";
const FILE = "LAKECTL_CONFIG_FILE";

/** Returns the key pair of lakectl's configuration, if there is one. A variable of the environment overrides a value of the file. */
export function lakectlCredentials(env: NodeJS.ProcessEnv = process.env): Credentials | undefined {
  const file = env[KEY] && env[SECRET] ? {} : readCredentials(env);
  const accessKeyId = env[KEY] || file.access_key_id;
  const secretAccessKey = env[SECRET] || file.secret_access_key;
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey };
  }
  if (accessKeyId || secretAccessKey) {
    throw invalid(`incomplete lakeFS key pair: set both ${KEY} and ${SECRET}, or neither`);
  }
  return undefined;
}

interface FileCredentials {
  access_key_id?: string;
  secret_access_key?: string;
}

function readCredentials(env: NodeJS.ProcessEnv): FileCredentials {
  const named = env[FILE];
  const path = named ? named.replace(/^~(?=\/|$)/, homedir()) : join(homedir(), ".lakectl.yaml");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw invalid(`cannot read lakectl's configuration file ${path}`, { cause: error });
    }
    if (named) {
      throw invalid(`${FILE} names ${path}, which does not exist`);
    }
    return {};
  }
  return parseCredentials(text, path);
}

function parseCredentials(text: string, path: string): FileCredentials {
  const document = parseDocument(text, { logLevel: "silent", prettyErrors: false });
  // The errors of the parser quote lines, which may contain the secret.
  if (document.errors.length > 0) {
    throw invalid(`${path} is not a valid configuration file of lakectl`);
  }
  const root: unknown = document.toJS();
  const section = isRecord(root) && isRecord(root["credentials"]) ? root["credentials"] : {};
  const value = (name: string) => {
    const found = section[name];
    return typeof found === "string" || typeof found === "number" ? { [name]: String(found) } : {};
  };
  return { ...value("access_key_id"), ...value("secret_access_key") };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
