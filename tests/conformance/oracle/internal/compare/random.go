package compare

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"oracle/internal/generate"
	"oracle/internal/world"
)

// Random compares random projects, `Count` of each kind.
type Random struct {
	Demitasse, Differences, Kind, Keep string
	Seed                               uint64
	Count                              int
}

// tally is what came of the projects of a kind.
type tally struct {
	both, neither, digits, listed, other int
	reasons                              map[string]int
}

// Run compares, and fails for every difference that is not listed.
func (r *Random) Run() error {
	listed, err := readDifferences(r.Differences)
	if err != nil {
		return err
	}
	server, err := world.Serve()
	if err != nil {
		return err
	}
	wrong := 0
	for _, kind := range generate.Kinds {
		if r.Kind != "" && r.Kind != kind {
			continue
		}
		t, err := r.kind(kind, listed, server)
		if err != nil {
			return err
		}
		wrong += t.other
		fmt.Printf("%s, seed %d: %d cases, %d both render, %d with other digits, %d both fail, %d listed, %d other\n", kind,
			r.Seed, t.both+t.neither+t.digits+t.listed+t.other, t.both, t.digits, t.neither, t.listed, t.other)
		for reason, count := range t.reasons {
			fmt.Printf("  %d times: %s\n", count, reason)
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d random projects differ", wrong)
	}
	return nil
}

func (r *Random) kind(kind string, listed *differences, server *world.Server) (*tally, error) {
	total := &tally{reasons: map[string]int{}}
	var guard sync.Mutex
	var group sync.WaitGroup
	var failure error
	numbers := make(chan uint64)
	for range runtime.NumCPU() {
		group.Go(func() {
			for number := range numbers {
				one, err := r.batch(kind, number, listed, server)
				guard.Lock()
				if err != nil {
					failure = err
				} else {
					total.add(one)
				}
				guard.Unlock()
			}
		})
	}
	for number, made := uint64(0), 0; made < r.Count; number++ {
		made += len(generate.Make(kind, r.Seed, number).Cases)
		numbers <- number
	}
	close(numbers)
	group.Wait()
	return total, failure
}

func (t *tally) add(other *tally) {
	t.both += other.both
	t.neither += other.neither
	t.digits += other.digits
	t.listed += other.listed
	t.other += other.other
	for reason, count := range other.reasons {
		t.reasons[reason] += count
	}
}

// batch renders the projects of a batch with both. The oracle does so in one process of its own: it changes the
// environment and the directory of its process.
func (r *Random) batch(kind string, number uint64, listed *differences, server *world.Server) (*tally, error) {
	batch := generate.Make(kind, r.Seed, number)
	work, err := os.MkdirTemp("", "oracle-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	b := &played{batch: batch, directory: filepath.Join(work, "project"), demitasse: r.Demitasse}
	if err := b.prepare(filepath.Join(work, "tools"), server); err != nil {
		return nil, err
	}
	theirs, err := b.oracle(filepath.Join(work, "tools"))
	if err != nil {
		return nil, fmt.Errorf("%s, batch %d: %w", kind, number, err)
	}
	ours := b.ours(theirs)
	t := &tally{reasons: map[string]int{}}
	for i, c := range batch.Cases {
		reason, known := "", false
		switch {
		case theirs[i].renders && !ours[i].renders:
			reason, known = among(listed.Refusals, ours[i].said, c.Spoiled)
		case ours[i].renders && !theirs[i].renders:
			reason, known = among(listed.Acceptances, theirs[i].said, c.Spoiled)
		}
		switch {
		case ours[i].equal(theirs[i]) && ours[i].renders:
			t.both++
		case ours[i].equal(theirs[i]):
			t.neither++
		case listed.Digits != "" && sameNumbers(ours[i], theirs[i]):
			t.digits++
		case known:
			t.listed++
			t.reasons[reason]++
		default:
			t.other++
			r.show(kind, number, &c, b, ours[i], theirs[i])
		}
	}
	return t, nil
}

// show prints a difference, and keeps its files if it is told where.
func (r *Random) show(kind string, number uint64, c *generate.Case, b *played, ours, theirs outcome) {
	name := fmt.Sprintf("%s-%d-%d-%s", kind, r.Seed, number, c.Directory)
	text := fmt.Sprintf("=== %s: different\n", name)
	for _, file := range slices.Sorted(keys(c.Files)) {
		text += fmt.Sprintf("--- %s\n%s\n", file, c.Files[file])
	}
	if kind == "envfile" {
		for _, file := range b.batch.Envfiles {
			text += fmt.Sprintf("--- %s\n%q\n", file, b.batch.Files[file])
		}
	}
	text += apart(ours, theirs)
	fmt.Print(text)
	if r.Keep != "" {
		place := filepath.Join(r.Keep, name)
		_ = copied(b.directory, place, func(text string) string { return text })
		_ = os.WriteFile(filepath.Join(place, "difference.txt"), []byte(text), 0o644)
	}
}

func keys[V any](values map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range values {
			if !yield(key) {
				return
			}
		}
	}
}

// played is a batch that is written out.
type played struct {
	batch       *generate.Batch
	directory   string
	demitasse   string
	environment []string
	flags       []string
}

func (b *played) prepare(tools string, server *world.Server) error {
	c := testCase{Env: b.batch.Env, World: b.batch.World, Envfiles: b.batch.Envfiles, ExtStr: b.batch.ExtStr, ExtCode: b.batch.ExtCode}
	b.environment = c.environment(b.directory, tools, server.Address())
	b.flags = c.arguments()
	server.Play(&b.batch.World, b.directory)
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return err
	}
	if err := programs(c.World.Commands, tools); err != nil {
		return err
	}
	files := map[string]string{}
	for name, text := range b.batch.Files {
		files[name] = text
	}
	for _, project := range b.batch.Cases {
		for name, text := range project.Files {
			files[filepath.Join(project.Directory, name)] = text
		}
	}
	for name, text := range files {
		path := filepath.Join(b.directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (b *played) configs() []string {
	var configs []string
	for _, c := range b.batch.Cases {
		configs = append(configs, filepath.Join(c.Directory, c.Config))
	}
	return configs
}

// oracle renders every project in one process of this program.
func (b *played) oracle(tools string) ([]outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	played, err := json.Marshal(b.batch.World)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(tools, "world.json")
	if err := os.WriteFile(file, played, 0o644); err != nil {
		return nil, err
	}
	arguments := append([]string{"render", "--world", file}, b.flags...)
	arguments = append(append(arguments, "--batch"), b.configs()...)
	whole := run(b.directory, b.environment, self, arguments...)
	if !whole.renders {
		return nil, fmt.Errorf("the oracle: %s", whole.said)
	}
	var answers []struct{ Text, Error string }
	if err := json.Unmarshal([]byte(whole.text), &answers); err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(answers))
	for i, answer := range answers {
		outcomes[i] = outcome{renders: answer.Error == "", text: answer.Text, said: answer.Error}
	}
	return outcomes, nil
}

// ours renders every project with demitasse, as many in one process as the command line allows: a process prints nothing
// if one of its projects fails, and then tells of every one that does.
func (b *played) ours(theirs []outcome) []outcome {
	outcomes := make([]outcome, len(theirs))
	var rendering, failing []int
	for i := range theirs {
		if theirs[i].renders {
			rendering = append(rendering, i)
		} else {
			failing = append(failing, i)
		}
	}
	b.together(rendering, outcomes)
	b.together(failing, outcomes)
	return outcomes
}

func (b *played) together(cases []int, outcomes []outcome) {
	if len(cases) == 0 {
		return
	}
	whole := b.render(cases)
	if whole.renders {
		if texts := documents(whole.text); len(texts) == len(cases) {
			for i, number := range cases {
				outcomes[number] = outcome{renders: true, text: texts[i]}
			}
			return
		}
	}
	if len(cases) == 1 {
		outcomes[cases[0]] = whole
		return
	}
	var rest, alone []int
	for _, number := range cases {
		if said := told(whole.said, b.batch.Cases[number].Directory); said != "" {
			outcomes[number] = outcome{said: said}
		} else {
			rest = append(rest, number)
		}
	}
	if len(rest) == len(cases) {
		rest, alone = nil, cases
	}
	b.together(rest, outcomes)
	for _, number := range alone {
		b.together([]int{number}, outcomes)
	}
}

// told is the error that names a file of a directory.
func told(said, directory string) string {
	for _, line := range strings.Split(said, "\n") {
		if strings.HasPrefix(line, "error: ") && strings.Contains(line, directory+"/") {
			return line
		}
	}
	return ""
}

func (b *played) render(cases []int) outcome {
	arguments := append([]string{"render"}, b.flags...)
	configs := b.configs()
	for _, number := range cases {
		arguments = append(arguments, "--config", configs[number])
	}
	return run(b.directory, b.environment, b.demitasse, arguments...)
}

// documents are the texts of JSON objects that follow one another, each with its line end.
func documents(text string) []string {
	var texts []string
	decoder := json.NewDecoder(strings.NewReader(text))
	for begin := int64(0); ; {
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return texts
		}
		end := decoder.InputOffset() + 1
		if end > int64(len(text)) {
			return texts
		}
		texts = append(texts, text[begin:end])
		begin = end
	}
}
