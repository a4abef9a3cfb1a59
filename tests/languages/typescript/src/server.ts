import { randomUUID } from "node:crypto";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { FileService } from "./gen/lakeport/v1/files_pb.js";
import { TransactionService } from "./gen/lakeport/v1/transactions_pb.js";
import { VersionService } from "./gen/lakeport/v1/versions_pb.js";

/** A server with a new repository for one test. */
export interface Server {
  files: Client<typeof FileService>;
  transactions: Client<typeof TransactionService>;
  versions: Client<typeof VersionService>;
  repository: string;
}

/** Connects to the server at LAKEPORT_TEST_ADDRESS, and creates a repository. */
export async function connect(): Promise<Server> {
  const address = process.env["LAKEPORT_TEST_ADDRESS"];
  if (address === undefined) {
    throw new Error("LAKEPORT_TEST_ADDRESS is not set");
  }
  const transport = createGrpcTransport({ baseUrl: `http://${address}` });
  const versions = createClient(VersionService, transport);
  const repository = `typescript-${randomUUID()}`;
  await versions.createRepository({ repository });
  return {
    files: createClient(FileService, transport),
    transactions: createClient(TransactionService, transport),
    versions,
    repository,
  };
}
