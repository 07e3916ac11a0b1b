package generate

import (
	"fmt"
	"strings"
)

// programs makes Jsonnet programs of expressions whose types are known, so that most of them evaluate.
type programs struct {
	source
	// texts is how many texts are being made around this: in them numbers are such that all their digits are exact.
	texts int
}

const library = `{
  base:: { name: 'base', image: 'lib:' + self.tag, tag:: '1', env+: { A: 'a' } },
  join(parts, separator='-'):: std.join(separator, parts),
  double(x):: x * 2,
  stage: std.extVar('stage'),
}
`

func (s source) jsonnetCase(c *Case) {
	p := &programs{source: s}
	values := p.list(1, 5, func() string { return p.shown(3) })
	program := "local lib = import 'lib.libsonnet';\nlocal env = std.native('env');\nlocal must_env = std.native('must_env');\n" +
		"local n = " + p.exact(1) + ";\nlocal t = " + p.text(1) + ";\n" +
		"{\n  family: 'f',\n  containerDefinitions: [\n    lib.base { env:: {}, image: " + p.text(2) + ", command: [\n      " +
		strings.Join(values, ",\n      ") + ",\n    ] },\n  ]" + p.members() + ",\n}\n"
	program = s.spoil(c, 10, program, "'", "\"", "(", "]", "}", ",", "self", "$", "::", "|||", "#", "/*", " ", "local x = 1;", "error 'e'", "+", "0")
	name := "ecs-task-def.jsonnet"
	c.Files[name], c.Files["lib.libsonnet"], c.Files["raw.txt"] = program, library, "raw \"text\"\n"
	switch s.IntN(6) {
	case 0:
		c.Config = "ecspresso.jsonnet"
		c.Files[c.Config] = "local plugin(name, config={}) = { name: name, config: config };\n{ service: 'app', task_definition: 'ecs-task-def.' + 'jsonnet',\n" +
			"  plugins: [plugin('cloudformation'), plugin('tfstate', { path: '../state.tfstate' }),\n    plugin('external', { name: 'data', command: ['data'], num_args: 1 }),\n" +
			"    plugin('external', { name: 'word', command: ['word'], parser: 'string' }) + { func_prefix: 'my_' }] }\n"
	case 1:
		c.Config = "ecspresso.json"
		c.Files[c.Config] = `{"service": "app", "task_definition": "ecs-task-def.jsonnet", // a comment
 "plugins": [{"name": "cloudformation"}, {"name": "tfstate", "config": {"path": "../state.tfstate"}},
 {"name": "external", "config": {"name": "data", "command": ["data"], "num_args": 1}},
 {"name": "external", "func_prefix": "my_", "config": {"name": "word", "command": ["word"], "parser": "string"}},],}
`
	default:
		c.Files["ecspresso.yml"] = plainConfig(name)
	}
}

// members are further ones of the definition.
func (p *programs) members() string {
	return p.among(
		weighted{3, func() string { return "" }},
		weighted{1, func() string { return ",\n  cpu: " + p.text(1) }},
		weighted{1, func() string { return ",\n  [if " + p.boolean(1) + " then 'memory']: '512'" }},
		weighted{1, func() string { return ",\n  volumes: [{ name: x } for x in " + p.listOf(1) + " if std.isString(x)]" }},
		weighted{1, func() string {
			return ",\n  assert " + pick(p.source, "true", "true || "+p.boolean(1), "std.length(self.family) == 1", p.boolean(1)) + " : 'no'"
		}},
		weighted{1, func() string { return ",\n  hidden:: " + p.exact(1) + ",\n  memory: '%d' % $.hidden" }},
	)
}

// shown is any value as a text.
func (p *programs) shown(depth int) string {
	return p.among(
		weighted{3, func() string { return p.text(depth) }},
		weighted{4, func() string { return "std.toString(" + p.number(depth) + ")" }},
		weighted{2, func() string { return "std.toString(" + p.boolean(depth) + ")" }},
		weighted{3, func() string { return "std.toString(" + p.listOf(depth) + ")" }},
		weighted{3, func() string { return "std.toString(" + p.object(depth) + ")" }},
		weighted{1, func() string { return "'' + " + p.any(depth) }},
		weighted{1, func() string { return "std.manifestJsonEx(" + p.any(depth) + ", '  ')" }},
		weighted{1, func() string { return "std.manifestJsonMinified(" + p.any(depth) + ")" }},
		weighted{1, func() string { return "std.manifestJson(" + p.any(depth) + ")" }},
		weighted{1, func() string { return "std.manifestYamlDoc(" + p.any(depth) + ")" }},
		weighted{1, func() string { return "std.manifestPython(" + p.any(depth) + ")" }},
	)
}

func (p *programs) any(depth int) string {
	return p.among(
		weighted{2, func() string { return p.text(depth) }},
		weighted{2, func() string { return p.number(depth) }},
		weighted{2, func() string { return p.listOf(depth) }},
		weighted{2, func() string { return p.object(depth) }},
		weighted{1, func() string { return p.boolean(depth) }},
		weighted{1, func() string {
			return pick(p.source, "null", "std.native('data')('x')", "std.native('tfstate')('output.name')", "import 'lib.libsonnet'",
				"std.extVar('code')", "lib.base", p.rare("self", "std.native('data')(1)", "std.native('nope')", "std.extVar('nope')", "error 'stop'"))
		}},
	)
}

func (p *programs) text(depth int) string {
	p.texts++
	defer func() { p.texts-- }()
	if depth <= 0 {
		return pick(p.source, "'a'", "'it\\'s'", "\"q\"", "''", "'a b'", "'é☕'", "'<&>'", "'\\u00e9\\n\\t'", "@'c:\\d'", "'%'", "'x,y,z'", "t",
			"'🙂'", "|||\n  block\n    more\n|||", "@\"a\"\"b\"", "'A-b'", "'7f'", "'{{ env `SET` }}'")
	}
	s, n := func() string { return p.text(depth - 1) }, func() string { return p.number(depth - 1) }
	return p.among(
		weighted{4, func() string { return p.text(0) }},
		weighted{3, func() string { return "(" + s() + " + " + p.any(depth-1) + ")" }},
		weighted{4, func() string { return p.format(depth) }},
		weighted{2, func() string {
			return pick(p.source, "env('SET', 'd')", "env('NOPE', 'd')", "env('EMPTY', 'd')", "must_env('NUM')", "must_env('BRACES')", "env('HTML', '')",
				p.rare("must_env('NOPE')", "env('SET')", "env(1, 2)"), "must_env('QUOTE')", "must_env('LINES')", "std.extVar('text')", "std.extVar('stage')")
		}},
		weighted{2, func() string {
			return pick(p.source, "std.native('ssm')('/a')", "std.native('ssm_list')('/list', 1)", "std.native('secretsmanager_arn')('app/secret')",
				"std.native('cfn_output')('net', 'Vpc')", "std.native('cfn_export')('zone')", "std.native('my_word')()",
				p.rare("std.native('ssm')('/nope')", "std.native('ssm')('/list')", "std.native('cfn_output')('net')", "std.native('ssm_list')('/list', 5)"))
		}},
		weighted{5, func() string {
			return fmt.Sprintf(pick(p.source, "std.asciiUpper(%s)", "std.asciiLower(%s)", "std.escapeStringJson(%s)", "std.escapeStringPython(%s)",
				"std.escapeStringBash(%s)", "std.escapeStringDollars(%s)", "std.md5(%s)", "std.base64(std.md5(%s))", "std.trim(' ' + %s)", "std.lstripChars(%s, 'a ')",
				"std.rstripChars(%s, 'b')", "std.stripChars(%s, 'q')", "std.base64Decode(std.base64(std.md5(%s)))", "std.join('', std.stringChars(%s))",
				"std.strReplace(%s, 'a', 'bb')", "std.escapeStringXML(%s)", "std.sha1(%s)", "std.sha256(%s)", "std.decodeUTF8(std.encodeUTF8(%s))",
				"std.toString(std.parseJson(std.manifestJson(%s)))", "std.type(%s)", "(%s)[0]", "(%s)[1:]", "(%s)[::2]", "std.get({ a: %s }, 'a')"), s())
		}},
		weighted{1, func() string { return fmt.Sprintf("std.substr(%s, %d, %d)", s(), p.IntN(3), p.IntN(4)) }},
		weighted{2, func() string { return "std.join(" + s() + ", [" + p.joined(0, 3, ", ", s) + "])" }},
		weighted{2, func() string { return "(if " + p.boolean(depth-1) + " then " + s() + " else " + s() + ")" }},
		weighted{1, func() string { return "std.char(" + pick(p.source, "65", "233", "9749", "128578", "10") + ")" }},
		weighted{1, func() string {
			return "lib.join([" + s() + ", " + s() + "]" + pick(p.source, "", ", separator='/'", ", '+'") + ")"
		}},
		weighted{1, func() string {
			return pick(p.source, "importstr 'raw.txt'", "lib.base.image", "lib.stage", "(lib.base { tag: 'x' }).image")
		}},
		weighted{1, func() string { return "std.toString(" + n() + ")" }},
		weighted{1, func() string { return "(local x = " + s() + "; x + x)" }},
		weighted{1, func() string { return "std.format('%s and %5s', [" + s() + ", " + s() + "])" }},
		weighted{1, func() string { return "std.repeat(" + s() + ", " + pick(p.source, "0", "1", "3") + ")" }},
	)
}

func (p *programs) format(depth int) string {
	n, s := func() string { return p.exact(depth - 1) }, func() string { return p.text(depth - 1) }
	switch p.IntN(6) {
	case 0:
		if p.one(2) {
			return "('" + pick(p.source, "%x", "%X", "%o", "%#x", "%#o", "%c") + "' % " + pick(p.source, "0", "65", "255", "4096", "233", "9749") + ")"
		}
		return "('" + pick(p.source, "%d", "%5d", "%05d", "%-5d|", "%+d", "% d", "%i", "%u") + "' % " + p.exact(depth-1) + ")"
	case 1:
		return "('" + pick(p.source, "%s", "%5s", "%-5s|", "%%%s", "%.2s") + "' % [" + p.any(depth-1) + "])"
	case 2:
		return "('" + pick(p.source, "%f", "%.3f", "%8.4f", "%e", "%g", "%G", "%E", "%+.3e", "%09.3f") + "' % " +
			pick(p.source, "0", "1", "7", "42", "1.5", "100", "0.25", "-2", "1234") + ")"
	case 3:
		return "('%(a)s-%(b)d' % { a: " + s() + ", b: " + n() + " })"
	case 4:
		return "('%s %s' % [" + s() + ", " + s() + pick(p.source, "", "", "", "", "", ", 1") + "])"
	default:
		return "('%*d|%-*s' % [" + pick(p.source, "3", "5") + ", " + n() + ", 4, " + s() + "])"
	}
}

// exact is a number that prints the same with any number of digits.
func (p *programs) exact(depth int) string {
	if depth <= 0 || p.one(2) {
		return pick(p.source, "0", "1", "7", "3", "1.5", "-2", "100", "2.50", "1E2", "0.25", "1234567", "std.length('abc')", "std.parseInt('42')")
	}
	return "(" + p.exact(depth-1) + pick(p.source, " + ", " - ", " * ") + p.exact(depth-1) + ")"
}

func (p *programs) number(depth int) string {
	if p.texts > 0 {
		return p.exact(depth)
	}
	if depth <= 0 {
		return pick(p.source, "0", "1", "7", "3", "1.5", "0.1", "1e3", "1e21", "1e-7", "1234567", "100", "2.50", "1E2", "9007199254740993", "123456789012345680000",
			"1e100", "0.30000000000000004")
	}
	n, s, l := func() string { return p.number(depth - 1) }, func() string { return p.text(depth - 1) }, func() string { return p.listOf(depth - 1) }
	return p.among(
		weighted{4, func() string { return p.number(0) }},
		weighted{5, func() string {
			return "(" + n() + " " + pick(p.source, "+", "-", "*", "+", "-", "*", "/", "%") + " " + n() + ")"
		}},
		weighted{1, func() string {
			return "(" + pick(p.source, "5", "12", "255", "-1", "1.7", p.exact(1)) + " " + pick(p.source, "&", "|", "^", "<<", ">>") + " " + pick(p.source, "1", "3", "8", "0") + ")"
		}},
		weighted{1, func() string { return pick(p.source, "-(", "+(", "~(") + p.exact(depth-1) + ")" }},
		weighted{3, func() string {
			return fmt.Sprintf(pick(p.source, "std.floor(%s)", "std.ceil(%s)", "std.abs(%s)", "std.sign(%s)", "std.round(%s)", "std.mod(%s, 3)", "std.pow(%s, 2)",
				"std.sqrt(std.abs(%s))", "std.max(%s, 2)", "std.min(%s, 2)", "std.clamp(%s, 1, 5)", "lib.double(%s)",
				"std.exponent(%s)", "std.mantissa(%s)", "std.parseJson(std.toString(%s))"), n())
		}},
		weighted{2, func() string {
			return fmt.Sprintf(pick(p.source, "std.length(%s)", "std.codepoint(std.char(65 + std.length(%s)))", "std.length(std.encodeUTF8(%s))", "std.length(std.split(%s, 'a'))"), s())
		}},
		weighted{2, func() string {
			return fmt.Sprintf(pick(p.source, "std.length(%s)", "std.count(%s, 1)", "std.length(std.uniq(std.sort([x for x in %s if std.isNumber(x)])))",
				"std.foldl(function(a, x) a + 1, [y for y in %s], 0)", "std.foldr(function(x, a) a * 2 + 1, [y for y in %s], 1)", "std.length(%s[1:])"), l())
		}},
		weighted{1, func() string {
			return pick(p.source, "std.parseInt('42')", "std.parseHex('ff')", "std.parseOctal('17')", "std.parseInt('-7')", "std.extVar('size')",
				"std.sum([1, 2, 3.5])", "std.avg([1, 2])", "std.maxArray([3, 1])", "std.minArray([3, 1])", "n", "std.native('tfstate')('output.number')", "std.pi",
				"std.length({ a: 1, b:: 2 })", "std.parseJson('1e2')")
		}},
		weighted{1, func() string { return "(if " + p.boolean(depth-1) + " then " + n() + " else " + n() + ")" }},
		weighted{1, func() string {
			return "(local f(x, y=2) = x * y; f(" + n() + pick(p.source, "", ", "+n(), ", y="+n()) + "))"
		}},
	)
}

// rare is what fails, so that it comes seldom.
func (p *programs) rare(choices ...string) string {
	if !p.one(10) {
		return "'often'"
	}
	return pick(p.source, choices...)
}

func (p *programs) boolean(depth int) string {
	if depth <= 0 {
		return pick(p.source, "true", "false")
	}
	n, s, a := func() string { return p.number(depth - 1) }, func() string { return p.text(depth - 1) }, func() string { return p.any(depth - 1) }
	operator := pick(p.source, "==", "!=", "<", "<=", ">", ">=")
	return p.among(
		weighted{2, func() string { return "(" + n() + " " + operator + " " + n() + ")" }},
		weighted{2, func() string { return "(" + s() + " " + operator + " " + s() + ")" }},
		weighted{1, func() string { return "(" + p.listOf(depth-1) + " " + operator + " " + p.listOf(depth-1) + ")" }},
		weighted{1, func() string { return "(" + a() + pick(p.source, " == ", " != ") + a() + ")" }},
		weighted{1, func() string {
			return "(" + p.boolean(depth-1) + pick(p.source, " && ", " || ") + p.boolean(depth-1) + ")"
		}},
		weighted{1, func() string { return "!" + p.boolean(depth-1) }},
		weighted{2, func() string {
			return fmt.Sprintf(pick(p.source, "std.isString(%s)", "std.isNumber(%s)", "std.isArray(%s)", "std.isObject(%s)", "std.isBoolean(%s)", "std.isFunction(%s)",
				"std.isNull(%s)", "(null == %s)"), a())
		}},
		weighted{1, func() string {
			return fmt.Sprintf(pick(p.source, "std.startsWith(%s, 'a')", "std.endsWith(%s, 'a')", "std.isEmpty(%s)", "std.member(%s, 'a')", "('a' in { a: %s })",
				"std.equalsIgnoreCase(%s, 'A')"), s())
		}},
		weighted{1, func() string {
			return fmt.Sprintf(pick(p.source, "std.member(%s, 1)", "std.all(std.map(std.isNumber, %s))", "std.any(std.map(std.isNumber, %s))",
				"std.setMember(1, std.set([x for x in %s if std.isNumber(x)]))", "std.contains(%s, 1)"), p.listOf(depth-1))
		}},
		weighted{1, func() string {
			return fmt.Sprintf(pick(p.source, "std.objectHas(%s, 'a')", "std.objectHasAll(%s, 'h')", "('a' in %s)", "std.isEven(std.length(%s))"), p.object(depth-1))
		}},
	)
}

func (p *programs) listOf(depth int) string {
	if depth <= 0 {
		return pick(p.source, "[]", "[1, 2, 3]", "['a', 'b']", "[1, 'x', null]", "[[1], [2]]", "std.range(1, 4)", "[true]", "std.extVar('code')", "[2, 1, 1.0]")
	}
	l, a := func() string { return p.listOf(depth - 1) }, func() string { return p.any(depth - 1) }
	return p.among(
		weighted{3, func() string { return p.listOf(0) }},
		weighted{3, func() string { return "[" + p.joined(0, 3, ", ", a) + "]" }},
		weighted{2, func() string { return "(" + l() + " + " + l() + ")" }},
		weighted{6, func() string {
			return fmt.Sprintf(pick(p.source, "[[x] for x in %s]", "[x for x in %s if x != null]", "std.reverse(%s)", "std.map(function(x) [x], %s)",
				"std.filter(function(x) std.isNumber(x), %s)", "std.flattenArrays([[y for y in %s], [0]])", "std.mapWithIndex(function(i, x) i, %s)", "%s[1:]", "%s[::2]",
				"std.sort([x for x in %s if std.isString(x)])", "std.set([x for x in %s if std.isNumber(x)])", "std.flatMap(function(x) [x, x], %s)", "std.repeat(%s, 2)",
				"std.slice(%s, 0, 2, 1)", "std.filterMap(std.isNumber, function(x) x + 1, %s)", "std.prune(%s)", "[std.deepJoin([std.toString(x) for x in %s])]",
				"std.find(1, %s)", "std.flattenDeepArray(%s)", "std.removeAt(%s + [1], 0)", "std.remove(%s, 1)", "%s[-1:]", "%s[:1]", "std.sort(%s)", "std.makeArray(3, function(i) i + std.length(%s))",
				"std.setUnion([1, 5], std.set([x for x in %s if std.isNumber(x)]))", "[x + y for x in [1] for y in %s]", "std.mapWithKey(function(k, v) v, { a: %s }).a", "std.foldl(function(a, x) [x] + a, [y for y in %s], [])",
				"std.join([0], [%s, [9]])", "std.slice(%s, 0, null, 2)"), l())
		}},
		weighted{2, func() string {
			return fmt.Sprintf(pick(p.source, "std.split(%s, ' ')", "std.stringChars(%s)", "std.splitLimit(%s, 'a', 1)", "std.encodeUTF8(%s)", "std.findSubstr('a', %s)",
				"std.splitLimitR(%s, 'a', 1)", "std.base64DecodeBytes(std.base64(std.sha1(%s)))", "std.map(function(c) c, %s)", "[c for c in std.stringChars(%s)]"), p.text(depth-1))
		}},
		weighted{2, func() string {
			return fmt.Sprintf(pick(p.source, "std.objectFields(%s)", "std.objectValues(%s)", "std.objectFieldsAll(%s)", "std.objectKeysValues(%s)", "std.objectValuesAll(%s)",
				"[k for k in std.objectFields(%s)]"), p.object(depth-1))
		}},
	)
}

func (p *programs) object(depth int) string {
	if depth <= 0 {
		return pick(p.source, "{}", "{ a: 1 }", "{ a: 1, b: self.a + 1 }", "{ a: 1, h:: 2 }", "{ 'x y': 1, \"é\": 2 }", "{ a: { b: 1 } }", "lib.base", "{ [x]: 1 for x in ['p', 'q'] }",
			"{ a: null, b: [] }", "{ a: 1, assert true }")
	}
	o, a := func() string { return p.object(depth - 1) }, func() string { return p.any(depth - 1) }
	return p.among(
		weighted{3, func() string { return p.object(0) }},
		weighted{3, func() string { return "{ a: " + a() + ", b: " + a() + " }" }},
		weighted{1, func() string {
			return "std.mergePatch(" + pick(p.source, "{ a: 1, b: { c: 2 } }", "{}", "{ b: { c: 2, d: 3 } }") + ", " + pick(p.source, "{ a: null }", "{ b: { c: null, e: "+p.text(depth-1)+" } }", "{ a: [1], z: 2 }") + ")"
		}},
		weighted{2, func() string { return "(" + o() + " + " + o() + ")" }},
		weighted{2, func() string {
			return "(" + o() + " { a+: " + pick(p.source, p.number(depth-1), "{ c: 3 }", "[1]") + " })"
		}},
		weighted{2, func() string {
			return "(" + o() + " { " + pick(p.source, "a:: 1", "h::: 1", "h: 1", "a: super.a", "['d' + 'yn']: 1", "local z = 5, z: z", "m(x):: x, r: self.m(2)", "a: if 'a' in super then super.a else 'none'",
				"[null]: 1", "b: $.a, a: 'dollar'", "z: std.objectHas(self, 'z')") + " })"
		}},
		weighted{3, func() string {
			return fmt.Sprintf(pick(p.source, "std.prune(%s)", "std.mapWithKey(function(k, v) k, %s)", "std.parseJson(std.manifestJson(std.objectRemoveKey(%s, 'a')))",
				"{ [k]: k for k in std.objectFields(%s) }", "std.parseJson(std.manifestJson(%s))", "std.parseYaml(std.manifestYamlDoc(%s))",
				"{ nested: %s }", "std.get(%s, 'a', {})"), o())
		}},
	)
}
