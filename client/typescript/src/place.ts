/** The ref or the transaction on which a call acts. */
export interface Place {
  /** May be empty in a transaction: the server knows its repository. */
  readonly repository: string;
  /** Empty in a transaction. */
  readonly ref: string;
  /** Empty outside of transactions. */
  readonly transactionId: string;
}

export function refPlace(repository: string, ref: string): Place {
  return { repository, ref, transactionId: "" };
}

export function transactionPlace(transactionId: string, repository = ""): Place {
  return { repository, ref: "", transactionId };
}
