package generate

import (
	"fmt"
	"strings"
)

// templates makes Go templates. Variables and blocks are known, so that most of them render.
type templates struct {
	source
	variables []string
	blocks    int
	defined   []string
	loops     int
}

func (s source) templateCase(c *Case) {
	t := &templates{source: s}
	fragments := t.list(2, 6, func() string { return t.text(3) })
	cpu := pick(s, "0", t.action(t.integer(1)), "{{ ssm `/number` }}", "{{ env `NUM` }}")
	definition := fmt.Sprintf("{\n  \"family\": \"f%s\",\n  \"containerDefinitions\": [{\"name\": \"a\", \"image\": \"i:%s\", "+
		"\"cpu\": %s,\n    \"command\": [\"%s\"]}%s]\n}\n",
		t.text(1), t.text(2), cpu, strings.Join(fragments, "\",\n      \""), t.more())
	definition = strings.Join(t.defined, "") + definition
	definition = s.spoil(c, 12, definition, "{{", "}}", "{{ end }}", "{{ else }}", "\"", "`", "(", "|", "$x", "{{ if }}", "-", " ", ".", "{{/*")
	c.Files["ecspresso.yml"] = plainConfig("ecs-task-def.json")
	c.Files["ecs-task-def.json"] = definition
}

// more is further containers, from a loop.
func (t *templates) more() string {
	if !t.one(3) {
		return ""
	}
	return fmt.Sprintf("{{%s range $n := %d %s}}, {\"name\": \"n{{ $n }}\", \"image\": \"%s\"}{{ end %s}}",
		pick(t.source, "", "-"), t.IntN(4), pick(t.source, "", "-"), t.within("$n", func() string { return t.text(1) }),
		pick(t.source, "", "-"))
}

// within makes a text in which a variable is known.
func (t *templates) within(variable string, make func() string) string {
	count := len(t.variables)
	if variable != "$n" {
		t.variables = append(t.variables, variable)
	}
	text := make()
	t.variables = t.variables[:count]
	return text
}

// text is what stands in a JSON string.
func (t *templates) text(depth int) string {
	count := len(t.variables)
	text := t.joined(1, 3, "", func() string {
		return t.among(
			weighted{3, func() string { return pick(t.source, "x", " y ", "a-b", "é", "0", "  ") }},
			weighted{8, func() string { return t.action(t.escaped(depth)) }},
			weighted{3, func() string { return t.action(t.value(depth)) }},
			weighted{4, func() string { return t.statement(depth) }},
		)
	})
	t.variables = t.variables[:count]
	return text
}

func (t *templates) action(pipeline string) string {
	open, end := pick(t.source, "{{ ", "{{ ", "{{", "{{- "), pick(t.source, " }}", " }}", "}}", " -}}")
	if strings.HasSuffix(pipeline, "}") {
		end = " }}"
	}
	return open + pipeline + end
}

// escaped is a pipeline that is safe in a JSON string.
func (t *templates) escaped(depth int) string {
	return t.str(depth) + pick(t.source, " | json_escape", "|json_escape", " | print | json_escape", " | printf `%s` | json_escape")
}

// value is any operand that prints without quotes.
func (t *templates) value(depth int) string {
	return t.among(
		weighted{3, func() string { return t.integer(depth) }},
		weighted{2, func() string { return t.boolean(depth) }},
		weighted{1, func() string {
			if !t.one(20) {
				return t.integer(depth)
			}
			return pick(t.source, "1.5", "1e3", "1e21", "0.1", "1e-7", "-2.50", "100000000.0")
		}},
		weighted{1, func() string { return pick(t.source, "print nil", "print .Foo", "$.Foo", "print $") }},
		weighted{2, func() string {
			return pick(t.source, "(data).name", "(data).list", "index (data).list 1", "(data).nested", "(data).on", "(data).none",
				"(data).missing", "len (data).list", "index (data) `name`", "(index (data).nested `k`)", "data `x`", "index (data `x`) 1 `y`", "(data).nested.k", "data `empty`", "slice (data).list 1", "slice (data).list 1 2")
		}},
		weighted{2, func() string { return t.call("print", t.operand(depth), t.operand(depth)) }},
	)
}

func (t *templates) call(name string, arguments ...string) string {
	call := name
	for i, argument := range arguments {
		if strings.ContainsAny(argument, " |") && !isLiteral(argument) {
			argument = "(" + argument + ")"
		}
		if i == len(arguments)-1 && t.one(4) {
			return strings.TrimPrefix(argument, "") + " | " + call
		}
		call += " " + argument
	}
	return call
}

func isLiteral(text string) bool {
	return strings.HasPrefix(text, "`") && strings.Count(text, "`") == 2 && strings.HasSuffix(text, "`") ||
		strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`) && !strings.ContainsAny(text[1:len(text)-1], "`\" ")
}

func (t *templates) operand(depth int) string {
	return t.among(
		weighted{3, func() string { return t.str(depth - 1) }},
		weighted{2, func() string { return t.integer(depth - 1) }},
		weighted{1, func() string { return t.boolean(depth - 1) }},
	)
}

func (t *templates) name() string {
	return "`" + pick(t.source, "SET", "EMPTY", "NUM", "SPACES", "QUOTE", "HTML", "UNICODE", "LINES", "BRACES", "DIGITS", "NOPE") + "`"
}

// set is the name of a variable that is set, nearly always.
func (t *templates) set() string {
	if t.one(40) {
		return "`NOPE`"
	}
	return "`" + pick(t.source, "SET", "EMPTY", "NUM", "QUOTE", "HTML") + "`"
}

func (t *templates) literal() string {
	return pick(t.source, "`raw`", "``", "`a b`", "`<&>`", `"quoted"`, `"a\"b"`, `"é\u00e9\x41\n"`, `"\\"`, "`it's`", "`%d`", `""`, "`é☕`",
		`"tab\t"`, `"\101"`, "`a\\n`", `"\U0001F600"`)
}

func (t *templates) str(depth int) string {
	if depth <= 0 {
		return t.among(
			weighted{2, t.literal},
			weighted{2, func() string { return "env " + t.name() }},
			weighted{1, t.variable},
		)
	}
	s := func() string { return t.str(depth - 1) }
	return t.among(
		weighted{2, t.literal},
		weighted{4, func() string { return "env " + t.joined(1, 3, " ", t.name) }},
		weighted{2, func() string { return "env " + t.name() + " " + t.literal() }},
		weighted{2, func() string { return "must_env " + t.set() }},
		weighted{2, func() string { return t.call("json_escape", s()) }},
		weighted{2, func() string { return t.call("print", t.list(1, 3, func() string { return t.operand(depth) })...) }},
		weighted{3, func() string { return t.format(depth) }},
		weighted{1, func() string { return t.call("html", s()) }},
		weighted{1, func() string { return t.call("js", s()) }},
		weighted{1, func() string { return t.call("urlquery", s()) }},
		weighted{1, func() string { return t.call("println", s()) }},
		weighted{1, func() string {
			return fmt.Sprintf("slice (print %s `abcdef`) %d %d", t.literal(), t.IntN(3), 3+t.IntN(4))
		}},
		weighted{2, func() string { return t.call(pick(t.source, "or", "and"), s(), s()) }},
		weighted{2, func() string {
			return pick(t.source, "ssm `/a`", "ssm `/b`", "ssm `/list` 1", "ssm `/list` 0", "secretsmanager_arn `app/secret`",
				"cfn_output `net` `Vpc`", "cfn_output `net` `Name`", "cfn_export `zone`", "my_word", "my_word `a`", "tfstate `output.name`", "tfstatef `output.%s` `name`")
		}},
		weighted{1, t.variable},
		weighted{1, func() string {
			if !t.one(8) {
				return "ssm (print `/` `a`)"
			}
			return pick(t.source, "ssm `/nope`", "ssm `/list`", "ssm `/a` 1", "cfn_output `net` `Nope`", "ssm", "ssm 1", "must_env", "env 1", "json_escape 1",
				"slice `abc` 2 1", "slice `abc` 9", "len 1", "index `abc` 9", "ssm `/list` 3", "ssm `/list` -1", "tfstate `nope`", "secretsmanager_arn `x`")
		}},
	)
}

func (t *templates) variable() string {
	if len(t.variables) == 0 {
		return "env `SET`"
	}
	return pick(t.source, t.variables...)
}

func (t *templates) format(depth int) string {
	s, i := func() string { return t.str(depth - 1) }, func() string { return t.integer(depth - 1) }
	if t.one(30) {
		return t.call("printf", pick(t.source, "`%x`", "`%d`", "`%T`", "`%+v`", "`%#v`", "`%c`", "`%[1]s`", "`%`", "`%!`", "`%z`", "`%s %s`", "`plain`"), t.operand(depth))
	}
	switch t.IntN(6) {
	case 0:
		return t.call("printf", "`%s-%s`", s(), s())
	case 1:
		return t.call("printf", pick(t.source, "`%d`", "`%5d`", "`%-5d|`", "`%05d`", "`%v`", "`%3v|`"), i())
	case 2:
		return t.call("printf", pick(t.source, "`%q`", "`%5s`", "`%-8s|`", "`%.2s`", "`%v`", "`%%%s`", "`%8.3s`"), s())
	case 3:
		return t.call("printf", pick(t.source, "`%t`", "`%v`"), t.boolean(depth-1))
	case 4:
		return t.call("printf", "`%v %v %v`", t.operand(depth), t.operand(depth), t.operand(depth))
	default:
		return t.call("printf", "`%s`", s())
	}
}

func (t *templates) integer(depth int) string {
	if depth <= 0 {
		return pick(t.source, "0", "1", "7", "-3", "1234567", "0x1F", "0o17", "017", "0b101", "1_000", "'a'", "'é'", "+5", "9223372036854775807")
	}
	return t.among(
		weighted{3, func() string { return t.integer(0) }},
		weighted{2, func() string { return t.call("len", t.str(depth-1)) }},
		weighted{1, func() string { return pick(t.source, "index `abc` 1", "len (data).list", "len ``") }},
	)
}

func (t *templates) boolean(depth int) string {
	if depth <= 0 {
		return pick(t.source, "true", "false")
	}
	comparison := pick(t.source, "eq", "ne", "lt", "le", "gt", "ge")
	return t.among(
		weighted{1, func() string { return t.boolean(0) }},
		weighted{3, func() string { return t.call(comparison, t.str(depth-1), t.str(depth-1)) }},
		weighted{2, func() string { return t.call(comparison, t.integer(depth-1), t.integer(depth-1)) }},
		weighted{1, func() string { return t.call("eq", t.str(depth-1), t.str(depth-1), t.str(depth-1)) }},
		weighted{1, func() string { return t.call(comparison, t.operand(depth), t.operand(depth)) }},
		weighted{1, func() string {
			return pick(t.source, "eq 1 1.0", "lt 1.5 2.5", "eq true true", "lt true false", "eq .Foo nil", "eq . .", "eq nil nil")
		}},
		weighted{2, func() string { return t.call("not", t.operand(depth)) }},
		weighted{2, func() string { return t.call(pick(t.source, "and", "or"), t.boolean(depth-1), t.boolean(depth-1)) }},
	)
}

func (t *templates) statement(depth int) string {
	if depth <= 0 {
		return pick(t.source, "{{/* comment */}}", "{{- /* comment */ -}}", "s")
	}
	inner := func() string { return t.text(depth - 1) }
	condition := func() string { return pick(t.source, t.boolean(depth-1), t.operand(depth)) }
	return t.among(
		weighted{3, func() string {
			return "{{ if " + condition() + " }}" + inner() + pick(t.source, "", "{{ else }}"+inner(),
				"{{ else if "+condition()+" }}"+inner()+"{{ else }}"+inner()) + "{{ end }}"
		}},
		weighted{2, func() string {
			return "{{ with " + t.str(depth-1) + " }}" + pick(t.source, "{{ . | json_escape }}", inner()) + pick(t.source, "", "{{ else }}"+inner(), "{{ else with "+t.str(depth-1)+" }}"+inner()) + "{{ end }}"
		}},
		weighted{2, t.declaration(depth)},
		weighted{2, func() string { return t.loop(depth) }},
		weighted{2, func() string { return t.block(depth) }},
		weighted{1, func() string {
			return pick(t.source, "{{/* comment */}}", "{{- /* comment */ -}}")
		}},
	)
}

// declaration makes a variable, which the rest of the text knows.
func (t *templates) declaration(depth int) func() string {
	return func() string {
		if len(t.variables) > 0 && t.one(3) {
			return "{{ " + t.variable() + " = " + t.str(depth-1) + " }}"
		}
		name := fmt.Sprintf("$v%d", t.IntN(3))
		value := t.str(depth - 1)
		t.variables = append(t.variables, name)
		return "{{ " + name + " := " + value + " }}"
	}
}

func (t *templates) loop(depth int) string {
	over := pick(t.source, "3", "2", "0", "7")
	if t.one(3) {
		over = pick(t.source, "(data).list", "(data).nested", "data `x`")
	}
	head := pick(t.source, over, over, "$i := "+over)
	switch {
	case t.one(30):
		head = pick(t.source, "``", "nil", "`abc`", ".", "$i, $e := 3", "1.5", "true", "-1")
	case strings.Contains(over, "data") && t.one(2):
		head = "$i, $e := " + over
	}
	t.loops++
	body := pick(t.source, "", "{{ . }}", "{{ if eq (print .) `1` }}{{ "+pick(t.source, "break", "continue")+" }}{{ end }}") + t.text(depth-1)
	t.loops--
	if strings.HasPrefix(head, "$i") {
		body += "{{ $i }}"
	}
	if strings.HasPrefix(head, "$i, $e") && t.one(2) {
		body += "{{ $e }}"
	}
	return "{{ range " + head + " }}" + body + pick(t.source, "", "{{ else }}"+t.text(depth-1)) + "{{ end }}"
}

func (t *templates) block(depth int) string {
	name := fmt.Sprintf("t%d", t.blocks)
	t.blocks++
	variables := t.variables
	t.variables = nil
	body := pick(t.source, "{{ . }}", "[{{ . }}]", "{{ $ }}") + t.text(depth-1)
	t.variables = variables
	if t.one(3) {
		return "{{ block `" + name + "` " + t.integer(0) + " }}" + body + "{{ end }}"
	}
	if !t.one(8) {
		t.defined = append(t.defined, "{{ define \""+name+"\" }}"+body+"{{ end }}")
	}
	return "{{ template \"" + name + "\" " + pick(t.source, t.integer(0), "", "`s`") + " }}"
}
