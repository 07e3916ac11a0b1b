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
}

type difference struct {
	Ecspresso string `json:"ecspresso"`
	Demitasse string `json:"demitasse"`
	Reason    string `json:"reason"`
}

// refusal is a part of demitasse's message, and why it refuses.
type refusal struct {
	Message string `json:"message"`
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
func (d *differences) refusal(said string) (string, bool) {
	for _, refusal := range d.Refusals {
		if strings.Contains(said, refusal.Message) {
			return refusal.Message, true
		}
	}
	return "", false
}
