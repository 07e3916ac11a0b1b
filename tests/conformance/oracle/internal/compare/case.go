// Package compare renders the same projects with the oracle and with demitasse, and says where they differ.
package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"oracle/internal/world"
)

// testCase is a `case.json`, as tests/ecspresso.rs describes it.
type testCase struct {
	Env            map[string]string `json:"env"`
	Envfiles       []string          `json:"envfiles"`
	ExtStr         map[string]string `json:"extStr"`
	ExtCode        map[string]string `json:"extCode"`
	Config         string            `json:"config"`
	TaskDefinition string            `json:"taskDefinition"`
	TfstateValues  string            `json:"tfstateValues"`
	NoExternal     bool              `json:"noExternal"`
	World          world.World       `json:"world"`
}

func readCase(directory string) (*testCase, error) {
	c := &testCase{}
	text, err := os.ReadFile(filepath.Join(directory, "case.json"))
	if os.IsNotExist(err) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(c); err != nil {
		return nil, fmt.Errorf("%s: %w", directory, err)
	}
	return c, nil
}

// arguments are those that both sides take.
func (c *testCase) arguments() []string {
	var arguments []string
	if c.Config != "" {
		arguments = append(arguments, "--config", c.Config)
	}
	for _, file := range c.Envfiles {
		arguments = append(arguments, "--envfile="+file)
	}
	arguments = append(arguments, pairs("--ext-str", c.ExtStr)...)
	return append(arguments, pairs("--ext-code", c.ExtCode)...)
}

func pairs(flag string, values map[string]string) []string {
	var arguments []string
	for name, value := range values {
		arguments = append(arguments, flag, name+"="+value)
	}
	return arguments
}

// environment is that of the case, with what reaches the world and nothing else of this machine.
func (c *testCase) environment(directory, programs, server string) []string {
	environment := []string{
		"PATH=" + programs + ":/usr/bin:/bin",
		"HOME=" + programs,
		"AWS_ACCESS_KEY_ID=key",
		"AWS_SECRET_ACCESS_KEY=secret",
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL=http://" + server,
		"AWS_ENDPOINT_URL_S3=http://" + server,
	}
	for name, value := range c.Env {
		environment = append(environment, name+"="+strings.ReplaceAll(value, "{directory}", directory))
	}
	return environment
}

// programs writes the commands of the world as programs into a directory.
func programs(commands map[string]string, directory string) error {
	scripts := map[string]string{}
	for line, output := range commands {
		name, _, _ := strings.Cut(line, " ")
		place := filepath.Join(directory, fmt.Sprintf("output-%d", len(scripts)))
		for n := 0; exists(place); n++ {
			place = filepath.Join(directory, fmt.Sprintf("output-%d-%d", len(scripts), n))
		}
		if err := os.WriteFile(place, []byte(output), 0o644); err != nil {
			return err
		}
		scripts[name] += fmt.Sprintf("%s) exec /bin/cat %s ;;\n", quoted(line), quoted(place))
	}
	for name, cases := range scripts {
		script := fmt.Sprintf("#!/bin/sh\ncase \"%s${*:+ $*}\" in\n%sesac\nexit 1\n", name, cases)
		if err := os.WriteFile(filepath.Join(directory, name), []byte(script), 0o755); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
