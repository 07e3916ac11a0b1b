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
	Refusals []listed `json:"refusals"`
	// What demitasse renders although ecspresso refuses it.
	Acceptances []listed `json:"acceptances"`
	// Why the digits of a number may be others in the text of a Jsonnet program. The number is the same.
	Digits string `json:"digits"`
}

type difference struct {
	Ecspresso string `json:"ecspresso"`
	Demitasse string `json:"demitasse"`
	Reason    string `json:"reason"`
}

// listed is a part of the message of the side that refuses, and the reason.
type listed struct {
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

// among gives the reason of the entry that a message is an instance of.
func among(entries []listed, said string, spoiled bool) (string, bool) {
	for _, entry := range entries {
		if strings.Contains(said, entry.Message) && (spoiled || !entry.Spoiled) {
			return entry.Reason, true
		}
	}
	return "", false
}
