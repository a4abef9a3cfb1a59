package scenarios

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// requestTime is longer than a restart of a server takes.
const requestTime = 30 * time.Second

// fixture is the program with the servers of the scenarios.
type fixture struct {
	url     string
	process *exec.Cmd
	stdin   io.Closer
}

// startFixture starts the program. It ends with stop.
func startFixture(program string) (*fixture, error) {
	process := exec.Command(program)
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := process.Start(); err != nil {
		return nil, err
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	started := &fixture{url: strings.TrimSpace(url), process: process, stdin: stdin}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s printed no URL: %w", program, err), started.stop())
	}
	return started, nil
}

// stop ends the input of the program, and waits for its end.
func (f *fixture) stop() error {
	return errors.Join(f.stdin.Close(), f.process.Wait())
}

// sandbox is a server for one scenario.
type sandbox struct {
	url        string
	ID         int
	Address    string
	Repository string
	Key        string `json:"access_key_id"`
	Secret     string `json:"secret_access_key"`
}

// open opens a sandbox with the settings of a scenario.
func (f *fixture) open(ctx context.Context, settings fields) (*sandbox, error) {
	if settings == nil {
		settings = fields{}
	}
	opened := &sandbox{}
	if err := request(ctx, http.MethodPost, f.url+"/sandboxes", settings, opened); err != nil {
		return nil, err
	}
	opened.url = fmt.Sprintf("%s/sandboxes/%d", f.url, opened.ID)
	return opened, nil
}

func (s *sandbox) close(ctx context.Context) error {
	return request(ctx, http.MethodDelete, s.url, nil, nil)
}

func (s *sandbox) arm(ctx context.Context, fault fields) error {
	return request(ctx, http.MethodPost, s.url+"/faults", fault, nil)
}

func (s *sandbox) clearFaults(ctx context.Context) error {
	return request(ctx, http.MethodDelete, s.url+"/faults", nil, nil)
}

func (s *sandbox) restart(ctx context.Context, downMs int) error {
	return request(ctx, http.MethodPost, s.url+"/restart", fields{"down_ms": downMs}, nil)
}

// callCounts are the calls of the clients of a sandbox.
type callCounts struct {
	Calls map[string]int
	Open  int
}

func (s *sandbox) calls(ctx context.Context) (found callCounts, err error) {
	return found, request(ctx, http.MethodGet, s.url+"/calls", nil, &found)
}

// request sends a request to the control API, and decodes the response into result.
func request(ctx context.Context, method, url string, body fields, result any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	message, err := http.NewRequestWithContext(ctx, method, url, &sent)
	if err != nil {
		return err
	}
	message.Header.Set("content-type", "application/json")
	response, err := http.DefaultClient.Do(message)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("the fixture refuses %s %s: %s %s", method, url, response.Status, text)
	case result == nil:
		return nil
	}
	return json.Unmarshal(text, result)
}
