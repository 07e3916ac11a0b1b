package ecspresso

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"oracle/internal/world"
)

// loader is go-config's loader and the one Jsonnet VM of a process.
type loader struct {
	functions template.FuncMap
	machine   *jsonnet.VM
	world     *world.World
}

func newLoader(flags Flags) *loader {
	l := &loader{functions: template.FuncMap{}, machine: jsonnet.MakeVM(), world: flags.World}
	if l.world == nil {
		l.world = &world.World{}
	}
	for name, text := range flags.ExtStr {
		l.machine.ExtVar(name, text)
	}
	for name, code := range flags.ExtCode {
		l.machine.ExtCode(name, code)
	}
	l.functions["env"] = env
	l.functions["must_env"] = mustEnv
	l.functions["json_escape"] = jsonEscape
	for _, native := range environmentNatives() {
		l.machine.NativeFunction(native)
	}
	return l
}

// file reads a definition: Jsonnet is evaluated first, and templates are rendered in any case.
func (l *loader) file(path string) ([]byte, error) {
	if filepath.Ext(path) == ".jsonnet" {
		return l.jsonnet(path)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return l.template(source)
}

func (l *loader) jsonnet(path string) ([]byte, error) {
	text, err := l.machine.EvaluateFile(path)
	if err != nil {
		return nil, err
	}
	return l.template([]byte(text))
}

func (l *loader) template(source []byte) ([]byte, error) {
	parsed, err := template.New("conf").Funcs(l.functions).Parse(string(source))
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, nil); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// env is the first variable that is not empty, or the last argument itself.
func env(names ...string) string {
	last := ""
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
		last = name
	}
	return last
}

// mustEnv panics as go-config does; text/template makes an error of it.
func mustEnv(name string) string {
	value, ok := os.LookupEnv(name)
	if !ok {
		panic(fmt.Sprintf("environment variable %s is not defined", name))
	}
	return value
}

func jsonEscape(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted[1 : len(quoted)-1])
}

func environmentNatives() []*jsonnet.NativeFunction {
	return []*jsonnet.NativeFunction{
		{
			Name:   "env",
			Params: []ast.Identifier{"name", "default"},
			Func: func(arguments []any) (any, error) {
				name, ok := arguments[0].(string)
				if !ok {
					return nil, fmt.Errorf("env: name must be a string")
				}
				if value := os.Getenv(name); value != "" {
					return value, nil
				}
				return arguments[1], nil
			},
		},
		{
			Name:   "must_env",
			Params: []ast.Identifier{"name"},
			Func: func(arguments []any) (any, error) {
				name, ok := arguments[0].(string)
				if !ok {
					return nil, fmt.Errorf("must_env: name must be a string")
				}
				if value, ok := os.LookupEnv(name); ok {
					return value, nil
				}
				return nil, fmt.Errorf("must_env: %s is not set", name)
			},
		},
	}
}
