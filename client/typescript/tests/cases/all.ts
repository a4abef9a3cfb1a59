import type { Case } from "./case.js";
import { fileCases } from "./files.js";
import { transactionCases } from "./transactions.js";
import { uploadCases } from "./uploads.js";
import { versionCases } from "./versions.js";

export const cases: readonly Case[] = [...fileCases, ...transactionCases, ...versionCases, ...uploadCases];
