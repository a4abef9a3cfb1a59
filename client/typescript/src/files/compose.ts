import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import type { CallScope } from "../call/scope.js";
import { fileInfo, toNumber } from "../convert.js";
import { CanceledError } from "../errors/error.js";
import {
  type ComposeRequestSchema,
  type FileInfo as FileInfoMessage,
  FileService,
} from "../gen/lakeport/v1/files_pb.js";
import { randomId } from "../ids.js";
import type { FileInfo } from "../types.js";

type Request = MessageInitShape<typeof ComposeRequestSchema>;

/**
 * Concatenates objects. Sets `requestId` if the request has none, and retries with the same ID, also after the response has begun.
 */
export async function compose(
  caller: Caller,
  request: Request,
  options: CallOptions,
  onProgress: (composedBytes: number) => void = () => undefined,
): Promise<FileInfo> {
  const keyed = { ...request, requestId: request.requestId || randomId() };
  let failure: { error: unknown } | undefined;
  const attempt = async (scope: CallScope) => {
    let info: FileInfoMessage | undefined;
    for await (const message of caller.stream(FileService.method.compose, keyed, options)) {
      const composedBytes = toNumber(message.composedBytes);
      try {
        onProgress(composedBytes);
      } catch (error) {
        // No retry can help.
        failure = { error };
        scope.cancel(new CanceledError("the program failed during the call", "CANCELLED", { cause: error }));
        throw error;
      }
      info = message.info;
    }
    return fileInfo(info);
  };
  try {
    return await caller.repeated(options, attempt);
  } catch (error) {
    throw failure === undefined ? error : failure.error;
  }
}
