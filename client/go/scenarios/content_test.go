package scenarios

import (
	"bytes"
	"slices"
	"testing"
)

func TestContentIsThatOfOtherLanguages(t *testing.T) {
	// The lowest bytes of the first states of xorshift32 that begin with 1 and with 4.
	for seed, wanted := range map[int][]byte{0: {0x21, 0x01, 0xc5, 0x4f}, 3: {0x84, 0x04, 0x04, 0x0c}} {
		if found := content(fields{"bytes": 4, "seed": seed}); !bytes.Equal(found, wanted) {
			t.Errorf("% x instead of % x", found, wanted)
		}
	}
	whole := content(fields{"bytes": 3 * blockBytes, "seed": 5})
	for _, from := range []int{0, 1, blockBytes - 1, blockBytes, blockBytes + 7} {
		if found := content(fields{"bytes": blockBytes + 1, "seed": 5, "from": from}); !bytes.Equal(found, whole[from:from+blockBytes+1]) {
			t.Errorf("other bytes from %d on", from)
		}
	}
	parts := fields{"parts": []any{fields{"text": "a"}, fields{"bytes": 0}, fields{"text": "ä"}}}
	if found := string(content(parts)); found != "aä" {
		t.Error(found)
	}
}

func TestManyPathsAreNumbered(t *testing.T) {
	wanted := []string{"b/00000", "b/00001"}
	if found := describedPaths(fields{"count": 2, "prefix": "b/"}); !slices.Equal(found, wanted) {
		t.Error(found)
	}
	if found := describedPaths([]any{"x", "y"}); !slices.Equal(found, []string{"x", "y"}) {
		t.Error(found)
	}
}
