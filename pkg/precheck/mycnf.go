package precheck

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// serverGroups are the groups of an option file that mysqld reads
// (https://dev.mysql.com/doc/refman/5.7/en/option-files.html).
var serverGroups = []string{"mysqld", "server", "mysqld-5.7", "mysqld-8.0", "mysqld-8.4"}

// ReadMyCnf reads the settings that an option file gives the server. Names are
// in their canonical form: lower case, underscores, without loose_. Included
// files are not followed; their presence is an error, because what they set
// would silently be missed.
func ReadMyCnf(path string) ([]Parameter, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the option file: %w", err)
	}
	defer f.Close()
	ps, err := parseMyCnf(f)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return ps, nil
}

func parseMyCnf(r io.Reader) ([]Parameter, error) {
	out := []Parameter{}
	server := false
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '!':
			return nil, fmt.Errorf("%d: %s names other files: give them one by one", n, line)
		case line[0] == '[':
			name, ok := strings.CutSuffix(line[1:], "]")
			if !ok {
				return nil, fmt.Errorf("%d: a group's name must end with ]", n)
			}
			server = slices.Contains(serverGroups, strings.TrimSpace(name))
		case server:
			out = append(out, optionSetting(line))
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("0: %w", err)
	}
	return out, nil
}

// optionSetting reads name=value, or a name alone, which switches a boolean on;
// skip-x, disable-x and enable-x are the other ways to write one.
func optionSetting(line string) Parameter {
	name, value, given := strings.Cut(line, "=")
	name = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(name), "-", "_"))
	name = strings.TrimPrefix(name, "loose_")
	value = unquoteOption(strings.TrimSpace(value))
	if !given {
		value = "ON"
		for prefix, v := range map[string]string{"disable_": "OFF", "enable_": "ON"} {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				name, value = rest, v
			}
		}
	}
	return Parameter{Name: name, Value: value}
}

// unquoteOption takes quotes off, or a trailing comment off an unquoted value.
func unquoteOption(v string) string {
	if len(v) > 1 && (v[0] == '\'' || v[0] == '"') {
		if i := strings.IndexByte(v[1:], v[0]); i >= 0 {
			return v[1 : i+1]
		}
	}
	if i := strings.Index(v, "#"); i >= 0 {
		v = strings.TrimSpace(v[:i])
	}
	return v
}
