package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// differences is the list of deliberate ones.
type differences struct {
	// Fixture → how it differs.
	Fixtures map[string]difference `json:"fixtures"`
	// What demitasse refuses although ecspresso renders it.
	Refusals []refusal `json:"refusals"`
	// Why the digits of a number may be others in the text of a Jsonnet program. The number is the same.
	Digits string `json:"digits"`
}

type difference struct {
	Ecspresso string `json:"ecspresso"`
	Demitasse string `json:"demitasse"`
	Reason    string `json:"reason"`
}

// refusal is a part of demitasse's message, and why it refuses.
type refusal struct {
	Message string `json:"message"`
	// Only where a text was damaged at a random place.
	Spoiled bool   `json:"spoiled"`
	Reason  string `json:"reason"`
}

func readDifferences(path string) (*differences, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &differences{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// refusal is the reason for a failure of demitasse that ecspresso does not share.
func (d *differences) refusal(said string, spoiled bool) (string, bool) {
	for _, refusal := range d.Refusals {
		if strings.Contains(said, refusal.Message) && (spoiled || !refusal.Spoiled) {
			return refusal.Message, true
		}
	}
	return "", false
}
