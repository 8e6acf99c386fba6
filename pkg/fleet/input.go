package fleet

// input gathers what the schedule depends on besides the units.
func (e *Engine) input(units []unit) scheduleInput {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, mem := e.cfg.Plan, e.cfg.Store.mem
	in := scheduleInput{now: e.cfg.Clock.Now(), waves: p.Waves, paused: mem.paused, buildAhead: p.Run.BuildAhead,
		maxGreens: p.Run.MaxGreens, quotaLeft: e.quotaLeft(), only: e.cfg.Only, turns: e.turns, briefs: e.briefs, run: p.Run, frozen: e.frozen}
	in.drill = p.Switchover.WayBack.Drill
	in.approved, in.void = e.approvals()
	for _, w := range p.Waves {
		wm := mem.wave(w.Name)
		in.wavePaused = append(in.wavePaused, wm.paused)
		in.stopWave(wm, w.Name)
	}
	if !p.Switchover.Open(in.now) {
		in.windowErr = "no switchover window is open"
		if next, ok := p.Switchover.NextOpen(in.now); ok {
			in.nextOpen = next
			in.windowErr += "; the next opens " + next.Format("Mon 2006-01-02 15:04 MST")
		}
	}
	return in
}
