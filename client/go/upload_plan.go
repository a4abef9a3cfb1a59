package lakeport

import "sync"

// maxParts is the number of objects that one Compose concatenates.
const maxParts = 10_000

// uploadPlan divides a file into parts.
type uploadPlan struct {
	size, partBytes int64
}

// filePart is a range of a file.
type filePart struct {
	index, offset, length int64
}

// newUploadPlan divides a file into parts of partBytes, or of more bytes, in whole MiB, if there were more than maxParts parts.
func newUploadPlan(size, partBytes int64) uploadPlan {
	const mebibyte = 1 << 20
	if needed := ceilDiv(size, maxParts); partBytes < needed {
		return uploadPlan{size, ceilDiv(needed, mebibyte) * mebibyte}
	}
	return uploadPlan{size, max(partBytes, 1)}
}

func ceilDiv(a, b int64) int64 {
	quotient := a / b
	if a%b > 0 {
		quotient++
	}
	return quotient
}

// count returns the number of parts. An empty file has one empty part: Compose needs a source.
func (p uploadPlan) count() int64 {
	return max(ceilDiv(p.size, p.partBytes), 1)
}

func (p uploadPlan) part(index int64) filePart {
	offset := index * p.partBytes
	return filePart{index: index, offset: offset, length: min(p.partBytes, p.size-offset)}
}

// UploadProgress is the progress of an upload. All bytes pass through the server twice: in parts, and when it composes the
// object.
type UploadProgress struct {
	// SizeBytes is the size of the file.
	SizeBytes int64
	// SentBytes were sent in parts, or stored by an earlier run.
	SentBytes int64
	// ComposedBytes were composed by the server. After a retry, it starts again at 0.
	ComposedBytes int64
}

// meter counts bytes and reports each change.
type meter struct {
	mutex    sync.Mutex
	progress UploadProgress
	report   func(UploadProgress)
}

func newMeter(size int64, report func(UploadProgress)) *meter {
	return &meter{progress: UploadProgress{SizeBytes: size}, report: report}
}

func (m *meter) addSent(bytes int64) {
	m.change(func(p *UploadProgress) { p.SentBytes += bytes })
}

func (m *meter) setComposed(bytes int64) {
	m.change(func(p *UploadProgress) { p.ComposedBytes = bytes })
}

func (m *meter) change(apply func(*UploadProgress)) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	apply(&m.progress)
	if m.report != nil {
		m.report(m.progress)
	}
}
