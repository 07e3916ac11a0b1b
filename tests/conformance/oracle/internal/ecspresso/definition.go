package ecspresso

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func (l *loader) taskDefinition(c *config) (string, error) {
	if c.TaskDefinition == "" {
		return "", errNoDefinition
	}
	source, err := l.file(c.beside(c.TaskDefinition))
	if err != nil {
		return "", err
	}
	return decodeTaskDefinition(source, c.Ignore)
}

// decodeTaskDefinition takes a definition with or without the wrapper that describing one puts around it.
func decodeTaskDefinition(source []byte, ignore *ignored) (string, error) {
	var wrapper struct {
		TaskDefinition json.RawMessage `json:"taskDefinition"`
	}
	if err := json.NewDecoder(bytes.NewReader(source)).Decode(&wrapper); err != nil {
		return "", err
	}
	if wrapper.TaskDefinition != nil {
		source = wrapper.TaskDefinition
	}
	object := map[string]any{}
	if err := json.Unmarshal(source, &object); err != nil {
		return "", err
	}
	walkObject(object, upperFirst)
	walked, err := json.Marshal(object)
	if err != nil {
		return "", err
	}
	input := &ecs.RegisterTaskDefinitionInput{}
	if err := decode(walked, input); err != nil {
		return "", err
	}
	input.Tags = ignore.rest(input.Tags)
	return printed(input)
}

// express decodes without the walk over keys; the config names service and cluster.
func (l *loader) express(c *config) (string, error) {
	source, err := l.file(c.beside(c.ExpressDefinition))
	if err != nil {
		return "", err
	}
	var service struct {
		*ecs.CreateExpressGatewayServiceInput
	}
	if err := decode(source, &service); err != nil {
		return "", err
	}
	service.ServiceName = &c.Service
	service.Cluster = &c.Cluster
	service.Tags = c.Ignore.rest(service.Tags)
	return printed(service)
}

// rest is the tags that `ignore` does not name.
func (i *ignored) rest(tags []types.Tag) []types.Tag {
	if i != nil {
		tags = slices.DeleteFunc(tags, func(tag types.Tag) bool {
			return tag.Key != nil && slices.Contains(i.Tags, *tag.Key)
		})
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}

// printed is what `render` prints of a value of the SDK.
func printed(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	object := map[string]any{}
	if err := json.Unmarshal(text, &object); err != nil {
		return "", err
	}
	walkObject(object, lowerFirst)
	text, err = json.MarshalIndent(object, "", "  ")
	return string(text) + "\n", err
}

// The first byte, not the first character: that is what happens to keys that are not ASCII.
func upperFirst(key string) string {
	if key == "" {
		return key
	}
	return strings.ToUpper(key[:1]) + key[1:]
}

func lowerFirst(key string) string {
	if key == "" {
		return key
	}
	return strings.ToLower(key[:1]) + key[1:]
}

func asIs(key string) string { return key }

// walkObject renames keys and drops nulls and empty lists. Keys of maps that are free in form stay.
func walkObject(object map[string]any, rename func(string) string) {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	for _, key := range keys {
		value := object[key]
		delete(object, key)
		if list, ok := value.([]any); value == nil || ok && len(list) == 0 {
			continue
		}
		object[rename(key)] = value
		switch strings.ToLower(key) {
		case "dockerlabels", "options":
			if inner, ok := value.(map[string]any); ok {
				walkObject(inner, asIs)
				continue
			}
		}
		walk(value, rename)
	}
}

func walk(value any, rename func(string) string) {
	switch value := value.(type) {
	case map[string]any:
		walkObject(value, rename)
	case []any:
		for _, item := range value {
			walk(item, rename)
		}
	}
}
