package ecspresso

import (
	"errors"
	"fmt"
	"strings"
	"text/template"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

func (l *loader) parameters() (template.FuncMap, []*jsonnet.NativeFunction, error) {
	natives := []*jsonnet.NativeFunction{
		native("ssm", func(arguments []any) (any, error) {
			name, err := texts(arguments, 1)
			if err != nil {
				return nil, err
			}
			return l.parameter(name[0])
		}, "name"),
		native("ssm_list", func(arguments []any) (any, error) {
			name, ok := arguments[0].(string)
			index, number := arguments[1].(float64)
			if !ok || !number {
				return nil, errors.New("ssm_list takes a string and a number")
			}
			return l.parameter(name, int(index))
		}, "name", "index"),
	}
	return template.FuncMap{"ssm": l.parameter}, natives, nil
}

// parameter: an index past the end is one of Go's own panics, as in ecspresso.
func (l *loader) parameter(name string, index ...int) (string, error) {
	if len(index) > 1 {
		return "", errors.New("ssm takes at most 2 arguments")
	}
	found, ok := l.world.Parameters[name]
	if !ok {
		return "", fmt.Errorf("parameter %s is not in the case", name)
	}
	if list := found.Type == "StringList"; list != (len(index) == 1) {
		return "", fmt.Errorf("ssm of a %s with %d indexes", found.Type, len(index))
	}
	if found.Type != "StringList" {
		return found.Value, nil
	}
	return strings.Split(found.Value, ",")[index[0]], nil
}

func (l *loader) secrets() (template.FuncMap, []*jsonnet.NativeFunction, error) {
	arn := func(id string) (string, error) {
		return found(l.world.Secrets, id)
	}
	return template.FuncMap{"secretsmanager_arn": arn},
		[]*jsonnet.NativeFunction{nativeOfTexts("secretsmanager_arn", func(t []string) (string, error) {
			return arn(t[0])
		}, "id")}, nil
}

func (l *loader) stacks() (template.FuncMap, []*jsonnet.NativeFunction, error) {
	output := func(stack, key string) (string, error) {
		outputs, ok := l.world.Stacks[stack]
		if !ok {
			return "", fmt.Errorf("stack %s is not in the case", stack)
		}
		return found(outputs, key)
	}
	export := func(name string) (string, error) {
		return found(l.world.Exports, name)
	}
	return template.FuncMap{"cfn_output": output, "cfn_export": export}, []*jsonnet.NativeFunction{
		nativeOfTexts("cfn_output", func(t []string) (string, error) { return output(t[0], t[1]) }, "stackName", "outputKey"),
		nativeOfTexts("cfn_export", func(t []string) (string, error) { return export(t[0]) }, "name"),
	}, nil
}

func found(values map[string]string, key string) (string, error) {
	value, ok := values[key]
	if !ok {
		return "", fmt.Errorf("%s is not in the case", key)
	}
	return value, nil
}

func native(name string, function func([]any) (any, error), parameters ...ast.Identifier) *jsonnet.NativeFunction {
	return &jsonnet.NativeFunction{Name: name, Params: parameters, Func: function}
}

func nativeOfTexts(name string, function func([]string) (string, error), parameters ...ast.Identifier) *jsonnet.NativeFunction {
	return native(name, func(arguments []any) (any, error) {
		all, err := texts(arguments, len(parameters))
		if err != nil {
			return nil, err
		}
		return function(all)
	}, parameters...)
}

func texts(arguments []any, count int) ([]string, error) {
	all := make([]string, count)
	for i := range all {
		text, ok := arguments[i].(string)
		if !ok {
			return nil, fmt.Errorf("argument %d must be a string", i)
		}
		all[i] = text
	}
	return all, nil
}
