package lakeport

import "sync"

var (
	// framePool has buffers with room for a frame of an upload.
	framePool = buffers{room: frameBytes}
	// piecePool has the buffers of the data of downloads.
	piecePool buffers
)

// buffers is a pool of buffers of about the same size. Unlike those of gRPC, it does not fill them with zeros.
type buffers struct {
	// room is the minimum capacity of a buffer.
	room int
	pool sync.Pool
}

// Get returns a buffer of this length.
func (b *buffers) Get(length int) *[]byte {
	buffer, isFound := b.pool.Get().(*[]byte)
	if !isFound || cap(*buffer) < length {
		return new(make([]byte, length, max(length, b.room)))
	}
	*buffer = (*buffer)[:length]
	return buffer
}

// Put takes a buffer back, which must not be used after that. It drops one that is too small.
func (b *buffers) Put(buffer *[]byte) {
	if cap(*buffer) >= b.room {
		b.pool.Put(buffer)
	}
}

// newFrame returns an empty buffer with room for a frame.
func newFrame() []byte {
	return *framePool.Get(0)
}
