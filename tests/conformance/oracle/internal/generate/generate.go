// Package generate makes random projects from grammars: what a team may write, and what it may get wrong.
package generate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"oracle/internal/world"
)

// Kinds are the grammars.
var Kinds = []string{"template", "jsonnet", "envfile", "config", "definition", "tfstate"}

// Batch is some projects with one environment and one world.
type Batch struct {
	Env      map[string]string
	Envfiles []string
	ExtStr   map[string]string
	ExtCode  map[string]string
	World    world.World
	Files    map[string]string
	Cases    []Case
}

// Case is one project, in a directory of its own.
type Case struct {
	Directory string
	Config    string
	Files     map[string]string
	// Spoiled says that a text was damaged at a random place.
	Spoiled bool
}

// size is how many projects one process renders.
const size = 25

// source is where a generator gets its chances from.
type source struct {
	*rand.Rand
}

// Make makes a batch of a kind; the same seed and number make the same batch.
func Make(kind string, seed, number uint64) *Batch {
	s := source{rand.New(rand.NewPCG(seed, number))}
	batch := &Batch{
		Env:     environment(),
		ExtStr:  map[string]string{"text": "ext-text", "stage": "prod"},
		ExtCode: map[string]string{"code": "[1, 'two', { three: 3 }]", "size": "24 + 1"},
		World:   lookups(),
		Files:   map[string]string{"state.tfstate": s.state()},
	}
	count := size
	if kind == "envfile" {
		count = 1
	}
	for i := range count {
		c := Case{Directory: fmt.Sprintf("c%03d", i), Config: "ecspresso.yml", Files: map[string]string{}}
		switch kind {
		case "template":
			s.templateCase(&c)
		case "jsonnet":
			s.jsonnetCase(&c)
		case "envfile":
			s.envfileCase(&c, batch)
		case "config":
			s.configCase(&c)
		case "definition":
			s.definitionCase(&c)
		case "tfstate":
			s.tfstateCase(&c)
		}
		batch.Cases = append(batch.Cases, c)
	}
	return batch
}

func environment() map[string]string {
	return map[string]string{
		"SET": "v", "EMPTY": "", "NUM": "42", "SPACES": "a b", "QUOTE": `a"b\c`, "HTML": "<a&b>'",
		"UNICODE": "é☕\u2028", "LINES": "a\nb\tc", "LIST": "a,b,c", "BRACES": "{{ env `SET` }}", "DIGITS": "0123",
	}
}

func lookups() world.World {
	return world.World{
		Parameters: map[string]world.Parameter{
			"/a": {Type: "String", Value: "alpha"}, "/b": {Type: "SecureString", Value: "b&b"},
			"/list": {Type: "StringList", Value: "one,two,three"}, "/number": {Type: "String", Value: "21"},
		},
		Secrets: map[string]string{"app/secret": "arn:aws:secretsmanager:eu-west-1:1:secret:app"},
		Stacks:  map[string]map[string]string{"net": {"Vpc": "vpc-1", "Name": "<net>"}},
		Exports: map[string]string{"zone": "z1"},
		Commands: map[string]string{
			"data":       `{"name":"n","list":["p","q",3],"on":true,"none":null,"nested":{"k":[1.5,1234567]}}`,
			"data x":     `["x",{"y":"z"}]`,
			"data empty": `""`,
			"word":       "word",
			"word a":     "a-word",
		},
	}
}

// pick is one of some.
func pick[T any](s source, choices ...T) T {
	return choices[s.IntN(len(choices))]
}

// one in n.
func (s source) one(n int) bool { return s.IntN(n) == 0 }

// weighted is a choice where some come more often.
type weighted struct {
	weight int
	make   func() string
}

func (s source) among(choices ...weighted) string {
	total := 0
	for _, choice := range choices {
		total += choice.weight
	}
	place := s.IntN(total)
	for _, choice := range choices {
		if place -= choice.weight; place < 0 {
			return choice.make()
		}
	}
	return ""
}

// list is from `least` to `most` texts.
func (s source) list(least, most int, make func() string) []string {
	items := []string{}
	for range least + s.IntN(most-least+1) {
		items = append(items, make())
	}
	return items
}

func (s source) joined(least, most int, separator string, make func() string) string {
	return strings.Join(s.list(least, most, make), separator)
}

// spoil damages a text of a case, once in n.
func (s source) spoil(c *Case, n int, text string, pieces ...string) string {
	if !s.one(n) {
		return text
	}
	c.Spoiled = true
	runes := []rune(text)
	if len(runes) == 0 {
		return pick(s, pieces...)
	}
	at := s.IntN(len(runes))
	switch s.IntN(3) {
	case 0:
		return string(runes[:at]) + string(runes[at+1:])
	case 1:
		return string(runes[:at]) + pick(s, pieces...) + string(runes[at:])
	default:
		return string(runes[:at]) + pick(s, pieces...) + string(runes[at+1:])
	}
}

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// plainConfig names a definition and every plugin.
func plainConfig(definition string) string {
	return "region: eu-west-1\nservice: app\ntask_definition: " + definition + "\nplugins:\n" +
		"- {name: cloudformation}\n" +
		"- {name: tfstate, config: {path: ../state.tfstate}}\n" +
		"- {name: external, config: {name: data, command: [data], num_args: 1}}\n" +
		"- {name: external, func_prefix: my_, config: {name: word, command: [word], parser: string}}\n"
}
