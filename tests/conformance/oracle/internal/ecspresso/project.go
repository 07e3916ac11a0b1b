// Package ecspresso reads a project the way ecspresso v2 does, from the Go modules that ecspresso is made of. What is
// ecspresso's own (the order of the steps, the functions, the walk over keys) is written anew after its description.
package ecspresso

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-envparse"

	"oracle/internal/world"
)

// Flags are those of ecspresso's command line.
type Flags struct {
	Config   string
	Envfiles []string
	ExtStr   map[string]string
	ExtCode  map[string]string
	World    *world.World
}

// Render reads the project in the current directory with the environment of this process, and gives what
// `ecspresso render` prints. A panic, which ends ecspresso, is an error.
func Render(flags Flags) (text string, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	for _, file := range flags.Envfiles {
		if err := export(file); err != nil {
			return "", fmt.Errorf("envfile: %w", err)
		}
	}
	loader := newLoader(flags)
	config, err := loader.config(search(flags.Config))
	if err != nil {
		return "", fmt.Errorf("config: %w", err)
	}
	if config.ExpressDefinition != "" {
		text, err = loader.express(config)
	} else {
		text, err = loader.taskDefinition(config)
	}
	if err != nil {
		return "", fmt.Errorf("definition: %w", err)
	}
	return text, nil
}

// Rendered decodes a definition that is rendered already.
func Rendered(path string) (text string, err error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return decodeTaskDefinition(source, nil)
}

func export(file string) error {
	if file == "" {
		return nil
	}
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	variables, err := envparse.Parse(opened)
	if err != nil {
		return err
	}
	for name, value := range variables {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// search: the default name means a search, also where it was given.
func search(config string) string {
	if config != "" && config != "ecspresso.yml" {
		return config
	}
	for _, extension := range []string{".yml", ".yaml", ".json", ".jsonnet"} {
		if _, err := os.Stat("ecspresso" + extension); err == nil {
			return "ecspresso" + extension
		}
	}
	return "ecspresso.yml"
}

// beside is a path that starts at the config's directory.
func (c *config) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.directory, path)
}

var errNoDefinition = errors.New("no definition is named")
