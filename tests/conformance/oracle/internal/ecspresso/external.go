package ecspresso

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"text/template"
	"time"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// command is the config of the plugin `external`.
type command struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	NumArgs int      `json:"num_args"`
	Parser  string   `json:"parser"`
	Timeout int      `json:"timeout"`
}

func external(p plugin) (template.FuncMap, []*jsonnet.NativeFunction, error) {
	var c command
	if err := remarshal(p.Config, &c); err != nil {
		return nil, nil, err
	}
	if len(c.Command) == 0 {
		return nil, nil, errors.New("command is required")
	}
	if c.Name == "" {
		return nil, nil, errors.New("name is required")
	}
	if !slices.Contains([]string{"", "json", "string"}, c.Parser) {
		return nil, nil, fmt.Errorf("unsupported parser: %s", c.Parser)
	}
	parameters := make([]ast.Identifier, c.NumArgs)
	for i := range parameters {
		parameters[i] = ast.Identifier(fmt.Sprintf("arg%d", i))
	}
	function := func(arguments ...string) (any, error) { return c.run(arguments) }
	ours := native(c.Name, func(arguments []any) (any, error) {
		all, err := texts(arguments, len(arguments))
		if err != nil {
			return nil, err
		}
		return c.run(all)
	}, parameters...)
	return template.FuncMap{c.Name: function}, []*jsonnet.NativeFunction{ours}, nil
}

func (c command) run(arguments []string) (any, error) {
	ctx := context.Background()
	if c.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout)*time.Second)
		defer cancel()
		ctx = limited
	}
	var out, err bytes.Buffer
	run := exec.CommandContext(ctx, c.Command[0], slices.Concat(c.Command[1:], arguments)...)
	run.Stdout, run.Stderr = &out, &err
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = 5 * time.Second
	if failure := run.Run(); failure != nil {
		return nil, fmt.Errorf("failed to run command: %w: %s", failure, err.String())
	}
	if c.Parser == "string" {
		return out.String(), nil
	}
	var value any
	if failure := json.NewDecoder(&out).Decode(&value); failure != nil {
		return nil, fmt.Errorf("failed to decode json: %w", failure)
	}
	return value, nil
}
