import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeName } from "./codes.js";
import { LakeportError, makeError } from "./error.js";
import { errorOfDetails } from "./status.js";

/** Trailer with the delay before a retry in milliseconds. */
const PUSHBACK = "grpc-retry-pushback-ms";

/**
 * Converts an error of Connect. `server` is the name of the server for messages, and `hint` is the help after a lost connection.
 *
 * Connect reports lost connections with many codes: `canceled` if the server reset the stream, `aborted` for a reset connection,
 * `invalid_argument` or `internal` for a response that ends early, and `unknown` in browsers. All of them become UNAVAILABLE.
 * Callers must check first whether they cancelled the call.
 *
 * @internal
 */
export function errorOfConnect(reason: unknown, server: string, hint = ""): LakeportError {
  if (reason instanceof LakeportError) {
    return reason;
  }
  const error = ConnectError.from(reason);
  if (error.metadata.has("grpc-status") || error.metadata.has("grpc-status-details-bin")) {
    return errorOfServer(error, server);
  }
  const text = error.rawMessage;
  if (isLocal(error)) {
    return makeError(text, codeName(error.code), { cause: error });
  }
  if (/^(HTTP |unsupported content type)/.test(text)) {
    // A proxy, or a server that does not speak gRPC, responded.
    return makeError(`${server} responded with ${text} instead of gRPC`, codeName(error.code), { cause: error });
  }
  return makeError(`${server} did not respond: ${causeText(error)}${hint}`, "UNAVAILABLE", { cause: error });
}

function errorOfServer(error: ConnectError, server: string): LakeportError {
  const details = error.details.filter((detail) => "type" in detail);
  const any = details.map(({ type, value }) => create(AnySchema, { typeUrl: `type.googleapis.com/${type}`, value }));
  const code = codeName(error.code);
  if (code === "UNIMPLEMENTED" && any.length === 0) {
    // A proxy says why. The server itself says nothing.
    const why = error.rawMessage === "" ? "" : ` (${error.rawMessage})`;
    const message = `${server} does not know this call: its version differs from that of this client${why}`;
    return makeError(message, code, { cause: error });
  }
  const pushback = Number(error.metadata.get(PUSHBACK) ?? "");
  return errorOfDetails(error.rawMessage, code, any, {
    retryDelayMs: pushback > 0 ? pushback : undefined,
    cause: error,
  });
}

/** Returns whether the connection is not the problem: a message cannot be encoded or decoded, or the deadline passed. */
function isLocal(error: ConnectError): boolean {
  switch (error.code) {
    case Code.Unimplemented:
    case Code.DeadlineExceeded:
      return true;
    case Code.ResourceExhausted:
      return error.rawMessage.includes("larger than");
    default:
      return /^(serialize|parse|encode|decode|cannot (encode|decode)) /.test(error.rawMessage);
  }
}

/** Returns the text of the innermost cause: Connect's own text is less exact. */
function causeText(error: Error): string {
  let found = error instanceof ConnectError ? error.rawMessage : error.message;
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) {
    found = cause.message || found;
  }
  return found;
}
