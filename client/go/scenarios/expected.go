package scenarios

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// difference returns how a result differs from the expected one. Empty if it does not.
func difference(expected, found any, at string) string {
	if found, ok := found.([]byte); ok {
		return otherBytes(content(expected), found, at)
	}
	switch expected := expected.(type) {
	case fields:
		if pattern, argument, ok := patternOf(expected); ok {
			if different, ok := otherThan(pattern, argument, found, at); ok {
				return different
			}
		}
		if found, ok := found.(fields); ok {
			return otherFields(expected, found, at)
		}
	case []any:
		if found, ok := found.([]any); ok && len(found) == len(expected) {
			return otherItems(found, at, func(index int) any { return expected[index] })
		}
	default:
		if reflect.DeepEqual(expected, found) {
			return ""
		}
	}
	return isNot(found, at, expected)
}

func isNot(found any, at string, expected any) string {
	return fmt.Sprintf("%s is %.300s, not %s", at, quoted(found), quoted(expected))
}

func quoted(value any) string {
	if text, ok := value.(string); ok {
		return strconv.Quote(text)
	}
	return fmt.Sprint(value)
}

// patternOf returns the only field of an expected value.
func patternOf(expected fields) (name string, argument any, ok bool) {
	for name, argument = range expected {
		return name, argument, len(expected) == 1
	}
	return "", nil, false
}

// otherThan compares with {any: true}, {has: TEXT}, {count: N}, {only: X} and {each: X}. It returns false if the expected value is another one.
func otherThan(pattern string, argument, found any, at string) (string, bool) {
	foundText, isText := found.(string)
	foundList, isList := found.([]any)
	matches := false
	switch {
	case pattern == "any":
		matches = !isEmpty(found)
	case pattern == "only":
		matches = reflect.DeepEqual(argument, found)
	case pattern == "has" && isText:
		wanted, ok := argument.(string)
		matches = ok && strings.Contains(foundText, wanted)
	case pattern == "count" && isList:
		matches = len(foundList) == argument
	case pattern == "each" && isList:
		return otherItems(foundList, at, func(int) any { return argument }), true
	default:
		return "", false
	}
	if matches {
		return "", true
	}
	return isNot(found, at, fields{pattern: argument}), true
}

func isEmpty(found any) bool {
	switch found := found.(type) {
	case nil:
		return true
	case string:
		return found == ""
	case []any:
		return len(found) == 0
	case fields:
		return len(found) == 0
	}
	return false
}

// otherFields compares the fields that are expected.
func otherFields(expected, found fields, at string) string {
	for name, wanted := range expected {
		value, ok := found[name]
		if !ok {
			return fmt.Sprintf("%s.%s is missing", at, name)
		}
		if different := difference(wanted, value, at+"."+name); different != "" {
			return different
		}
	}
	return ""
}

func otherItems(found []any, at string, expected func(index int) any) string {
	for index, item := range found {
		if different := difference(expected(index), item, fmt.Sprintf("%s[%d]", at, index)); different != "" {
			return different
		}
	}
	return ""
}

func otherBytes(expected, found []byte, at string) string {
	if bytes.Equal(expected, found) {
		return ""
	}
	place := ""
	for index := range min(len(expected), len(found)) {
		if expected[index] != found[index] {
			place = fmt.Sprintf(", and differs at offset %d", index)
			break
		}
	}
	return fmt.Sprintf("%s has %d bytes, not %d%s", at, len(found), len(expected), place)
}

// list returns a list of results.
func list[T any](items []T) []any {
	found := make([]any, len(items))
	for index, item := range items {
		found[index] = item
	}
	return found
}

// textFields returns metadata or labels.
func textFields(texts map[string]string) fields {
	found := make(fields, len(texts))
	for name, value := range texts {
		found[name] = value
	}
	return found
}
