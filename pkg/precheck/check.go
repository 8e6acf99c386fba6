package precheck

import "github.com/rdsupgrade/rdsupgrade/internal/mysqlver"

// Hop is one major step of a route, such as 5.7.44 -> 8.0.46.
type Hop struct {
	From, To mysqlver.Version
}

// String is the hop as findings name it: "5.7 -> 8.0".
func (h Hop) String() string { return h.From.Line() + " -> " + h.To.Line() }

// Crosses tells whether the hop passes a version: from < v <= to. It is the
// gate that most checks of MySQL Shell use.
func (h Hop) Crosses(major, minor, patch int) bool {
	return !h.From.AtLeast(major, minor, patch) && h.To.AtLeast(major, minor, patch)
}

// Rule is one check: a fact about a Catalog, and where the fact comes from.
type Rule struct {
	// ID is MySQL Shell's own where the Shell has the check.
	ID    string
	Title string
	// Severity is the default; Policy may override it.
	Severity Severity
	// About says in a few sentences what breaks and why, Fix what to do.
	About, Fix string
	// Source names where the rule comes from: the manual, an AWS page, or a measurement.
	Source string
	// Doc is the manual page for the reader.
	Doc string
	// Needs are the sections without which the rule cannot say "passed".
	Needs []Section
	// Applies is the gate by hop; nil means every hop.
	Applies func(Hop) bool
	// When tells the gate in words where the usual hops do not show it.
	When string
	// Once says that the findings are the same for every hop, so that the rule
	// is judged on the first one that applies.
	Once bool
	// OptIn is the flag that must be given for the needed sections to be read;
	// without it the check is skipped.
	OptIn string
	// Check returns the findings of one hop, in the catalog's order. It may
	// return an error only when the catalog's facts do not suffice; the check
	// is then inconclusive, never passed.
	Check func(*Input) ([]Finding, error)
}

// Input is what a rule may look at.
type Input struct {
	Catalog *Catalog
	Hop     Hop
	// Index is built once per catalog and shared by all rules.
	Index *Index
}
