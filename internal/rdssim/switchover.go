package rdssim

import (
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// switchover answers SwitchoverBlueGreenDeployment: it checks what RDS checks
// at once; guardrails and the switch itself follow.
func (r *region) switchover(p *query.Params) ([]query.Node, error) {
	d, err := r.deployment(p.Str("BlueGreenDeploymentIdentifier"))
	if err != nil {
		return nil, err
	}
	seconds, sent := p.Int("SwitchoverTimeout")
	if err := p.Err(); err != nil {
		return nil, err
	}
	if !sent {
		seconds = 300
	}
	if seconds < 30 || seconds > 3600 {
		return nil, query.Fault("InvalidParameterValue", "The switchover timeout must be between 30 and 3600 seconds, it is %d.", seconds)
	}
	if err := r.switchable(d); err != nil {
		return nil, err
	}
	d.Attempts++
	d.setStatus(r.sim, deploySwitching)
	d.setMembers(deploySwitching)
	d.Details = ""
	r.emitDeployment(d, "notification", "Switchover from %s to %s started.", d.Members[0].Blue.ID, d.Members[0].Green.ID)
	for n, m := range d.Members {
		if m.Blue != nil && m.Green != nil {
			r.emitDeployment(d, "notification", "Switchover from %s %s to %s started.", memberKind(n), m.Blue.ID, m.Green.ID)
		}
	}
	deadline := r.sim.now.Add(r.sim.scale(time.Duration(seconds) * time.Second))
	r.sim.after(r.sim.timing.Guardrails, func() { r.guardrails(d, deadline) })
	return []query.Node{r.deploymentNode("BlueGreenDeployment", d)}, nil
}

func memberKind(n int) string {
	if n == 0 {
		return "primary"
	}
	return "read replica"
}

func invalidState(format string, args ...any) error {
	return query.Fault("InvalidBlueGreenDeploymentStateFault", format, args...)
}

// switchable refuses a switchover that RDS would not begin.
func (r *region) switchable(d *Deployment) error {
	if d.Status != deployAvailable && d.Status != deployFailed {
		return invalidState("The blue/green deployment %s is in the %s state and can't be switched over.", d.ID, d.Status)
	}
	if m := d.Members[0]; m.Blue == nil || m.Green == nil {
		return invalidState("The blue/green deployment %s lacks its source or target.", d.ID)
	}
	for _, m := range d.Members {
		for _, i := range []*Instance{m.Blue, m.Green} {
			if i != nil && i.Status() != statusAvailable {
				return invalidState("DB instance %s is not in available state: %s", i.ID, i.Status())
			}
		}
	}
	for _, l := range r.links.all() {
		if l.Source == d.Members[0].Blue {
			return invalidState("The DB instance %s has the zero-ETL integration %s. Delete it before the switchover.", l.Source.ID, l.Name)
		}
	}
	return nil
}

// guardrails are checked on both sides before writes are stopped.
func (r *region) guardrails(d *Deployment, deadline time.Time) {
	if d.Status != deploySwitching {
		return
	}
	now := r.sim.now
	blue, green := d.Members[0].Blue, d.Members[0].Green
	if reason := r.guardrailReason(d, blue, green, deadline); reason != "" {
		r.cancelSwitchover(d, reason, deployAvailable)
		return
	}
	if f := r.sim.strikes(FaultSwitchover, blue, "SwitchoverBlueGreenDeployment"); f != nil {
		r.darken(d, true)
		status := or(f.Status, deployFailed)
		reason := or(f.Reason, "the switchover exceeded its timeout")
		r.sim.after(r.sim.simulated(deadline.Sub(now)), func() { r.cancelSwitchover(d, reason, status) })
		return
	}
	if r.sim.opts.Data != nil {
		r.switchData(d, deadline)
		return
	}
	catchUp, _ := green.lag.until(r.sim, now)
	dark := catchUp + r.sim.timing.SwitchDark + time.Duration(len(d.Members)-1)*r.sim.timing.SwitchDarkPerReplica
	dark = r.sim.vary(dark, d.ID, "dark", fmt.Sprint(d.Attempts))
	r.darken(d, true)
	if now.Add(r.sim.scale(dark)).After(deadline) {
		r.sim.after(r.sim.simulated(deadline.Sub(now)), func() { r.cancelSwitchover(d, "the switchover exceeded its timeout", deployFailed) })
		return
	}
	r.sim.after(dark, func() { r.completeSwitchover(d) })
}

func (r *region) guardrailReason(d *Deployment, blue, green *Instance, deadline time.Time) string {
	if f := r.sim.strikes(FaultGuardrail, blue, "SwitchoverBlueGreenDeployment"); f != nil {
		return or(f.Reason, "long-running data definition language (DDL) statements were found on the source DB instance "+blue.ID)
	}
	for _, m := range d.Members {
		if m.Green != nil && (m.Green.lag.broken != "" || m.Green.source == nil) {
			return "replication of " + m.Green.ID + " is not healthy"
		}
	}
	catchUp, ends := green.lag.until(r.sim, r.sim.now)
	switch {
	case blue.ExternalReplication:
		return "the source DB instance " + blue.ID + " replicates from an external source"
	case !ends || r.sim.now.Add(r.sim.scale(catchUp)).After(deadline):
		return fmt.Sprintf("the replication lag of %s is %d seconds, more than the switchover timeout allows", green.ID, int(green.lag.at(r.sim, r.sim.now).Seconds()))
	}
	for _, x := range r.proxies.all() {
		for _, t := range x.Targets {
			if t.Instance == blue && !t.Reachable {
				return "the proxy " + x.Name + " can't reach its target " + blue.ID
			}
		}
	}
	return ""
}

// darken stops writes and connections on both sides, or allows them again.
func (r *region) darken(d *Deployment, dark bool) {
	if dark {
		d.darkSince = r.sim.now
	} else if !d.darkSince.IsZero() {
		r.sim.darkness[Name{r.at, d.origin()}] += r.sim.simulated(r.sim.now.Sub(d.darkSince))
		d.darkSince = time.Time{}
	}
	for _, m := range d.Members {
		for _, i := range []*Instance{m.Blue, m.Green} {
			if i != nil {
				i.offline = dark
			}
		}
	}
}

// cancelSwitchover rolls everything back: nothing has changed, it can be tried
// again.
func (r *region) cancelSwitchover(d *Deployment, reason, status string) {
	if d.Status != deploySwitching {
		return
	}
	r.darken(d, false)
	for n, m := range d.Members {
		if m.Blue != nil && m.Green != nil {
			r.emitDeployment(d, "failure", "Switchover from %s %s to %s was canceled due to %s.", memberKind(n), m.Blue.ID, m.Green.ID, reason)
		}
	}
	r.emitDeployment(d, "failure", "Switchover canceled on blue/green deployment %s.", d.Name)
	d.setStatus(r.sim, status)
	d.setMembers(status)
	d.Details = "Switchover was canceled: " + reason + "."
}

// completeSwitchover renames: green takes blue's name, blue becomes -oldN.
func (r *region) completeSwitchover(d *Deployment) {
	if d.Status != deploySwitching {
		return
	}
	formerGreen := d.Members[0].Green.ID
	for n, m := range d.Members {
		if m.Blue == nil || m.Green == nil {
			continue // such a blue stays as it is and keeps its name
		}
		r.swapNames(d, n, m)
	}
	primary := d.Members[0]
	primary.Green.detach()
	primary.Green.ReadOnly = r.bootReadOnly(primary.Green)
	primary.Green.lag = lagModel{behind: primary.Blue.lag.behind, since: r.sim.now}
	d.Source, d.Target = primary.Source, primary.Target
	for _, x := range r.proxies.all() {
		for n := range x.Targets {
			if x.Targets[n].Instance == primary.Blue {
				x.Targets[n].Instance = primary.Green
			}
		}
	}
	r.darken(d, false)
	d.setStatus(r.sim, deployCompleted)
	d.setMembers(deployCompleted)
	d.Details = "Switchover completed. The old environment can be deleted."
	r.emitDeployment(d, "notification", "Switchover completed on blue/green deployment %s.", d.Name)
	// The coordinates stand under the name that green had, with the type of an
	// instance: a client that looks under the deployment never finds them.
	at := r.coordinates(d)
	r.emit("db-instance", formerGreen, r.arn("db", formerGreen), "notification",
		"Binary log coordinates in green environment after switchover: file %s and position %d", at.File, at.Position)
}

func (r *region) swapNames(d *Deployment, n int, m *Member) {
	blue, green := m.Blue, m.Green
	name, greenName, old := blue.ID, green.ID, r.oldName(blue.ID)
	r.rename(blue, old)
	r.rename(green, name)
	r.release(greenName)
	copyTags(green, blue) // blue's tags replace what green had
	blue.oldBlue, blue.ReadOnly = true, true
	m.Source, m.Target = r.arn("db", old), r.arn("db", name)
	r.emitDeployment(d, "notification", "Switchover from %s %s to %s completed and renamed %s to %s and %s to %s.",
		memberKind(n), name, greenName, name, old, greenName, name)
}

// oldName is <id>-old1, or the first number that is free.
func (r *region) oldName(id string) string {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s-old%d", strings.TrimSuffix(id, "-"), n)
		if _, taken := r.instances.get(name); !taken {
			return name
		}
	}
}
