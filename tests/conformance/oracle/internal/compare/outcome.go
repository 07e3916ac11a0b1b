package compare

import (
	"bytes"
	"context"
	"os/exec"
	"time"
)

// The longest that rendering may take. Longer is a failure: some fixtures have no end in Go.
const limit = 20 * time.Second

// outcome is what came of rendering: a text, or why there is none.
type outcome struct {
	renders bool
	text    string
	said    string
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
