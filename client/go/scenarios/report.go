package scenarios

import (
	"encoding/json"
	"math"
	"os"
	"sync"
	"time"
)

// report appends the results of scenarios to a file.
type report struct {
	// file is the path. Empty: the results are not stored.
	file  string
	mutex sync.Mutex
}

// outcome is the result of a scenario.
type outcome struct {
	Scenario string  `json:"scenario"`
	Seconds  float64 `json:"seconds"`
	Error    *string `json:"error"`
	// Pending is always null: this client passes all scenarios.
	Pending *string `json:"pending"`
}

func (r *report) add(name string, took time.Duration, failure error) error {
	if r.file == "" {
		return nil
	}
	result := outcome{Scenario: name, Seconds: math.Round(took.Seconds()*1000) / 1000}
	if failure != nil {
		result.Error = new(failure.Error())
	}
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	file, err := os.OpenFile(r.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}
