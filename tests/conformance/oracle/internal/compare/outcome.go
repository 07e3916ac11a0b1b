package compare

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The longest that rendering may take. Longer is a failure: some fixtures have no end in Go.
const limit = 20 * time.Second

// outcome is what came of rendering: a text, or why there is none.
type outcome struct {
	renders bool
	text    string
	said    string
	skipped bool
}

// kind is the word that the list of differences uses.
func (o outcome) kind() string {
	if o.renders {
		return "renders"
	}
	return "fails"
}

func (o outcome) equal(other outcome) bool {
	return o.renders == other.renders && o.text == other.text
}

// run runs a program in a directory, with this environment and no other.
func run(directory string, environment []string, program string, arguments ...string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out, said bytes.Buffer
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir, command.Env = directory, environment
	command.Stdout, command.Stderr = &out, &said
	command.WaitDelay = time.Second
	if err := command.Run(); err != nil {
		return outcome{said: said.String() + err.Error()}
	}
	return outcome{renders: true, text: out.String(), said: said.String()}
}

var number = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`)

// sameNumbers: two texts are equal but for how numbers of many digits are written; they are the same float64.
func sameNumbers(one, other outcome) bool {
	shortest := func(text string) string {
		return number.ReplaceAllStringFunc(text, func(digits string) string {
			value, err := strconv.ParseFloat(digits, 64)
			if err != nil {
				return digits
			}
			return strconv.FormatFloat(value, 'g', -1, 64)
		})
	}
	return one.renders && other.renders && shortest(one.text) == shortest(other.text)
}

// apart shows two outcomes; of two texts, the lines that the other does not have.
func apart(ours, theirs outcome) string {
	show := func(one, other outcome) string {
		if !one.renders {
			return strings.TrimSpace(one.said) + "\n"
		}
		if !other.renders {
			return one.text
		}
		known := strings.Split(other.text, "\n")
		text := "\n"
		for _, line := range strings.Split(one.text, "\n") {
			if !slices.Contains(known, line) {
				text += line + "\n"
			}
		}
		return text
	}
	return fmt.Sprintf("--- ecspresso %s: %s--- demitasse %s: %s", theirs.kind(), show(theirs, ours), ours.kind(), show(ours, theirs))
}
