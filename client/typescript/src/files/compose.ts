import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { fileInfo, toNumber } from "../convert.js";
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
  const attempt = async () => {
    let info: FileInfoMessage | undefined;
    for await (const message of caller.stream(FileService.method.compose, keyed, options)) {
      onProgress(toNumber(message.composedBytes));
      info = message.info;
    }
    return fileInfo(info);
  };
  return caller.repeated(options, attempt);
}
