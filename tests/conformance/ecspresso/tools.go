//go:build tools

// Package ecspresso fixes the version of the real ecspresso that the conformance run builds.
package ecspresso

import _ "github.com/kayac/ecspresso/v2/cmd/ecspresso"
