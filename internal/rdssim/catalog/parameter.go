package catalog

import (
	_ "embed" // parameters.txt
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Parameter is one DB parameter as a family defines it.
type Parameter struct {
	Name       string
	Value      string // the family's default, empty when the engine decides
	Source     string // "system" (RDS sets it) or "engine-default"
	Static     bool   // needs a reboot
	DataType   string
	Allowed    string // as RDS writes it: "0,1", "1-65535", "ROW,STATEMENT,MIXED"; empty: anything
	Modifiable bool
}

// ApplyType is what RDS calls the parameter's kind.
func (p Parameter) ApplyType() string {
	if p.Static {
		return "static"
	}
	return "dynamic"
}

//go:embed parameters.txt
var parameterTable string

// Families lists the parameter group families, oldest first.
var Families = []string{"mysql5.7", "mysql8.0", "mysql8.4", "mysql9.7"}

var parameters = sync.OnceValue(parseParameters)

// Parameters returns the parameters of a family sorted by name, nil for an
// unknown family. The slice is shared: do not change it.
func Parameters(family string) []Parameter { return parameters()[family] }

// FindParameter returns one parameter of a family.
func FindParameter(family, name string) (Parameter, bool) {
	list := Parameters(family)
	i, ok := slices.BinarySearchFunc(list, name, func(p Parameter, n string) int { return strings.Compare(p.Name, n) })
	if !ok {
		return Parameter{}, false
	}
	return list[i], true
}

func parseParameters() map[string][]Parameter {
	out := map[string][]Parameter{}
	for line := range strings.Lines(parameterTable) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 5+len(Families) {
			continue // comment or blank; TestParameterTable counts the rest
		}
		for i, family := range Families {
			p := Parameter{Name: f[0], Static: f[1] == "static", DataType: f[2], Modifiable: f[3] == "y", Allowed: f[4], Source: "engine-default"}
			switch v := f[5+i]; {
			case v == "-":
				continue
			case strings.HasPrefix(v, "!"):
				p.Value, p.Source = v[1:], "system"
			}
			out[family] = append(out[family], p)
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
	}
	return out
}

// Check tells why a value is not allowed for the parameter, nil when it is.
// Formulas ({DBInstanceClassMemory/...}) and empty values are accepted.
func (p Parameter) Check(value string) error {
	if p.Allowed == "" || value == "" || strings.HasPrefix(value, "{") {
		return nil
	}
	if p.DataType == "integer" || p.DataType == "float" {
		if ok, isRange := inRange(p.Allowed, value); isRange {
			if ok {
				return nil
			}
			return fmt.Errorf("invalid parameter value: %s for: %s allowed values are: %s", value, p.Name, p.Allowed)
		}
	}
	allowed := strings.Split(p.Allowed, ",")
	for _, v := range strings.Split(value, ",") {
		if !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, v) }) {
			return fmt.Errorf("invalid parameter value: %s for: %s allowed values are: %s", value, p.Name, p.Allowed)
		}
	}
	return nil
}

// inRange reads allowed as "low-high" (low may be negative) and compares.
func inRange(allowed, value string) (ok, isRange bool) {
	cut := strings.Index(allowed[1:], "-")
	if cut < 0 || strings.Contains(allowed, ",") {
		return false, false
	}
	low, err1 := strconv.ParseFloat(allowed[:cut+1], 64)
	high, err2 := strconv.ParseFloat(allowed[cut+2:], 64)
	if err1 != nil || err2 != nil {
		return false, false
	}
	v, err := strconv.ParseFloat(value, 64)
	return err == nil && v >= low && v <= high, true
}
