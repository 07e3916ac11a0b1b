package ecspresso

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// config is the config file of ecspresso v2.8.
type config struct {
	RequiredVersion   string          `json:"required_version"`
	Region            string          `json:"region"`
	Cluster           string          `json:"cluster"`
	Service           string          `json:"service"`
	ServiceDefinition string          `json:"service_definition"`
	TaskDefinition    string          `json:"task_definition"`
	ExpressDefinition string          `json:"express_definition"`
	Plugins           []plugin        `json:"plugins"`
	AppSpec           *map[string]any `json:"appspec"`
	FilterCommand     string          `json:"filter_command"`
	Timeout           *duration       `json:"timeout"`
	CodeDeploy        *codeDeploy     `json:"codedeploy"`
	Ignore            *ignored        `json:"ignore"`
	directory         string
}

type plugin struct {
	Name       string         `json:"name"`
	Config     map[string]any `json:"config"`
	FuncPrefix string         `json:"func_prefix"`
}

type codeDeploy struct {
	ApplicationName      string `json:"application_name"`
	DeploymentGroupName  string `json:"deployment_group_name"`
	DeploymentConfigName string `json:"deployment_config_name"`
}

type ignored struct {
	Tags []string `json:"tags"`
}

type duration time.Duration

// UnmarshalJSON: a text is a Go duration, a number counts nanoseconds.
func (d *duration) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	switch value := value.(type) {
	case float64:
		*d = duration(value)
		return nil
	case string:
		parsed, err := time.ParseDuration(value)
		*d = duration(parsed)
		return err
	default:
		return fmt.Errorf("invalid duration format: %s", text)
	}
}

// config reads a config and sets up its plugins.
func (l *loader) config(path string) (*config, error) {
	c := &config{directory: filepath.Dir(path)}
	text, err := l.configText(path)
	if err != nil {
		return nil, err
	}
	if err := decode(text, c); err != nil {
		return nil, err
	}
	if c.Cluster == "" {
		c.Cluster = "default"
	}
	if err := l.plugins(c); err != nil {
		return nil, fmt.Errorf("plugins: %w", err)
	}
	return c, nil
}

func (l *loader) configText(path string) ([]byte, error) {
	switch extension := filepath.Ext(path); extension {
	case ".yml", ".yaml":
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		text, err := l.template(source)
		if err != nil {
			return nil, err
		}
		return yaml.YAMLToJSON(text)
	case ".json", ".jsonnet":
		return l.jsonnet(path)
	default:
		return nil, fmt.Errorf("unsupported config file extension: %s", extension)
	}
}

// decode is strict first, and lax where an unknown key is all that is wrong.
func decode(source []byte, target any) error {
	strict := json.NewDecoder(bytes.NewReader(source))
	strict.DisallowUnknownFields()
	err := strict.Decode(&target)
	if err != nil && strings.Contains(err.Error(), "unknown field") {
		return json.NewDecoder(bytes.NewReader(source)).Decode(&target)
	}
	return err
}
