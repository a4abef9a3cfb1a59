/**
 * Client of lakeport for browsers, and for other runtimes with `fetch`. It calls the server by gRPC-Web.
 *
 * @packageDocumentation
 */
export { Client, type ClientOptions } from "./browser/client.js";
export * from "./common.js";
