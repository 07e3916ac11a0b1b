// The oracle renders a project as ecspresso v2 does, from the Go modules that ecspresso is made of, and compares with
// what demitasse renders: the fixtures of tests/ecspresso.rs, and random projects. The fixtures also show whether it is as the
// real ecspresso.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"

	"oracle/internal/compare"
	"oracle/internal/ecspresso"
	"oracle/internal/world"
)

const usage = `usage:
  oracle render [--config FILE] [--envfile FILE]… [--ext-str K=V]… [--ext-code K=CODE]… [--world FILE] [--batch CONFIG…]
  oracle rendered FILE
  oracle fixtures --demitasse FILE --differences FILE DIRECTORY
  oracle real --ecspresso FILE DIRECTORY
  oracle random --demitasse FILE --differences FILE --seed N --count N [--kind KIND] [--keep DIRECTORY]`

// The most memory that rendering one project may take: some fixtures have no end.
const memory = 3 << 30

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	var err error
	switch arguments := os.Args[2:]; os.Args[1] {
	case "render":
		err = render(arguments)
	case "rendered":
		err = rendered(arguments)
	case "fixtures":
		err = fixtures(arguments)
	case "real":
		err = real(arguments)
	case "random":
		err = random(arguments)
	default:
		fail(usage)
	}
	if err != nil {
		fail(err)
	}
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, reason)
	os.Exit(1)
}

func render(arguments []string) error {
	flags := ecspresso.Flags{ExtStr: map[string]string{}, ExtCode: map[string]string{}}
	set := flag.NewFlagSet("render", flag.ExitOnError)
	set.StringVar(&flags.Config, "config", "", "")
	set.Func("envfile", "", func(file string) error {
		flags.Envfiles = append(flags.Envfiles, file)
		return nil
	})
	set.Func("ext-str", "", pair(flags.ExtStr))
	set.Func("ext-code", "", pair(flags.ExtCode))
	set.Func("world", "", func(file string) (err error) {
		flags.World, err = world.Read(file)
		return err
	})
	batch := set.Bool("batch", false, "")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: memory, Max: memory}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		return err
	}
	if *batch {
		return together(flags, set.Args())
	}
	text, err := ecspresso.Render(flags)
	fmt.Print(text)
	return err
}

// together renders many configs, each as a process of its own would.
func together(flags ecspresso.Flags, configs []string) error {
	type answer struct{ Text, Error string }
	answers := make([]answer, len(configs))
	environment := os.Environ()
	for i, config := range configs {
		os.Clearenv()
		for _, variable := range environment {
			name, value, _ := strings.Cut(variable, "=")
			if err := os.Setenv(name, value); err != nil {
				return err
			}
		}
		flags.Config = config
		text, err := ecspresso.Render(flags)
		answers[i].Text = text
		if err != nil {
			answers[i].Error = err.Error()
		}
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func rendered(arguments []string) error {
	text, err := ecspresso.Rendered(strings.Join(arguments, " "))
	fmt.Print(text)
	return err
}

func pair(into map[string]string) func(string) error {
	return func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%s: no =", text)
		}
		into[name] = value
		return nil
	}
}

func fixtures(arguments []string) error {
	set := flag.NewFlagSet("fixtures", flag.ExitOnError)
	demitasse, differences := sides(set)
	if err := set.Parse(arguments); err != nil {
		return err
	}
	return compare.Fixtures(*demitasse, *differences, set.Arg(0))
}

func real(arguments []string) error {
	set := flag.NewFlagSet("real", flag.ExitOnError)
	program := set.String("ecspresso", "ecspresso", "")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	return compare.Real(*program, set.Arg(0))
}

func random(arguments []string) error {
	set := flag.NewFlagSet("random", flag.ExitOnError)
	demitasse, differences := sides(set)
	var run compare.Random
	set.Uint64Var(&run.Seed, "seed", 1, "")
	set.IntVar(&run.Count, "count", 100, "")
	set.StringVar(&run.Kind, "kind", "", "")
	set.StringVar(&run.Keep, "keep", "", "")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	run.Demitasse, run.Differences = *demitasse, *differences
	return run.Run()
}

func sides(set *flag.FlagSet) (demitasse, differences *string) {
	return set.String("demitasse", "demitasse", ""), set.String("differences", "", "")
}
