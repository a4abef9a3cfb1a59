package lakeport

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lakeport/lakeport/client/go/lakeportv1"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

var testedCodec = bulkCodec{encoding.GetCodecV2(protocodec.Name)}

func TestAFrameIsAWriteRequest(t *testing.T) {
	request := &lakeportv1.WriteRequest{Path: "a", WriteOffset: new(int64(7)), FinishWrite: true}
	for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("0123456789abcdef"), frameBytes/16)} {
		encoded, err := testedCodec.Marshal(&frame{request: request, data: append(newFrame(), data...)})
		if err != nil {
			t.Fatal(err)
		}
		decoded := &lakeportv1.WriteRequest{}
		if err := proto.Unmarshal(encoded.Materialize(), decoded); err != nil {
			t.Fatal(err)
		}
		expected := proto.CloneOf(request)
		expected.Data = data
		if !proto.Equal(decoded, expected) {
			t.Errorf("a frame of %d bytes differs from the request", len(data))
		}
	}
}

func TestAResponseOfReadIsDecodedAsGRPCDoes(t *testing.T) {
	info := &lakeportv1.FileInfo{Path: strings.Repeat("p", 200)}
	data := bytes.Repeat([]byte("0123456789"), 5000)
	full := marshal(t, &lakeportv1.ReadResponse{Info: info, Offset: 3, Crc32C: new(uint32(5)), Data: data})
	piece := func(bytes string) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, pieceField, protowire.BytesType), []byte(bytes))
	}
	offset := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 9)
	for name, message := range map[string][]byte{
		"all fields":             full,
		"without data":           marshal(t, &lakeportv1.ReadResponse{Info: info}),
		"empty":                  {},
		"data alone":             piece("abc"),
		"data before a field":    append(piece("abc"), offset...),
		"data twice":             append(piece("abc"), piece("de")...),
		"empty data":             piece(""),
		"an unknown field":       append(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1), piece("abc")...),
		"data that is too long":  full[:len(full)-1],
		"data that is too short": append(append([]byte{}, full...), 0),
		"half a tag":             {0xfa},
		"a wrong type":           protowire.AppendVarint(protowire.AppendTag(nil, pieceField, protowire.VarintType), 1),
	} {
		for _, size := range []int{1, 3, 210, 16 << 10, len(message) + 1} {
			var expected, decoded lakeportv1.ReadResponse
			expectedErr := proto.Unmarshal(message, &expected)
			err := testedCodec.Unmarshal(pieces(message, size), &decoded)
			if (err == nil) != (expectedErr == nil) {
				t.Errorf("%s, in pieces of %d bytes: the error is %v, not %v", name, size, err, expectedErr)
			} else if err == nil && !proto.Equal(&decoded, &expected) {
				t.Errorf("%s, in pieces of %d bytes: the message differs", name, size)
			}
		}
	}
}

func TestOtherMessagesAreEncodedAndDecodedAsGRPCDoes(t *testing.T) {
	request := &lakeportv1.ReadRequest{Path: "a"}
	encoded, err := testedCodec.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	decoded := &lakeportv1.ReadRequest{}
	if err := testedCodec.Unmarshal(encoded, decoded); err != nil || !proto.Equal(request, decoded) {
		t.Errorf("got %v, %v", decoded, err)
	}
}

func marshal(t *testing.T, message proto.Message) []byte {
	t.Helper()
	encoded, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// pieces returns a message in the buffers in which gRPC receives it.
func pieces(message []byte, size int) mem.BufferSlice {
	var all mem.BufferSlice
	for len(message) > 0 {
		count := min(size, len(message))
		all = append(all, mem.SliceBuffer(message[:count]))
		message = message[count:]
	}
	return all
}
