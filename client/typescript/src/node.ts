/**
 * Client of lakeport for Node.js. It calls the server by gRPC.
 *
 * @packageDocumentation
 */
export { Client, type ClientOptions } from "./node/client.js";
export { createReadStream, createWriteStream, type ObjectWriteStream } from "./node/streams.js";
export { localFile, LocalFile } from "./node/local-file.js";
export * from "./common.js";
