package lakeport

// Reason is the exact cause of a failure: the name of an ErrorReason of the contract, without its prefix. A newer server may send
// reasons that are not listed here.
//
// A Reason can be the target of [errors.Is]:
//
//	if errors.Is(err, lakeport.ReasonMergeConflict) {
type Reason string

// Error returns the name of the reason.
func (r Reason) Error() string {
	return string(r)
}

// Reasons of this version of the contract. Package lakeportv1 describes them.
const (
	ReasonInvalidField            Reason = "INVALID_FIELD"
	ReasonBatchTooLarge           Reason = "BATCH_TOO_LARGE"
	ReasonPageTokenInvalid        Reason = "PAGE_TOKEN_INVALID"
	ReasonRefNotABranch           Reason = "REF_NOT_A_BRANCH"
	ReasonWriteIncomplete         Reason = "WRITE_INCOMPLETE"
	ReasonChecksumMismatch        Reason = "CHECKSUM_MISMATCH"
	ReasonRefusedByLakeFS         Reason = "REFUSED_BY_LAKEFS"
	ReasonRangeOutOfBounds        Reason = "RANGE_OUT_OF_BOUNDS"
	ReasonRepositoryNotFound      Reason = "REPOSITORY_NOT_FOUND"
	ReasonRefNotFound             Reason = "REF_NOT_FOUND"
	ReasonObjectNotFound          Reason = "OBJECT_NOT_FOUND"
	ReasonTransactionNotFound     Reason = "TRANSACTION_NOT_FOUND"
	ReasonObjectExists            Reason = "OBJECT_EXISTS"
	ReasonBranchExists            Reason = "BRANCH_EXISTS"
	ReasonTagExists               Reason = "TAG_EXISTS"
	ReasonRepositoryExists        Reason = "REPOSITORY_EXISTS"
	ReasonTransactionExists       Reason = "TRANSACTION_EXISTS"
	ReasonETagMismatch            Reason = "ETAG_MISMATCH"
	ReasonNotModified             Reason = "NOT_MODIFIED"
	ReasonHookRejected            Reason = "HOOK_REJECTED"
	ReasonBaseDirty               Reason = "BASE_DIRTY"
	ReasonNoChanges               Reason = "NO_CHANGES"
	ReasonDefaultBranch           Reason = "DEFAULT_BRANCH"
	ReasonTransactionCommitting   Reason = "TRANSACTION_COMMITTING"
	ReasonTransactionCommitted    Reason = "TRANSACTION_COMMITTED"
	ReasonTransactionRolledBack   Reason = "TRANSACTION_ROLLED_BACK"
	ReasonTransactionExpired      Reason = "TRANSACTION_EXPIRED"
	ReasonTransactionReadOnly     Reason = "TRANSACTION_READ_ONLY"
	ReasonEpochMismatch           Reason = "EPOCH_MISMATCH"
	ReasonMergeConflict           Reason = "MERGE_CONFLICT"
	ReasonPermissionDenied        Reason = "PERMISSION_DENIED"
	ReasonBranchProtected         Reason = "BRANCH_PROTECTED"
	ReasonRepositoryReadOnly      Reason = "REPOSITORY_READ_ONLY"
	ReasonReservedName            Reason = "RESERVED_NAME"
	ReasonUnauthenticated         Reason = "UNAUTHENTICATED"
	ReasonWriteInDoubt            Reason = "WRITE_IN_DOUBT"
	ReasonCommitInDoubt           Reason = "COMMIT_IN_DOUBT"
	ReasonLakeFSUnavailable       Reason = "LAKEFS_UNAVAILABLE"
	ReasonSessionStoreUnavailable Reason = "SESSION_STORE_UNAVAILABLE"
	ReasonShuttingDown            Reason = "SHUTTING_DOWN"
	ReasonOutcomeUnknown          Reason = "OUTCOME_UNKNOWN"
	ReasonOverloaded              Reason = "OVERLOADED"
	ReasonTooManyTransactions     Reason = "TOO_MANY_TRANSACTIONS"
	ReasonDeadlineExceeded        Reason = "DEADLINE_EXCEEDED"
	ReasonCorrupt                 Reason = "CORRUPT"
	ReasonUnsupported             Reason = "UNSUPPORTED"
	ReasonInternal                Reason = "INTERNAL"
	ReasonObjectChanged           Reason = "OBJECT_CHANGED"
	ReasonReaderStalled           Reason = "READER_STALLED"
	ReasonPartialFailure          Reason = "PARTIAL_FAILURE"
	ReasonWriterStalled           Reason = "WRITER_STALLED"
	ReasonRequestInProgress       Reason = "REQUEST_IN_PROGRESS"
	ReasonStorageFull             Reason = "STORAGE_FULL"
	ReasonLakeFSFailed            Reason = "LAKEFS_FAILED"
)
