"""Messages with object data: the hand-written code matches the generated code."""

from __future__ import annotations

import random

from lakeport.aio import frames
from lakeport.v1 import files_pb2 as v1


def test_upload_frames_match_generated_code() -> None:
    chance = random.Random(7)  # noqa: S311
    for size in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, *(chance.randrange(1 << 20) for _ in range(20))]:
        data = chance.randbytes(size)
        head = v1.WriteRequest(repository="r", path="p" * chance.randrange(200), finish_write=bool(size % 2), metadata={"a": "b"})
        whole = v1.WriteRequest()
        whole.CopyFrom(head)
        whole.data = data
        assert v1.WriteRequest.FromString(frames.write(frames.WriteFrame(head, memoryview(data)))) == whole


def test_download_frames_parse_in_any_field_order() -> None:
    chance = random.Random(8)  # noqa: S311
    for _ in range(200):
        message = v1.ReadResponse(offset=chance.randrange(1 << 40), range_index=chance.randrange(5))
        if chance.random() < 0.5:
            message.info.path = "p" * chance.randrange(300)
            message.info.size_bytes = chance.randrange(1 << 40)
        if chance.random() < 0.5:
            message.crc32c = chance.randrange(1 << 32)
        head = message.SerializeToString()
        data = chance.randbytes(chance.choice([0, 1, 200, 70_000]))
        field = v1.ReadResponse(data=data).SerializeToString()
        for sent in (head + field, field + head):
            answer = frames.read(sent)
            assert bytes(answer.data) == data
            answer.head.ClearField("data")
            assert answer.head == message
