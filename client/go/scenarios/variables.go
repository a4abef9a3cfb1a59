package scenarios

import (
	"fmt"
	"regexp"
)

// variables are the values that $name and ${name} stand for.
type variables fields

var (
	wholeName  = regexp.MustCompile(`^\$\w+$`)
	nameInText = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)
)

// resolveStep replaces the variables in a step. The steps inside are resolved when they run.
func (v variables) resolveStep(step fields) (fields, error) {
	resolved := make(fields, len(step))
	for name, value := range step {
		if name != "steps" {
			var err error
			if value, err = v.resolve(value); err != nil {
				return nil, err
			}
		}
		resolved[name] = value
	}
	return resolved, nil
}

// resolve replaces the variables in all texts of a value.
func (v variables) resolve(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return v.expand(value)
	case fields:
		return v.resolveStep(value)
	case []any:
		resolved := make([]any, len(value))
		for index, item := range value {
			var err error
			if resolved[index], err = v.resolve(item); err != nil {
				return nil, err
			}
		}
		return resolved, nil
	}
	return value, nil
}

func (v variables) expand(text string) (any, error) {
	if wholeName.MatchString(text) {
		return v.value(text[1:])
	}
	var failure error
	expanded := nameInText.ReplaceAllStringFunc(text, func(name string) string {
		groups := nameInText.FindStringSubmatch(name)
		value, err := v.value(groups[1] + groups[2])
		if err != nil {
			failure = err
		}
		return fmt.Sprint(value)
	})
	return expanded, failure
}

func (v variables) value(name string) (any, error) {
	value, found := v[name]
	if !found {
		return nil, fmt.Errorf("no variable $%s", name)
	}
	return value, nil
}
