import assert from "node:assert/strict";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorInfo, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { ErrorReason } from "./gen/lakeport/v1/errors_pb.js";
import type { WriteRequestSchema } from "./gen/lakeport/v1/files_pb.js";
import { crc32c } from "./crc32c.js";
import type { Server } from "./server.js";

/** The branch or the transaction of a call. */
export type Target = { ref: string } | { transactionId: string };

export async function begin(server: Server): Promise<string> {
  const { transaction } = await server.transactions.beginTransaction({
    repository: server.repository,
    baseBranch: "main",
  });
  assert(transaction);
  return transaction.transactionId;
}

export async function commitBranch(server: Server, ref: string): Promise<void> {
  await server.versions.createCommit({ repository: server.repository, ref });
}

export async function write(server: Server, target: Target, path: string, text: string): Promise<void> {
  const data = bytes(text);
  async function* messages(): AsyncIterable<MessageInitShape<typeof WriteRequestSchema>> {
    yield { repository: server.repository, ...target, path, data, objectCrc32c: crc32c(data), finishWrite: true };
  }
  await server.files.write(messages());
}

export async function read(server: Server, path: string): Promise<string> {
  const messages = await all(server.files.read({ repository: server.repository, ref: "main", path }));
  return Buffer.concat(messages.map((message) => message.data)).toString();
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Returns the messages of a stream. */
export async function all<M>(stream: AsyncIterable<M>): Promise<M[]> {
  const messages: M[] = [];
  for await (const message of stream) {
    messages.push(message);
  }
  return messages;
}

/** Checks the code and the reason of the error with which `call` fails. Returns the ErrorInfo. */
export async function failure(call: Promise<unknown>, code: Code, reason: ErrorReason): Promise<ErrorInfo> {
  const error = await call.then(
    () => assert.fail("the call succeeded"),
    (error: unknown) => ConnectError.from(error),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  const [info] = error.findDetails(ErrorInfoSchema);
  assert(info, "no ErrorInfo");
  assert.equal(info.domain, "lakeport.dev");
  assert.equal(info.reason, ErrorReason[reason]);
  return info;
}
