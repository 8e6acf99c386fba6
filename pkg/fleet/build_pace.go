package fleet

import (
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// built is one green's time from its create to when it was available and in
// step, as estimated when it was begun and as it was.
type built struct {
	begun     time.Time
	estimated time.Duration
	took      time.Duration
}

// foldBuilt takes in when a green was begun, with the estimate of that moment,
// and when it was found available. Old journals have no estimates, and count
// for nothing.
func (d *dbMemory) foldBuilt(e journal.Entry, in intentData) {
	if in.Action.Kind == bluegreen.CreateDeployment {
		d.building = built{begun: e.At, estimated: time.Duration(in.EstimatedMinutes) * time.Minute}
	}
}

// foldStage ends the measuring: verifying is the first stage of a green that
// waits for nothing of AWS's any more.
func (d *dbMemory) foldStage(e journal.Entry, to string) {
	switch bluegreen.Stage(to) {
	case bluegreen.Verifying, bluegreen.Ready:
	case bluegreen.Blocked, bluegreen.Held, bluegreen.Failed, bluegreen.RollingBack:
		d.building = built{} // something else than its pace
		return
	default:
		return
	}
	if b := d.building; b.estimated > 0 {
		b.took = e.At.Sub(b.begun)
		d.builds = append(d.builds, b)
	}
	d.building = built{}
}

// pace is how long the campaign's greens took against their estimates.
func (m *memory) pace() *bluegreen.Pace {
	var took, estimated []time.Duration
	for _, key := range sortedKeys(m.databases) {
		for _, b := range m.databases[key].builds {
			took, estimated = append(took, b.took), append(estimated, b.estimated)
		}
	}
	return bluegreen.PaceOf(took, estimated)
}

// estimate is what the create call of a unit is expected to take until its
// green is ready, in minutes and without what the campaign has learnt; 0 when
// that cannot be told.
func (e *Engine) estimate(u unit) int {
	f := u.facts
	blue := f.Instances[f.ID]
	if blue == nil || f.Target == nil || len(f.Hops) == 0 {
		return 0
	}
	var replicas []bluegreen.Instance
	for _, r := range blue.Replicas {
		if i := f.Instances[bluegreen.IDFromARN(r)]; i != nil {
			replicas = append(replicas, *i)
		}
	}
	e.mu.Lock()
	objects := e.resolver.objects[u.key]
	e.mu.Unlock()
	d := bluegreen.EstimateDuration(bluegreen.DurationFacts{Blue: *blue, Replicas: replicas, Hop: f.Hops[0], Target: *f.Target, Objects: objects})
	return int(d.Ready() / time.Minute)
}
