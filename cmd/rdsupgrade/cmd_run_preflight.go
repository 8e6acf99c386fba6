package main

import (
	"fmt"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// preflight refuses a run whose credentials are known to lack a permission,
// before the first database has begun.
func (o *open) preflight(ctx contexts, s streams, path string, permitted bool) error {
	list, err := fleet.New(o.config()).Preflight(ctx.soft)
	if err != nil {
		return err
	}
	lines := fleet.MissingPermissions(list)
	if len(lines) == 0 {
		return nil
	}
	text := "the credentials lack permissions; nothing was done\n" + strings.Join(lines, "\n")
	if permitted {
		fmt.Fprintln(s.err, "warning: "+visibleLines(strings.Replace(text, "; nothing was done", ", as far as can be known; going on as asked", 1)))
		return nil
	}
	return &failure{exit: exitFailed, Code: "permissions", Text: text, Issues: list,
		Next: "rdsupgrade iam-policy --commands run " + path + " prints what is needed; run --assume-permitted goes on regardless"}
}

func visibleLines(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		out = append(out, visible(l))
	}
	return strings.Join(out, "\n")
}
