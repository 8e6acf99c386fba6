package fleet

import (
	"fmt"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Alarms are the databases whose way back asks for somebody at once, with why,
// one line each.
func (s Status) Alarms() []string {
	var out []string
	for _, d := range s.Databases {
		if d.WayBack.Alarm != "" {
			out = append(out, d.ID+": "+d.WayBack.Alarm)
		}
	}
	return out
}

// Watchable tells that a way back stands open that can be watched: reverse
// replication is armed, or should be.
func (s Status) Watchable() bool {
	for _, d := range s.Databases {
		if d.WayBack.ArmedAt != nil || d.WayBack.Alarm != "" {
			return true
		}
	}
	return false
}

// wayBack says what can still be undone for a database, how, until when, and
// what would be lost. It promises nothing that this build cannot do.
func wayBack(f bluegreen.Facts, s bluegreen.State, undone []string) WayBack {
	w := WayBack{Undone: undone}
	switch {
	case s.GoBack != "":
		goingBackNow(&w, f, s)
	case s.Stage == bluegreen.Unobservable:
		w.Kind, w.How, w.Loss = "unknown", "its account and Region could not be read", "unknown"
	case s.Ambiguous:
		w.Kind, w.How = "unknown", "first establish which server owns the endpoint: "+s.NextStep
		w.Loss = "unknown until then; do not write to either server"
	case s.Stage == bluegreen.RolledBack && f.Record.GoBack != nil:
		wentBackAlready(&w, f)
	case s.Stage == bluegreen.RolledBack:
		w.Kind, w.How, w.Loss = "done", "nothing is left to undo", "nothing: clients never left blue"
	case s.Stage == bluegreen.Switching:
		w.Kind, w.How, w.Loss = "wait", "RDS is switching; if it does not succeed it rolls back by itself", "nothing, if RDS rolls back"
	case s.Stage.HasGreen() || (s.Stage == bluegreen.Failed || s.Stage == bluegreen.Held) && s.Deployment != nil && s.Deployment.Status != bluegreen.SwitchoverCompleted:
		w.Kind, w.How = "delete-green", "rdsupgrade rollback --database "+f.ID+" PLAN"
		w.Loss = "nothing: blue serves and was not changed; the green's build time is lost"
	case !f.Record.SwitchedAt.IsZero() || s.OldBlue != "":
		afterSwitch(&w, f, s)
	default:
		w.Kind, w.How, w.Loss = "none-needed", "nothing was changed", "nothing"
	}
	return w
}

// afterSwitch: RDS has no call that switches back; old blue kept no writes
// since the switchover.
func afterSwitch(w *WayBack, f bluegreen.Facts, s bluegreen.State) {
	at := f.Record.SwitchedAt
	since := "since the switchover"
	if !at.IsZero() {
		w.LossSince = &at
		since = "since " + at.UTC().Format("2006-01-02 15:04 MST")
		if d := f.Now.Sub(at); d > 0 {
			since += fmt.Sprintf(" (%s so far)", d.Round(time.Second))
		}
	}
	if s.OldBlue == "" || f.Instances[s.OldBlue] == nil {
		w.Kind, w.How = "snapshot-only", "restore the last snapshot of the old version as a new instance and rename it"
		w.Loss = "every write since that snapshot"
		return
	}
	w.Kind = "rename-with-loss"
	w.How = fmt.Sprintf("rdsupgrade rollback --accept-loss --database %s PLAN: stops writes, opens %s and gives it the name", f.ID, s.OldBlue)
	w.Loss = "every write " + since + ": no reverse replication is armed, so " + s.OldBlue + " has none of them"
	if f.Record.Binlog != "" {
		w.Loss += "; they stand in the new server's binary log from " + f.Record.Binlog
	}
}
