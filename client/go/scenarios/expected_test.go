package scenarios

import "testing"

func TestEqualResultsMatch(t *testing.T) {
	for _, pair := range [][2]any{
		{fields{"a": 1}, fields{"a": 1, "more": "x"}},
		{fields{"any": true}, "x"},
		{fields{"any": true}, []any{1}},
		{fields{"any": true}, 0},
		{fields{"has": "b"}, "abc"},
		{fields{"count": 2}, []any{1, 2}},
		{fields{"each": fields{"size": 1}}, []any{fields{"size": 1}, fields{"size": 1}}},
		{fields{"text": "x"}, []byte("x")},
		{fields{"count": 1}, fields{"count": 1}},
		{[]any{"x", true}, []any{"x", true}},
	} {
		if different := difference(pair[0], pair[1], "result"); different != "" {
			t.Error(different)
		}
	}
}

func TestDifferencesAreFound(t *testing.T) {
	for wanted, pair := range map[string][2]any{
		"result.a is 2, not 1":                                       {fields{"a": 1}, fields{"a": 2}},
		"result.a is missing":                                        {fields{"a": 1}, fields{}},
		`result is "", not map[any:true]`:                            {fields{"any": true}, ""},
		"result is [], not map[any:true]":                            {fields{"any": true}, []any{}},
		`result is "abc", not map[has:d]`:                            {fields{"has": "d"}, "abc"},
		"result is [1], not map[count:2]":                            {fields{"count": 2}, []any{1}},
		"result[1].size is 2, not 1":                                 {fields{"each": fields{"size": 1}}, []any{fields{"size": 1}, fields{"size": 2}}},
		"result has 3 bytes, not 2, and differs at offset 1":         {fields{"text": "ab"}, []byte("axx")},
		"result has 0 bytes, not 1":                                  {fields{"text": "a"}, []byte{}},
		"result.count is 2, not 1":                                   {fields{"count": 1}, fields{"count": 2}},
		"result is [x], not []":                                      {[]any{}, []any{"x"}},
		`result is true, not "yes"`:                                  {"yes", true},
		"result[0].content has 1 bytes, not 0":                       {[]any{fields{"content": fields{"text": ""}}}, []any{fields{"content": []byte("x")}}},
		"result[0].content is missing":                               {[]any{fields{"content": fields{"text": ""}}}, []any{fields{"reason": "CORRUPT"}}},
		`result.paths[0] is "missing-2", not "missing-1"`:            {fields{"paths": []any{"missing-1"}}, fields{"paths": []any{"missing-2"}}},
		"result is map[a:1], not [1]":                                {[]any{1}, fields{"a": 1}},
		"result.content is 7, not map[text:x]":                       {fields{"content": fields{"text": "x"}}, fields{"content": 7}},
		`result.code is "NOT_FOUND", not "UNAVAILABLE"`:              {fields{"code": "UNAVAILABLE"}, fields{"code": "NOT_FOUND"}},
		`result.message is "no such path", not map[has:other words]`: {fields{"message": fields{"has": "other words"}}, fields{"message": "no such path"}},
	} {
		if different := difference(pair[0], pair[1], "result"); different != wanted {
			t.Errorf("%q instead of %q", different, wanted)
		}
	}
}
