package generate

import (
	"fmt"
	"strings"
)

// configCase shows what a YAML config says: the name of the service and the cluster stand in an express definition, and
// a command prints what the plugin's config holds.
func (s source) configCase(c *Case) {
	words := s.list(1, 3, s.argument)
	lines := []string{
		s.key("service") + s.value(),
		s.cluster(),
		s.key("express_definition") + pick(s, "ecs-express-def.json", `"ecs-express-def.json"`, "'ecs-express-def.json' # file", "!!str ecs-express-def.json", ">-\n  ecs-express-def.json"),
		s.command(words),
	}
	for range s.IntN(3) {
		lines = append(lines, s.extra())
	}
	s.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	text := pick(s, "", "", "---\n", "# comment\n", "{{/* comment */}}\n", "%YAML 1.2\n---\n") + strings.Join(lines, "\n") + "\n" +
		pick(s, "", "", "---\nservice: other\n", "...\n", "\n\n", "# end")
	text = s.spoil(c, 10, text, ":", "- ", "\n", "{", "]", "'", "\"", "&a", "*a", "#", "!", "|", ",", "%", "@")
	c.Files["ecspresso.yml"] = text
	c.Files["ecs-express-def.json"] = `{"primaryContainer": {"image": "i", "command": ["{{ show | json_escape }}"]}}`
}

// value is a scalar that is a text, nearly always.
func (s source) value() string {
	if s.one(12) {
		return s.scalar()
	}
	return s.text()
}

// cluster may come from a merge; Go decodes both entries, and the last one counts.
func (s source) cluster() string {
	if s.one(8) {
		return pick(s, "cluster: own\n<<: {cluster: merged}", "<<: {cluster: merged}\ncluster: 'own'", "base: &base {cluster: merged}\n<<: *base",
			"<<: [{cluster: first}, {cluster: second}]", "<<: {cluster: merged}\ncluster: null", "base: &base\n  cluster: merged\n<<: *base\ncluster: own")
	}
	return s.key("cluster") + s.value()
}

// argument is a scalar that may be an argument of a command: no null, which Go would make an empty text of.
func (s source) argument() string {
	for {
		word := s.value()
		switch word {
		case "null", "Null", "~", "", "!!null x":
		default:
			return word
		}
	}
}

func (s source) key(name string) string {
	return pick(s, name+": ", name+": ", name+": ", `"`+name+`": `, name+":   ", "'"+name+"' : ", name+": &"+name+" ")
}

// command is the plugin whose output shows its arguments.
func (s source) command(words []string) string {
	flow := "[printf, '%s|', " + strings.Join(words, ", ") + "]"
	block := "\n    - printf\n    - \"%s|\"\n    - " + strings.Join(words, "\n    - ")
	for _, word := range words {
		if strings.ContainsAny(word, "\n") {
			flow = block
		}
	}
	return "plugins:\n- name: external\n  config:\n    name: show\n    parser: string\n    command: " + pick(s, flow, block)
}

// text is a scalar that go-yaml reads as a text.
func (s source) text() string {
	return s.among(
		weighted{6, func() string {
			return pick(s, "app", "a b", "a-b", "x:y", "a#b", "a #b", "é☕", "a,b", "a's", "<&>", "-x", "a\\nb", "x: y", "~/a", "a\"b", "9am", "v1.2.3")
		}},
		weighted{2, func() string {
			return pick(s, "yes", "no", "on", "off", "y", "2026-01-02", "12:30:45", "1e", "0x", "09", "--", "1e3", "v1", "012345678901")
		}},
		weighted{5, func() string {
			return pick(s, `"quoted"`, `'single'`, `'it''s'`, `"a\"b"`, `"\u00e9\x41\n"`, `"\t\\"`, `''`, `""`, `"0123"`, `'true'`, `"a\
  b"`, `"a
  b"`, `'a
  b'`, `"\/"`, `"\e"`, `"\_"`, `'\n'`, `"#x"`)
		}},
		weighted{3, func() string {
			return pick(s, "|\n      block\n      text", "|-\n      block", ">\n      folded\n      text", ">-\n      a\n\n      b", "|+\n      keep\n", "|\n      a\n       b", ">\n      a\n       b\n      c")
		}},
		weighted{2, func() string {
			return pick(s, "{{ env `SET` }}", "\"{{ env `QUOTE` | json_escape }}\"", "'{{ must_env `NUM` }}'", "{{ env `SPACES` }}", "{{ env `LIST` }}", "\"{{ env `UNICODE` }}\"", "{{ env `EMPTY` `x` }}")
		}},
	)
}

// scalar is any scalar, and what is none.
func (s source) scalar() string {
	return s.among(
		weighted{3, s.text},
		weighted{1, func() string {
			return pick(s, "yes", "no", "on", "off", "y", "True", "TRUE", "true", "null", "Null", "~", "", "0123", "0o17", "0x1F", "1_000", ".5", "1e3", "1.5", "+1", "-1", "123",
				"2026-01-02", "12:30:45", ".inf", ".nan", "0b11", "1e", "0x", "00", "09", "1.", "--", "1__0", "0.0", "-0", "1E+3", "12e03", "2026-01-02T03:04:05Z")
		}},
		weighted{1, func() string {
			return pick(s, "!!str 12", "!!str true", "!!int 12", "!custom x", "!!float 1", "!!bool true", "!!str '12'", "!!null x", "!!binary aGk=", "! x")
		}},
		weighted{1, func() string {
			if s.one(2) {
				return pick(s, "{{ must_env `NOPE` }}", "{{ env `DIGITS` }}", "{{ env `NUM` }}")
			}
			return pick(s, "app", "&x app", "&y '1'")
		}},
		weighted{1, func() string { return pick(s, "*service", "*cluster", "&x app", "&y '1'", "*x", "*nope") }},
		weighted{1, func() string {
			return pick(s, "a\n  b", "[a]", "{a: b}", "[]", "- a", "@a", "`a", "a: ", "? a", "|", ">", "!", "&", "*", "a b\n    c d")
		}},
	)
}

func (s source) extra() string {
	name := fmt.Sprintf("x%d", s.IntN(4))
	return pick(s, name+": "+s.scalar(), "timeout: "+pick(s, "10m", "600", "1h30m", "[]", "null", "1.5", "'5s'"), "ignore:\n  tags:\n  - "+pick(s, "a", "1", "'x'", "~"),
		"appspec: "+pick(s, "{}", "null", "{Hooks: []}"), "<<: [{region: a}, {filter_command: merged}]",
		"codedeploy:\n  application_name: "+s.text(), "region: "+s.text(), "required_version: '>= 2'", name+":\n  - a\n  - {b: [c, d]}\n  -\n    e: f", "service: twice", "ignore: null",
		name+":\n- "+s.scalar()+"\n- last", "<<: 1", "<<: *service", "filter_command: "+"peco", "service_definition: "+s.text())
}
