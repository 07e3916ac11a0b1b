// Package world is what look-ups find in a case: parameters, secrets, stacks, states and what commands print. The same
// values answer the oracle directly and demitasse over HTTP.
package world

import (
	"encoding/json"
	"fmt"
	"os"
)

// World is the `world` of a `case.json`.
type World struct {
	Parameters map[string]Parameter         `json:"parameters"`
	Secrets    map[string]string            `json:"secrets"`
	Stacks     map[string]map[string]string `json:"stacks"`
	Exports    map[string]string            `json:"exports"`
	// URL → file of the case.
	States map[string]string `json:"states"`
	// Program and arguments, joined by spaces → what it prints.
	Commands map[string]string `json:"commands"`
}

// Parameter is one of AWS Systems Manager: a text is of type String, `[type, value]` names it.
type Parameter struct {
	Type, Value string
}

// UnmarshalJSON reads either form.
func (p *Parameter) UnmarshalJSON(text []byte) error {
	var pair [2]string
	if err := json.Unmarshal(text, &pair); err == nil {
		p.Type, p.Value = pair[0], pair[1]
		return nil
	}
	p.Type = "String"
	return json.Unmarshal(text, &p.Value)
}

// MarshalJSON writes the form with a type.
func (p Parameter) MarshalJSON() ([]byte, error) {
	return json.Marshal([2]string{p.Type, p.Value})
}

// Read reads a world from a file.
func Read(path string) (*World, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	w := &World{}
	if err := json.Unmarshal(text, w); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}
