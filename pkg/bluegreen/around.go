package bluegreen

import (
	"slices"
	"strings"
	"time"
)

// Around is what stands around the databases of an account and Region, as far
// as it could be read; Unread says of the rest why it could not.
type Around struct {
	// Proxies are by the id of the instance behind them, Integrations
	// (zero-ETL) and Maintenance by ARN.
	Proxies      map[string][]ProxyUse
	Integrations map[string][]string
	Maintenance  map[string][]string
	Reserved     []Reserved
	// Unread maps what could not be read (AroundProxies, ...) to the error.
	Unread map[string]error
}

// The parts of Around, as Unread names them.
const (
	AroundProxies      = "RDS proxies"
	AroundIntegrations = "zero-ETL integrations"
	AroundMaintenance  = "pending maintenance"
	AroundReserved     = "reserved instances"
)

// ProxyUse is an RDS Proxy in front of an instance.
type ProxyUse struct {
	Proxy string `json:"proxy"`
	// State is the proxy's view of the instance: AVAILABLE, UNAVAILABLE, REGISTERING.
	State string `json:"state,omitempty"`
}

// Reserved is a reserved DB instance.
type Reserved struct {
	ID      string        `json:"id"`
	Class   string        `json:"class"`
	Count   int           `json:"count"`
	MultiAZ bool          `json:"multi_az"`
	State   string        `json:"state"`
	Started time.Time     `json:"started,omitzero"`
	Term    time.Duration `json:"term"` // nanoseconds
}

// Ends is when the reservation ends; zero when that is not known.
func (r Reserved) Ends() time.Time {
	if r.Started.IsZero() || r.Term <= 0 {
		return time.Time{}
	}
	return r.Started.Add(r.Term)
}

// Into puts what is known of one database's surroundings into its facts. A nil
// Around means that nobody looked.
func (a *Around) Into(f *EligibilityFacts) {
	if a == nil {
		return
	}
	_, unread := a.Unread[AroundProxies]
	f.ProxyKnown = !unread
	_, unread = a.Unread[AroundIntegrations]
	f.IntegrationsUnread = unread
	_, unread = a.Unread[AroundMaintenance]
	f.MaintenanceUnread = unread
	for _, m := range f.members() {
		for _, p := range a.Proxies[m.ID] {
			f.Proxies = append(f.Proxies, p.Proxy+" in front of "+m.ID)
			if p.State != "" && !strings.EqualFold(p.State, "AVAILABLE") {
				f.ProxyDown = append(f.ProxyDown, p.Proxy+" sees "+m.ID+" as "+p.State)
			}
		}
		f.Integrations = append(f.Integrations, a.Integrations[m.ARN]...)
		for _, what := range a.Maintenance[m.ARN] {
			f.PendingMaintenance = append(f.PendingMaintenance, m.ID+": "+what)
		}
	}
	slices.Sort(f.Integrations)
}
