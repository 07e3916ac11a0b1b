package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"oracle/internal/world"
)

// Fixtures compares every fixture below a directory. It fails for a difference that is not listed, and for an entry of
// the list that does not differ as it says.
func Fixtures(demitasse, list, directory string) error {
	listed, err := readDifferences(list)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	wrong := 0
	number, err := every(demitasse, directory, againstOracle, func(name string, ours, theirs outcome) {
		expected, isListed := listed.Fixtures[name]
		delete(listed.Fixtures, name)
		switch equal := ours.equal(theirs); {
		case equal && !isListed:
			counts["both "+strings.TrimSuffix(ours.kind(), "s")]++
		case !equal && isListed && expected.Ecspresso == theirs.kind() && expected.Demitasse == ours.kind():
			counts["listed"]++
		default:
			wrong++
			fmt.Printf("=== %s: %s\n%s", name, judged(equal), apart(ours, theirs))
		}
	})
	if err != nil {
		return err
	}
	for name := range listed.Fixtures {
		wrong++
		fmt.Printf("%s is listed, and there is no such fixture\n", name)
	}
	return ended(number, counts, wrong)
}

func judged(equal bool) string {
	if equal {
		return "listed as different, but equal"
	}
	return "different"
}

func summary(counts map[string]int) string {
	var parts []string
	for name, count := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", count, name))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

// Real compares the oracle with the real ecspresso in every fixture that has a config. It fails for every difference.
func Real(ecspresso, directory string) error {
	counts := map[string]int{}
	wrong := 0
	number, err := every(ecspresso, directory, againstReal, func(name string, real, oracle outcome) {
		switch {
		case real.skipped:
			counts["without a config"]++
		case real.equal(oracle):
			counts["both "+strings.TrimSuffix(real.kind(), "s")]++
		default:
			wrong++
			fmt.Printf("=== %s: different\n--- oracle %s: %s\n--- ecspresso %s: %s\n", name,
				oracle.kind(), oracle.text+oracle.said, real.kind(), real.text+real.said)
		}
	})
	if err != nil {
		return err
	}
	return ended(number, counts, wrong)
}

// every renders each fixture below a directory with a program and with the oracle; gives how many there are.
func every(program, directory string, render side, see func(name string, theirs, oracle outcome)) (int, error) {
	server, err := world.Serve()
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		name := entry.Name()
		theirs, oracle, err := fixture(program, filepath.Join(directory, name), server, render)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		see(name, theirs, oracle)
	}
	return len(entries), nil
}

// ended tells what was counted, and fails where something is wrong.
func ended(number int, counts map[string]int, wrong int) error {
	fmt.Printf("%d fixtures: %s, %d other\n", number, summary(counts), wrong)
	if wrong > 0 {
		return fmt.Errorf("%d fixtures are not as they should be", wrong)
	}
	return nil
}

// side renders a fixture with the program that is compared with the oracle.
type side func(project string, c *testCase, environment []string, program string) outcome

func againstOracle(project string, c *testCase, environment []string, demitasse string) outcome {
	if c.TaskDefinition != "" {
		return run(project, environment, demitasse, "render", "--task-definition", c.TaskDefinition)
	}
	own := append([]string{"render"}, c.arguments()...)
	if c.TfstateValues != "" {
		own = append(own, "--tfstate-values", c.TfstateValues)
	}
	if c.NoExternal {
		own = append(own, "--no-external")
	}
	return run(project, environment, demitasse, own...)
}

func againstReal(project string, c *testCase, environment []string, ecspresso string) outcome {
	if c.TaskDefinition != "" {
		return outcome{skipped: true}
	}
	config := c.Config
	if config == "" {
		config = "ecspresso.yml"
	}
	what := "taskdef"
	if text, err := os.ReadFile(filepath.Join(project, config)); err == nil && strings.Contains(string(text), "express_definition") {
		what = "expressdef"
	}
	return run(project, environment, ecspresso, append(c.arguments(), "render", what)...)
}

// fixture renders a copy of a fixture with a program and with the oracle.
func fixture(program, directory string, server *world.Server, render side) (ours, theirs outcome, err error) {
	c, err := readCase(directory)
	if err != nil {
		return ours, theirs, err
	}
	work, err := os.MkdirTemp("", "oracle-")
	if err != nil {
		return ours, theirs, err
	}
	defer os.RemoveAll(work)
	project, tools := filepath.Join(work, "project"), filepath.Join(work, "tools")
	local := func(text string) string { return server.Local(text, &c.World) }
	if err := copied(directory, project, local); err != nil {
		return ours, theirs, err
	}
	if err := os.Mkdir(tools, 0o755); err != nil {
		return ours, theirs, err
	}
	if err := programs(c.World.Commands, tools); err != nil {
		return ours, theirs, err
	}
	played, err := json.Marshal(c.World)
	if err != nil {
		return ours, theirs, err
	}
	worldFile := filepath.Join(tools, "world.json")
	if err := os.WriteFile(worldFile, played, 0o644); err != nil {
		return ours, theirs, err
	}
	server.Play(&c.World, project)
	environment := c.environment(project, tools, server.Address())
	self, err := os.Executable()
	if err != nil {
		return ours, theirs, err
	}
	ours = render(project, c, environment, program)
	if c.TaskDefinition != "" {
		return ours, run(project, environment, self, "rendered", c.TaskDefinition), nil
	}
	own := append([]string{"render"}, c.arguments()...)
	return ours, run(project, environment, self, append(own, "--world", worldFile)...), nil
}

// copied copies a directory, with its texts changed.
func copied(from, to string, change func(string) string) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, []byte(change(string(text))), 0o644)
	})
}
