package generate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// definitionCase is JSON after the shape of the API, with what a hand or another tool does to it.
func (s source) definitionCase(c *Case) {
	if s.one(5) {
		text := s.shape(reflect.TypeFor[ecs.CreateExpressGatewayServiceInput](), 0)
		c.Files["ecspresso.yml"] = "service: " + pick(s, "app", "\"\"") + "\nexpress_definition: ecs-express-def.json\n" + s.ignored()
		c.Files["ecs-express-def.json"] = s.damaged(c, text)
		return
	}
	text := s.shape(reflect.TypeFor[ecs.RegisterTaskDefinitionInput](), 0)
	switch s.IntN(8) {
	case 0:
		text = fmt.Sprintf(`{%q: %s, "tags": [{"key": "dropped", "value": "x"}]}`, s.cased("taskDefinition"), text)
	case 1:
		text = strings.TrimSuffix(text, "}") + `, "revision": 7, "status": "ACTIVE", "compatibilities": ["EC2"], "unknownKey": {"a": 1}}`
	}
	c.Files["ecspresso.yml"] = "service: app\ntask_definition: ecs-task-def.json\n" + s.ignored()
	c.Files["ecs-task-def.json"] = s.damaged(c, text)
}

func (s source) ignored() string {
	return pick(s, "", "ignore: {tags: [a, app]}\n", "ignore: {tags: []}\n")
}

func (s source) damaged(c *Case, text string) string {
	text += pick(s, "", "\n", "\n", " ")
	if s.one(20) {
		text += pick(s, "{}", " x", "]")
	}
	return s.spoil(c, 12, text, ",", "\"", "{", "]", "null", "1", "\\u00e9", "\\x", "//", ".", "e", "\t")
}

// cased is a key in another case, now and then.
func (s source) cased(name string) string {
	switch s.IntN(12) {
	case 0:
		return strings.ToUpper(name[:1]) + name[1:]
	case 1:
		return strings.ToUpper(name)
	case 2:
		return strings.ToLower(name)
	default:
		return strings.ToLower(name[:1]) + name[1:]
	}
}

// shape is a value of a type of the SDK.
func (s source) shape(kind reflect.Type, depth int) string {
	if s.one(150) {
		return pick(s, "null", "1", `"x"`, "[]", "{}", "true", "1.5", "[null]", `{"k": null}`)
	}
	switch kind.Kind() {
	case reflect.Pointer:
		return s.shape(kind.Elem(), depth)
	case reflect.Struct:
		return s.structure(kind, depth)
	case reflect.Slice:
		return "[" + s.joined(0, 2, ", ", func() string { return s.shape(kind.Elem(), depth+1) }) + "]"
	case reflect.Map:
		entry := func() string { return jsonText(s.freeKey()) + ": " + s.shape(kind.Elem(), depth+1) }
		return "{" + strings.Join(s.distinct(entry), ", ") + "}"
	case reflect.Bool:
		return pick(s, "true", "false")
	case reflect.Int32:
		return pick(s, "0", "1", "80", "65535", "-1", "2147483647", "-0", "100", "512", "8080", s.odd("1.0", "1e2", "1.5", "12345678901", "2147483648"))
	case reflect.String:
		return pick(s, jsonText(s.word()), jsonText(s.word()), jsonText(s.word()), `"\u00e9\ud83d\ude00"`, `"\/"`)
	default:
		return "null"
	}
}

// odd is a number that some ways of writing it down make of another.
func (s source) odd(numbers ...string) string {
	if !s.one(4) {
		return "256"
	}
	return pick(s, numbers...)
}

func (s source) word() string {
	return pick(s, "app", "", "a b", "<&>", "é☕", "a\"b\\c", "line\nend", "x:1", "512", "\u2028", "\x7f", "\x01", "HOST", "linux", "🙂")
}

// freeKey is a key of a map whose keys are free in form.
func (s source) freeKey() string {
	return pick(s, "Key", "key", "k-1", "a.b/c", "O", "x y", "awslogs-group", "_", "9", "Upper", "")
}

// distinct entries: of two keys that are equal but for their case, ecspresso takes one by chance.
func (s source) distinct(make func() string) []string {
	seen := map[string]bool{}
	var kept []string
	for _, entry := range s.list(0, 3, make) {
		key, _, _ := strings.Cut(entry, ": ")
		if key = strings.ToLower(key); !seen[key] {
			seen[key] = true
			kept = append(kept, entry)
		}
	}
	return kept
}

func (s source) structure(kind reflect.Type, depth int) string {
	var members []string
	for i := range kind.NumField() {
		field := kind.Field(i)
		if !field.IsExported() {
			continue
		}
		chance := 2 + depth
		if field.Name == "ContainerDefinitions" || field.Name == "PrimaryContainer" || field.Name == "Image" {
			chance = 1
		}
		if !s.one(chance) {
			continue
		}
		members = append(members, jsonText(s.cased(field.Name))+": "+s.shape(field.Type, depth+1))
	}
	if s.one(10) {
		members = append(members, `"extra": `+pick(s, "1", "null", "[]", `{"a": []}`, `"x"`))
	}
	s.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	text := "{" + strings.Join(members, ", ") + "}"
	if !json.Valid([]byte(text)) {
		panic("not JSON: " + text)
	}
	return text
}
