package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// Cloud is one account in one Region: two describes a tick, and the acts.
type Cloud interface {
	Deployments(context.Context) ([]bluegreen.Deployment, error)
	Instances(context.Context) ([]bluegreen.Instance, error)
	Do(context.Context, bluegreen.Action) (bluegreen.Outcome, error)
}

// Offers is what RDS offers in a Region; it is read once per run.
type Offers interface {
	EngineVersions(context.Context) ([]bluegreen.EngineVersion, error)
	MajorVersions(context.Context) ([]bluegreen.Lifecycle, error)
	Orderable(ctx context.Context, version string) ([]bluegreen.Orderable, error)
	Quotas(context.Context) ([]bluegreen.Quota, error)
}

// Groups reads parameter and option groups.
type Groups interface {
	ParameterGroups(context.Context) ([]bluegreen.ParameterGroup, error)
	Parameters(ctx context.Context, group, source string) ([]bluegreen.Parameter, error)
	DefaultParameters(ctx context.Context, family string) ([]bluegreen.Parameter, error)
	OptionGroups(context.Context) ([]bluegreen.OptionGroup, error)
}

// Trail reads what RDS tells about the past.
type Trail interface {
	Events(ctx context.Context, since time.Time, sourceType, sourceID string) ([]bluegreen.Event, error)
	LogText(ctx context.Context, instance, contains string) (string, error)
}

// Around reads what stands around a Region's databases. Reservations cost a
// call that only forecasts need.
type Around interface {
	Around(ctx context.Context, reserved bool) bluegreen.Around
}

// Meter reads what instances' storage had to do.
type Meter interface {
	Loads(ctx context.Context, instances []string) (map[string]bluegreen.Load, error)
}

// Scope is one account in one Region with its adapters.
type Scope struct {
	Account string // 12 digits
	Name    string // for people
	Region  string
	Cloud   Cloud
	Offers  Offers
	Groups  Groups
	Trail   Trail
	// Around and Meter may be nil: what they would tell is then unknown.
	Around Around
	Meter  Meter
}

// Key names the scope: account/region.
func (s Scope) Key() string { return s.Account + "/" + s.Region }

// Endpoint is where a server answers over SQL.
type Endpoint struct {
	ID      string // the instance's name, for address maps and messages
	Address string
	Port    int
	Region  string
	Account string
}

// PrecheckQuery asks for an audit of one server for one hop.
type PrecheckQuery struct {
	Endpoint Endpoint
	From, To string
	// Parameters are the user-set values of blue's parameter group, nil when not known.
	Parameters []precheck.Parameter
	// Replica is a read replica to audit instead of the primary, nil for none.
	Replica *Endpoint
	// OptionGroup is a custom option group's name.
	OptionGroup string
	Owner       string
}

// SQL reads servers. A nil SQL means the plan gives no access.
type SQL interface {
	Precheck(context.Context, PrecheckQuery) precheck.Report
	Lag(context.Context, Endpoint) bluegreen.Lag
	Version(context.Context, Endpoint) (string, error)
}

// Clock is time as the engine sees it; simulate gives it a virtual one.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until the context ends, and returns its error then.
	Sleep(ctx context.Context, d time.Duration) error
}

// WallClock is real time.
type WallClock struct{}

// Now is time.Now.
func (WallClock) Now() time.Time { return time.Now() }

// Sleep waits in real time.
func (WallClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// faultOf finds the classified fault in an error; an unclassified one asks for a fix.
func faultOf(err error) *bluegreen.Fault {
	var f *bluegreen.Fault
	if errors.As(err, &f) {
		return f
	}
	return &bluegreen.Fault{Code: "Unclassified", Message: err.Error(), Consequence: bluegreen.Fix, Err: err}
}
