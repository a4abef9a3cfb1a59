package lakeport

import (
	"io"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// frame is a message of Write. Who sends it must not use its data again: when the bytes are on the connection, gRPC puts the buffer
// into framePool.
type frame struct {
	// request has all fields but the data.
	request *lakeportv1.WriteRequest
	data    []byte
}

// bulkCodec encodes frames and decodes the responses of Read with fewer copies of their data, which take most of the time of large
// transfers. It treats other messages as gRPC does.
type bulkCodec struct{ encoding.CodecV2 }

// withBulkCodec is an option of the calls of Read and Write.
var withBulkCodec = grpc.ForceCodecV2(bulkCodec{encoding.GetCodecV2(protocodec.Name)})

var (
	frameField = dataField((*lakeportv1.WriteRequest)(nil))
	pieceField = dataField((*lakeportv1.ReadResponse)(nil))
)

func dataField(message proto.Message) protoreflect.FieldNumber {
	return message.ProtoReflect().Descriptor().Fields().ByName("data").Number()
}

// Marshal implements [encoding.CodecV2].
func (c bulkCodec) Marshal(message any) (mem.BufferSlice, error) {
	frame, isFrame := message.(*frame)
	if !isFrame {
		return c.CodecV2.Marshal(message)
	}
	head, err := proto.Marshal(frame.request)
	if err != nil {
		return nil, err
	}
	head = protowire.AppendTag(head, frameField, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(frame.data)))
	return mem.BufferSlice{mem.SliceBuffer(head), mem.NewBuffer(&frame.data, &framePool)}, nil
}

// Unmarshal implements [encoding.CodecV2]. The data of a response of Read is in a buffer of piecePool.
func (c bulkCodec) Unmarshal(encoded mem.BufferSlice, message any) error {
	response, isRead := message.(*lakeportv1.ReadResponse)
	if !isRead || len(encoded) == 0 {
		return c.CodecV2.Unmarshal(encoded, message)
	}
	head, length := splitPiece(encoded[0].ReadOnlyData(), encoded.Len())
	if length == 0 {
		return c.CodecV2.Unmarshal(encoded, message)
	}
	if err := proto.Unmarshal(encoded[0].ReadOnlyData()[:head], response); err != nil {
		return err
	}
	reader := encoded.Reader()
	defer reader.Close()
	if _, err := reader.Discard(encoded.Len() - length); err != nil {
		return err
	}
	response.Data = *piecePool.Get(length)
	_, err := io.ReadFull(reader, response.Data)
	return err
}

// splitPiece returns the number of bytes before the data of a response of Read, and the length of the data, if the data is the last
// field. start has the first bytes of the message, and size is its size. It returns a length of 0 if the data is not the last field.
func splitPiece(start []byte, size int) (head, length int) {
	for rest := start; len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		if tag < 0 {
			return 0, 0
		}
		if number == pieceField && kind == protowire.BytesType {
			value, prefix := protowire.ConsumeVarint(rest[tag:])
			head = len(start) - len(rest)
			if prefix < 0 || value != uint64(size-head-tag-prefix) {
				return 0, 0
			}
			return head, int(value)
		}
		field := protowire.ConsumeFieldValue(number, kind, rest[tag:])
		if field < 0 {
			return 0, 0
		}
		rest = rest[tag+field:]
	}
	return 0, 0
}
