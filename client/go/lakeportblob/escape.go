package lakeportblob

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// escapeMark begins an escaped byte: two hexadecimal digits follow.
const escapeMark = "__x"

// escapeKey returns a key of metadata that lakeFS allows. Keys that it allows stay as they are, except those that look
// escaped, and those with the prefix of attributes.
func escapeKey(key string) string {
	return escape(key, func(index int) bool {
		return !isAllowed(key[index]) || index == 0 && strings.HasPrefix(key, attributePrefix) || isMark(key[index:])
	})
}

func isAllowed(char byte) bool {
	return char >= 'a' && char <= 'z' || char >= '0' && char <= '9' || char == '.' || char == '_' || char == '-'
}

// escapeValue returns a value of metadata that lakeFS keeps: it drops control characters, and spaces at the start and the end.
func escapeValue(value string) string {
	return escape(value, func(index int) bool {
		char := value[index]
		isSpaceAtEnd := char == ' ' && (index == 0 || index == len(value)-1)
		return char < ' ' || char == 0x7f || isSpaceAtEnd || isMark(value[index:])
	})
}

// escapePath returns a path that lakeFS allows: it has no NUL. All other paths stay as they are, except those that look escaped.
func escapePath(path string) string {
	return escape(path, func(index int) bool {
		return path[index] == 0 || isPathMark(path[index:])
	})
}

// unescapePath reverses escapePath.
func unescapePath(path string) string {
	return replaceMarks(path, isPathMark)
}

// unescape reverses escapeKey and escapeValue. Texts that other programs wrote stay as they are, unless they look escaped.
func unescape(text string) string {
	return replaceMarks(text, isMark)
}

// isMark returns whether a text begins with an escaped byte.
func isMark(text string) bool {
	digits, found := strings.CutPrefix(text, escapeMark)
	if !found || len(digits) < 2 {
		return false
	}
	_, err := hex.DecodeString(digits[:2])
	return err == nil
}

// isPathMark returns whether a text begins with an escaped NUL or underscore: paths have no other escaped bytes.
func isPathMark(text string) bool {
	return strings.HasPrefix(text, escapeMark+"00") || strings.HasPrefix(text, escapeMark+"5f")
}

// escape replaces bytes. The bytes after an escaped underscore cannot be read as a mark with it.
func escape(text string, isEscaped func(index int) bool) string {
	var escaped strings.Builder
	for index := range len(text) {
		if isEscaped(index) {
			fmt.Fprintf(&escaped, "%s%02x", escapeMark, text[index])
		} else {
			escaped.WriteByte(text[index])
		}
	}
	return escaped.String()
}

// replaceMarks replaces escaped bytes by the bytes themselves.
func replaceMarks(text string, isMark func(text string) bool) string {
	var plain strings.Builder
	for index := 0; index < len(text); {
		if !isMark(text[index:]) {
			plain.WriteByte(text[index])
			index++
			continue
		}
		digits := index + len(escapeMark)
		// isMark has checked the digits.
		char, _ := hex.DecodeString(text[digits : digits+2])
		plain.Write(char)
		index = digits + 2
	}
	return plain.String()
}
