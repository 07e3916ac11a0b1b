package generate

import (
	"fmt"
	"strings"
)

func (s source) envfileCase(c *Case, batch *Batch) {
	keys := []string{"A", "B", "C_1", "a.b", "SET", "PATH/X", "_u"}
	line := func() string { return s.envfileLine(pick(s, keys...)) }
	count := 1 + s.IntN(2)
	for i := range count {
		name := fmt.Sprintf("%d.env", i)
		text := s.joined(1, 5, pick(s, "\n", "\n", "\r\n"), line) + pick(s, "\n", "", "\n\n")
		batch.Files[name] = text
		batch.Envfiles = append(batch.Envfiles, name)
	}
	var values []string
	for _, key := range keys {
		values = append(values, "\"{{ env `"+key+"` `unset` | json_escape }}\"")
	}
	c.Files["ecspresso.yml"] = plainConfig("ecs-task-def.json")
	c.Files["ecs-task-def.json"] = `{"family": "f", "containerDefinitions": [{"name": "a", "image": "i", "command": [` +
		strings.Join(values, ", ") + "]}]}\n"
}

func (s source) envfileLine(key string) string {
	if s.one(6) {
		return pick(s, "", "  ", "# comment", "\t")
	}
	if s.one(25) {
		return pick(s, "", "  ", "# comment", "  # comment", "=x", "no equals", "export", "1A=x", "A B=x", "export  A=x", "A-B=x", "é=x",
			"export\tA=x", "A", "export A", "\tA=x", "A=x\x00")
	}
	return pick(s, "", "", "", "export ", " ", "\t") + key + pick(s, "=", "=", "=", " =", "= ") +
		s.commented(s.joined(0, 3, "", s.envfileSegment))
}

func (s source) envfileSegment() string {
	if !s.one(12) {
		return pick(s, "bare", "a b", "'single $A \\n # '", `"double"`, `"a\"b\\c\/\b\f\n\r\t"`, `"\u00e9\ud83d\ude00"`, "$A", "${A}", "`cmd`", `back\slash`, `\n`, "é", "☕",
			"a=b", "''", `""`, "x'y'\"z\"", " ", "{:1}", "<&>", "\"'\"", "'\"'", "\\", "https://h/p?q", "  ", "12")
	}
	return pick(s, "bare", "a b", "'single $A \\n # '", `"double"`, `"a\"b\\c\/\b\f\n\r\t"`, `"\u00e9\ud83d\ude00"`, `"\ud83d"`, `"\x"`,
		`"\u12"`, "'open", `"open`, "$A", "${A}", "`cmd`", `back\slash`, `\n`, "é", "☕", "a=b", "''", `""`, "\"a\tb\"", "x'y'\"z\"", " ",
		"a\tb", "{\"k\":1}", "<&>", "\"'\"", "'\"'", "\\", "'it'", "https://h/p?q#f")
}

// commented adds a comment. One after a character of several bytes would take its last byte away in ecspresso.
func (s source) commented(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
		return text + pick(s, "", " ")
	}
	return text + pick(s, "", "", "", " ", " # comment", "#c")
}
