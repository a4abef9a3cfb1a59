package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"
)

// fields are the arguments of a step, or the fields of its result.
type fields = map[string]any

// scenario is a list of steps with their expected results.
type scenario struct {
	Name    string
	Shows   string
	Sandbox fields
	Steps   []fields
}

// loadScenarios returns the scenarios of all files in a folder.
func loadScenarios(folder string) ([]scenario, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []scenario
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var some []scenario
		if err := yaml.Load(text, &some, yaml.WithKnownFields()); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no scenarios", folder)
	}
	return all, nil
}

// text returns a text argument, or "".
func text(arguments fields, name string) string {
	return textOr(arguments, name, "")
}

// textOr returns a text argument, or another text.
func textOr(arguments fields, name, other string) string {
	if found, ok := arguments[name].(string); ok {
		return found
	}
	return other
}

// flag returns a Boolean argument, or false.
func flag(arguments fields, name string) bool {
	found, _ := arguments[name].(bool)
	return found
}

// number returns an integer argument, or 0.
func number(arguments fields, name string) int {
	found, _ := arguments[name].(int)
	return found
}

// milliseconds returns an argument that is a duration, or 0.
func milliseconds(arguments fields, name string) time.Duration {
	return time.Duration(number(arguments, name)) * time.Millisecond
}

// texts returns a list of texts, or nil.
func texts(arguments fields, name string) []string {
	return listOf[string](arguments[name])
}

// textMap returns a map of texts, or nil.
func textMap(arguments fields, name string) map[string]string {
	found, ok := arguments[name].(fields)
	if !ok {
		return nil
	}
	texts := make(map[string]string, len(found))
	for key := range found {
		texts[key] = text(found, key)
	}
	return texts
}

// listOf returns the items of a list that have the type T. nil if the value is no list.
func listOf[T any](value any) []T {
	list, _ := value.([]any)
	var items []T
	for _, item := range list {
		if item, ok := item.(T); ok {
			items = append(items, item)
		}
	}
	return items
}
