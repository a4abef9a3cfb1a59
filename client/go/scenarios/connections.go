package scenarios

import (
	"errors"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	lakeport "github.com/lakeport/lakeport/client/go"
)

// defaultClient is the name of the client of steps that name none.
const defaultClient = "default"

// environment guards the variables of the process: scenarios in parallel must not see those of each other.
var environment sync.Mutex

// connections are the clients of a scenario.
type connections struct {
	sandbox *sandbox
	// home is the home directory for clients that the environment configures.
	home string
	// arguments are those of connect, by the name of the client.
	arguments map[string]fields
	// mutex guards open: the calls of a step may run concurrently.
	mutex sync.Mutex
	open  map[connection]*lakeport.Client
}

// connection identifies a client.
type connection struct {
	name    string
	timeout time.Duration
}

func newConnections(sandbox *sandbox, home string) *connections {
	arguments := map[string]fields{defaultClient: {}}
	return &connections{sandbox: sandbox, home: home, arguments: arguments, open: make(map[connection]*lakeport.Client)}
}

// connect creates a client with the arguments of a step.
func (c *connections) connect(step fields) error {
	name := text(step, "as")
	c.arguments[name] = step
	_, err := c.client(name, 0)
	return err
}

// client returns a client with a timeout. 0: the default timeout.
func (c *connections) client(name string, timeout time.Duration) (*lakeport.Client, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	wanted := connection{name, timeout}
	if opened, found := c.open[wanted]; found {
		return opened, nil
	}
	arguments, found := c.arguments[name]
	if !found {
		return nil, errors.New("no client " + name)
	}
	opened, err := c.create(arguments, timeout)
	if err == nil {
		c.open[wanted] = opened
	}
	return opened, err
}

func (c *connections) create(arguments fields, timeout time.Duration) (*lakeport.Client, error) {
	var options []lakeport.Option
	if timeout > 0 {
		options = append(options, lakeport.WithTimeout(timeout))
	}
	environment.Lock()
	defer environment.Unlock()
	if _, found := arguments["env"]; found {
		restore, err := c.setEnvironment(textMap(arguments, "env"))
		defer restore()
		if err != nil {
			return nil, err
		}
		return lakeport.NewClient("", options...)
	}
	options = append(options, lakeport.WithCredentials(c.credentials(arguments)))
	return lakeport.NewClient(textOr(arguments, "endpoint", "grpc://"+c.sandbox.Address), options...)
}

func (c *connections) credentials(arguments fields) lakeport.Credentials {
	if key, found := arguments["key"].(string); found {
		return lakeport.KeyPair(key, text(arguments, "secret"))
	}
	if token, found := arguments["token"].(string); found {
		return lakeport.Token(token)
	}
	if flag(arguments, "anonymous") {
		return lakeport.Anonymous()
	}
	return lakeport.KeyPair(c.sandbox.Key, c.sandbox.Secret)
}

// setEnvironment sets variables, and removes all others that configure clients. restore undoes that.
func (c *connections) setEnvironment(variables map[string]string) (restore func(), err error) {
	wanted := map[string]string{"HOME": c.home}
	maps.Copy(wanted, variables)
	before := make(map[string]string)
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		before[name] = value
		if strings.HasPrefix(name, "LAKECTL_") || strings.HasPrefix(name, "LAKEPORT_") {
			err = errors.Join(err, os.Unsetenv(name))
		}
	}
	for name, value := range wanted {
		err = errors.Join(err, os.Setenv(name, value))
	}
	return func() {
		for name := range wanted {
			_ = os.Unsetenv(name)
		}
		for name, value := range before {
			_ = os.Setenv(name, value)
		}
	}, err
}

// close closes all clients.
func (c *connections) close() (err error) {
	for _, opened := range c.open {
		err = errors.Join(err, opened.Close())
	}
	return err
}
