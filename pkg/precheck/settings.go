package precheck

import (
	"slices"
	"strings"
)

// settings tells what a person has set, as far as it can be known: the DB
// parameter group where AWS was asked, else an option file, else the running
// values against the compiled defaults.
type settings struct {
	// from names the origin for messages; "" means the running server.
	from  string
	named map[string]string
}

func (x *Index) readSettings() settings {
	switch {
	case x.c.Parameters != nil:
		return settings{"the DB parameter group", namedSettings(x.c.Parameters)}
	case x.c.MyCnf != nil:
		return settings{"the option file", namedSettings(x.c.MyCnf)}
	}
	return settings{}
}

// namedSettings brings option names into one form: an option file may write
// loose-query-cache-size, RDS writes gtid-mode.
func namedSettings(list []Parameter) map[string]string {
	m := make(map[string]string, len(list))
	for _, p := range list {
		name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(p.Name)), "-", "_")
		m[strings.TrimPrefix(name, "loose_")] = p.Value
	}
	return m
}

// setting is one variable as a person has left or set it.
type setting struct {
	value string
	// set says that a person chose it, known that this can be told at all.
	set, known bool
}

// setting looks a variable up; defaults are the compiled values that count as
// left alone where only the running server can be asked. No defaults means
// that they cannot be compared.
func (x *Index) setting(name string, defaults []string) (setting, error) {
	if x.settings.from != "" {
		v, ok := x.settings.named[name]
		return setting{v, ok, true}, nil
	}
	if x.c.Sections[SectionVariables].Status != SectionRead {
		return setting{}, needError{SectionVariables}
	}
	v := x.vars[name]
	if v == nil {
		return setting{known: true}, nil
	}
	if v.Source != "" && !x.rds() {
		return setting{v.Value, !strings.EqualFold(v.Source, "COMPILED"), true}, nil
	}
	if len(defaults) == 0 {
		return setting{value: v.Value}, nil
	}
	same := slices.ContainsFunc(defaults, func(d string) bool { return sameValue(d, v.Value) })
	return setting{v.Value, !same, true}, nil
}

// sameValue compares two values of a variable as SHOW VARIABLES or an option
// file may write them.
func sameValue(a, b string) bool {
	return strings.EqualFold(plainValue(a), plainValue(b))
}

func plainValue(s string) string {
	switch strings.ToUpper(s) {
	case "1", "TRUE", "YES":
		return "ON"
	case "0", "FALSE", "NO":
		return "OFF"
	}
	return s
}

// rds tells an RDS server by what it cannot hide: its paths, its account, its
// build, or that AWS answered for it.
func (x *Index) rds() bool {
	if x.c.Parameters != nil || strings.Contains(strings.ToUpper(x.c.Server.Version), "-RDS") || x.c.Server.Aurora != "" {
		return true
	}
	if dir, _ := x.Variable("basedir"); strings.HasPrefix(dir, "/rdsdbbin") {
		return true
	}
	return x.Account("rdsadmin", "localhost") != nil
}
