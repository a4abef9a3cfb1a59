/** The generated messages and services of the contract. */
export * from "./gen/lakeport/v1/changes_pb.js";
export * from "./gen/lakeport/v1/errors_pb.js";
export * from "./gen/lakeport/v1/files_pb.js";
export * from "./gen/lakeport/v1/transactions_pb.js";
export * from "./gen/lakeport/v1/versions_pb.js";
