package generate

import (
	"fmt"
	"strings"
)

// names of resources that a state has; some begin with one another.
var addresses = []string{
	"output.name", "output.list", "output.map", "output.number", "output.none", "output.with-dash", "output.names",
	"aws_ecr_repository.app", "aws_ecr_repository.app-web", "data.aws_caller_identity.me", "module.net.aws_vpc.main",
	`aws_ecr_repository.all["web"]`, `aws_ecr_repository.all['web']`, "aws_ecr_repository.all", "aws_instance.many[0]",
	"aws_instance.many[1]", "aws_instance.many", "aws_instance.gone", "module.deep[0].module.x.aws_vpc.v",
	"data.terraform_remote_state.other.outputs", "data.terraform_remote_state.other", "aws_ecr_repository", "output", "",
}

// state is the text of a Terraform state whose values are random.
func (s source) state() string {
	value := func() string { return s.json(2) }
	attributes := func() string {
		return fmt.Sprintf(`{"repository_url": "1.dkr.ecr.eu-west-1.amazonaws.com/%s", "tags": {"Name": %s, "a-b": "dash", "k": [%s]}, `+
			`"count": %s, "list": [1, "two", {"three": 3}, null], "empty": {}, "no": null, "on": true, "a-list": [{"x-y": 1}]}`,
			pick(s, "app", "web-<x>"), value(), s.joined(0, 3, ", ", value), s.number())
	}
	instance := func(index string) string {
		if index != "" {
			index = `"index_key": ` + index + ", "
		}
		return "{" + index + `"attributes": ` + attributes() + "}"
	}
	resource := func(head string, instances ...string) string {
		return "{" + head + `, "instances": [` + strings.Join(instances, ", ") + "]}"
	}
	resources := []string{
		resource(`"mode": "managed", "type": "aws_ecr_repository", "name": "app"`, instance("")),
		resource(`"mode": "managed", "type": "aws_ecr_repository", "name": "app-web"`, instance("")),
		resource(`"mode": "data", "type": "aws_caller_identity", "name": "me"`, instance("")),
		resource(`"module": "module.net", "mode": "managed", "type": "aws_vpc", "name": "main"`, instance("")),
		resource(`"module": "module.deep[0].module.x", "mode": "managed", "type": "aws_vpc", "name": "v"`, instance("")),
		resource(`"mode": "managed", "type": "aws_ecr_repository", "name": "all"`, instance(`"web"`), instance(`"app"`)),
		resource(`"mode": "managed", "type": "aws_instance", "name": "many"`, instance("0"), instance("1")),
		resource(`"mode": "data", "type": "terraform_remote_state", "name": "other"`,
			`{"attributes": {"outputs": {"value": {"vpc": "vpc-9", "n": 5}, "type": "object"}, "backend": "s3"}}`),
	}
	return fmt.Sprintf(`{"version": 4, "serial": 1, "outputs": {"name": {"value": "out-<n>", "type": "string"}, `+
		`"list": {"value": [%s], "type": ["tuple"]}, "map": {"value": {"k": %s, "a-b": 1}, "type": ["object"]}, `+
		`"number": {"value": %s, "type": "number"}, "none": {"value": null, "type": "string"}, "names": {"value": "more", "type": "string"}, `+
		`"with-dash": {"value": {"x": 1}, "type": "object"}}, "resources": [%s]}`,
		s.joined(0, 3, ", ", value), value(), s.number(), strings.Join(resources, ", "))
}

func (s source) number() string {
	return pick(s, "0", "1", "-7", "1.5", "1e3", "1234567", "1e21", "0.1", "100000000000000000000", "1e-7", "9007199254740993", "1.0")
}

// json is a random JSON value.
func (s source) json(depth int) string {
	if depth <= 0 {
		return pick(s, "null", "true", "false", `"text"`, `"a\"b"`, `"<&>"`, `""`, `"é"`, s.number(), s.number())
	}
	switch s.IntN(4) {
	case 0:
		return "[" + s.joined(0, 3, ", ", func() string { return s.json(depth - 1) }) + "]"
	case 1:
		return `{"k": ` + s.json(depth-1) + `, "` + pick(s, "a-b", "l", "B") + `": ` + s.json(depth-1) + "}"
	default:
		return s.json(0)
	}
}

// known is an address that is there, nearly always.
func (s source) known() string {
	resource := pick(s, "aws_ecr_repository.app", "aws_ecr_repository.app-web", "data.aws_caller_identity.me", "module.net.aws_vpc.main",
		`aws_ecr_repository.all["web"]`, `aws_ecr_repository.all["app"]`, "aws_instance.many[0]", "aws_instance.many[1]", "module.deep[0].module.x.aws_vpc.v")
	return s.among(
		weighted{6, func() string {
			return resource + pick(s, ".repository_url", ".tags.Name", `.tags["a-b"]`, ".tags", ".tags.a-b", ".list", ".list[0]", ".list[1]", ".list[2].three", ".list[-2]",
				".list[1:]", ".list[:2]", ".list[1:2]", ".count", ".empty", ".on", ".tags.k", ".a-list[0].x-y", ".a-list", ".list | length", ".tags | keys", ".count + 1",
				".repository_url | split(\"/\")[1]", ".no // \"d\"", ".repository_url[0:5]", "", ".list[1] | ascii_upcase", ".tags[\"Name\"]", ".list[0:2] | join(\"-\")")
		}},
		weighted{3, func() string {
			return pick(s, "output.name", "output.list", "output.map", "output.map.k", `output.map["a-b"]`, "output.map.a-b", "output.number", "output.with-dash", "output.with-dash.x",
				"output.names", "aws_ecr_repository.all", "aws_ecr_repository.all.web.repository_url", `aws_ecr_repository.all["web"].tags`, "aws_instance.many",
				"data.terraform_remote_state.other.vpc", "data.terraform_remote_state.other.outputs.vpc", "data.terraform_remote_state.other.n")
		}},
	)
}

func (s source) address() string {
	if !s.one(4) {
		return s.known()
	}
	rest := func() string {
		return pick(s, ".repository_url", ".tags.Name", `.tags["a-b"]`, `.tags['a-b']`, ".tags", ".tags.a-b", ".list[0]", ".list[2].three",
			".list[-1]", ".list[9]", ".list[1:]", ".list[:2]", ".list[1:2]", ".count", ".no", ".empty", ".on", ".missing", ".missing.deeper", "[0]", "[1]", ".k", ".tags.k[0]",
			".a-list[0].x-y", ".name", "repository_url", " ", "[", "]", ".", "..", ".list[]", ".tags.Name?", ".x", ".vpc", ".n", ".outputs",
			`["web"]`, `['app']`, `["app"].repository_url`, "[0].repository_url", "['web'].tags.Name", ".web", `."tags"`, ".[\"tags\"]",
			".list | length", ".tags | keys", ".list[1] | ascii_upcase", ".list | map(.)", ".count + 1", ".repository_url | split(\"/\")[1]",
			".list | .[0]", ".tags | to_entries", ".no // \"d\"", ".list | join(\"-\")", ".repository_url[0:5]", "-x", ".tags|.Name")
	}
	address := pick(s, addresses...)
	switch s.IntN(5) {
	case 0:
		return address
	case 1:
		first, second := rest(), rest()
		if strings.Contains(first, "|") {
			// After a query this would be an index of a text, which jq does not have.
			second = ""
		}
		return address + first + second
	default:
		return address + rest()
	}
}

func (s source) tfstateCase(c *Case) {
	if s.one(4) {
		single := func() string {
			return "{ name: '" + pick(s, "A", "B") + "', value: std.toString(f(" + jsonText(s.address()) + ")) }"
		}
		c.Files["ecspresso.yml"] = plainConfig("ecs-task-def.jsonnet")
		c.Files["ecs-task-def.jsonnet"] = "local f = std.native('tfstate');\n{ family: 'f', containerDefinitions: [{ name: 'a', image: 'i',\n" +
			"  environment: [" + s.joined(1, 1, ", ", single) + "] }] }\n"
		return
	}
	// One address to a project: one that is not found would hide the others.
	call := func() string {
		if address := s.address(); !strings.Contains(address, "`") {
			if strings.Contains(address, "web") && s.one(2) || s.one(50) {
				return "{{ tfstatef `" + strings.Replace(address, "web", "%s", 1) + "` `web` | json_escape }}"
			}
			if s.one(3) {
				address = strings.ReplaceAll(address, `"`, "'")
			}
			return "{{ tfstate `" + address + "` | json_escape }}"
		}
		return ""
	}
	c.Files["ecspresso.yml"] = plainConfig("ecs-task-def.json")
	c.Files["ecs-task-def.json"] = `{"family": "f", "containerDefinitions": [{"name": "a", "image": "` + call() + `"}]}`
}
