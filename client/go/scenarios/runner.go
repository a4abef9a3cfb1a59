package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
	"google.golang.org/genproto/googleapis/rpc/code"
)

const (
	// pollTime is the interval at which the runner looks for calls that have not ended.
	pollTime = 10 * time.Millisecond
	// maxPolls is the number of looks.
	maxPolls = 200
	// stopTime is the time in which a server goes down.
	stopTime = 50 * time.Millisecond
)

// runner is one run of a scenario.
type runner struct {
	sandbox     *sandbox
	folder      string
	variables   variables
	connections *connections
	// restarts have the results of restarts in the background.
	restarts []chan error
}

// raisedError is the error of a program inside a transaction.
type raisedError string

func (e raisedError) Error() string {
	return string(e)
}

// run executes a scenario. The error names the step whose result differs, and the difference. folder must be empty.
func run(ctx context.Context, fixture *fixture, scenario scenario, folder string) (err error) {
	opened, err := fixture.open(ctx, scenario.Sandbox)
	if err != nil {
		return err
	}
	r := &runner{
		sandbox: opened,
		folder:  folder,
		variables: variables{
			"address": opened.Address,
			"key":     opened.Key,
			"secret":  opened.Secret,
			"folder":  folder,
		},
		connections: newConnections(opened, folder),
	}
	defer func() {
		// The time of the scenario may be over.
		err = errors.Join(err, r.connections.close(), opened.close(context.WithoutCancel(ctx)))
	}()
	err = r.steps(ctx, scenario.Steps)
	for _, restarted := range r.restarts {
		err = errors.Join(err, <-restarted)
	}
	if err != nil {
		return err
	}
	return r.checkEnd(ctx)
}

// checkEnd fails if a call is open. The clients are still connected: the end of a connection would end its calls.
func (r *runner) checkEnd(ctx context.Context) error {
	found, err := r.calls(ctx, "")
	if err == nil && found["open"] != 0 {
		return fmt.Errorf("%v calls are open after the scenario", found["open"])
	}
	return err
}

func (r *runner) steps(ctx context.Context, steps []fields) error {
	for _, step := range steps {
		if err := r.step(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// step runs a step, and fails if its result differs from the expected one.
func (r *runner) step(ctx context.Context, raw fields) error {
	step, err := r.variables.resolveStep(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", shown(raw), err)
	}
	began := time.Now()
	found, err := r.call(ctx, step)
	took := time.Since(began)
	if different := r.compare(step, found, err); different != "" {
		// The text alone: the step around this one must not take the error for that of its own call.
		return fmt.Errorf("%s: %s", shown(step), different)
	}
	if limit := milliseconds(step, "within_ms"); limit > 0 && took > limit {
		return fmt.Errorf("%s: took %v", shown(step), took)
	}
	return nil
}

// compare returns how the result of a step differs from the expected one. It keeps the variables.
func (r *runner) compare(step, found fields, err error) string {
	expected, mustFail := step["fails"].(fields)
	switch failure := failureOf(err); {
	case err != nil && (failure == nil || !mustFail):
		return err.Error()
	case err != nil:
		return difference(expectedFailure(expected), failure, "error")
	case mustFail:
		return fmt.Sprintf("succeeded with %.300s", fmt.Sprint(found))
	}
	for variable, field := range textMap(step, "save") {
		r.variables[variable] = found[field]
	}
	if expected, ok := step["expect"]; ok {
		return difference(expected, found, "result")
	}
	return ""
}

// expectedFailure returns the expected error. Its message is a part of the message of the error.
func expectedFailure(expected fields) fields {
	complete := make(fields, len(expected))
	for name, value := range expected {
		if name == "message" {
			value = fields{"has": value}
		}
		complete[name] = value
	}
	return complete
}

// failureOf describes an error of the client, or of the program in a transaction. nil for other errors.
func failureOf(err error) fields {
	var raised raisedError
	if errors.As(err, &raised) {
		return fields{"message": raised.Error()}
	}
	var failure *lakeport.Error
	if !errors.As(err, &failure) {
		return nil
	}
	paths, invalid := slices.Clone(failure.Paths), []string(nil)
	for _, failed := range failure.Failures {
		paths = append(paths, failed.Path)
	}
	for _, violation := range failure.FieldViolations {
		invalid = append(invalid, violation.Field)
	}
	return fields{
		"code":           code.Code(failure.Code).String(),
		"reason":         string(failure.Reason),
		"message":        failure.Error(),
		"paths":          list(paths),
		"fields":         list(invalid),
		"retry_after_ms": int(failure.RetryDelay.Milliseconds()),
	}
}

// call runs the operation of a step.
func (r *runner) call(ctx context.Context, step fields) (fields, error) {
	switch name := text(step, "do"); name {
	case "connect":
		return nil, r.connections.connect(step)
	case "store_file":
		return nil, os.WriteFile(filepath.Join(r.folder, text(step, "name")), []byte(text(step, "text")), 0o600)
	case "fault":
		return nil, r.sandbox.arm(ctx, without(step, "do"))
	case "clear_faults":
		return nil, r.sandbox.clearFaults(ctx)
	case "calls":
		return r.calls(ctx, text(step, "rpc"))
	case "restart":
		return nil, r.restart(ctx, step)
	case "wait":
		return nil, wait(ctx, milliseconds(step, "ms"))
	case "for_each":
		return nil, r.forEach(ctx, step)
	case "cancel_repeatedly":
		return r.cancelRepeatedly(ctx, step)
	}
	return r.operation(ctx, step)
}

// operation runs an operation of the client.
func (r *runner) operation(ctx context.Context, step fields) (fields, error) {
	client, err := r.connections.client(textOr(step, "client", defaultClient), milliseconds(step, "timeout_ms"))
	if err != nil {
		return nil, err
	}
	if after := milliseconds(step, "cancel_after_ms"); after > 0 {
		canceled, cancel := context.WithCancel(ctx)
		defer cancel()
		defer time.AfterFunc(after, cancel).Stop()
		ctx = canceled
	}
	return (&operations{client: client, runner: r}).call(ctx, step)
}

func (r *runner) restart(ctx context.Context, step fields) error {
	restarted := make(chan error, 1)
	go func() { restarted <- r.sandbox.restart(ctx, number(step, "down_ms")) }()
	if !flag(step, "background") {
		return <-restarted
	}
	r.restarts = append(r.restarts, restarted)
	return wait(ctx, stopTime)
}

func (r *runner) forEach(ctx context.Context, step fields) error {
	names := texts(step, "variables")
	for _, values := range listOf[[]any](step["values"]) {
		for index, name := range names {
			r.variables[name] = values[index]
		}
		if err := r.steps(ctx, listOf[fields](step["steps"])); err != nil {
			return err
		}
	}
	return nil
}

// calls returns the number of calls of an RPC, and of open calls. A call that a client has ended ends at the server a moment later.
func (r *runner) calls(ctx context.Context, rpc string) (fields, error) {
	for polls := 0; ; polls++ {
		found, err := r.sandbox.calls(ctx)
		if err != nil {
			return nil, err
		}
		if found.Open == 0 || polls == maxPolls {
			return fields{"count": found.Calls[rpc], "open": found.Open}, nil
		}
		if err := wait(ctx, pollTime); err != nil {
			return nil, err
		}
	}
}

func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func without(step fields, names ...string) fields {
	rest := make(fields, len(step))
	for name, value := range step {
		rest[name] = value
	}
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// shown returns the operation and the arguments of a step.
func shown(step fields) string {
	line, err := json.Marshal(without(step, "expect", "save", "fails", "steps"))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.300s", line)
}
