package lakeport

import (
	"context"
	"hash/crc32"
	"io"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// sending is a call of Write. It must be closed.
type sending struct {
	client *Client
	ctx    context.Context
	cancel context.CancelCauseFunc
	stream grpc.ClientStreamingClient[lakeportv1.WriteRequest, lakeportv1.WriteResponse]
	clock  *progress
	// header is sent with the first data. nil after that.
	header *lakeportv1.WriteRequest
	offset int64
	crc32c uint32
}

// openWrite begins a write. It publishes nothing unless finish succeeds.
func (c *Client) openWrite(ctx context.Context, header *lakeportv1.WriteRequest, clock *progress) (*sending, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	clock.made()
	opened := &sending{client: c, ctx: ctx, cancel: cancel, clock: clock, header: proto.CloneOf(header)}
	err := clock.wait(cancel, func() (err error) {
		opened.stream, err = c.files.Write(ctx, withBulkCodec)
		return err
	})
	if err != nil {
		defer cancel(nil)
		return nil, c.callError(ctx, err)
	}
	return opened, nil
}

// send sends bytes of the object. The caller must not use the buffer again.
func (s *sending) send(data []byte) error {
	return s.sendFrame(&frame{request: s.next(data), data: data})
}

// finish sends the last bytes, publishes the object and returns it. The caller must not use the buffer again.
func (s *sending) finish(data []byte) (*FileInfo, error) {
	request := s.next(data)
	request.FinishWrite, request.ObjectCrc32C = true, new(s.crc32c)
	if err := s.sendFrame(&frame{request: request, data: data}); err != nil {
		return nil, err
	}
	return s.receive()
}

// next returns the fields of the message with these bytes of the object.
func (s *sending) next(data []byte) *lakeportv1.WriteRequest {
	request := &lakeportv1.WriteRequest{}
	if s.header != nil {
		request, s.header = s.header, nil
	}
	sum := crc32.Checksum(data, castagnoli)
	request.WriteOffset, request.Crc32C = new(s.offset), new(sum)
	s.crc32c = combineCRC32C(s.crc32c, sum, int64(len(data)))
	s.offset += int64(len(data))
	return request
}

func (s *sending) sendFrame(message *frame) error {
	s.clock.made()
	err := s.clock.wait(s.cancel, func() error { return s.stream.SendMsg(message) })
	if err == io.EOF {
		// The server has ended the call. Its response has the reason.
		if _, err = s.receive(); err == nil {
			err = badResponse("it stored an object before the last message")
		}
		return err
	}
	if err != nil {
		return s.client.callError(s.ctx, err)
	}
	return nil
}

func (s *sending) receive() (*FileInfo, error) {
	var response *lakeportv1.WriteResponse
	err := s.clock.wait(s.cancel, func() (err error) {
		response, err = s.stream.CloseAndRecv()
		return err
	})
	if err != nil {
		return nil, s.client.callError(s.ctx, err)
	}
	return response.Info, nil
}

// close ends the call. It is safe after finish.
func (s *sending) close() {
	s.cancel(nil)
}
