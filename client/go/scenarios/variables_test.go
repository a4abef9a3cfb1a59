package scenarios

import (
	"reflect"
	"testing"
)

func TestVariablesAreReplaced(t *testing.T) {
	v := variables{"name": "x", "count": 3}
	steps := []any{fields{"path": "$later"}}
	step := fields{"a": "$count", "b": "tx:$name/${name}y", "c": []any{"$name", 1}, "d": "`$.txt", "steps": steps}
	wanted := fields{"a": 3, "b": "tx:x/xy", "c": []any{"x", 1}, "d": "`$.txt", "steps": steps}
	found, err := v.resolveStep(step)
	if err != nil || !reflect.DeepEqual(found, wanted) {
		t.Errorf("%v, %v", found, err)
	}
	for _, text := range []string{"$unknown", "a ${unknown}"} {
		if found, err := v.resolve(text); err == nil {
			t.Errorf("%q became %v", text, found)
		}
	}
}
