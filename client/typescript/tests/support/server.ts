import { randomUUID } from "node:crypto";
import { Client } from "lakeport";

/** Returns the address of the server of the tests, as host and port. */
export function serverAddress(): string {
  const address = process.env["LAKEPORT_TEST_ADDRESS"];
  if (!address) {
    throw new Error(
      "LAKEPORT_TEST_ADDRESS is not set: start lakeport-server, and set it to its address, such as 127.0.0.1:50051",
    );
  }
  return address;
}

/** Returns a client of the server of the tests, or of a proxy in front of it. */
export function connect(address = serverAddress(), timeoutMs = 60_000): Client {
  return new Client({ endpoint: `grpc://${address}`, credentials: null, timeoutMs });
}

/** Creates a repository for one test, and returns its name. */
export async function newRepository(): Promise<string> {
  using client = connect();
  const repository = `typescript-${randomUUID()}`;
  await client.versions.createRepository(repository);
  return repository;
}
