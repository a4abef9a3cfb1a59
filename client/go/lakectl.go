package lakeport

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Environment variables of lakectl.
const (
	accessKeyVariable = "LAKECTL_CREDENTIALS_ACCESS_KEY_ID"
	secretKeyVariable = "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"
	lakectlVariable   = "LAKECTL_CONFIG_FILE"
)

// lakectlFile has the values of lakectl's configuration file that the client uses.
type lakectlFile struct {
	Credentials struct {
		AccessKeyID     string `yaml:"access_key_id"`
		SecretAccessKey string `yaml:"secret_access_key"`
	} `yaml:"credentials"`
}

// lakectlCredentials returns the key pair of lakectl's configuration, or empty credentials if there is none. As in lakectl, an
// environment variable overrides the value in the file.
func lakectlCredentials() (Credentials, error) {
	key, secret := os.Getenv(accessKeyVariable), os.Getenv(secretKeyVariable)
	source := accessKeyVariable + " and " + secretKeyVariable
	if key == "" || secret == "" {
		path, file, err := readLakectlFile()
		if err != nil {
			return Credentials{}, err
		}
		if key == "" && secret == "" {
			source = path
		} else {
			source = "the variables LAKECTL_CREDENTIALS_* and " + path
		}
		key = firstNonEmpty(key, file.Credentials.AccessKeyID)
		secret = firstNonEmpty(secret, file.Credentials.SecretAccessKey)
	}
	switch {
	case key == "" && secret == "":
		return Credentials{}, nil
	case key == "" || secret == "":
		return Credentials{}, invalid("incomplete lakeFS key pair: set both %s and %s, or neither", accessKeyVariable, secretKeyVariable)
	}
	found := KeyPair(key, secret)
	found.source = source
	return found, nil
}

// readLakectlFile reads lakectl's configuration file. A missing file is an error only if the environment names it.
func readLakectlFile() (path string, file lakectlFile, err error) {
	named := os.Getenv(lakectlVariable)
	path = expandHome(firstNonEmpty(named, "~/.lakectl.yaml"))
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && named == "":
		return path, file, nil
	case errors.Is(err, fs.ErrNotExist):
		return path, file, invalid("%s names %s, which does not exist", lakectlVariable, path)
	case err != nil:
		return path, file, invalid("cannot read lakectl's configuration: %v", err).withCause(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		// The error of the parser quotes lines, which may contain the secret.
		return path, file, invalid("%s is not a valid configuration file of lakectl", path)
	}
	return path, file, nil
}

// expandHome replaces ~ at the start of a path. Without a home directory, the path stays as it is.
func expandHome(path string) string {
	rest, found := strings.CutPrefix(path, "~/")
	home, err := os.UserHomeDir()
	if !found || err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

func firstNonEmpty(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
