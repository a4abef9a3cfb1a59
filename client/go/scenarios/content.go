package scenarios

import (
	"bytes"
	"fmt"
)

// blockBytes is the size of the block that repeats: a prime, so that no message or part begins where a block does.
const blockBytes = 65_521

// content returns the bytes that a scenario describes.
func content(described any) []byte {
	arguments, _ := described.(fields)
	if parts, found := arguments["parts"]; found {
		var whole []byte
		for _, part := range listOf[fields](parts) {
			whole = append(whole, content(part)...)
		}
		return whole
	}
	if _, found := arguments["text"]; found {
		return []byte(text(arguments, "text"))
	}
	size, start := number(arguments, "bytes"), number(arguments, "from")%blockBytes
	repeated := bytes.Repeat(block(uint32(number(arguments, "seed"))), (start+size)/blockBytes+1)
	return repeated[start : start+size]
}

// block returns bytes of xorshift32.
func block(seed uint32) []byte {
	state, bytes := seed+1, make([]byte, blockBytes)
	for index := range bytes {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		bytes[index] = byte(state)
	}
	return bytes
}

// describedFiles returns a list of files, or many files with equal contents.
func describedFiles(described any) []fields {
	many, found := described.(fields)
	if !found {
		return listOf[fields](described)
	}
	var files []fields
	for _, path := range describedPaths(described) {
		files = append(files, fields{"path": path, "content": many["content"]})
	}
	return files
}

// describedPaths returns a list of paths, or many numbered ones.
func describedPaths(described any) []string {
	many, found := described.(fields)
	if !found {
		return listOf[string](described)
	}
	paths := make([]string, number(many, "count"))
	for index := range paths {
		paths[index] = fmt.Sprintf("%s%05d", text(many, "prefix"), index)
	}
	return paths
}
