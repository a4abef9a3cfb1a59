package lakeport

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/codes"
)

// All clients of lakeport use these labels, names and times, so that each can continue an upload of another.
const (
	labelFile        = "upload-file"
	labelPartBytes   = "upload-part-bytes"
	labelDestination = "upload-destination"
	labelPath        = "upload-path"
	maxLabelBytes    = 256

	partsIdleTimeout = 24 * time.Hour
	partsLifetime    = 7 * 24 * time.Hour
	// maxPartVersion is the maximum version in the name of a part. The pauses between retries limit the versions to far fewer.
	maxPartVersion = 999
)

// uploadDestination is the destination of an upload.
type uploadDestination struct {
	// files always has a repository.
	files      *Files
	path       string
	baseBranch string
}

// resolveDestination fails if the destination is a transaction that has ended: otherwise, the upload would fail after its
// last part.
func (f *Files) resolveDestination(ctx context.Context, path string, retryFor time.Duration) (uploadDestination, error) {
	if f.place.transactionID == "" {
		return uploadDestination{files: f, path: path, baseBranch: f.place.ref}, nil
	}
	transaction := &Transaction{Files: f}
	info, err := persist(ctx, retryFor, func() (*TransactionInfo, error) { return transaction.KeepAlive(ctx) })
	if err != nil {
		return uploadDestination{}, err
	}
	place := place{repository: info.Repository, transactionID: info.TransactionId}
	return uploadDestination{files: &Files{client: f.client, place: place}, path: path, baseBranch: info.BaseBranch}, nil
}

func (d uploadDestination) hash() string {
	return hashTexts(d.files.place.repository, d.files.place.ref, d.files.place.transactionID, d.path)
}

// partsTransaction is the transaction with the parts of an upload.
type partsTransaction struct {
	id     string
	files  *Files
	plan   uploadPlan
	prefix string
}

// storedPart is a part that the server has stored.
type storedPart struct {
	path   string
	crc32c uint32
}

// beginParts begins the transaction of a new upload.
func (u *Upload) beginParts(ctx context.Context) (*partsTransaction, error) {
	plan := newUploadPlan(u.file.size(), u.options.PartBytes)
	options := &BeginOptions{
		IdleTimeout: partsIdleTimeout,
		Lifetime:    partsLifetime,
		Labels: map[string]string{
			labelFile:        u.file.version(),
			labelPartBytes:   strconv.FormatInt(plan.partBytes, 10),
			labelDestination: u.destination.hash(),
			labelPath:        truncated(u.destination.path, maxLabelBytes),
		},
	}
	begun, err := persist(ctx, u.options.RetryFor, func() (*Transaction, error) {
		return u.client.Begin(ctx, u.destination.files.place.repository, u.destination.baseBranch, options)
	})
	if err != nil {
		return nil, err
	}
	return u.newParts(begun.ID(), plan), nil
}

// resumeParts returns the transaction of an earlier run.
func (u *Upload) resumeParts(ctx context.Context) (*partsTransaction, error) {
	id := u.options.ResumeID
	found, err := persist(ctx, u.options.RetryFor, func() (*Transaction, error) { return u.client.Transaction(ctx, id) })
	if err != nil {
		return nil, startAgain(id, err)
	}
	partBytes, err := u.checkResumable(found.Info())
	if err != nil {
		return nil, err
	}
	return u.newParts(id, newUploadPlan(u.file.size(), partBytes)), nil
}

// newParts returns the parts of a transaction. Their prefix depends on everything that their content depends on, so that parts of
// different uploads are never mixed.
func (u *Upload) newParts(id string, plan uploadPlan) *partsTransaction {
	hash := hashTexts(id, u.destination.hash(), u.file.version(), strconv.FormatInt(plan.partBytes, 10))
	return &partsTransaction{id: id, files: u.client.TransactionFiles(id), plan: plan, prefix: "lakeport-upload/" + hash + "/"}
}

// path returns a path for a part. Different versions have the same bytes.
func (p *partsTransaction) path(part filePart, version int) string {
	return fmt.Sprintf("%s%05d.%03d", p.prefix, part.index, version)
}

// find returns the path of a stored part. Of several versions, it returns the last one: an earlier one may have been stored late,
// after a run composed the last one. The same request to compose needs the same paths.
func (p *partsTransaction) find(part filePart, stored map[string]int64) (path string, found bool) {
	for version := maxPartVersion; version >= 0; version-- {
		path := p.path(part, version)
		if size, isStored := stored[path]; isStored && size == part.length {
			return path, true
		}
	}
	return "", false
}

// requestID returns the idempotency key of the composition of this upload.
func (p *partsTransaction) requestID(to uploadDestination) string {
	return hashTexts("compose", p.id, to.hash())
}

// storeParts stores the missing parts, and returns all parts in order.
func (u *Upload) storeParts(ctx context.Context, meter *meter) ([]storedPart, error) {
	stored, err := persist(ctx, u.options.RetryFor, func() (map[string]int64, error) { return u.listParts(ctx) })
	if err != nil {
		return nil, startAgain(u.parts.id, err)
	}
	parts := make([]storedPart, u.parts.plan.count())
	err = parallel(ctx, u.options.Parallelism, len(parts), func(ctx context.Context, index int) (err error) {
		parts[index], err = u.ensureStored(ctx, u.parts.plan.part(int64(index)), stored, meter)
		return startAgain(u.parts.id, err)
	})
	return parts, err
}

// listParts returns the sizes of the stored parts.
func (u *Upload) listParts(ctx context.Context) (map[string]int64, error) {
	sizes := make(map[string]int64)
	for part, err := range u.parts.files.List(ctx, &ListOptions{Prefix: u.parts.prefix}) {
		if err != nil {
			return nil, err
		}
		sizes[part.Path] = part.SizeBytes
	}
	return sizes, nil
}

// ensureStored stores a part unless it is stored.
func (u *Upload) ensureStored(ctx context.Context, part filePart, stored map[string]int64, meter *meter) (storedPart, error) {
	if path, found := u.parts.find(part, stored); found {
		sum, err := u.file.checksum(part)
		meter.addSent(part.length)
		return storedPart{path: path, crc32c: sum}, err
	}
	version := 0
	return persist(ctx, u.options.RetryFor, func() (storedPart, error) {
		done, err := u.storePart(ctx, part, version)
		if failure := asError(err); failure != nil && failure.Reason == ReasonWriteInDoubt {
			// Another path: this one is blocked for up to 70 s if a client was killed while it wrote the part.
			version, failure.RetryDelay = version+1, 0
		}
		if err == nil {
			meter.addSent(part.length)
		}
		return done, err
	})
}

func (u *Upload) storePart(ctx context.Context, part filePart, version int) (storedPart, error) {
	path, sum := u.parts.path(part, version), crc32.New(castagnoli)
	err := u.file.read(part, func(bytes io.Reader) error {
		_, err := u.parts.files.Upload(ctx, path, io.TeeReader(bytes, sum), &WriteOptions{Size: new(part.length)})
		return err
	})
	return storedPart{path: path, crc32c: sum.Sum32()}, err
}

// startAgain explains an error that means that the parts are gone.
func startAgain(id string, err error) error {
	failure := asError(err)
	if failure == nil {
		return err
	}
	switch failure.Reason {
	case ReasonTransactionNotFound:
		return uploadEnded(id, codes.NotFound, "is unknown").withCause(err)
	case ReasonTransactionExpired:
		return uploadEnded(id, codes.FailedPrecondition, "has expired").withCause(err)
	case ReasonTransactionRolledBack, ReasonTransactionCommitted:
		return uploadEnded(id, codes.FailedPrecondition, "has ended (it succeeded or was rolled back)").withCause(err)
	}
	return err
}

func uploadEnded(id string, code codes.Code, why string) *Error {
	return newError(code, "upload %s %s and cannot be resumed: start again, without its ID", id, why)
}

// checkResumable returns the part size of the upload.
func (u *Upload) checkResumable(info *TransactionInfo) (partBytes int64, err error) {
	id := info.TransactionId
	switch info.State {
	case lakeportv1.TransactionState_TRANSACTION_STATE_OPEN:
	case lakeportv1.TransactionState_TRANSACTION_STATE_EXPIRED:
		return 0, uploadEnded(id, codes.FailedPrecondition, "has expired")
	default:
		return 0, uploadEnded(id, codes.FailedPrecondition, "has ended (it succeeded or was rolled back)")
	}
	partBytes, err = strconv.ParseInt(info.Labels[labelPartBytes], 10, 64)
	switch {
	case err != nil || partBytes < 1:
		return 0, invalid("transaction %s is not an upload", id)
	case info.Labels[labelDestination] != u.destination.hash():
		return 0, invalid("upload %s has another destination; its path is %q", id, info.Labels[labelPath])
	case info.Labels[labelFile] != u.file.version():
		return 0, newError(codes.Aborted,
			"%s has changed since upload %s began: its size or modification time differs; start again, without the ID", u.file.path, id)
	}
	return partBytes, nil
}

// truncated returns at most limit bytes of a text, without cutting a character.
func truncated(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// hashTexts returns 128 bits of the SHA-256 of a list of texts, in hexadecimal.
func hashTexts(texts ...string) string {
	digest := sha256.New()
	for _, text := range texts {
		// With their lengths, ("a", "bc") and ("ab", "c") differ.
		digest.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		digest.Write([]byte(text))
	}
	return hex.EncodeToString(digest.Sum(nil)[:16])
}
