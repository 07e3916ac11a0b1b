package ecspresso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/fujiwara/tfstate-lookup/tfstate"
	"github.com/google/go-jsonnet"
)

// defaults are there without being declared, and may be declared once more.
var defaults = []string{"ssm", "secretsmanager"}

// registered keeps the names that plugins have, of functions and of natives.
type registered struct {
	functions, natives []string
}

func (l *loader) plugins(c *config) error {
	var taken registered
	all := template.FuncMap{}
	var natives []*jsonnet.NativeFunction
	plugins := []plugin{{Name: defaults[0]}, {Name: defaults[1]}}
	for _, p := range append(plugins, c.Plugins...) {
		functions, ours, err := l.plugin(p, c)
		if err != nil {
			return err
		}
		again := slices.Contains(defaults, p.Name)
		for name, function := range functions {
			name = p.FuncPrefix + name
			if slices.Contains(taken.functions, name) && !again {
				return fmt.Errorf("template function %s already exists. set func_prefix to %s plugin", name, p.Name)
			}
			taken.functions = append(taken.functions, name)
			all[name] = function
		}
		for _, native := range ours {
			native.Name = p.FuncPrefix + native.Name
			if slices.Contains(taken.natives, native.Name) && !again {
				return fmt.Errorf("native function %s already exists. set func_prefix to %s plugin", native.Name, p.Name)
			}
			taken.natives = append(taken.natives, native.Name)
			natives = append(natives, native)
		}
	}
	for name, function := range all {
		l.functions[name] = function
	}
	for _, native := range natives {
		l.machine.NativeFunction(native)
	}
	return nil
}

func (l *loader) plugin(p plugin, c *config) (template.FuncMap, []*jsonnet.NativeFunction, error) {
	switch strings.ToLower(p.Name) {
	case "ssm":
		return l.parameters()
	case "secretsmanager":
		return l.secrets()
	case "cloudformation":
		return l.stacks()
	case "tfstate":
		return state(p, c)
	case "external":
		return external(p)
	default:
		return nil, nil, fmt.Errorf("plugin %s is not available", p.Name)
	}
}

func state(p plugin, c *config) (template.FuncMap, []*jsonnet.NativeFunction, error) {
	location, err := stateLocation(p, c)
	if err != nil {
		return nil, nil, err
	}
	ctx := context.Background()
	read, err := tfstate.ReadURL(ctx, location)
	if err != nil {
		if optional, _ := p.Config["optional"].(bool); !optional {
			return nil, nil, err
		}
		read = tfstate.Empty()
	}
	return read.FuncMap(ctx), read.JsonnetNativeFuncs(ctx), nil
}

func stateLocation(p plugin, c *config) (string, error) {
	if path := p.Config["path"]; path != nil {
		text, ok := path.(string)
		if !ok {
			return "", errors.New("tfstate plugin requires path for tfstate file as a string")
		}
		return c.beside(text), nil
	}
	if url := p.Config["url"]; url != nil {
		text, ok := url.(string)
		if !ok {
			return "", errors.New("tfstate plugin requires url for tfstate URL as a string")
		}
		return text, nil
	}
	return "", errors.New("tfstate plugin requires path or url for tfstate location")
}

// remarshal decodes a plugin's config into a struct.
func remarshal(from map[string]any, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}
